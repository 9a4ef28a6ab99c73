#ifndef KERNELS_MATH_H
#define KERNELS_MATH_H
/// Elementary functions and elementwise passes over float arrays. No libm: the bits are the same on every machine and
/// vector width. Errors are at most 3 ulp of the result against the exact value (results below 2^-126 may lose more;
/// the slope of GELU, which has a zero, of its larger term).
/// y may be the same array as x, dx the same as dy; otherwise no aliasing. NaN in, NaN out.
#include <stdbool.h>
#include <stddef.h>

/// One value, the same bits as the array forms below.
float float_exp(float x);
float float_log(float x); // -inf at 0, NaN below
float float_tanh(float x);
float float_sigmoid(float x);
float float_softplus(float x); // log(1 + exp(x))
float float_erf(float x);

/// y[i] = f(x[i]), i < n.
void floats_exp(float *y, const float *x, size_t n);
void floats_log(float *y, const float *x, size_t n);
void floats_tanh(float *y, const float *x, size_t n);
void floats_sigmoid(float *y, const float *x, size_t n);
void floats_softplus(float *y, const float *x, size_t n);
void floats_erf(float *y, const float *x, size_t n);
void floats_gelu(float *y, const float *x, size_t n); // x Phi(x), Phi the normal distribution function
void floats_relu(float *y, const float *x, size_t n); // +0 for x <= 0

/// dx[i] = dy[i] f'(x[i]) (accumulate: added), in terms of y = f(x) where the name says y, of x otherwise.
void tanh_backward(float *dx, const float *dy, const float *y, size_t n, bool accumulate);     // 1 - y^2
void sigmoid_backward(float *dx, const float *dy, const float *y, size_t n, bool accumulate);  // y (1 - y)
void relu_backward(float *dx, const float *dy, const float *y, size_t n, bool accumulate);     // y > 0 ? dy : +0
void softplus_backward(float *dx, const float *dy, const float *x, size_t n, bool accumulate); // sigmoid(x)
void gelu_backward(float *dx, const float *dy, const float *x, size_t n, bool accumulate);     // Phi(x) + x phi(x)

/// y[rows, n] = y + b[n]; with ReLU: +0 where that is <= 0.
void bias_add(float *y, const float *b, int rows, int n);
void bias_relu(float *y, const float *b, int rows, int n);

/// db[n] = sum over rows of dy[rows, n] as base/slices.h says: leaf i = chain of additions over rows [row[i], row[i+1]).
/// The slices are those of one node of the tree.
void sum_rows_slices(float *db, const float *dy, int n, const int *row, int slices);

/// Plain passes: y = x, y = a x, y += x, y = fma(a, x, y), y = x1 x2 (accumulate: fma(x1, x2, y)).
void floats_copy(float *y, const float *x, size_t n);
void floats_scale(float *y, float a, const float *x, size_t n);
void floats_add(float *y, const float *x, size_t n);
void floats_axpy(float *y, float a, const float *x, size_t n);
void floats_multiply(float *y, const float *x1, const float *x2, size_t n, bool accumulate);

/// y[columns, rows] = the transpose of x[rows, columns], whose rows are `ld` floats apart.
void floats_turn(float *y, const float *x, int rows, int columns, size_t ld);

#endif
