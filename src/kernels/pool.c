// y = max over the window; its adjoint gives dy to the pixel that was chosen.
#include "kernels/conv.h"

#include "kernels/pool_pairs.h"
#include "kernels/tile.h"

#include <string.h>

typedef union Number {
  float value;
  int32_t bits;
} Number;

/// One row of outputs; `at` is the place of its first window in the plane x. Masks instead of branches, which nobody could
/// guess; with constants for kernel and stride they become vectors.
static inline __attribute__((always_inline)) void pool_row(float *restrict y, int32_t *restrict argmax,
                                                           const float *restrict x, int32_t at, int w, int ow,
                                                           const int kernel, const int stride) {
#pragma omp simd
  for (int ox = 0; ox < ow; ox++) {
    const int32_t corner = at + ox * stride;
    Number best = {x[corner]};
    int32_t place = corner;
    for (int ky = 0; ky < kernel; ky++)
      for (int kx = 0; kx < kernel; kx++) {
        const int32_t here = corner + ky * w + kx;
        const Number number = {x[here]};
        const int32_t take = -((number.value > best.value) | (number.value != number.value));
        best.bits ^= (best.bits ^ number.bits) & take;
        place ^= (place ^ here) & take;
      }
    y[ox] = best.value;
    argmax[ox] = place;
  }
}

typedef void PoolRow(float *y, int32_t *argmax, const float *x, int32_t at, int w, int ow, int kernel, int stride);

#define POOL_ROW(name, target)                                                                                         \
  static target void name(float *y, int32_t *argmax, const float *x, int32_t at, int w, int ow, int kernel,            \
                          int stride) {                                                                                \
    if (kernel == 2 && stride == 2)                                                                                    \
      pool_row(y, argmax, x, at, w, ow, 2, 2);                                                                         \
    else if (kernel == 3 && stride == 2)                                                                               \
      pool_row(y, argmax, x, at, w, ow, 3, 2);                                                                         \
    else if (kernel == 2)                                                                                              \
      pool_row(y, argmax, x, at, w, ow, 2, stride);                                                                    \
    else                                                                                                               \
      pool_row(y, argmax, x, at, w, ow, kernel, stride);                                                               \
  }

POOL_ROW(pool_row_portable, )
#ifdef __x86_64__
POOL_ROW(pool_row_avx2,
         __attribute__((target("avx2")))) // wider vectors gain nothing where rows are short or memory is slow
#else
#define pool_row_avx2 pool_row_portable
#endif

static bool is_paired(int kernel, int stride) { return kernel == 2 && stride == 2 && tile_set() == &tile_set_avx512; }

void max_pool_forward(float *y, int32_t *argmax, const float *x, int channels, int h, int w, int kernel, int stride,
                      int n, int threads) {
  const int oh = (h - kernel) / stride + 1, ow = (w - kernel) / stride + 1;
  const bool paired = is_paired(kernel, stride);
  PoolRow *row = tile_set() == &tile_set_portable ? pool_row_portable : pool_row_avx2;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int plane = 0; plane < n * channels; plane++) {
    const float *x_plane = x + (size_t)plane * h * w;
    size_t to = (size_t)plane * oh * ow;
    if (paired)
      pool_pairs_forward(y + to, argmax + to, x_plane, h, w);
    for (int oy = 0; oy < oh && !paired; oy++, to += ow)
      row(y + to, argmax + to, x_plane, oy * stride * w, w, ow, kernel, stride);
  }
}

void max_pool_backward(float *dx, const float *dy, const int32_t *argmax, int channels, int h, int w, int kernel,
                       int stride, int n, bool accumulate, int threads) {
  const size_t out = (size_t)((h - kernel) / stride + 1) * ((w - kernel) / stride + 1);
  const bool paired = !accumulate && is_paired(kernel, stride);
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int plane = 0; plane < n * channels; plane++) {
    float *dx_plane = dx + (size_t)plane * h * w;
    if (paired) {
      pool_pairs_backward(dx_plane, dy + plane * out, argmax + plane * out, h, w);
      continue;
    }
    if (!accumulate)
      memset(dx_plane, 0, sizeof(float) * (size_t)h * w);
    for (size_t i = 0; i < out; i++)
      dx_plane[argmax[plane * out + i]] += dy[plane * out + i];
  }
}
