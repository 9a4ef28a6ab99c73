// Tiles in plain C: fmaf() rounds once wherever it runs, be it slowly.
#include "kernels/tile.h"

#include <math.h>

#define WIDTH 4
#define ROWS 4
#define VECTORS 2
#define TARGET
typedef struct Vector {
  float lane[WIDTH];
} Vector;
typedef int Mask;

#define EACH_LANE _Pragma("GCC unroll 4") for (int i = 0; i < WIDTH; i++)

static inline Vector v_set(float x) { return (Vector){{x, x, x, x}}; }

static inline Vector v_load_some(const float *p, Mask mask) {
  Vector x;
  EACH_LANE x.lane[i] = i < mask ? p[i] : 0.0f;
  return x;
}

static inline void v_store_some(float *p, Mask mask, Vector x) { EACH_LANE if (i < mask) p[i] = x.lane[i]; }

static inline Vector v_fma(Vector a, Vector b, Vector c) {
  EACH_LANE c.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
  return c;
}

static inline Vector v_add(Vector a, Vector b) {
  EACH_LANE a.lane[i] += b.lane[i];
  return a;
}

#define v_mask(n) (n)
#define v_zero() v_set(0.0f)
#define v_load(p) v_load_some(p, WIDTH)
#define v_load_b(p, n) v_load_some(p, n)
#define v_store(p, x) v_store_some(p, WIDTH, x)

static void transpose(float *to, ptrdiff_t step, const float *from, ptrdiff_t row) {
  for (int l = 0; l < WIDTH; l++)
    EACH_LANE to[l * step + i] = from[i * row + l];
}

#include "kernels/tile_body.h"

#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
TILES(1)
TILES(2)
TILES(3)
TILES(4)

TILE_PACKING(1)
TILE_PACKING(2)

#define NAMES(order, rows)                                                                                             \
  { order##_##rows##x1, order##_##rows##x2 }
#define TABLE(order)                                                                                                   \
  { NAMES(order, 1), NAMES(order, 2), NAMES(order, 3), NAMES(order, 4) }

const TileSet tile_set_portable = {"portable",
                                   WIDTH,
                                   ROWS,
                                   VECTORS,
                                   true,
                                   {TABLE(chain), TABLE(slices)},
                                   {{packing_chain_1, packing_chain_2}, {packing_slices_1, packing_slices_2}},
                                   pack,
                                   pack_transposed};
