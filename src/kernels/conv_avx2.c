// Tiles of 6 x 16 in AVX2 with FMA.
#include "kernels/conv_tile.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 8
#define ROWS 6
#define VECTORS 2
#define COLUMN 12
#define TARGET __attribute__((target("avx2,fma")))
typedef __m256 Vector;
typedef __m256i Mask;
#define LANES _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
#define v_mask(begin, end)                                                                                             \
  _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(begin), LANES),                                             \
                      _mm256_cmpgt_epi32(_mm256_set1_epi32(end), LANES))
#define v_load_some(p, mask) _mm256_maskload_ps(p, mask)
#define v_store_some(p, mask, x) _mm256_maskstore_ps(p, mask, x)
#define v_zero() _mm256_setzero_ps()
#define v_set(x) _mm256_set1_ps(x)
#define v_load(p) _mm256_loadu_ps(p)
#define v_store(p, x) _mm256_storeu_ps(p, x)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_add(a, b) _mm256_add_ps(a, b)

#include "kernels/conv_body.h"

#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)
TILE_OF_WEIGHTS(7, 1)
TILE_OF_WEIGHTS(8, 1)
TILE_OF_WEIGHTS(9, 1)
TILE_OF_WEIGHTS(10, 1)
TILE_OF_WEIGHTS(11, 1)
TILE_OF_WEIGHTS(12, 1)
ADD(1)
ADD(2)

#define NAMES(what, rows)                                                                                              \
  { what##_##rows##x1, what##_##rows##x2 }
#define TABLE(what) NAMES(what, 1), NAMES(what, 2), NAMES(what, 3), NAMES(what, 4), NAMES(what, 5), NAMES(what, 6)

const ConvSet conv_set_avx2 = {
    WIDTH,
    ROWS,
    VECTORS,
    COLUMN,
    {TABLE(correlate)},
    {TABLE(weigh), {weigh_7x1}, {weigh_8x1}, {weigh_9x1}, {weigh_10x1}, {weigh_11x1}, {weigh_12x1}},
    {add_1, add_2},
    copy};
#else
const ConvSet conv_set_avx2;
#endif
