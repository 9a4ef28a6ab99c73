// CKA = |Yc' Xc|_F^2 / (|Xc' Xc|_F |Yc' Yc|_F) of all samples and, for every group g of consecutive samples, of all others. With columns centred over all samples, P = X'Y over all, P_g and
// the column sums s_g, t_g over group g, and n' = n - n_g, the centred product of the others is P - P_g - s_g t_g' / n'.
#include "metrics/representation.h"

#include "base/memory.h"
#include "metrics/centre.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

Status centre_columns(double **z, const float *x, int64_t n, int d) {
  double *mean;
  TRY(memory_take((void **)z, (size_t)(n + 1) * (size_t)d, sizeof **z, "a centred representation"));
  mean = *z + n * d;
  for (int64_t i = 0; i < n; i++)
    for (int j = 0; j < d; j++)
      mean[j] += (*z)[i * d + j] = (double)x[i * d + j] - (double)x[j]; // a constant column becomes exactly 0
  for (int64_t i = 0; i < n; i++)
    for (int j = 0; j < d; j++)
      (*z)[i * d + j] -= mean[j] / (double)n;
  return STATUS_OK;
}

// square[0] = |P|_F^2, square[1 + g] = that of the samples outside group g.
static void product_squares(double *square, double *work, const double *a, int da, const double *b, int db, int64_t n,
                            int groups) {
  size_t size = (size_t)da * (size_t)db;
  double *total = work, *part = work + size, *sum = part + (size_t)groups * size;
  memset(work, 0, (size_t)(groups + 1) * size * sizeof *work);
  for (int g = 0; g < groups; g++)
    for (int64_t r = n * g / groups; r < n * (g + 1) / groups; r++)
      for (int i = 0; i < da; i++) {
        double factor = a[r * da + i], *row = part + (size_t)g * size + (size_t)i * (size_t)db;
        for (int j = 0; j < db; j++)
          row[j] += factor * b[r * db + j];
      }
  for (int g = 0; g < groups; g++)
    for (size_t e = 0; e < size; e++)
      total[e] += part[(size_t)g * size + e];
  square[0] = 0;
  for (size_t e = 0; e < size; e++)
    square[0] += total[e] * total[e];
  for (int g = 0; g < groups; g++) {
    int64_t begin = n * g / groups, end = n * (g + 1) / groups;
    memset(sum, 0, (size_t)(da + db) * sizeof *sum);
    for (int64_t r = begin; r < end; r++) {
      for (int i = 0; i < da; i++)
        sum[i] += a[r * da + i];
      for (int j = 0; j < db; j++)
        sum[da + j] += b[r * db + j];
    }
    square[1 + g] = 0;
    for (int i = 0; i < da; i++)
      for (int j = 0; j < db; j++) {
        size_t e = (size_t)i * (size_t)db + (size_t)j;
        double rest = total[e] - part[(size_t)g * size + e] - sum[i] * sum[da + j] / (double)(n - end + begin);
        square[1 + g] += rest * rest;
      }
  }
}

enum { GROUPS_MOST = 32 };

static double ratio(double cross, double own, double other) {
  return own > 0 && other > 0 ? cross / (sqrt(own) * sqrt(other)) : NAN;
}

Status representation_cka_interval(double *cka, Interval *interval, const float *x, int dx, const float *y, int dy,
                                   int64_t n, int groups, double level) {
  REQUIRE(n >= 1 && groups >= 1 && groups <= GROUPS_MOST, "%lld samples in %d groups", (long long)n, groups);
  if (n < 2 * groups)
    groups = 1;
  double *a = NULL, *b = NULL, *work = NULL, square[3][GROUPS_MOST + 1], without[GROUPS_MOST];
  size_t widest = (size_t)(dx > dy ? dx : dy);
  Status status = centre_columns(&a, x, n, dx);
  if (status.code == 0)
    status = centre_columns(&b, y, n, dy);
  if (status.code == 0)
    status = memory_take((void **)&work, (size_t)(groups + 1) * widest * widest + 2 * widest, sizeof *work,
                         "products of representations");
  if (status.code == 0) {
    product_squares(square[0], work, a, dx, b, dy, n, groups);
    product_squares(square[1], work, a, dx, a, dx, n, groups);
    product_squares(square[2], work, b, dy, b, dy, n, groups);
    *cka = ratio(square[0][0], square[1][0], square[2][0]);
    for (int g = 0; g < groups; g++)
      without[g] = ratio(square[0][1 + g], square[1][1 + g], square[2][1 + g]);
    *interval = summary_jackknife(*cka, without, groups < 2 ? 0 : groups, level);
  }
  free(a);
  free(b);
  free(work);
  return status;
}

Status representation_cka(double *cka, const float *x, int dx, const float *y, int dy, int64_t n) {
  Interval none;
  return representation_cka_interval(cka, &none, x, dx, y, dy, n, 1, 0.95);
}
