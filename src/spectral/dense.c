// LAPACK reads columns: our a[rows, columns] is its A' (columns x rows), and with A' = X S Y' we have A = Y S X', where X by columns is our vt
// by rows, and Y' by columns is our u by rows. Divide and conquer: Gu and Eisenstat, SIAM J. Matrix Anal. Appl. 16, 1995 (dgesdd, dsyevd).
#include "spectral/dense.h"

#include "base/memory.h"
#include "spectral/fortran.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static Status check_finite(const double *a, int64_t count) {
  for (int64_t k = 0; k < count; k++)
    if (!isfinite(a[k]))
      return status_error(EXIT_INTERNAL,
                          "a matrix to decompose has an entry that is not a number; has training diverged?");
  return STATUS_OK;
}

static Status decompose(double *s, double *u, double *vt, double *a, int m, int n, double *work, int lwork,
                        int *iwork) {
  int info = 0, k = m < n ? m : n;
  dgesdd_(u ? "S" : "N", &m, &n, a, &m, s, u, &m, vt, &k, work, &lwork, iwork, &info, 1);
  return info == 0
             ? STATUS_OK
             : status_error(EXIT_INTERNAL, "singular values of a %d x %d matrix: dgesdd gives up (%d)", n, m, info);
}

// Column-major m x n.
static Status svd(double *s, double *u, double *vt, double *a, int m, int n) {
  double *work = NULL, best = 0;
  int *iwork = NULL, k = m < n ? m : n;
  if (k == 0)
    return STATUS_OK;
  TRY(check_finite(a, (int64_t)m * n));
  TRY(memory_take((void **)&iwork, 8 * (size_t)k, sizeof *iwork, "a decomposition"));
  Status status = decompose(s, u, vt, a, m, n, &best, -1, iwork);
  if (status.code == 0)
    status = memory_take((void **)&work, (size_t)best + 1, sizeof *work, "a decomposition");
  if (status.code == 0)
    status = decompose(s, u, vt, a, m, n, work, (int)best + 1, iwork);
  free(iwork);
  free(work);
  return status;
}

Status dense_singular_values(double *s, double *a, int64_t rows, int64_t columns) {
  return svd(s, NULL, NULL, a, (int)columns, (int)rows);
}

Status dense_svd(double *s, double *u, double *vt, double *a, int64_t rows, int64_t columns) {
  return svd(s, vt, u, a, (int)columns, (int)rows);
}

Status dense_symmetric(double *value, double *vector, const double *a, int n) {
  double *copy = vector, *work = NULL, best = 0;
  int *iwork = NULL, info = 0, many = -1, few = 0;
  if (n == 0)
    return STATUS_OK;
  TRY(check_finite(a, (int64_t)n * n));
  if (!vector)
    TRY(memory_take((void **)&copy, (size_t)n * (size_t)n, sizeof *copy, "a decomposition"));
  memcpy(copy, a, (size_t)n * (size_t)n * sizeof *a);
  dsyevd_(vector ? "V" : "N", "U", &n, copy, &n, value, &best, &many, &few, &many, &info, 1, 1);
  many = (int)best + 1;
  Status status = memory_take((void **)&work, (size_t)many, sizeof *work, "a decomposition");
  if (status.code == 0)
    status = memory_take((void **)&iwork, (size_t)few + 1, sizeof *iwork, "a decomposition");
  if (status.code == 0) {
    dsyevd_(vector ? "V" : "N", "U", &n, copy, &n, value, work, &many, iwork, &few, &info, 1, 1);
    if (info != 0)
      status = status_error(EXIT_INTERNAL, "eigenvalues of a %d x %d matrix: dsyevd gives up (%d)", n, n, info);
  }
  if (!vector)
    free(copy);
  free(work);
  free(iwork);
  return status;
}

Status dense_solve(double *a, double *b, int n, int m) {
  int info = 0;
  double *columns;
  if (n == 0 || m == 0)
    return STATUS_OK;
  TRY(check_finite(a, (int64_t)n * n));
  TRY(memory_take((void **)&columns, (size_t)n * (size_t)m, sizeof *columns, "a linear system"));
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++)
      columns[(size_t)j * (size_t)n + (size_t)i] = b[(size_t)i * (size_t)m + (size_t)j];
  dposv_("U", &n, &m, a, &n, columns, &n, &info, 1);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++)
      b[(size_t)i * (size_t)m + (size_t)j] = columns[(size_t)j * (size_t)n + (size_t)i];
  free(columns);
  return info == 0 ? STATUS_OK : status_error(EXIT_INTERNAL, "a matrix to solve with is not positive definite");
}
