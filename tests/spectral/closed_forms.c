// Matrices with known singular values have them, vectors multiply back, every way of filling gives the same matrix, and bad entries are refused.
// ranks: 1 2 3 4 6
#include "comm/comm.h"
#include "spectral/matrix.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void must(Status status) { CHECK(status.code == 0, "%s", status.text); }

// (I - 2 v v' / v'v) D (I - 2 w w' / w'w) with D[i][i] = d[i]: singular values |d|.
static void reflect(float *a, int m, int n, const double *d) {
  double vv = 0, ww = 0;
  for (int i = 0; i < m; i++)
    vv += (1 + i % 3) * (1 + i % 3);
  for (int j = 0; j < n; j++)
    ww += (1 + j % 5) * (1 + j % 5);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      int k = m < n ? m : n;
      double v = 1 + i % 3, w = 1 + j % 5, sum = i == j ? d[i] : 0;
      if (j < k)
        sum -= 2 * v * (1 + j % 3) / vv * d[j];
      if (i < k)
        sum -= 2 * w * (1 + i % 5) / ww * d[i];
      double inner = 0;
      for (int l = 0; l < k; l++)
        inner += (1 + l % 3) * d[l] * (1 + l % 5);
      a[i * n + j] = (float)(sum + 4 * v * w * inner / (vv * ww));
    }
}

static void check_values(const MatrixGrid *grid, const float *a, int m, int n, const double *want, double tolerance,
                         const char *what) {
  int k = m < n ? m : n;
  double *s = calloc((size_t)k + 1, sizeof *s);
  Matrix matrix;
  must(matrix_open(&matrix, grid, m, n));
  matrix_take(&matrix, a, n);
  must(matrix_singular_values(&matrix, s));
  for (int i = 0; i < k; i++)
    CHECK(fabs(s[i] - want[i]) <= tolerance * (want[0] > 0 ? want[0] : 1), "%s %d x %d: value %d is %.15g, not %.15g",
          what, m, n, i, s[i], want[i]);
  matrix_close(&matrix);
  free(s);
}

static void check_shapes(const MatrixGrid *grid) {
  static const int shape[][2] = {{0, 0}, {0, 5}, {5, 0},   {1, 1},    {1, 2},    {2, 1}, {1, 200}, {2, 2},    {3, 2},
                                 {2, 3}, {3, 3}, {64, 64}, {65, 129}, {150, 90}, {1, 3}, {200, 1}, {130, 64}, {20, 90}};
  for (size_t c = 0; c < sizeof shape / sizeof *shape; c++) {
    int m = shape[c][0], n = shape[c][1], k = m < n ? m : n;
    float *a = calloc((size_t)(m * n) + 1, sizeof *a);
    double *d = calloc((size_t)k + 1, sizeof *d), product;
    check_values(grid, a, m, n, d, 0, "zero");
    for (int i = 0; i < k; i++) {
      a[i * n + (k - 1 - i)] = (float)(i + 1);
      d[k - 1 - i] = i + 1;
    }
    check_values(grid, a, m, n, d, 1e-13, "permuted diagonal");
    reflect(a, m, n, d);
    check_values(grid, a, m, n, d, 1e-6, "reflected"); // entries are rounded to floats
    for (int i = 0; i < m * n; i++)
      a[i] = (float)((1 + i / n % 2) * (1 + i % n % 3));
    product = 0;
    for (int i = 0; i < m * n; i++)
      product += (double)a[i] * (double)a[i];
    memset(d, 0, sizeof *d * (size_t)k);
    d[0] = sqrt(product);
    check_values(grid, a, m, n, d, 1e-13, "of rank one");
    free(a);
    free(d);
  }
}

