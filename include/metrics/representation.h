#ifndef METRICS_REPRESENTATION_H
#define METRICS_REPRESENTATION_H
/// What a representation x[n, d] (n samples, d features, row-major) looks like as a cloud of points. For sizes one
/// process holds; everything inside is double.
#include "base/status.h"
#include "metrics/summary.h"

#include <stdint.h>

/// Variance inflation factors: vif[j] = 1 / (1 - R_j^2), R_j^2 of regressing feature j on the others = j-th diagonal
/// element of the inverse of (correlation matrix + ridge I). Features whose values are all equal are dropped and get
/// NaN. vif[d] may be NULL; *mean is the mean over the features kept, NaN if there is none. n >= 2. ridge: 1e-8 keeps
/// collinear features finite, at 1/ridge.
Status representation_vif(double *mean, double *vif, const float *x, int64_t n, int d, double ridge);

/// a'b / max(|a| |b|, 1e-12) of two rows [d]: one chain, in double.
double representation_cosine(const float *a, const float *b, int d);

/// Linear centred kernel alignment of x[n, dx] and y[n, dy]: |Yc' Xc|_F^2 / (|Xc' Xc|_F |Yc' Yc|_F), in [0, 1]
/// (Kornblith et al., ICML 2019); NaN when either is constant.
Status representation_cka(double *cka, const float *x, int dx, const float *y, int dy, int64_t n);

/// The same with the jackknife's interval over `groups` runs of consecutive samples; NaN where the sample is too small for one.
Status representation_cka_interval(double *cka, Interval *interval, const float *x, int dx, const float *y, int dy,
                                   int64_t n, int groups, double level);

/// Three answers to "of which rank is it".
typedef struct Ranks {
  double tolerance; // epsilon * max(rows, columns) * largest singular value
  int numerical;    // singular values above the tolerance
  double effective; // exp of the entropy of s / sum s (Roy and Vetterli, EUSIPCO 2007)
  double stable;    // sum s^2 / max s^2
} Ranks;

/// From singular_values[count] >= 0 in any order of a matrix [rows, columns]. epsilon: rounding unit of what the matrix
/// was computed in (FLT_EPSILON for parameters and activations). A zero matrix has rank 0 in all three.
Ranks representation_ranks(const double *singular_value, int count, int64_t rows, int64_t columns, double epsilon);

#endif
