// With columns col[(ci, ky, kx), (oy, ox)] = x[ci, oy s + ky - p, ox s + kx - p] (0 in the padding) all three are products:
//   y = w col,   dw = dy col',   and for stride 1   dx = w~ col~  with columns col~ of dy and w~[ci, (co, ky, kx)],
// whose chains are those that the header states. Larger strides pull pixel by pixel.
//
// y[co, oy, ox] = sum over (ci, ky, kx) of w[co, ci, ky, kx] x[ci, oy s + ky - p, ox s + kx - p] + b[co], and its
// adjoints.
#include "kernels/conv.h"

#include "kernels/gemm.h"
#include "kernels/tree.h"

#include <math.h>
#include <omp.h>
#include <string.h>

int conv2d_height(const ConvShape *shape) {
  return (shape->h + 2 * shape->padding - shape->kernel) / shape->stride + 1;
}

int conv2d_width(const ConvShape *shape) { return (shape->w + 2 * shape->padding - shape->kernel) / shape->stride + 1; }

static size_t taps(const ConvShape *shape) { return (size_t)shape->ci * shape->kernel * shape->kernel; }
static size_t positions(const ConvShape *shape) { return (size_t)conv2d_height(shape) * conv2d_width(shape); }
static size_t rounded(size_t floats) { return (floats + 15) / 16 * 16; }

// Columns of one image, forward or (stride 1) of dy for the pull-back, whichever is larger.
static size_t column_floats(const ConvShape *shape) {
  size_t forward = taps(shape) * positions(shape);
  size_t back = (size_t)shape->co * shape->kernel * shape->kernel * shape->h * shape->w;
  return rounded(forward > back ? forward : back);
}

size_t conv2d_work(const ConvShape *shape, int threads) {
  size_t weights = rounded(shape->co * taps(shape) + (size_t)shape->co);
  return sizeof(float) * ((size_t)threads * column_floats(shape) + (TREE_DEPTH + 1) * weights);
}

// A row of `width` values x[at], x[at + stride], … of a line of `length`, 0 outside.
static void gather_row(float *to, const float *line, int length, int at, int stride, int width) {
  if (stride != 1) {
    for (int j = 0; j < width; j++, at += stride)
      to[j] = at < 0 || at >= length ? 0.0f : line[at];
    return;
  }
  int before = at < 0 ? -at : 0, inside = at + width < length ? width : length - at;
  before = before < width ? before : width;
  inside = inside > before ? inside : before;
  memset(to, 0, (size_t)before * sizeof *to);
  if (inside > before)
    memcpy(to + before, line + at + before, (size_t)(inside - before) * sizeof *to);
  memset(to + inside, 0, (size_t)(width - inside) * sizeof *to);
}

// col[(c, ky, kx), (oy, ox)] = x[c, oy s + ky - p, ox s + kx - p]; flip: ky, kx counted from the other end.
static void columns(float *col, const float *x, int channels, int h, int w, int k, int s, int p, int oh, int ow,
                    bool flip) {
  for (int c = 0; c < channels; c++)
    for (int ky = 0; ky < k; ky++)
      for (int kx = 0; kx < k; kx++)
        for (int oy = 0; oy < oh; oy++, col += ow) {
          int y = oy * s + (flip ? k - 1 - ky : ky) - p;
          if (y < 0 || y >= h)
            memset(col, 0, (size_t)ow * sizeof *col);
          else
            gather_row(col, x + ((size_t)c * h + y) * w, w, (flip ? k - 1 - kx : kx) - p, s, ow);
        }
}

static void input_columns(float *col, const float *x, const ConvShape *shape) {
  columns(col, x, shape->ci, shape->h, shape->w, shape->kernel, shape->stride, shape->padding, conv2d_height(shape),
          conv2d_width(shape), false);
}

void conv2d_forward(float *y, const float *x, const float *w, const float *b, const ConvShape *shape, int n, void *work,
                    int threads) {
  const int e = (int)taps(shape), area = (int)positions(shape);
  const size_t in = (size_t)shape->ci * shape->h * shape->w, out = (size_t)shape->co * area;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int i = 0; i < n; i++) {
    float *col = (float *)work + (size_t)omp_get_thread_num() * column_floats(shape), *yi = y + (size_t)i * out;
    input_columns(col, x + (size_t)i * in, shape);
    gemm_nn(yi, area, w, e, col, area, shape->co, area, e, false, 1);
    for (int co = 0; b && co < shape->co; co++)
      for (int j = 0; j < area; j++)
        yi[(size_t)co * area + j] += b[co];
  }
}

