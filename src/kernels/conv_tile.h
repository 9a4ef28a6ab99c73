#ifndef KERNELS_CONV_TILE_H
#define KERNELS_CONV_TILE_H
/// The innermost pieces of a convolution, made once per instruction set from conv_body.h: tiles of rows x (vectors * width)
/// sums in registers. Every sum is a chain of its own, so a tile's size is a matter of speed only.
#include <stdbool.h>
#include <stddef.h>

enum { CONV_ROWS = 8, CONV_COLUMN = 12, CONV_VECTORS = 3, CONV_WIDTH = 16 }; // the most that any instruction set uses

/// Lanes [begin, end) of a vector of sums go to to[lane].
typedef struct Run {
  ptrdiff_t to;
  int begin, end;
} Run;

/// Which sums of a tile are wanted: runs[j] runs of vector j, perhaps none; the first is always a place in memory.
typedef struct Runs {
  int runs[CONV_VECTORS];
  Run run[CONV_VECTORS][CONV_WIDTH];
} Runs;

/// Memory that will be read soon, asked for line by line.
typedef struct ConvAhead {
  const char *at;
  size_t lines;
} ConvAhead;

static inline void conv_look_ahead(ConvAhead *ahead, size_t lines) {
  for (lines = lines < ahead->lines ? lines : ahead->lines; lines > 0; lines--, ahead->lines--, ahead->at += 64)
    __builtin_prefetch(ahead->at, 0, 2);
}

/// sum(i, j) = chain over taps l of w[l, i] x[offset[l] + j], i < rows, j < vectors * width, from +0. Those in runs go to
/// to[i to_row + run.to + lane], with b[i] added (NULL: nothing), or added to what is there.
typedef struct Correlate {
  const float *w, *x, *b;
  const int *offset;
  int taps;
  bool accumulate;
  float *to;
  ptrdiff_t to_row;
  const Runs *runs;
  ConvAhead *ahead;
  size_t ahead_lines; // to ask for
} Correlate;

/// Where a chain stands in the leaf of a tree of sums: it begins at +0, or where it was left; at the end +0 is added and it
/// goes where `folds` sums of lower levels, `level` floats apart, meet.
typedef struct Leaf {
  bool begins, ends;
  int folds;
  ptrdiff_t level;
} Leaf;

/// sum[i, j] continues with the chain over (n, y, x) of left[offset[i] + n left_image + y left_line + x]
/// right[n right_image + y right_line + x right_step + j], i < rows, j < vectors * width of a vector, n < images, y < height,
/// x < width.
typedef struct Weigh {
  float *sum;
  ptrdiff_t sum_step;
  Leaf leaf;
  const float *left, *right;
  const int *offset;
  ptrdiff_t left_image, left_line, right_image, right_line, right_step;
  int images, height, width;
} Weigh;

typedef struct ConvSet {
  int width, rows, vectors; // floats a vector; the largest tile
  int column;               // the most rows that a tile of `weigh` has where it is one vector wide
  void (*correlate[CONV_ROWS][CONV_VECTORS])(const Correlate *);
  void (*weigh[CONV_COLUMN][CONV_VECTORS])(const Weigh *);
  /// sum[j] continues with the chain over l < n of dy[l dy_step + j] (plain additions), j < vectors * width.
  void (*add[CONV_VECTORS])(float *sum, const float *dy, ptrdiff_t dy_step, int n);
  /// to[i to_row + j] = from[i columns + j], i < rows, j < columns.
  void (*copy)(float *to, ptrdiff_t to_row, const float *from, int rows, int columns);
} ConvSet;

extern const ConvSet conv_set_avx512, conv_set_avx2, conv_set_portable;

/// That of the instruction set that the tiles of products use.
const ConvSet *conv_set(void);

#endif
