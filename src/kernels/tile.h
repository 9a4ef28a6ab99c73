#ifndef KERNELS_TILE_H
#define KERNELS_TILE_H
/// The innermost piece of a product, made once per instruction set: a tile of rows x (vectors * width) elements of C
/// kept in registers while k runs. Every element is a chain over k, so a tile's size is a matter of speed only.
#include <stdbool.h>
#include <stddef.h>

enum { TILE_ROWS = 8, TILE_VECTORS = 3, TILE_WIDTH = 16 }; // the most that any instruction set uses

/// Memory that will be needed soon: while the tile runs, 8 lines at + i step are asked for once in 16 steps of k, `times` times;
/// each time `at` moves on by `leap`. Any address will do.
typedef struct Ahead {
  const float *at;
  ptrdiff_t step, leap;
  int times;
} Ahead;

enum { AHEAD_LINES = 8, AHEAD_STEPS = 16, AHEADS = 2 };

/// c[i, j] = chain over l of a(i, l) b(l, j), i < rows, j < columns, (vectors - 1) width < columns <= vectors width.
/// a(i, l) = a[i a_row + l a_step], b(l, j) = b[l b_step + j]: whole vectors must be readable unless the set reads
/// ragged edges.
typedef struct Tile {
  float *c;
  ptrdiff_t ldc;
  const float *a, *b;
  ptrdiff_t a_row, a_step, b_step;
  int columns;
  bool from_c;    // the chain begins with what stands in c
  const int *row; // slice s is k in [row[s], row[s+1]); counted from row[0], where a and b point
  int slices;     // 0: no slices, one chain over [row[0], row[1])
  Ahead ahead[AHEADS]; // one after the other
} Tile;

typedef void (*TileFunction)(const Tile *tile);

typedef struct TileSet {
  const char *name;
  int width, rows, vectors; // floats a vector; the largest tile
  bool ragged;              // reads no b beyond `columns`; others read whole vectors
  /// [a_step == 1 ? 0 : 1][rows - 1][vectors - 1]: index 1 has a_row == 1.
  TileFunction tile[2][TILE_ROWS][TILE_VECTORS];
  /// to[l, vectors * width] = from[l step + j], j < columns.
  void (*pack)(float *to, const float *from, ptrdiff_t step, int k, int columns, int vectors);
  /// to[l, vectors * width] = from[j row + l], j < columns; lanes beyond hold anything.
  void (*pack_transposed)(float *to, const float *from, ptrdiff_t row, int k, int columns, int vectors);
} TileSet;

extern const TileSet tile_set_avx512, tile_set_avx2, tile_set_portable;

/// The best set that this machine has and REBASIS_KERNEL (avx512, avx2, portable) does not forbid.
const TileSet *tile_set(void);

#endif
