#ifndef KERNELS_CONV_H
#define KERNELS_CONV_H
/// Convolution (correlation, as in PyTorch) and max pooling of images x [n, ci, h, w] with weights w [co, ci, kernel, kernel],
/// zero padding on all four sides. Every element is one chain of fused multiply-adds from +0 in a stated order, so its bits
/// depend neither on the other images, nor on threads, nor on the vector width. A position in the padding counts as a factor
/// +0 and takes its turn in the chain like any other; it is not skipped.
/// `work` is scratch of conv2d_work() bytes, 64-byte aligned, contents arbitrary; nothing is allocated. No aliasing.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ConvShape {
  int ci, h, w;                      // channels, height and width of one input image
  int co, kernel, stride, padding;   // stride >= 1, padding >= 0, kernel <= h + 2 padding and w + 2 padding
} ConvShape;

/// Height and width of an output image: floor((h + 2 padding - kernel) / stride) + 1.
int conv2d_height(const ConvShape *shape);
int conv2d_width(const ConvShape *shape);

/// Bytes of scratch that any of the three functions below needs, whatever the number of images and slices.
size_t conv2d_work(const ConvShape *shape, int threads);

/// y[n, co, oh, ow] = (chain over (ci, ky, kx) of w x) + b[co]; b NULL: nothing is added.
void conv2d_forward(float *y, const float *x, const float *w, const float *b, const ConvShape *shape, int n, void *work,
                    int threads);

/// dx[n, ci, h, w] = chain over (co, ky, kx) of w dy, over the taps whose stride meets the pixel; an output position outside
/// of dy counts as +0. accumulate: the finished chain is added to dx.
void conv2d_backward_input(float *dx, const float *dy, const float *w, const ConvShape *shape, int n, bool accumulate,
                           void *work, int threads);

/// dw[co, ci, kernel, kernel] and db[co] (NULL: not wanted) are sums over the slices as base/slices.h says, slice i being
/// images [row[i], row[i+1]); the slices are those of ONE node of the tree. Leaf: chain over (image, oy, ox) of dy x for dw, of
/// dy (plain additions) for db.
void conv2d_backward_weights(float *dw, float *db, const float *dy, const float *x, const ConvShape *shape, const int *row,
                             int slices, void *work, int threads);

/// y[n, channels, oh, ow] = maximum over kernel x kernel windows `stride` apart, no padding, oh = floor((h - kernel) / stride) + 1;
/// argmax: its index in the plane [h, w], the first of equals; a NaN wins.
void max_pool_forward(float *y, int32_t *argmax, const float *x, int channels, int h, int w, int kernel, int stride, int n,
                      int threads);

/// dx[n, channels, h, w] = sum of dy over the windows that chose the pixel, in order from +0. accumulate: added to dx, one by one.
void max_pool_backward(float *dx, const float *dy, const int32_t *argmax, int channels, int h, int w, int kernel, int stride,
                       int n, bool accumulate, int threads);

#endif
