#ifndef SPECTRAL_DENSE_H
#define SPECTRAL_DENSE_H
/// Small matrices on one rank, by LAPACK. All Local; matrices are row-major doubles. EXIT_INTERNAL when an entry is not finite, when memory is gone,
/// or when the iteration does not converge.
#include "base/status.h"

#include <stdint.h>

/// s[min(rows, columns)], descending, of a[rows, columns], which is destroyed. Either dimension may be 0.
Status dense_singular_values(double *s, double *a, int64_t rows, int64_t columns);

/// a = u diag(s) vt with k = min(rows, columns): u[rows, k], vt[k, columns]. a is destroyed.
Status dense_svd(double *s, double *u, double *vt, double *a, int64_t rows, int64_t columns);

/// a = sum over k of value[k] v_k v_k' for symmetric a[n, n]: value[n] ascending, v_k is row k of vector[n, n] (NULL: values only). a is not changed.
Status dense_symmetric(double *value, double *vector, const double *a, int n);

/// Solves a x = b for symmetric positive definite a[n, n] and b[n, m], in place of b; a is destroyed. EXIT_INTERNAL when a is not positive definite.
Status dense_solve(double *a, double *b, int n, int m);

#endif
