// Max pooling takes the first of the largest, a NaN before all, and its adjoint adds up the windows in order.
#include "every_set.h"

#include "kernels/conv.h"

#include <math.h>

/// The definition: a pixel is chosen if it is a NaN and none follows, or if there is no NaN, none larger, none equal before.
static int chosen(const float *x, int w, int corner, int kernel) {
  int best = -1;
  for (int ky = 0; ky < kernel; ky++)
    for (int kx = 0; kx < kernel; kx++) {
      const int here = corner + ky * w + kx;
      if (isnan(x[here]) || best < 0 || (!isnan(x[best]) && x[here] > x[best]))
        best = here;
    }
  return best;
}

static void compare(int channels, int h, int w, int kernel, int stride, int n, int threads, unsigned *state) {
  const int oh = (h - kernel) / stride + 1, ow = (w - kernel) / stride + 1, planes = n * channels;
  float *x = numbers((size_t)planes * h * w, state), *dy = numbers((size_t)planes * oh * ow, state);
  float *y = numbers((size_t)planes * oh * ow, state), *sum = numbers((size_t)planes * h * w, state);
  float *dx = numbers((size_t)planes * h * w, state), *want = calloc((size_t)planes * h * w + 1, sizeof *want);
  int32_t *argmax = malloc(((size_t)planes * oh * ow + 1) * sizeof *argmax);
  CHECK(want && argmax, "out of memory");
  memcpy(want, sum, (size_t)planes * h * w * sizeof *want);
  for (int i = 0; i < planes * h * w; i++)
    x[i] = draw(state, 40) == 0 ? NAN : (float)draw(state, 5);
  max_pool_forward(y, argmax, x, channels, h, w, kernel, stride, n, threads);
  max_pool_backward(sum, dy, argmax, channels, h, w, kernel, stride, n, true, threads);
  for (int i = 0; i < planes * oh * ow; i++) {
    const float *plane = x + i / (oh * ow) * h * w;
    const int best = chosen(plane, w, i / ow % oh * stride * w + i % ow * stride, kernel);
    CHECK(argmax[i] == best && memcmp(&y[i], &plane[best], sizeof *y) == 0,
          "%s: output %d of %d x %d, kernel %d, stride %d: chose %d, not %d", gemm_kernel(), i, h, w, kernel, stride,
          argmax[i], best);
    want[i / (oh * ow) * h * w + best] += dy[i];
  }
  CHECK(memcmp(sum, want, (size_t)planes * h * w * sizeof *want) == 0, "%s: dx, added", gemm_kernel());
  memset(want, 0, (size_t)planes * h * w * sizeof *want);
  for (int i = 0; i < planes * oh * ow; i++)
    want[i / (oh * ow) * h * w + argmax[i]] += dy[i];
  max_pool_backward(dx, dy, argmax, channels, h, w, kernel, stride, n, false, threads);
  CHECK(memcmp(dx, want, (size_t)planes * h * w * sizeof *want) == 0, "%s: dx", gemm_kernel());
  free(x), free(dy), free(y), free(sum), free(dx), free(want), free(argmax);
}

static void test(void) {
  unsigned state = 5;
  for (int trial = 0; trial < 300; trial++) {
    const int h = 1 + draw(&state, 20), w = 1 + draw(&state, 60), least = h < w ? h : w;
    const int kernel = 1 + draw(&state, least < 5 ? least : 5);
    compare(1 + draw(&state, 3), h, w, kernel, 1 + draw(&state, 4), draw(&state, 3), 1 + draw(&state, 3), &state);
  }
}

int main(void) { return every_set(test); }
