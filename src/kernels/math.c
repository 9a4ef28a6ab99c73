// Elementary functions and elementwise passes: each goes to the instruction set in use (elementary.h, passes_body.h).
#include "kernels/math.h"

#include "kernels/passes.h"

#include <string.h>

static float one(Map *map, float x) {
  float y;
  map(&y, &x, 1);
  return y;
}

float float_exp(float x) { return one(passes()->exp, x); }
float float_log(float x) { return one(passes()->log, x); }
float float_tanh(float x) { return one(passes()->tanh, x); }
float float_sigmoid(float x) { return one(passes()->sigmoid, x); }
float float_softplus(float x) { return one(passes()->softplus, x); }
float float_erf(float x) { return one(passes()->erf, x); }

void floats_exp(float *y, const float *x, size_t n) { passes()->exp(y, x, n); }
void floats_log(float *y, const float *x, size_t n) { passes()->log(y, x, n); }
void floats_tanh(float *y, const float *x, size_t n) { passes()->tanh(y, x, n); }
void floats_sigmoid(float *y, const float *x, size_t n) { passes()->sigmoid(y, x, n); }
void floats_softplus(float *y, const float *x, size_t n) { passes()->softplus(y, x, n); }
void floats_erf(float *y, const float *x, size_t n) { passes()->erf(y, x, n); }
void floats_gelu(float *y, const float *x, size_t n) { passes()->gelu(y, x, n); }
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

void softplus_backward(float *dx, const float *dy, const float *x, size_t n, bool accumulate) {
  passes()->softplus_backward(dx, dy, x, n, accumulate);
}

void gelu_backward(float *dx, const float *dy, const float *x, size_t n, bool accumulate) {
  passes()->gelu_backward(dx, dy, x, n, accumulate);
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

void floats_turn(float *y, const float *x, int rows, int columns, size_t ld) {
  enum { TILE = 16 }; // a cache line of floats either way
  for (int i = 0; i < rows; i += TILE)
    for (int j = 0; j < columns; j += TILE)
      for (int k = j; k < columns && k < j + TILE; k++)
        for (int l = i; l < rows && l < i + TILE; l++)
          y[(size_t)k * (size_t)rows + (size_t)l] = x[(size_t)l * ld + (size_t)k];
}
