// The tiles of a convolution. The including file defines WIDTH, ROWS, VECTORS, COLUMN, TARGET, Vector and v_zero, v_set, v_load,
// v_store, v_fma, v_add; Mask and v_mask (lanes [begin, end)), v_load_some, v_store_some.
#include "kernels/conv_tile.h"

#define EACH_ROW _Pragma("GCC unroll 12") for (int i = 0; i < rows; i++)
#define EACH_VECTOR _Pragma("GCC unroll 3") for (int j = 0; j < vectors; j++)
#define EACH_RUN EACH_VECTOR for (const Run *run = p->runs->run[j], *last = run + p->runs->runs[j]; run < last; run++)
enum { LONG_CHAIN = 128 };

#define INLINE static inline __attribute__((always_inline)) TARGET

/// Few lines can be under way at once: where the sums will go is asked for first, what will be read soon halfway.
INLINE void correlate(const Correlate *p, const int rows, const int vectors) {
  Vector sum[ROWS][VECTORS];
  const float *w = p->w, *x = p->x;
  const ptrdiff_t to_row = p->to_row;
  EACH_VECTOR {
    const char *to = (const char *)(p->to + p->runs->run[j][0].to + p->runs->run[j][0].begin);
    EACH_ROW __builtin_prefetch(to + i * to_row * 4, 1);
  }
  EACH_ROW EACH_VECTOR sum[i][j] = v_zero();
  const int *offset = p->offset, *const end = offset + p->taps,
            *until = p->taps < LONG_CHAIN ? offset : offset + p->taps / 2;
  _Pragma("GCC unroll 1") for (int half = 0; half < 2; half++, until = end) {
    for (; offset < until; offset++, w += rows) {
      Vector right[VECTORS];
      EACH_VECTOR right[j] = v_load(x + *offset + j * WIDTH);
      EACH_ROW {
        const Vector left = v_set(w[i]);
        EACH_VECTOR sum[i][j] = v_fma(left, right[j], sum[i][j]);
      }
    }
    if (half == 0)
      conv_look_ahead(p->ahead, p->ahead_lines);
  }
  if (p->b)
    EACH_ROW EACH_VECTOR sum[i][j] = v_add(sum[i][j], v_set(p->b[i]));
  float *const base = p->to;
  if (p->accumulate)
    EACH_RUN {
      const Mask mask = v_mask(run->begin, run->end);
      float *to = base + run->to;
      EACH_ROW v_store_some(to + i * to_row, mask, v_add(v_load_some(to + i * to_row, mask), sum[i][j]));
    }
  else
    EACH_RUN {
      const Mask mask = v_mask(run->begin, run->end);
      float *to = base + run->to;
      EACH_ROW v_store_some(to + i * to_row, mask, sum[i][j]);
    }
}

INLINE void weigh(const Weigh *p, const int rows, const int vectors) {
  Vector sum[COLUMN][VECTORS];
  const float *left[COLUMN];
  EACH_ROW left[i] = p->left + p->offset[i];
  if (p->leaf.begins)
    EACH_ROW EACH_VECTOR sum[i][j] = v_zero();
  else
    EACH_ROW EACH_VECTOR sum[i][j] = v_load(p->sum + i * p->sum_step + j * WIDTH);
  const ptrdiff_t step = p->right_step;
  for (int n = 0; n < p->images; n++)
    for (int y = 0; y < p->height; y++) {
      const float *at = p->right + n * p->right_image + y * p->right_line;
      const ptrdiff_t begin = n * p->left_image + y * p->left_line, end = begin + p->width;
      for (ptrdiff_t l = begin; l < end; l++, at += step) {
        Vector right[VECTORS];
        EACH_VECTOR right[j] = v_load(at + j * WIDTH);
        EACH_ROW {
          const Vector factor = v_set(left[i][l]);
          EACH_VECTOR sum[i][j] = v_fma(factor, right[j], sum[i][j]);
        }
      }
    }
  float *to = p->sum;
  if (p->leaf.ends) {
    EACH_ROW EACH_VECTOR sum[i][j] = v_add(sum[i][j], v_zero());
    for (int fold = 0; fold < p->leaf.folds; fold++) {
      to -= p->leaf.level;
      EACH_ROW EACH_VECTOR sum[i][j] = v_add(v_load(to + i * p->sum_step + j * WIDTH), sum[i][j]);
    }
  }
  EACH_ROW EACH_VECTOR v_store(to + i * p->sum_step + j * WIDTH, sum[i][j]);
}

INLINE void add(float *to, const float *dy, ptrdiff_t dy_step, int n, const int vectors) {
  Vector sum[VECTORS];
  EACH_VECTOR sum[j] = v_load(to + j * WIDTH);
  for (int l = 0; l < n; l++, dy += dy_step)
    EACH_VECTOR sum[j] = v_add(sum[j], v_load(dy + j * WIDTH));
  EACH_VECTOR v_store(to + j * WIDTH, sum[j]);
}

/// Rows are short: a call of memcpy() would cost more than the copy.
static TARGET void copy(float *to, ptrdiff_t to_row, const float *from, int rows, int columns) {
  const int whole = columns / WIDTH * WIDTH;
  const Mask mask = v_mask(0, columns - whole);
  for (int i = 0; i < rows; i++, to += to_row, from += columns) {
    for (int j = 0; j < whole; j += WIDTH)
      v_store(to + j, v_load(from + j));
    if (whole < columns)
      v_store_some(to + whole, mask, v_load_some(from + whole, mask));
  }
}

#define TILE(rows, vectors)                                                                                            \
  static TARGET void correlate_##rows##x##vectors(const Correlate *p) { correlate(p, rows, vectors); }                 \
  TILE_OF_WEIGHTS(rows, vectors)
#define TILE_OF_WEIGHTS(rows, vectors)                                                                                 \
  static TARGET void weigh_##rows##x##vectors(const Weigh *p) { weigh(p, rows, vectors); }
#define ADD(vectors)                                                                                                   \
  static TARGET void add_##vectors(float *sum, const float *dy, ptrdiff_t dy_step, int n) {                            \
    add(sum, dy, dy_step, n, vectors);                                                                                 \
  }
