#ifndef KERNELS_POOL_PAIRS_H
#define KERNELS_POOL_PAIRS_H
/// Max pooling of one plane [h, w] by windows of 2 x 2 side by side, as kernels/conv.h says, for AVX-512: lanes that a row lacks
/// are masked, so that short rows cost no more than their share.
#include <stdint.h>

void pool_pairs_forward(float *y, int32_t *argmax, const float *x, int h, int w);

/// Writes all of dx.
void pool_pairs_backward(float *dx, const float *dy, const int32_t *argmax, int h, int w);

#endif