static void check_vectors(const MatrixGrid *grid, int m, int n) {
  int k = m < n ? m : n;
  float *a = malloc(sizeof *a * (size_t)(m * n));
  double *s = calloc((size_t)k, sizeof *s), *u = calloc((size_t)(m * k), sizeof *u),
         *vt = calloc((size_t)(k * n), sizeof *vt);
  for (int i = 0; i < m * n; i++)
    a[i] = (float)sin(i * i + 1.0);
  Matrix matrix, left, right;
  must(matrix_open(&matrix, grid, m, n));
  must(matrix_open(&left, grid, m, k));
  must(matrix_open(&right, grid, k, n));
  matrix_take(&matrix, a, n);
  must(matrix_svd(&matrix, s, &left, &right));
  must(matrix_gather(&left, u));
  must(matrix_gather(&right, vt));
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int l = 0; l < k; l++)
        sum += u[i * k + l] * s[l] * vt[l * n + j];
      CHECK(fabs(sum - (double)a[i * n + j]) <= 1e-12 * s[0], "%d x %d: u s vt [%d, %d] is %.15g, not %.15g", m, n, i,
            j, sum, (double)a[i * n + j]);
    }
  for (int i = 0; i < k; i++)
    for (int j = 0; j < k; j++) {
      double uu = 0, vv = 0;
      for (int l = 0; l < m; l++)
        uu += u[l * k + i] * u[l * k + j];
      for (int l = 0; l < n; l++)
        vv += vt[i * n + l] * vt[j * n + l];
      CHECK(fabs(uu - (i == j)) < 1e-12 && fabs(vv - (i == j)) < 1e-12, "%d x %d: vectors %d and %d: %g %g", m, n, i, j,
            uu, vv);
    }
  matrix_close(&matrix);
  matrix_close(&left);
  matrix_close(&right);
  free(a);
  free(s);
  free(u);
  free(vt);
}

// Rows of which rank r has r + 1, but none where r is odd; more floats than a round of a deal holds.
static void check_filling(const MatrixGrid *grid) {
  const Comm *comm = grid->comm;
  enum { COLUMNS = 3001, STRIDE = COLUMNS + 3, UNIT = 60 };
  int64_t rows = 0, first = 0;
  for (int r = 0; r < comm->ranks; r++) {
    first = r == comm->rank ? rows : first;
    rows += r % 2 ? 0 : UNIT * (r + 1);
  }
  int64_t here = comm->rank % 2 ? 0 : UNIT * (comm->rank + 1);
  float *a = calloc((size_t)(rows * STRIDE), sizeof *a);
  double *part = calloc((size_t)(rows * COLUMNS), sizeof *part),
         *whole = calloc((size_t)(rows * COLUMNS), sizeof *part);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < COLUMNS; j++) {
      a[i * STRIDE + j] = (float)(i * COLUMNS + j);
      part[i * COLUMNS + j] = i % comm->ranks == comm->rank ? (double)a[i * STRIDE + j] : 0;
    }
  for (int way = 0; way < 3; way++) {
    Matrix matrix;
    must(matrix_open(&matrix, grid, rows, COLUMNS));
    if (way == 0)
      matrix_take(&matrix, a, STRIDE);
    else
      must(way == 1 ? matrix_deal(&matrix, a + first * STRIDE, STRIDE, here) : matrix_sum(&matrix, part));
    must(matrix_gather(&matrix, whole));
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < COLUMNS; j++)
        CHECK(whole[i * COLUMNS + j] == (double)a[i * STRIDE + j], "way %d: [%lld, %lld] is %g", way, (long long)i,
              (long long)j, whole[i * COLUMNS + j]);
    matrix_close(&matrix);
  }
  free(a);
  free(part);
  free(whole);
}

static void check_refusal(const MatrixGrid *grid, int m, int n, float bad) {
  float *a = calloc((size_t)(m * n), sizeof *a);
  double s[300] = {0};
  a[m * n - 1] = bad;
  Matrix matrix;
  must(matrix_open(&matrix, grid, m, n));
  matrix_take(&matrix, a, n);
  Status status = matrix_singular_values(&matrix, s);
  CHECK(status.code == EXIT_INTERNAL && strstr(status.text, "not a number"), "%d x %d: %d %s", m, n, status.code,
        status.text);
  matrix_close(&matrix);
  free(a);
}

int main(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  for (int rows = 1; rows <= comm.ranks; rows++) {
    MatrixGrid grid;
    if (comm.ranks % rows)
      continue;
    matrix_grid_open(&grid, &comm, rows, comm.ranks / rows);
    if (rows * rows <= comm.ranks)
      check_filling(&grid);
    for (int path = MATRIX_LAPACK; path <= MATRIX_SCALAPACK; path++) {
      grid.path = (MatrixPath)path;
      check_shapes(&grid);
      check_vectors(&grid, 150, 90);
      check_vectors(&grid, 3, 4);
      check_vectors(&grid, 65, 200);
      check_refusal(&grid, 70, 80, NAN);
      check_refusal(&grid, 2, 2, INFINITY);
      check_refusal(&grid, 1, 3, NAN);
    }
    matrix_grid_close(&grid);
  }
  MatrixGrid grid;
  matrix_grid_open(&grid, &comm, 0, 0);
  CHECK(grid.rows >= grid.columns && grid.rows * grid.columns == comm.ranks, "%d x %d", grid.rows, grid.columns);
  matrix_grid_close(&grid);
  comm_finalize(&comm);
  return 0;
}
