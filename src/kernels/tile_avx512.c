// Tiles of 8 x 48 in AVX-512: 24 accumulators, 3 vectors of b, one broadcast of a.
#include "kernels/tile.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 16
#define ROWS 8
#define VECTORS 3
#define TARGET __attribute__((target("avx512f")))
typedef __m512 Vector;
typedef __mmask16 Mask;
#define v_mask(n) ((Mask)((1u << (n)) - 1))

static inline __attribute__((always_inline)) TARGET __m512 v_zero(void) {
  __m512 x;
  __asm__ volatile("vpxord %0, %0, %0" : "=v"(x));
  return x;
}

#define v_set(x) _mm512_set1_ps(x)
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, x) _mm512_storeu_ps(p, x)
#define v_load_some(p, mask) _mm512_maskz_loadu_ps(mask, p)
#define v_load_b(p, n) ((void)(n), v_load(p))
#define v_store_some(p, mask, x) _mm512_mask_storeu_ps(p, mask, x)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_add(a, b) _mm512_add_ps(a, b)

/// to[l step + i] = from[i row + l] for 16 x 16: lanes of 128 bits come together while loading, 4 x 4 turn within them.
static inline __attribute__((always_inline)) TARGET void transpose(float *to, ptrdiff_t step, const float *from,
                                                                   ptrdiff_t row) {
#pragma GCC unroll 4
  for (int l = 0; l < WIDTH; l += 4) {
    __m512 quad[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      const float *lane = from + i * row + l;
      quad[i] = _mm512_castps128_ps512(_mm_loadu_ps(lane));
      quad[i] = _mm512_mask_broadcast_f32x4(quad[i], 0x00f0, _mm_loadu_ps(lane + 4 * row));
      quad[i] = _mm512_mask_broadcast_f32x4(quad[i], 0x0f00, _mm_loadu_ps(lane + 8 * row));
      quad[i] = _mm512_mask_broadcast_f32x4(quad[i], 0xf000, _mm_loadu_ps(lane + 12 * row));
    }
    const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(quad[0], quad[1])),
                  low23 = _mm512_castps_pd(_mm512_unpacklo_ps(quad[2], quad[3])),
                  high01 = _mm512_castps_pd(_mm512_unpackhi_ps(quad[0], quad[1])),
                  high23 = _mm512_castps_pd(_mm512_unpackhi_ps(quad[2], quad[3]));
    v_store(to + (l + 0) * step, _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23)));
    v_store(to + (l + 1) * step, _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23)));
    v_store(to + (l + 2) * step, _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23)));
    v_store(to + (l + 3) * step, _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23)));
  }
}

#include "kernels/tile_body.h"

#define TILES(rows) TILE(rows, 1) TILE(rows, 2) TILE(rows, 3)
TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)
TILES(7)
TILES(8)

TILE_PACKING(1)
TILE_PACKING(2)
TILE_PACKING(3)

#define NAMES(order, rows)                                                                                             \
  { order##_##rows##x1, order##_##rows##x2, order##_##rows##x3 }
#define TABLE(order)                                                                                                   \
  {                                                                                                                    \
    NAMES(order, 1), NAMES(order, 2), NAMES(order, 3), NAMES(order, 4), NAMES(order, 5), NAMES(order, 6),              \
        NAMES(order, 7), NAMES(order, 8)                                                                               \
  }

const TileSet tile_set_avx512 = {
    "avx512",
    WIDTH,
    ROWS,
    VECTORS,
    false,
    {TABLE(chain), TABLE(slices)},
    {{packing_chain_1, packing_chain_2, packing_chain_3}, {packing_slices_1, packing_slices_2, packing_slices_3}},
    pack,
    pack_transposed};
#else
const TileSet tile_set_avx512;
#endif
