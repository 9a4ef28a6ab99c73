// Tiles of 6 x 16 in AVX2 with FMA: 12 accumulators, 2 vectors of b, one broadcast of a.
#include "kernels/tile.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 8
#define ROWS 6
#define VECTORS 2
#define TARGET __attribute__((target("avx2,fma")))
typedef __m256 Vector;
typedef __m256i Mask;
#define v_mask(n) _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define v_zero() _mm256_setzero_ps()
#define v_set(x) _mm256_set1_ps(x)
#define v_load(p) _mm256_loadu_ps(p)
#define v_store(p, x) _mm256_storeu_ps(p, x)
#define v_load_some(p, mask) _mm256_maskload_ps(p, mask)
#define v_load_b(p, n) ((void)(n), v_load(p))
#define v_store_some(p, mask, x) _mm256_maskstore_ps(p, mask, x)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_add(a, b) _mm256_add_ps(a, b)

/// to[l step + i] = from[i row + l] for 8 x 8: lanes of 128 bits come together while loading, 4 x 4 turn within them.
static inline __attribute__((always_inline)) TARGET void transpose(float *to, ptrdiff_t step, const float *from,
                                                                   ptrdiff_t row) {
  const float *const lane[2] = {from, from + 4 * row};
#pragma GCC unroll 2
  for (int l = 0; l < WIDTH; l += 4) {
    __m256 quad[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
      quad[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(lane[0] + i * row + l)),
                                     _mm_loadu_ps(lane[1] + i * row + l), 1);
    const __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(quad[0], quad[1])),
                  low23 = _mm256_castps_pd(_mm256_unpacklo_ps(quad[2], quad[3])),
                  high01 = _mm256_castps_pd(_mm256_unpackhi_ps(quad[0], quad[1])),
                  high23 = _mm256_castps_pd(_mm256_unpackhi_ps(quad[2], quad[3]));
    v_store(to + (l + 0) * step, _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23)));
    v_store(to + (l + 1) * step, _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23)));
    v_store(to + (l + 2) * step, _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23)));
    v_store(to + (l + 3) * step, _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23)));
  }
}

#include "kernels/tile_body.h"

#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)

TILE_PACKING(1)
TILE_PACKING(2)

#define NAMES(order, rows)                                                                                             \
  { order##_##rows##x1, order##_##rows##x2 }
#define TABLE(order)                                                                                                   \
  { NAMES(order, 1), NAMES(order, 2), NAMES(order, 3), NAMES(order, 4), NAMES(order, 5), NAMES(order, 6) }

const TileSet tile_set_avx2 = {"avx2",
                               WIDTH,
                               ROWS,
                               VECTORS,
                               false,
                               {TABLE(chain), TABLE(slices)},
                               {{packing_chain_1, packing_chain_2}, {packing_slices_1, packing_slices_2}},
                               pack,
                               pack_transposed};
#else
const TileSet tile_set_avx2;
#endif
