#ifndef KERNELS_TILE_H
#define KERNELS_TILE_H
/// The innermost piece of a product, made once per instruction set: a tile of rows x (vectors * width) elements of C
/// kept in registers while k runs. Every element is a chain over k, so a tile's size is a matter of speed only.
#include <stdbool.h>
#include <stddef.h>

enum { TILE_ROWS = 8, TILE_VECTORS = 3, TILE_WIDTH = 16 }; // the most that any instruction set uses

/// Memory that will be needed soon: while the tile runs, the line at `at` is asked for once in two steps of k, `times` times
/// (INT_MAX: for ever, and the last); each time `at` moves on by `step` floats. Any address will do. A tile over slices asks
/// for `rows` rows of lines, `step` apart.
typedef struct Ahead {
  const float *at;
  ptrdiff_t step;
  int times;
} Ahead;

enum { AHEAD_LINE = 16, AHEAD_STEPS = 4, AHEADS = TILE_VECTORS + 14 };

/// c[i, j] = sum over l of a(i, l) b(l, j), i < rows, j < columns, (vectors - 1) width < columns <= vectors width:
/// one chain, with a(i, l) = a[i a_row + l], or a tree over slices, with a(i, l) = a[i + l a_step]; b(l, j) = b[l b_step + j].
/// Whole vectors of b must be readable unless the set reads ragged edges.
typedef struct Tile {
  float *c;
  ptrdiff_t ldc;
  const float *a, *b;
  ptrdiff_t a_row, a_step, b_step;
  int columns;
  bool from_c;         // a chain begins with what stands in c
  const int *row;      // slice s is k in [row[s], row[s+1]); counted from row[0], where a and b point
  int slices;          // 0: no slices, one chain over [row[0], row[1])
  float *packed;       // where the packing tiles leave b[l, vectors * width]
  Ahead ahead[AHEADS]; // one after the other, times > 0, the last for ever
} Tile;

typedef void (*TileFunction)(const Tile *tile);

typedef struct TileSet {
  const char *name;
  int width, rows, vectors; // floats a vector; the largest tile
  bool ragged;              // reads no b beyond `columns`; others read whole vectors
  /// [0: one chain, 1: slices][rows - 1][vectors - 1].
  TileFunction tile[2][TILE_ROWS][TILE_VECTORS];
  TileFunction packing[2][TILE_VECTORS]; // the same for `rows` rows, packing b on the way; they read ragged edges
  /// to[l, vectors * width] = from[l step + j], j < columns.
  void (*pack)(float *to, const float *from, ptrdiff_t step, int k, int columns, int vectors);
  /// to[l step + j] = from[j row + l], l < k, j < columns; nothing else is read or written.
  void (*pack_transposed)(float *to, ptrdiff_t step, const float *from, ptrdiff_t row, int k, int columns);
} TileSet;

extern const TileSet tile_set_avx512, tile_set_avx2, tile_set_portable;

/// The best set that this machine has and REBASIS_KERNEL (avx512, avx2, portable) does not forbid.
const TileSet *tile_set(void);

#endif
