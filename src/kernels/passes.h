#ifndef KERNELS_PASSES_H
#define KERNELS_PASSES_H
/// Passes over arrays, made once per instruction set from passes_body.h. They are chains of IEEE operations and fmaf() per
/// element, so that all sets agree bit for bit; what they mean stands in kernels/math.h, kernels/norm.h and
/// kernels/optimizer.h.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/norm.h"

enum { BAG_STRIPE = 64 };

/// lr and root hold the corrections of the first steps, rest1 = 1 - beta1, rest2 = 1 - beta2.
typedef struct AdamPass {
  float beta1, beta2, rest1, rest2, scale, epsilon, lr, root, shrink, decay;
} AdamPass;

typedef struct SgdPass {
  float lr, momentum, decay, scale;
} SgdPass;

typedef void Map(float *y, const float *x, size_t n);
typedef void Slope(float *dx, const float *dy, const float *y, size_t n, bool accumulate);
typedef void Bias(float *y, const float *b, int rows, int n);

typedef struct Passes {
  Map *exp, *log, *tanh, *sigmoid, *softplus, *erf, *gelu, *relu;
  Map *add, *positive; // y += x; y = x, but +0 for -0
  Slope *tanh_backward, *sigmoid_backward, *relu_backward, *softplus_backward, *gelu_backward;
  Bias *bias_add, *bias_relu;
  void (*sum_rows)(float *db, const float *dy, int n, const int *row, int slices);
  /// y[r ld ..] = chain from +0 of table[index[l] step ..] over l from offset[r] to offset[r + 1], + b unless NULL; the first
  /// index is that of offset[0]; columns <= BAG_STRIPE.
  void (*bag_rows)(float *y, int ld, const float *table, size_t step, const float *b, const int64_t *offset,
                   const int32_t *index, int rows, int columns);
  void (*scale)(float *y, float a, const float *x, size_t n);
  void (*axpy)(float *y, float a, const float *x, size_t n);
  void (*multiply)(float *y, const float *x1, const float *x2, size_t n, bool accumulate);
  void (*sgd)(float *p, float *v, const float *g, size_t n, const SgdPass *rule);
  void (*adam)(float *p, float *m, float *v, const float *g, size_t n, const AdamPass *rule);
  void (*square_sums)(double *sum, const float *g, size_t n);
  void (*norm_sums)(double *sum, const float *x, int channels, int positions);
  void (*norm_squares)(double *sum, const float *x, const float *mean, int channels, int positions);
  void (*norm_forward)(float *y, const float *x, const Norm *norm, int channel, int channels);
  void (*norm_moments)(double *sum, double *product, const float *dy, const float *x, const Norm *norm, int channel,
                       int channels);
  void (*norm_backward)(float *dx, const float *dy, const float *x, const Norm *norm, int channel, int channels,
                        bool accumulate);
} Passes;

extern const Passes passes_avx512, passes_avx2, passes_portable;

/// Those of the instruction set that the tiles use.
const Passes *passes(void);

#endif
