// Elementary functions and elementwise passes.
#include "kernels/math.h"

#include "kernels/passes.h"

#include <math.h>
#include <string.h>

float float_exp(float x) { return (float)exp(x); }
float float_log(float x) { return (float)log(x); }
float float_tanh(float x) { return (float)tanh(x); }
float float_sigmoid(float x) { return (float)(1 / (1 + exp(-(double)x))); }
float float_softplus(float x) { return (float)(x > 0 ? x + log1p(exp(-(double)x)) : log1p(exp((double)x))); }
float float_erf(float x) { return (float)erf(x); }

static float gelu(float x) { return (float)(0.5 * x * (1 + erf(x * M_SQRT1_2))); }

static float gelu_slope(float x) {
  return (float)(0.5 * (1 + erf(x * M_SQRT1_2)) + x * exp(-0.5 * x * x) * 0.3989422804014327);
}

#define FORWARD(name, function)                                                                                        \
  void name(float *y, const float *x, size_t n) {                                                                      \
    for (size_t i = 0; i < n; i++)                                                                                     \
      y[i] = function(x[i]);                                                                                           \
  }

FORWARD(floats_exp, float_exp)
FORWARD(floats_log, float_log)
FORWARD(floats_tanh, float_tanh)
FORWARD(floats_sigmoid, float_sigmoid)
FORWARD(floats_softplus, float_softplus)
FORWARD(floats_erf, float_erf)
FORWARD(floats_gelu, gelu)

#define BACKWARD(name, slope)                                                                                          \
  void name(float *dx, const float *dy, const float *y, size_t n, bool accumulate) {                                   \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      float d = slope;                                                                                                 \
      dx[i] = accumulate ? dx[i] + d : d;                                                                              \
    }                                                                                                                  \
  }

BACKWARD(softplus_backward, dy[i] * float_sigmoid(y[i]))
BACKWARD(gelu_backward, dy[i] * gelu_slope(y[i]))

void floats_relu(float *y, const float *x, size_t n) { passes()->relu(y, x, n); }

void tanh_backward(float *dx, const float *dy, const float *y, size_t n, bool accumulate) {
  passes()->tanh_backward(dx, dy, y, n, accumulate);
}

void sigmoid_backward(float *dx, const float *dy, const float *y, size_t n, bool accumulate) {
  passes()->sigmoid_backward(dx, dy, y, n, accumulate);
}

void relu_backward(float *dx, const float *dy, const float *y, size_t n, bool accumulate) {
  passes()->relu_backward(dx, dy, y, n, accumulate);
}

void bias_add(float *y, const float *b, int rows, int n) { passes()->bias_add(y, b, rows, n); }

void bias_relu(float *y, const float *b, int rows, int n) { passes()->bias_relu(y, b, rows, n); }

void sum_rows_slices(float *db, const float *dy, int n, const int *row, int slices) {
  passes()->sum_rows(db, dy, n, row, slices);
}

void floats_copy(float *y, const float *x, size_t n) { memmove(y, x, n * sizeof *y); }

void floats_scale(float *y, float a, const float *x, size_t n) { passes()->scale(y, a, x, n); }

void floats_add(float *y, const float *x, size_t n) { passes()->add(y, x, n); }

void floats_axpy(float *y, float a, const float *x, size_t n) { passes()->axpy(y, a, x, n); }

void floats_multiply(float *y, const float *x1, const float *x2, size_t n, bool accumulate) {
  passes()->multiply(y, x1, x2, n, accumulate);
}
