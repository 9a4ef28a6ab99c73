// Convolutions and their adjoints are the chains that plain fmaf() makes, to the bit, in any shape, set and number of threads.
#include "every_set.h"

#include "base/slices.h"
#include "kernels/conv.h"

#include <math.h>

static float pixel(const float *plane, int h, int w, int y, int x) {
  return y < 0 || y >= h || x < 0 || x >= w ? 0.0f : plane[y * w + x];
}

static float forward_at(const float *x, const float *w, const ConvShape *s, int co, int oy, int ox) {
  float sum = 0.0f;
  const float *tap = w + co * s->ci * s->kernel * s->kernel;
  for (int ci = 0; ci < s->ci; ci++)
    for (int ky = 0; ky < s->kernel; ky++)
      for (int kx = 0; kx < s->kernel; kx++)
        sum = fmaf(
            *tap++,
            pixel(x + ci * s->h * s->w, s->h, s->w, oy * s->stride + ky - s->padding, ox * s->stride + kx - s->padding),
            sum);
  return sum;
}

static float pull_at(const float *dy, const float *w, const ConvShape *s, int ci, int iy, int ix) {
  const int oh = conv2d_height(s), ow = conv2d_width(s), k = s->kernel;
  float sum = 0.0f;
  for (int co = 0; co < s->co; co++)
    for (int ky = 0; ky < k; ky++)
      for (int kx = 0; kx < k; kx++) {
        const int y = iy + s->padding - ky, x = ix + s->padding - kx;
        if (y % s->stride == 0 && x % s->stride == 0)
          sum = fmaf(w[((co * s->ci + ci) * k + ky) * k + kx],
                     pixel(dy + co * oh * ow, oh, ow, y / s->stride, x / s->stride), sum);
      }
  return sum;
}

/// Tap -1 of channel 0 is the bias.
static float leaf_at(const float *dy, const float *x, const ConvShape *s, int begin, int end, int co, int ci, int tap) {
  const int oh = conv2d_height(s), ow = conv2d_width(s);
  float sum = 0.0f;
  for (int i = begin; i < end; i++)
    for (int oy = 0; oy < oh; oy++)
      for (int ox = 0; ox < ow; ox++) {
        const float slope = dy[((i * s->co + co) * oh + oy) * ow + ox];
        if (tap < 0)
          sum += slope;
        else
          sum =
              fmaf(slope,
                   pixel(x + (i * s->ci + ci) * s->h * s->w, s->h, s->w, oy * s->stride + tap / s->kernel - s->padding,
                         ox * s->stride + tap % s->kernel - s->padding),
                   sum);
      }
  return sum + 0.0f;
}

static void same(const float *got, const float *want, int n, const char *what, const ConvShape *s, int images,
                 int threads) {
  for (int i = 0; i < n; i++)
    CHECK(memcmp(got + i, want + i, sizeof *got) == 0,
          "%s: %s of %d images %d x %d x %d, %d kernels of %d, stride %d, padding %d, %d threads: [%d] is %a, not %a",
          gemm_kernel(), what, images, s->ci, s->h, s->w, s->co, s->kernel, s->stride, s->padding, threads, i,
          (double)got[i], (double)want[i]);
}

/// Scratch as anybody may leave it.
static void *scratch(const ConvShape *s, int threads) {
  const size_t bytes = (conv2d_work(s, threads) + 63) / 64 * 64;
  void *work = aligned_alloc(64, bytes);
  CHECK(work, "out of memory");
  memset(work, 0xff, bytes);
  return work;
}

static void compare_images(const ConvShape *s, int n, bool flag, int threads, unsigned *state) {
  const int oh = conv2d_height(s), ow = conv2d_width(s), out = n * s->co * oh * ow, in = n * s->ci * s->h * s->w;
  float *x = numbers((size_t)in, state), *dy = numbers((size_t)out, state), *b = numbers((size_t)s->co, state);
  float *w = numbers((size_t)s->co * s->ci * s->kernel * s->kernel, state);
  float *y = numbers((size_t)out, state), *want_y = numbers((size_t)out, state);
  float *dx = numbers((size_t)in, state), *want_dx = numbers((size_t)in, state);
  void *work = scratch(s, threads);
  memcpy(dx, want_dx, (size_t)in * sizeof *dx);
  for (int j = 0; j < out; j++) {
    const int co = j / (oh * ow) % s->co, i = j / (oh * ow) / s->co;
    const float sum = forward_at(x + i * s->ci * s->h * s->w, w, s, co, j / ow % oh, j % ow);
    want_y[j] = flag ? sum + b[co] : sum;
  }
  for (int j = 0; j < in; j++) {
    const int ci = j / (s->h * s->w) % s->ci, i = j / (s->h * s->w) / s->ci;
    const float sum = pull_at(dy + i * s->co * oh * ow, w, s, ci, j / s->w % s->h, j % s->w);
    want_dx[j] = flag ? want_dx[j] + sum : sum;
  }
  conv2d_forward(y, x, w, flag ? b : NULL, s, n, work, threads);
  same(y, want_y, out, "output", s, n, threads);
  conv2d_backward_input(dx, dy, w, s, n, flag, work, threads);
  same(dx, want_dx, in, "dx", s, n, threads);
  free(x), free(dy), free(b), free(w), free(y), free(want_y), free(dx), free(want_dx), free(work);
}

