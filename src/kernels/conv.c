// y[co, oy, ox] = sum over (ci, ky, kx) of w[co, ci, ky, kx] x[ci, oy s + ky - p, ox s + kx - p] + b[co], and its
// adjoints.
#include "kernels/conv.h"

#include "kernels/tree.h"

#include <math.h>

int conv2d_height(const ConvShape *shape) {
  return (shape->h + 2 * shape->padding - shape->kernel) / shape->stride + 1;
}

int conv2d_width(const ConvShape *shape) { return (shape->w + 2 * shape->padding - shape->kernel) / shape->stride + 1; }

size_t conv2d_work(const ConvShape *shape, int threads) {
  (void)shape, (void)threads;
  return 64;
}

static float pixel(const float *plane, int h, int w, int y, int x) {
  return y < 0 || y >= h || x < 0 || x >= w ? 0.0f : plane[(size_t)y * w + x];
}

void conv2d_forward(float *y, const float *x, const float *w, const float *b, const ConvShape *shape, int n, void *work,
                    int threads) {
  (void)work, (void)threads;
  const int oh = conv2d_height(shape), ow = conv2d_width(shape), k = shape->kernel;
  for (int i = 0; i < n; i++)
    for (int co = 0; co < shape->co; co++)
      for (int oy = 0; oy < oh; oy++)
        for (int ox = 0; ox < ow; ox++) {
          float sum = 0.0f;
          const float *tap = w + (size_t)co * shape->ci * k * k;
          for (int ci = 0; ci < shape->ci; ci++)
            for (int ky = 0; ky < k; ky++)
              for (int kx = 0; kx < k; kx++)
                sum = fmaf(*tap++,
                           pixel(x + ((size_t)i * shape->ci + ci) * shape->h * shape->w, shape->h, shape->w,
                                 oy * shape->stride + ky - shape->padding, ox * shape->stride + kx - shape->padding),
                           sum);
          y[(((size_t)i * shape->co + co) * oh + oy) * ow + ox] = b ? sum + b[co] : sum;
        }
}

static float pull_pixel(const float *dy, const float *w, const ConvShape *shape, int ci, int iy, int ix) {
  const int oh = conv2d_height(shape), ow = conv2d_width(shape), k = shape->kernel, s = shape->stride,
            p = shape->padding;
  float sum = 0.0f;
  for (int co = 0; co < shape->co; co++)
    for (int ky = 0; ky < k; ky++)
      for (int kx = 0; kx < k; kx++) {
        int ty = iy + p - ky, tx = ix + p - kx;
        if (ty % s == 0 && tx % s == 0)
          sum = fmaf(w[(((size_t)co * shape->ci + ci) * k + ky) * k + kx],
                     pixel(dy + (size_t)co * oh * ow, oh, ow, ty / s, tx / s), sum);
      }
  return sum;
}

void conv2d_backward_input(float *dx, const float *dy, const float *w, const ConvShape *shape, int n, bool accumulate,
                           void *work, int threads) {
  (void)work, (void)threads;
  const size_t out = (size_t)shape->co * conv2d_height(shape) * conv2d_width(shape);
  for (int i = 0; i < n; i++)
    for (int ci = 0; ci < shape->ci; ci++)
      for (int iy = 0; iy < shape->h; iy++)
        for (int ix = 0; ix < shape->w; ix++, dx++) {
          float sum = pull_pixel(dy + (size_t)i * out, w, shape, ci, iy, ix);
          *dx = accumulate ? *dx + sum : sum;
        }
}

static float leaf_weight(const float *dy, const float *x, const ConvShape *shape, int begin, int end, int co, int ci,
                         int ky, int kx) {
  const int oh = conv2d_height(shape), ow = conv2d_width(shape);
  float sum = 0.0f;
  for (int i = begin; i < end; i++) {
    const float *dy_plane = dy + ((size_t)i * shape->co + co) * oh * ow;
    const float *plane = x + ((size_t)i * shape->ci + ci) * shape->h * shape->w;
    for (int oy = 0; oy < oh; oy++)
      for (int ox = 0; ox < ow; ox++)
        sum = fmaf(dy_plane[oy * ow + ox],
                   pixel(plane, shape->h, shape->w, oy * shape->stride + ky - shape->padding,
                         ox * shape->stride + kx - shape->padding),
                   sum);
  }
  return sum + 0.0f;
}

static float leaf_bias(const float *dy, const ConvShape *shape, int begin, int end, int co) {
  const int area = conv2d_height(shape) * conv2d_width(shape);
  float sum = 0.0f;
  for (int i = begin; i < end; i++)
    for (int j = 0; j < area; j++)
      sum += dy[((size_t)i * shape->co + co) * area + j];
  return sum + 0.0f;
}

void conv2d_backward_weights(float *dw, float *db, const float *dy, const float *x, const ConvShape *shape,
                             const int *row, int slices, void *work, int threads) {
  (void)work, (void)threads;
  const int k = shape->kernel;
  for (int e = 0; e < shape->co * shape->ci * k * k + (db ? shape->co : 0); e++) {
    const int bias = e - shape->co * shape->ci * k * k;
    float stack[TREE_DEPTH] = {0};
    int top = 0;
    for (int s = 0; s < slices; s++) {
      stack[top++] = bias >= 0 ? leaf_bias(dy, shape, row[s], row[s + 1], bias)
                               : leaf_weight(dy, x, shape, row[s], row[s + 1], e / (shape->ci * k * k),
                                             e / (k * k) % shape->ci, e / k % k, e % k);
      for (int folds = tree_folds(s, slices, top); folds > 0; folds--, top--)
        stack[top - 2] += stack[top - 1];
    }
    *(bias >= 0 ? &db[bias] : &dw[e]) = stack[0];
  }
}
