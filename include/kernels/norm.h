#ifndef KERNELS_NORM_H
#define KERNELS_NORM_H
/// Batch norm over planes: x[channels, positions] of one image, with the ReLU behind it on request. Sums within a plane are
/// eight interleaved chains of additions in double (element i to chain i % 8), then their sum: the order depends on positions
/// alone. Everything else is a chain of IEEE operations per element.
#include <stdbool.h>

/// Numbers of the channels, as arrays of one number a channel; shift and slope are for norm_backward only.
typedef struct Norm {
  const float *mean, *factor, *b, *shift, *slope;
  int positions;
  bool relu;
} Norm;

/// sum[c] += sum of x.
void norm_sums(double *sum, const float *x, int channels, int positions);

/// sum[c] += sum of (x - mean[c])^2.
void norm_squares(double *sum, const float *x, const float *mean, int channels, int positions);

/// y = h = (x - mean) factor + b, or max(h, 0) with relu. x and y hold channels [channel, channel + channels).
void norm_forward(float *y, const float *x, const Norm *norm, int channel, int channels);

/// sum[c] += sum of g, product[c] += sum of g (x - mean), where g = dy, with relu: 0 unless h > 0. All four hold channels
/// [channel, channel + channels).
void norm_moments(double *sum, double *product, const float *dy, const float *x, const Norm *norm, int channel,
                  int channels);

/// dx (+)= factor (g - shift - (x - mean) slope) with g as above. dx may be dy.
void norm_backward(float *dx, const float *dy, const float *x, const Norm *norm, int channel, int channels,
                   bool accumulate);

#endif
