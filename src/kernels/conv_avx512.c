// Tiles of 8 x 48 in AVX-512.
#include "kernels/conv_tile.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 16
#define ROWS 8
#define VECTORS 3
#define COLUMN 12
#define TARGET __attribute__((target("avx512f")))
typedef __m512 Vector;
typedef __mmask16 Mask;
#define v_mask(begin, end) ((Mask)((1u << (end)) - (1u << (begin))))
#define v_load_some(p, mask) _mm512_maskz_loadu_ps(mask, p)
#define v_store_some(p, mask, x) _mm512_mask_storeu_ps(p, mask, x)
#define v_zero() _mm512_setzero_ps()
#define v_set(x) _mm512_set1_ps(x)
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, x) _mm512_storeu_ps(p, x)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_add(a, b) _mm512_add_ps(a, b)

#include "kernels/conv_body.h"

#define TILES(rows) TILE(rows, 1) TILE(rows, 2) TILE(rows, 3)
TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)
TILES(7)
TILES(8)
TILE_OF_WEIGHTS(9, 1)
TILE_OF_WEIGHTS(10, 1)
TILE_OF_WEIGHTS(11, 1)
TILE_OF_WEIGHTS(12, 1)
ADD(1)
ADD(2)
ADD(3)

#define NAMES(what, rows)                                                                                              \
  { what##_##rows##x1, what##_##rows##x2, what##_##rows##x3 }
#define TABLE(what)                                                                                                    \
  NAMES(what, 1), NAMES(what, 2), NAMES(what, 3), NAMES(what, 4), NAMES(what, 5), NAMES(what, 6), NAMES(what, 7),      \
      NAMES(what, 8)

const ConvSet conv_set_avx512 = {WIDTH,
                                 ROWS,
                                 VECTORS,
                                 COLUMN,
                                 {TABLE(correlate)},
                                 {TABLE(weigh), {weigh_9x1}, {weigh_10x1}, {weigh_11x1}, {weigh_12x1}},
                                 {add_1, add_2, add_3},
                                 copy};
#else
const ConvSet conv_set_avx512;
#endif