static void compare_weights(const ConvShape *s, int n, int slices, bool bias, int threads, unsigned *state) {
  const int square = s->kernel * s->kernel, all = s->co * s->ci * square;
  float *x = numbers((size_t)n * s->ci * s->h * s->w, state);
  float *dy = numbers((size_t)n * s->co * conv2d_height(s) * conv2d_width(s), state);
  float *dw = numbers((size_t)all, state), *db = numbers((size_t)s->co, state);
  float *want = numbers((size_t)all, state), leaf[SLICES_MOST];
  void *work = scratch(s, threads);
  int row[SLICES_MOST + 1];
  cut(row, slices, n, state);
  conv2d_backward_weights(dw, bias ? db : NULL, dy, x, s, row, slices, work, threads);
  for (int e = 0; e < all; e++) {
    for (int i = 0; i < slices; i++)
      leaf[i] = leaf_at(dy, x, s, row[i], row[i + 1], e / square / s->ci, e / square % s->ci, e % square);
    want[e] = tree_sum(leaf, slices);
  }
  same(dw, want, all, "dw", s, n, threads);
  for (int e = 0; bias && e < s->co; e++) {
    for (int i = 0; i < slices; i++)
      leaf[i] = leaf_at(dy, x, s, row[i], row[i + 1], e, 0, -1);
    const float sum = tree_sum(leaf, slices);
    same(db + e, &sum, 1, "db", s, n, threads);
  }
  free(x), free(dy), free(dw), free(db), free(want), free(work);
}

static void compare(ConvShape s, int n, int slices, int threads, unsigned *state) {
  compare_images(&s, n, draw(state, 2), threads, state);
  compare_weights(&s, n, slices, draw(state, 2), threads, state);
}

static void test(void) {
  unsigned state = 11;
  for (int trial = 0; trial < 400; trial++) {
    ConvShape s = {.ci = 1 + draw(&state, 7), .h = 1 + draw(&state, 12), .w = 1 + draw(&state, 14)};
    s.co = 1 + draw(&state, 7);
    s.padding = draw(&state, 3);
    s.stride = trial % 3 ? 1 : 1 + draw(&state, 3);
    const int least = s.h < s.w ? s.h : s.w, most = least + 2 * s.padding;
    s.kernel = 1 + draw(&state, most < 5 ? most : 5);
    compare(s, draw(&state, 5), draw(&state, 6), 1 + draw(&state, 3), &state);
  }
  // More channels than a tile has rows and vectors; more images than a strip or a chunk; bands; a kernel as large as the image.
  compare((ConvShape){3, 9, 20, 67, 3, 1, 1}, 3, 2, 2, &state);
  compare((ConvShape){20, 5, 4, 50, 2, 1, 0}, 4, 1, 1, &state);
  compare((ConvShape){1, 3, 3, 2, 3, 1, 1}, 300, 200, 2, &state);
  compare((ConvShape){7, 26, 31, 2, 5, 1, 2}, 20, 2, 3, &state);
  compare((ConvShape){2, 40, 33, 3, 3, 2, 1}, 3, SLICES_MOST, 1, &state);
  compare((ConvShape){2, 6, 6, 3, 6, 1, 0}, 9, 3, 2, &state);
  compare((ConvShape){1, 2, 300, 17, 1, 1, 0}, 2, 1, 2, &state);
  // Images read where they stand, the last of which has nothing behind it.
  compare((ConvShape){6, 18, 17, 9, 2, 1, 0}, 3, 2, 2, &state);
  compare((ConvShape){2, 23, 19, 3, 4, 1, 0}, 4, 2, 1, &state);
  // Shapes whose weights' gradients fill vectors from the input's side: whole ones, ragged ones, a single channel.
  compare((ConvShape){48, 8, 9, 20, 2, 1, 0}, 5, 2, 2, &state);
  compare((ConvShape){16, 7, 20, 16, 3, 1, 1}, 9, 3, 3, &state);
  compare((ConvShape){5, 12, 12, 10, 5, 1, 2}, 12, 3, 2, &state);
  compare((ConvShape){1, 28, 28, 5, 5, 1, 1}, 6, 2, 2, &state);
}

int main(void) { return every_set(test); }
