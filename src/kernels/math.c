// Elementary functions and elementwise passes.
#include "kernels/math.h"

#include "kernels/tree.h"

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

static float relu(float x) { return x <= 0 ? 0.0f : x; }

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
FORWARD(floats_relu, relu)

#define BACKWARD(name, slope)                                                                                          \
  void name(float *dx, const float *dy, const float *y, size_t n, bool accumulate) {                                   \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      float d = slope;                                                                                                 \
      dx[i] = accumulate ? dx[i] + d : d;                                                                              \
    }                                                                                                                  \
  }

BACKWARD(tanh_backward, dy[i] * fmaf(-y[i], y[i], 1.0f))
BACKWARD(sigmoid_backward, dy[i] * (y[i] * (1.0f - y[i])))
BACKWARD(relu_backward, y[i] > 0 ? dy[i] : 0.0f)
BACKWARD(softplus_backward, dy[i] * float_sigmoid(y[i]))
BACKWARD(gelu_backward, dy[i] * gelu_slope(y[i]))

void bias_add(float *y, const float *b, int rows, int n) {
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < n; j++)
      y[(size_t)r * n + j] += b[j];
}

void bias_relu(float *y, const float *b, int rows, int n) {
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < n; j++)
      y[(size_t)r * n + j] = relu(y[(size_t)r * n + j] + b[j]);
}

void sum_rows_slices(float *db, const float *dy, int n, const int *row, int slices) {
  for (int j = 0; j < n; j++) {
    float stack[TREE_DEPTH] = {0};
    int top = 0;
    for (int s = 0; s < slices; s++) {
      float sum = 0.0f;
      for (int r = row[s]; r < row[s + 1]; r++)
        sum += dy[(size_t)r * n + j];
      stack[top++] = sum + 0.0f;
      for (int folds = tree_folds(s, slices, top); folds > 0; folds--, top--)
        stack[top - 2] += stack[top - 1];
    }
    db[j] = stack[0];
  }
}

void floats_copy(float *y, const float *x, size_t n) { memmove(y, x, n * sizeof *y); }

void floats_scale(float *y, float a, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    y[i] = a * x[i];
}

void floats_add(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    y[i] += x[i];
}

void floats_axpy(float *y, float a, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    y[i] = fmaf(a, x[i], y[i]);
}

void floats_multiply(float *y, const float *x1, const float *x2, size_t n, bool accumulate) {
  for (size_t i = 0; i < n; i++)
    y[i] = accumulate ? fmaf(x1[i], x2[i], y[i]) : x1[i] * x2[i];
}
