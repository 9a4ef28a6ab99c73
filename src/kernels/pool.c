// y = max over the window; its adjoint gives dy to the pixel that was chosen.
#include "kernels/conv.h"

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

void max_pool_forward(float *y, int32_t *argmax, const float *x, int channels, int h, int w, int kernel, int stride,
                      int n, int threads) {
  const int oh = (h - kernel) / stride + 1, ow = (w - kernel) / stride + 1;
  PoolRow *row = tile_set() == &tile_set_portable ? pool_row_portable : pool_row_avx2;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int plane = 0; plane < n * channels; plane++)
    for (int oy = 0; oy < oh; oy++) {
      const size_t to = ((size_t)plane * oh + oy) * ow;
      row(y + to, argmax + to, x + (size_t)plane * h * w, oy * stride * w, w, ow, kernel, stride);
    }
}

/// Two rows of dx under one row of outputs, windows of 2 x 2 side by side: all pixels are written, no zeros needed before.
static inline __attribute__((always_inline)) void
spread_row(float *restrict dx, const float *restrict dy, const int32_t *restrict argmax, int32_t at, int w, int ow) {
  float *restrict below = dx + w;
#pragma omp simd
  for (int ox = 0; ox < ow; ox++) {
    const int32_t place = argmax[ox] - at - 2 * ox;
    const float g = dy[ox] + 0.0f;
    dx[2 * ox] = place == 0 ? g : 0.0f;
    dx[2 * ox + 1] = place == 1 ? g : 0.0f;
    below[2 * ox] = place == w ? g : 0.0f;
    below[2 * ox + 1] = place == w + 1 ? g : 0.0f;
  }
  for (int x = 2 * ow; x < w; x++)
    dx[x] = below[x] = 0;
}

typedef void SpreadRow(float *dx, const float *dy, const int32_t *argmax, int32_t at, int w, int ow);

static void spread_row_portable(float *dx, const float *dy, const int32_t *argmax, int32_t at, int w, int ow) {
  spread_row(dx, dy, argmax, at, w, ow);
}

#ifdef __x86_64__
static __attribute__((target("avx2"))) void spread_row_avx2(float *dx, const float *dy, const int32_t *argmax,
                                                            int32_t at, int w, int ow) {
  spread_row(dx, dy, argmax, at, w, ow);
}
#else
#define spread_row_avx2 spread_row_portable
#endif

static void spread(float *dx, const float *dy, const int32_t *argmax, int h, int w) {
  const int oh = h / 2, ow = w / 2;
  SpreadRow *row = tile_set() == &tile_set_portable ? spread_row_portable : spread_row_avx2;
  for (int oy = 0; oy < oh; oy++)
    row(dx + 2 * oy * w, dy + oy * ow, argmax + oy * ow, 2 * oy * w, w, ow);
  memset(dx + 2 * oh * w, 0, sizeof(float) * (size_t)(h - 2 * oh) * w);
}

void max_pool_backward(float *dx, const float *dy, const int32_t *argmax, int channels, int h, int w, int kernel,
                       int stride, int n, bool accumulate, int threads) {
  const size_t out = (size_t)((h - kernel) / stride + 1) * ((w - kernel) / stride + 1);
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int plane = 0; plane < n * channels; plane++) {
    float *dx_plane = dx + (size_t)plane * h * w;
    if (kernel == 2 && stride == 2 && !accumulate) {
      spread(dx_plane, dy + plane * out, argmax + plane * out, h, w);
      continue;
    }
    if (!accumulate)
      memset(dx_plane, 0, sizeof(float) * (size_t)h * w);
    for (size_t i = 0; i < out; i++)
      dx_plane[argmax[plane * out + i]] += dy[plane * out + i];
  }
}
