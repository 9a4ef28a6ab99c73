// Sixteen windows of 2 x 2 at a time: the pixels of a row of windows are parted into even and odd columns, and put together again.
#include "kernels/pool_pairs.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f")))
#define INLINE static inline __attribute__((always_inline)) TARGET

enum { LANES = 16 };

/// Of windows [begin, begin + LANES) those that are there, and the lower and upper half of their columns.
typedef struct Masks {
  __mmask16 windows, lower, upper;
} Masks;

INLINE Masks masks_of(int windows) {
  const int n = windows < LANES ? windows : LANES;
  const uint32_t columns = (uint32_t)((1ull << 2 * n) - 1);
  return (Masks){(__mmask16)((1u << n) - 1), (__mmask16)columns, (__mmask16)(columns >> LANES)};
}

/// first, first + 2, …
INLINE __m512i evens_from(int first) {
  return _mm512_add_epi32(_mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
                          _mm512_set1_epi32(first));
}

/// The better of what there is and x at `here`: a larger one, or a NaN.
INLINE void best_take(__m512 *best, __m512i *place, __m512 x, __m512i here) {
  const __mmask16 take = (__mmask16)(_mm512_cmp_ps_mask(x, *best, _CMP_GT_OQ) | _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q));
  *best = _mm512_mask_mov_ps(*best, take, x);
  *place = _mm512_mask_mov_epi32(*place, take, here);
}

TARGET void pool_pairs_forward(float *y, int32_t *argmax, const float *x, int h, int w) {
  const int oh = h / 2, ow = w / 2;
  const __m512i even = evens_from(0), odd = evens_from(1), one = _mm512_set1_epi32(1);
  for (int oy = 0; oy < oh; oy++)
    for (int ox = 0; ox < ow; ox += LANES) {
      const Masks masks = masks_of(ow - ox);
      const int at = 2 * (oy * w + ox);
      __m512 best;
      __m512i place;
      for (int ky = 0; ky < 2; ky++) {
        const float *row = x + at + ky * w;
        const __m512 lower = _mm512_maskz_loadu_ps(masks.lower, row),
                     upper = _mm512_maskz_loadu_ps(masks.upper, row + LANES);
        const __m512 left = _mm512_permutex2var_ps(lower, even, upper),
                     right = _mm512_permutex2var_ps(lower, odd, upper);
        const __m512i here = evens_from(at + ky * w);
        if (ky == 0)
          best = left, place = here;
        else
          best_take(&best, &place, left, here);
        best_take(&best, &place, right, _mm512_add_epi32(here, one));
      }
      _mm512_mask_storeu_ps(y + oy * ow + ox, masks.windows, best);
      _mm512_mask_storeu_epi32(argmax + oy * ow + ox, masks.windows, place);
    }
}

TARGET void pool_pairs_backward(float *dx, const float *dy, const int32_t *argmax, int h, int w) {
  const int oh = h / 2, ow = w / 2;
  const __m512i zip_lower = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
                zip_upper = _mm512_add_epi32(zip_lower, _mm512_set1_epi32(LANES / 2)), one = _mm512_set1_epi32(1);
  for (int oy = 0; oy < oh; oy++) {
    for (int ox = 0; ox < ow; ox += LANES) {
      const Masks masks = masks_of(ow - ox);
      const int at = 2 * (oy * w + ox);
      const __m512 zero = _mm512_setzero_ps(),
                   g = _mm512_add_ps(_mm512_maskz_loadu_ps(masks.windows, dy + oy * ow + ox), zero); // +0 for -0
      const __m512i place = _mm512_maskz_loadu_epi32(masks.windows, argmax + oy * ow + ox);
      for (int ky = 0; ky < 2; ky++) {
        float *row = dx + at + ky * w;
        const __m512i here = evens_from(at + ky * w);
        const __m512 left = _mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask(place, here), g),
                     right = _mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask(place, _mm512_add_epi32(here, one)), g);
        _mm512_mask_storeu_ps(row, masks.lower, _mm512_permutex2var_ps(left, zip_lower, right));
        if (masks.upper)
          _mm512_mask_storeu_ps(row + LANES, masks.upper, _mm512_permutex2var_ps(left, zip_upper, right));
      }
    }
    if (w % 2)
      dx[(2 * oy + 1) * w - 1] = dx[(2 * oy + 2) * w - 1] = 0;
  }
  memset(dx + 2 * oh * w, 0, sizeof(float) * (size_t)(h - 2 * oh) * w);
}
#else
#include "base/status.h"

void pool_pairs_forward(float *y, int32_t *argmax, const float *x, int h, int w) {
  (void)y, (void)argmax, (void)x, (void)h, (void)w;
  REQUIRE(false, "AVX-512 on a machine without it");
}

void pool_pairs_backward(float *dx, const float *dy, const int32_t *argmax, int h, int w) {
  (void)dx, (void)dy, (void)argmax, (void)h, (void)w;
  REQUIRE(false, "AVX-512 on a machine without it");
}
#endif
