// Batch norm over planes: each function goes to the instruction set in use (norm_body.h).
#include "kernels/norm.h"

#include "kernels/passes.h"

void norm_sums(double *sum, const float *x, int channels, int positions) {
  passes()->norm_sums(sum, x, channels, positions);
}

void norm_squares(double *sum, const float *x, const float *mean, int channels, int positions) {
  passes()->norm_squares(sum, x, mean, channels, positions);
}

void norm_forward(float *y, const float *x, const Norm *norm, int channel, int channels) {
  passes()->norm_forward(y, x, norm, channel, channels);
}

void norm_moments(double *sum, double *product, const float *dy, const float *x, const Norm *norm, int channel,
                  int channels) {
  passes()->norm_moments(sum, product, dy, x, norm, channel, channels);
}

void norm_backward(float *dx, const float *dy, const float *x, const Norm *norm, int channel, int channels,
                   bool accumulate) {
  passes()->norm_backward(dx, dy, x, norm, channel, channels, accumulate);
}
