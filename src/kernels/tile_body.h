// The body of a tile set. The including file defines WIDTH, ROWS, VECTORS, TARGET, Vector and v_zero, v_set, v_load,
// v_store, v_load_some, v_store_some (the first lanes only), v_load_b (a vector of b of which n lanes count), v_mask,
// v_fma, v_add.
#include "base/slices.h"
#include "kernels/tile.h"
#include "kernels/tree.h"

#define EACH_ROW _Pragma("GCC unroll 8") for (int i = 0; i < rows; i++)
#define EACH_VECTOR _Pragma("GCC unroll 3") for (int j = 0; j < vectors; j++)
#define INLINE static inline __attribute__((always_inline)) TARGET

INLINE void look_ahead(Ahead *now, const Ahead *end, int *next) {
  if (now->times == 0 && *next < AHEADS)
    *now = end[(*next)++];
  if (now->times == 0)
    return;
  for (int i = 0; i < AHEAD_LINES; i++)
    __builtin_prefetch(now->at + i * now->step, 0, 2);
  now->at += now->leap;
  now->times--;
}

/// sum += a(:, l) b(l, :) for l < k.
INLINE void chain(Vector sum[ROWS][VECTORS], const float *a, const float *b, const Tile *tile, int k, int last,
                  const int rows, const int vectors, const bool by_column, Ahead *now, int *next) {
  const ptrdiff_t a_row = by_column ? 1 : tile->a_row, a_step = by_column ? tile->a_step : 1, b_step = tile->b_step;
  while (k > 0) {
    look_ahead(now, tile->ahead, next);
    for (int l = k < AHEAD_STEPS ? k : AHEAD_STEPS; l > 0; l--, a += a_step, b += b_step) {
      Vector right[VECTORS];
      EACH_VECTOR right[j] = v_load_b(b + j * WIDTH, j + 1 < vectors ? WIDTH : last);
      EACH_ROW {
        const Vector left = v_set(a[i * a_row]);
        EACH_VECTOR sum[i][j] = v_fma(left, right[j], sum[i][j]);
      }
    }
    k -= AHEAD_STEPS;
  }
}

/// One slice after the other; a plain product is a single slice. The partial sums of the tree are a stack, the topmost in
/// registers. The "+0" of every leaf only turns -0 into +0, and so does one at the end: no other bit depends on the sign of a
/// zero underway.
INLINE void run(const Tile *tile, const int rows, const int vectors, const bool by_column) {
  Vector stack[TREE_DEPTH - 1][ROWS * VECTORS];
  const int last = tile->columns - (vectors - 1) * WIDTH;
  const Mask mask = v_mask(last);
  const int slices = tile->slices > 0 ? tile->slices : 1;
  float *const c = tile->c;
  const ptrdiff_t ldc = tile->ldc;
  Ahead now = tile->ahead[0];
  int next = 1;
  for (int s = 0, top = 0; s < slices; s++, top++) {
    Vector sum[ROWS][VECTORS];
    EACH_ROW EACH_VECTOR sum[i][j] = v_zero();
    if (tile->from_c)
      EACH_ROW EACH_VECTOR {
        const float *from = c + i * ldc + j * WIDTH;
        sum[i][j] = j + 1 < vectors ? v_load(from) : v_load_some(from, mask);
      }
    const int skip = tile->row[s] - tile->row[0];
    chain(sum, tile->a + skip * (by_column ? tile->a_step : 1), tile->b + skip * tile->b_step, tile,
          tile->row[s + 1] - tile->row[s], last, rows, vectors, by_column, &now, &next);
    for (int folds = tree_folds(s, slices, top + 1); folds > 0; folds--) {
      top--;
      EACH_ROW EACH_VECTOR sum[i][j] = v_add(stack[top][i * vectors + j], sum[i][j]);
    }
    if (s + 1 < slices) {
      EACH_ROW EACH_VECTOR stack[top][i * vectors + j] = sum[i][j];
      continue;
    }
    if (tile->slices)
      EACH_ROW EACH_VECTOR sum[i][j] = v_add(sum[i][j], v_zero());
    EACH_ROW EACH_VECTOR {
      float *to = c + i * ldc + j * WIDTH;
      if (j + 1 < vectors)
        v_store(to, sum[i][j]);
      else
        v_store_some(to, mask, sum[i][j]);
    }
  }
}

#define TILE(rows, vectors)                                                                                            \
  static TARGET void tile_rows_##rows##x##vectors(const Tile *tile) { run(tile, rows, vectors, false); }               \
  static TARGET void tile_columns_##rows##x##vectors(const Tile *tile) { run(tile, rows, vectors, true); }

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

static TARGET void pack_transposed(float *to, const float *from, ptrdiff_t row, int k, int columns, int vectors) {
  const int step = vectors * WIDTH;
  for (int j = 0; j < vectors; j++, to += WIDTH, from += WIDTH * row) {
    const int most = columns - j * WIDTH < WIDTH ? columns - j * WIDTH - 1 : WIDTH - 1;
    const float *lane[WIDTH];
    for (int i = 0; i < WIDTH; i++)
      lane[i] = from + (i < most ? i : most) * row;
    int l = 0;
    for (; l + WIDTH <= k; l += WIDTH)
      transpose(to + (ptrdiff_t)l * step, step, lane, l);
    for (; l < k; l++)
      for (int i = 0; i < WIDTH; i++)
        to[(ptrdiff_t)l * step + i] = lane[i][l];
  }
}
