// y = max over the window; its adjoint gives dy to the pixel that was chosen.
#include "kernels/conv.h"

#include <string.h>

static void pool_plane(float *y, int32_t *argmax, const float *x, int h, int w, int kernel, int stride) {
  for (int top = 0; top + kernel <= h; top += stride)
    for (int left = 0; left + kernel <= w; left += stride) {
      int best = top * w + left;
      for (int ky = 0; ky < kernel; ky++)
        for (int kx = 0; kx < kernel; kx++) {
          int here = (top + ky) * w + left + kx;
          if (x[here] > x[best] || x[here] != x[here])
            best = here;
        }
      *y++ = x[best];
      *argmax++ = best;
    }
}

void max_pool_forward(float *y, int32_t *argmax, const float *x, int channels, int h, int w, int kernel, int stride,
                      int n, int threads) {
  const size_t out = (size_t)((h - kernel) / stride + 1) * ((w - kernel) / stride + 1);
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int plane = 0; plane < n * channels; plane++)
    pool_plane(y + plane * out, argmax + plane * out, x + (size_t)plane * h * w, h, w, kernel, stride);
}

void max_pool_backward(float *dx, const float *dy, const int32_t *argmax, int channels, int h, int w, int kernel,
                       int stride, int n, bool accumulate, int threads) {
  const size_t out = (size_t)((h - kernel) / stride + 1) * ((w - kernel) / stride + 1);
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int plane = 0; plane < n * channels; plane++) {
    float *dx_plane = dx + (size_t)plane * h * w;
    if (!accumulate)
      memset(dx_plane, 0, sizeof(float) * (size_t)h * w);
    for (size_t i = 0; i < out; i++)
      dx_plane[argmax[plane * out + i]] += dy[plane * out + i];
  }
}