static float pixel(const float *plane, int h, int w, int y, int x) {
  return y < 0 || y >= h || x < 0 || x >= w ? 0.0f : plane[(size_t)y * w + x];
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

static void pull_image(float *dx, const float *dy, const float *w, const ConvShape *shape, bool accumulate) {
  for (int ci = 0; ci < shape->ci; ci++)
    for (int iy = 0; iy < shape->h; iy++)
      for (int ix = 0; ix < shape->w; ix++, dx++) {
        float sum = pull_pixel(dy, w, shape, ci, iy, ix);
        *dx = accumulate ? *dx + sum : sum;
      }
}

void conv2d_backward_input(float *dx, const float *dy, const float *w, const ConvShape *shape, int n, bool accumulate,
                           void *work, int threads) {
  const int k = shape->kernel, e = shape->co * k * k, area = shape->h * shape->w;
  const size_t in = (size_t)shape->ci * area, out = (size_t)shape->co * positions(shape);
  float *turned = (float *)work + (size_t)threads * column_floats(shape); // w~ [ci, (co, ky, kx)]
  for (int co = 0; co < shape->co; co++)
    for (int ci = 0; ci < shape->ci; ci++)
      memcpy(turned + (size_t)ci * e + (size_t)co * k * k, w + ((size_t)co * shape->ci + ci) * k * k,
             (size_t)k * k * sizeof *w);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int i = 0; i < n; i++) {
    float *col = (float *)work + (size_t)omp_get_thread_num() * column_floats(shape), *dxi = dx + (size_t)i * in;
    if (shape->stride != 1 || accumulate) { // a finished chain is added, which a product cannot do in place
      pull_image(dxi, dy + (size_t)i * out, w, shape, accumulate);
      continue;
    }
    // dx[iy] takes tap ky from dy[iy + p - ky]: the flipped tap k-1-ky of a padding of k-1-p.
    columns(col, dy + (size_t)i * out, shape->co, conv2d_height(shape), conv2d_width(shape), k, 1,
            k - 1 - shape->padding, shape->h, shape->w, true);
    gemm_nn(dxi, area, turned, e, col, area, shape->ci, area, e, false, 1);
  }
}

// Leaves of all weights of one slice: chains over the slice's images and positions, continued from image to image.
static void leaf(float *dw, float *db, const float *dy, const float *x, const ConvShape *shape, int begin, int end,
                 float *col, int threads) {
  const int e = (int)taps(shape), area = (int)positions(shape);
  memset(dw, 0, (size_t)shape->co * e * sizeof *dw);
  memset(db, 0, (size_t)shape->co * sizeof *db);
  for (int i = begin; i < end; i++) {
    const float *dyi = dy + (size_t)i * shape->co * area;
    input_columns(col, x + (size_t)i * shape->ci * shape->h * shape->w, shape);
    gemm_nt(dw, e, dyi, area, col, area, shape->co, e, area, true, threads);
    for (int co = 0; co < shape->co; co++)
      for (int j = 0; j < area; j++)
        db[co] += dyi[(size_t)co * area + j];
  }
  for (int j = 0; j < shape->co * e; j++)
    dw[j] += 0.0f;
  for (int j = 0; j < shape->co; j++)
    db[j] += 0.0f;
}

void conv2d_backward_weights(float *dw, float *db, const float *dy, const float *x, const ConvShape *shape,
                             const int *row, int slices, void *work, int threads) {
  const size_t weights = shape->co * taps(shape), all = rounded(weights + (size_t)shape->co);
  float *stack = (float *)work + (size_t)threads * column_floats(shape);
  int top = 0;
  for (int s = 0; s < slices; s++, top++) {
    float *here = stack + (size_t)top * all;
    leaf(here, here + weights, dy, x, shape, row[s], row[s + 1], work, threads);
    for (int folds = tree_folds(s, slices, top + 1); folds > 0; folds--, top--, here -= all)
      for (size_t j = 0; j < weights + (size_t)shape->co; j++)
        here[j - all] += here[j];
  }
  if (slices == 0)
    memset(stack, 0, all * sizeof *stack);
  memcpy(dw, stack, weights * sizeof *dw);
  if (db)
    memcpy(db, stack + weights, (size_t)shape->co * sizeof *db);
}
