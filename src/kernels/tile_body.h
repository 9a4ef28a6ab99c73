// The body of a tile set. The including file defines WIDTH, ROWS, VECTORS, TARGET, Vector and v_zero, v_set, v_load,
// v_store, v_load_some, v_store_some (the first lanes only), v_load_b (a vector of b of which n lanes count), v_mask,
// v_fma, v_add.
#include "base/slices.h"
#include "kernels/tile.h"
#include "kernels/tree.h"

#include <limits.h>

#define EACH_ROW _Pragma("GCC unroll 8") for (int i = 0; i < rows; i++)
#define EACH_VECTOR _Pragma("GCC unroll 3") for (int j = 0; j < vectors; j++)
#define EACH_STEP _Pragma("GCC unroll 4") for (int l = 0; l < AHEAD_STEPS; l++)
/// Keeps the compiler from loading ahead of its turn: every register is taken.
#define STAY __asm__ volatile("" ::: "memory")
#define INLINE static inline __attribute__((always_inline)) TARGET

enum { PACK_AHEAD = 8 };

/// Where the tile stands on its way along k.
typedef struct Walk {
  const float *a, *b;
  float *packed;
  const float *at; // what is asked for ahead
  ptrdiff_t at_step;
  int times;
  const Ahead *next;
} Walk;

INLINE Walk walk_begin(const Tile *tile) {
  return (Walk){tile->a,        tile->b, tile->packed, tile->ahead[0].at, tile->ahead[0].step, tile->ahead[0].times,
                tile->ahead + 1};
}

INLINE void look_ahead(Walk *walk) {
  __builtin_prefetch(walk->at, 0, 2);
  walk->at += walk->at_step;
  if (--walk->times == 0) {
    walk->at = walk->next->at;
    walk->at_step = walk->next->step;
    walk->times = walk->next->times;
    walk->next += walk->times != INT_MAX;
  }
}

/// sum += a(:, l) b(l, :) for one l; packing: on the way, b is packed.
INLINE void step(Vector sum[ROWS][VECTORS], const float *a, ptrdiff_t a_row, const float *b, ptrdiff_t b_step,
                 float *packed, int last, const int rows, const int vectors, const bool packing) {
  Vector right[VECTORS];
  EACH_VECTOR {
    if (packing) {
      __builtin_prefetch(b + PACK_AHEAD * b_step + j * WIDTH);
      right[j] = j + 1 < vectors ? v_load(b + j * WIDTH) : v_load_some(b + j * WIDTH, v_mask(last));
      v_store(packed + j * WIDTH, right[j]);
    } else
      right[j] = v_load_b(b + j * WIDTH, j + 1 < vectors ? WIDTH : last);
  }
  EACH_ROW {
    const Vector left = v_set(a[i * a_row]);
    EACH_VECTOR sum[i][j] = v_fma(left, right[j], sum[i][j]);
  }
  STAY;
}

INLINE void store(const Tile *tile, Vector sum[ROWS][VECTORS], Mask mask, const int rows, const int vectors) {
  EACH_ROW EACH_VECTOR {
    float *to = tile->c + i * tile->ldc + j * WIDTH;
    if (j + 1 < vectors)
      v_store(to, sum[i][j]);
    else
      v_store_some(to, mask, sum[i][j]);
  }
}

/// A plain product: one chain.
INLINE void run_chain(const Tile *tile, const int rows, const int vectors, const bool packing) {
  const int last = tile->columns - (vectors - 1) * WIDTH;
  const Mask mask = v_mask(last);
  const ptrdiff_t a_row = tile->a_row, b_step = tile->b_step, packed_step = packing ? vectors * WIDTH : 0;
  Walk walk = walk_begin(tile);
  Vector sum[ROWS][VECTORS];
  EACH_ROW EACH_VECTOR sum[i][j] = v_zero();
  if (tile->from_c)
    EACH_ROW EACH_VECTOR {
      const float *from = tile->c + i * tile->ldc + j * WIDTH;
      sum[i][j] = j + 1 < vectors ? v_load(from) : v_load_some(from, mask);
    }
  int k = tile->row[1] - tile->row[0];
  for (; k >= AHEAD_STEPS; k -= AHEAD_STEPS) {
    look_ahead(&walk);
    EACH_STEP {
      step(sum, walk.a++, a_row, walk.b, b_step, walk.packed, last, rows, vectors, packing);
      walk.b += b_step;
      walk.packed += packed_step;
    }
  }
  for (; k > 0; k--, walk.a++, walk.b += b_step, walk.packed += packed_step)
    step(sum, walk.a, a_row, walk.b, b_step, walk.packed, last, rows, vectors, packing);
  store(tile, sum, mask, rows, vectors);
}

