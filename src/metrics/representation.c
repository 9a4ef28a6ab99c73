/// Correlation matrix R = Z' Z of the centred columns scaled to length 1; with R + ridge I = L L' (Cholesky),
/// VIF_j = ((L L')^-1)_jj = |L^-1 e_j|^2.
/// Products are accumulated row by row of the samples, the inner loop running over features.
#include "metrics/representation.h"

#include "base/memory.h"
#include "metrics/centre.h"

#include <math.h>
#include <stdlib.h>

/// product[da, db] += a[n, da]' b[n, db].
static void product_add(double *restrict product, const double *a, int da, const double *restrict b, int db,
                        int64_t n) {
  for (int64_t row = 0; row < n; row++)
    for (int i = 0; i < da; i++) {
      double factor = a[row * da + i];
      for (int j = 0; j < db; j++)
        product[(int64_t)i * db + j] += factor * b[row * db + j];
    }
}

/// Lower factor of the symmetric positive definite a[d, d] in place; a pivot is never let below `least`.
static void cholesky(double *a, int d, double least) {
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++) {
      double sum = a[(int64_t)i * d + j];
      for (int k = 0; k < j; k++)
        sum -= a[(int64_t)i * d + k] * a[(int64_t)j * d + k];
      a[(int64_t)i * d + j] = i == j ? sqrt(fmax(sum, least)) : sum / a[(int64_t)j * d + j];
    }
}

/// |L^-1 e_j|^2 with the forward substitution's column in column[d].
static double inverse_diagonal(const double *lower, double *column, int d, int j) {
  double square = 0;
  for (int i = j; i < d; i++) {
    double sum = i == j ? 1 : 0;
    for (int k = j; k < i; k++)
      sum -= lower[(int64_t)i * d + k] * column[k];
    column[i] = sum / lower[(int64_t)i * d + i];
    square += column[i] * column[i];
  }
  return square;
}

/// Packs the columns of z[n, d] that vary into z[n, kept], each of length 1; index[kept] tells which they were.
static int keep_varying(double *z, int *index, double *column, int64_t n, int d) {
  int kept = 0;
  for (int j = 0; j < d; j++) {
    double square = 0;
    for (int64_t i = 0; i < n; i++)
      square += z[i * d + j] * z[i * d + j];
    if (square == 0)
      continue;
    column[kept] = sqrt(square);
    index[kept++] = j;
  }
  for (int64_t i = 0; i < n; i++) // ascending targets never overtake their sources
    for (int k = 0; k < kept; k++)
      z[i * kept + k] = z[i * d + index[k]] / column[k];
  return kept;
}

static void vif_of_scaled(double *mean, double *vif, double *correlation, double *column, const double *z,
                          const int *index, int64_t n, int d, int kept, double ridge) {
  product_add(correlation, z, kept, z, kept, n);
  for (int k = 0; k < kept; k++)
    correlation[(int64_t)k * kept + k] += ridge;
  cholesky(correlation, kept, fmax(ridge, 1e-15) / 2);
  double sum = 0;
  for (int j = 0; vif && j < d; j++)
    vif[j] = NAN;
  for (int k = 0; k < kept; k++) {
    double value = inverse_diagonal(correlation, column, kept, k);
    sum += value;
    if (vif)
      vif[index[k]] = value;
  }
  *mean = kept ? sum / kept : NAN;
}

Status representation_vif(double *mean, double *vif, const float *x, int64_t n, int d, double ridge) {
  REQUIRE(n >= 2 && d >= 1 && ridge >= 0, "%lld samples, %d features, ridge %g", (long long)n, d, ridge);
  double *z = NULL;
  void *correlation = NULL, *column = NULL, *index = NULL;
  TRY(centre_columns(&z, x, n, d));
  Status status = memory_take(&correlation, (size_t)d * (size_t)d, sizeof(double), "a correlation matrix");
  if (status.code == 0)
    status = memory_take(&column, (size_t)d, sizeof(double), "a column");
  if (status.code == 0)
    status = memory_take(&index, (size_t)d, sizeof(int), "kept features");
  if (status.code == 0) {
    int kept = keep_varying(z, index, column, n, d);
    vif_of_scaled(mean, vif, correlation, column, z, index, n, d, kept, ridge);
  }
  free(z);
  free(correlation);
  free(column);
  free(index);
  return status;
}

Ranks representation_ranks(const double *singular_value, int count, int64_t rows, int64_t columns, double epsilon) {
  double most = 0, sum = 0, squares = 0, entropy = 0;
  for (int i = 0; i < count; i++) {
    most = fmax(most, singular_value[i]);
    sum += singular_value[i];
  }
  Ranks ranks = {.tolerance = epsilon * (double)(rows > columns ? rows : columns) * most};
  if (most == 0)
    return ranks;
  for (int i = 0; i < count; i++) {
    double part = singular_value[i] / sum, relative = singular_value[i] / most;
    ranks.numerical += singular_value[i] > ranks.tolerance;
    squares += relative * relative;
    entropy -= part > 0 ? part * log(part) : 0;
  }
  ranks.effective = exp(entropy);
  ranks.stable = squares;
  return ranks;
}

double representation_cosine(const float *a, const float *b, int d) {
  double ab = 0, aa = 0, bb = 0;
  for (int k = 0; k < d; k++) {
    ab += (double)a[k] * (double)b[k];
    aa += (double)a[k] * (double)a[k];
    bb += (double)b[k] * (double)b[k];
  }
  return ab / fmax(sqrt(aa * bb), 1e-12);
}
