// The tiles in plain C: fmaf() rounds once wherever it runs, be it slowly.
#include "kernels/conv_tile.h"

#include <math.h>

#define WIDTH 4
#define ROWS 4
#define VECTORS 2
#define COLUMN 4
#define TARGET
typedef struct Vector {
  float lane[WIDTH];
} Vector;
typedef struct Mask {
  int begin, end;
} Mask;

#define EACH_LANE _Pragma("GCC unroll 4") for (int i = 0; i < WIDTH; i++)

static inline Vector v_set(float x) { return (Vector){{x, x, x, x}}; }

static inline Vector v_load(const float *p) { return (Vector){{p[0], p[1], p[2], p[3]}}; }

static inline void v_store(float *p, Vector x) { EACH_LANE p[i] = x.lane[i]; }

static inline Vector v_load_some(const float *p, Mask mask) {
  Vector x;
  EACH_LANE x.lane[i] = i >= mask.begin && i < mask.end ? p[i] : 0.0f;
  return x;
}

static inline void v_store_some(float *p, Mask mask, Vector x) {
  EACH_LANE if (i >= mask.begin && i < mask.end) p[i] = x.lane[i];
}

static inline Vector v_fma(Vector a, Vector b, Vector c) {
  EACH_LANE c.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
  return c;
}

static inline Vector v_add(Vector a, Vector b) {
  EACH_LANE a.lane[i] += b.lane[i];
  return a;
}

#define v_zero() v_set(0.0f)
#define v_mask(begin, end) ((Mask){begin, end})

#include "kernels/conv_body.h"

#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
TILES(1)
TILES(2)
TILES(3)
TILES(4)
ADD(1)
ADD(2)

#define NAMES(what, rows)                                                                                              \
  { what##_##rows##x1, what##_##rows##x2 }
#define TABLE(what) NAMES(what, 1), NAMES(what, 2), NAMES(what, 3), NAMES(what, 4)

const ConvSet conv_set_portable = {WIDTH,          ROWS,           VECTORS, COLUMN, {TABLE(correlate)},
                                   {TABLE(weigh)}, {add_1, add_2}, copy};