/// Leaf s is complete: takes it up into the tree. Before it stand partial sums of 2^level leaves where s
/// has a 1; those at its end are folded. The "+0" of every leaf only turns -0 into +0, and so does one at the end: no other
/// bit depends on the sign of a zero underway.
INLINE void take_leaf(const Tile *tile, Vector stack[TREE_DEPTH - 1][ROWS * VECTORS], Vector sum[ROWS][VECTORS], int s,
                      Mask mask, const int rows, const int vectors) {
  int level = 0;
  for (; s >> level & 1; level++)
    EACH_ROW EACH_VECTOR sum[i][j] = v_add(stack[level][i * vectors + j], sum[i][j]);
  if (s + 1 < tile->slices) {
    EACH_ROW EACH_VECTOR stack[level][i * vectors + j] = sum[i][j];
    return;
  }
  for (; s >> level; level++)
    if (s >> level & 1)
      EACH_ROW EACH_VECTOR sum[i][j] = v_add(stack[level][i * vectors + j], sum[i][j]);
  const Vector zero = v_zero();
  EACH_ROW EACH_VECTOR sum[i][j] = v_add(sum[i][j], zero);
  store(tile, sum, mask, rows, vectors);
}

/// A product over slices, with a by columns.
INLINE void run_slices(const Tile *tile, const int rows, const int vectors, const bool packing) {
  Vector stack[TREE_DEPTH - 1][ROWS * VECTORS];
  const int last = tile->columns - (vectors - 1) * WIDTH;
  const Mask mask = v_mask(last);
  const ptrdiff_t a_step = tile->a_step, b_step = tile->b_step, packed_step = packing ? vectors * WIDTH : 0;
  const float *a = tile->a, *b = tile->b;
  float *packed = tile->packed;
  for (int s = 0; s < tile->slices; s++) {
    Vector sum[ROWS][VECTORS];
    EACH_ROW EACH_VECTOR sum[i][j] = v_zero();
    // A row of the next tile of c per slice, or several where slices are few: within the loop it would cost more.
    for (int i = s; i < rows; i += tile->slices)
      EACH_VECTOR __builtin_prefetch(tile->ahead[0].at + i * tile->ahead[0].step + j * WIDTH, 0, 2);
    int k = tile->row[s + 1] - tile->row[s];
    for (; k >= AHEAD_STEPS; k -= AHEAD_STEPS) {
      EACH_STEP {
        step(sum, a, 1, b, b_step, packed, last, rows, vectors, packing);
        a += a_step;
        b += b_step;
        packed += packed_step;
      }
    }
    for (; k > 0; k--) {
      step(sum, a, 1, b, b_step, packed, last, rows, vectors, packing);
      a += a_step;
      b += b_step;
      packed += packed_step;
    }
    take_leaf(tile, stack, sum, s, mask, rows, vectors);
  }
}

#define TILE(rows, vectors)                                                                                            \
  static TARGET void chain_##rows##x##vectors(const Tile *tile) { run_chain(tile, rows, vectors, false); }             \
  static TARGET void slices_##rows##x##vectors(const Tile *tile) { run_slices(tile, rows, vectors, false); }

#define TILE_PACKING(vectors)                                                                                          \
  static TARGET void packing_chain_##vectors(const Tile *tile) { run_chain(tile, ROWS, vectors, true); }               \
  static TARGET void packing_slices_##vectors(const Tile *tile) { run_slices(tile, ROWS, vectors, true); }

INLINE void pack_vectors(float *to, const float *from, ptrdiff_t step, int k, Mask mask, const int vectors) {
  for (int l = 0; l < k; l++, from += step, to += vectors * WIDTH)
    EACH_VECTOR v_store(to + j * WIDTH,
                        j + 1 < vectors ? v_load(from + j * WIDTH) : v_load_some(from + j * WIDTH, mask));
}

static TARGET void pack(float *to, const float *from, ptrdiff_t step, int k, int columns, int vectors) {
  const Mask mask = v_mask(columns - (vectors - 1) * WIDTH);
  switch (vectors) {
  case 1:
    pack_vectors(to, from, step, k, mask, 1);
    break;
  case 2:
    pack_vectors(to, from, step, k, mask, 2);
    break;
  default:
    pack_vectors(to, from, step, k, mask, VECTORS);
  }
}

/// Whole vectors turn as squares, of which the last along k overlaps the one before it; few lanes, or a short k, go one
/// number after the other.
static TARGET void pack_transposed(float *to, ptrdiff_t step, const float *from, ptrdiff_t row, int k, int columns) {
  for (; columns > 0; columns -= WIDTH, to += WIDTH, from += WIDTH * row)
    if (columns >= WIDTH && k >= WIDTH)
      for (int l = 0; l < k; l += WIDTH) {
        const int at = l + WIDTH <= k ? l : k - WIDTH;
        transpose(to + at * step, step, from + at, row);
      }
    else
      for (int l = 0; l < k; l++)
        for (int i = 0; i < columns && i < WIDTH; i++)
          to[l * step + i] = from[i * row + l];
}
