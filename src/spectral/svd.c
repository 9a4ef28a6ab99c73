// s = singular values of A.  rows >= 3 columns:  A = Q R, those of R;  columns > rows:  A = L Q, those of L (Chan, ACM Trans. Math.
// Softw. 8, 1982);  then through a band (band.c).  With vectors A = U1 C V1', C of two diagonals, by pdgesvd, which in ScaLAPACK 2.2.1 has
// three traps: it never returns from 1 x 2 on a grid with several columns; it reports min + 1 ("ranks disagree") for entries that are not
// finite, which are therefore looked for before, and for some tiny matrices although its result is right.
#include "spectral/matrix.h"

#include "base/memory.h"
#include "spectral/band.h"
#include "spectral/dense.h"
#include "spectral/fortran.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Up to here one core with LAPACK is as fast as two with ScaLAPACK: 512 x 512 in 0.07 s of processor time by both, 1024 x 1024 in 0.48 s against
// 0.29 s (two ranks; tools/bench/spectral.c).
enum { LAPACK_SIDE = 512, LAPACK_CELLS = 1 << 20 };

static const int one = 1;

static int64_t least(const Matrix *matrix) { return matrix->rows < matrix->columns ? matrix->rows : matrix->columns; }

static bool is_small(int64_t rows, int64_t columns) {
  return (rows < columns ? rows : columns) <= LAPACK_SIDE && rows * columns <= LAPACK_CELLS;
}

static bool by_lapack(const Matrix *matrix) {
  const MatrixGrid *grid = matrix->grid;
  if (least(matrix) < 2 || grid->path == MATRIX_LAPACK)
    return true; // 1 x 2 hangs in ScaLAPACK
  return grid->path == MATRIX_AUTO && is_small(matrix->rows, matrix->columns);
}

// --- LAPACK on one rank -----------------------------------------------------------------------------------------------------

// Of the whole matrix by rows; u and vt [.., k] may be NULL.
static Status root_svd(double *s, double *u, double *vt, double *whole, const Matrix *matrix) {
  return u ? dense_svd(s, u, vt, whole, matrix->rows, matrix->columns)
           : dense_singular_values(s, whole, matrix->rows, matrix->columns);
}

static Status lapack_values(const Matrix *matrix, double *s) {
  const Comm *comm = matrix->grid->comm;
  double *whole = NULL;
  if (comm->ranks == 1 && matrix->here_rows == matrix->descriptor[8]) // by columns: as good as its transpose by rows
    return dense_singular_values(s, matrix->value, matrix->columns, matrix->rows);
  TRY(comm_agree(
      comm, memory_take((void **)&whole, (size_t)(matrix->rows * matrix->columns), sizeof *whole, "a small matrix")));
  Status status = matrix_gather(matrix, whole);
  if (status.code == 0)
    status = comm_agree(comm, comm_is_root(comm) ? root_svd(s, NULL, NULL, whole, matrix) : STATUS_OK);
  if (status.code == 0)
    comm_share(comm, s, (size_t)least(matrix) * sizeof *s, 0);
  free(whole);
  return status;
}

static void scatter(Matrix *matrix, const double *whole) {
  const MatrixGrid *grid = matrix->grid;
  for (int64_t j = 0; j < matrix->here_columns; j++)
    for (int64_t i = 0; i < matrix->here_rows; i++)
      matrix->value[j * matrix->descriptor[8] + i] = whole[matrix_global(i, grid->row, grid->rows) * matrix->columns +
                                                           matrix_global(j, grid->column, grid->columns)];
}

static Status lapack_svd(const Matrix *matrix, double *s, Matrix *u, Matrix *vt) {
  const Comm *comm = matrix->grid->comm;
  double *whole = NULL;
  int64_t k = least(matrix), m = matrix->rows, n = matrix->columns;
  TRY(comm_agree(comm, memory_take((void **)&whole, (size_t)(m * n + m * k + k * n), sizeof *whole, "a small matrix")));
  double *left = whole + m * n, *right = left + m * k;
  Status status = matrix_gather(matrix, whole);
  if (status.code == 0)
    status = comm_agree(comm, comm_is_root(comm) ? root_svd(s, left, right, whole, matrix) : STATUS_OK);
  if (status.code == 0) {
    comm_share(comm, s, (size_t)k * sizeof *s, 0);
    comm_share(comm, left, (size_t)(m * k + k * n) * sizeof *left, 0);
    scatter(u, left);
    scatter(vt, right);
  }
  free(whole);
  return status;
}

// --- ScaLAPACK on all -------------------------------------------------------------------------------------------------------

static Status check_finite(const Matrix *matrix, double *squares) {
  bool finite = true;
  *squares = 0;
  for (int64_t j = 0; j < matrix->here_columns; j++)
    for (int64_t i = 0; i < matrix->here_rows; i++) {
      double value = matrix->value[j * matrix->descriptor[8] + i];
      finite = finite && isfinite(value);
      *squares += value * value;
    }
  if (comm_any(matrix->grid->comm, !finite))
    return status_error(EXIT_INTERNAL,
                        "a matrix to decompose has an entry that is not a number; has training diverged?");
  MPI_Allreduce(MPI_IN_PLACE, squares, 1, MPI_DOUBLE, MPI_SUM, matrix->grid->comm->world);
  return STATUS_OK;
}

static Status take_work(const Comm *comm, double **work, int *size, double wanted) {
  bool fits = wanted < 2147483000.0;
  *size = fits ? (int)wanted + 1 : 0;
  *work = NULL;
  return comm_agree(comm, fits ? memory_take((void **)work, (size_t)*size, sizeof **work, "ScaLAPACK's workspace")
                               : status_error(EXIT_INTERNAL, "a matrix too large for ScaLAPACK's workspace"));
}

typedef void Reduction(const int *m, const int *n, double *a, const int *ia, const int *ja, const int *desc_a,
                       double *tau, double *work, const int *lwork, int *info);

// The triangle of a QR or LQ decomposition, alone in the leading square.
static Status reduce(Matrix *matrix, Reduction *reduction, bool upper) {
  const MatrixGrid *grid = matrix->grid;
  int m = (int)matrix->rows, n = (int)matrix->columns, size = -1, info = 0;
  double best = 0, *tau = NULL, *work = NULL;
  reduction(&m, &n, matrix->value, &one, &one, matrix->descriptor, &best, &best, &size, &info);
  Status status = comm_agree(grid->comm, memory_take((void **)&tau, (size_t)(matrix->here_rows + matrix->here_columns),
                                                     sizeof *tau, "ScaLAPACK's workspace"));
  if (status.code == 0)
    status = take_work(grid->comm, &work, &size, best);
  if (status.code == 0)
    reduction(&m, &n, matrix->value, &one, &one, matrix->descriptor, tau, work, &size, &info);
  free(tau);
  free(work);
  for (int64_t j = 0; j < matrix->here_columns; j++)
    for (int64_t i = 0; i < matrix->here_rows; i++) {
      int64_t row = matrix_global(i, grid->row, grid->rows), column = matrix_global(j, grid->column, grid->columns);
      if (upper ? row > column : column > row)
        matrix->value[j * matrix->descriptor[8] + i] = 0;
    }
  matrix->rows = matrix->columns = m < n ? m : n;
  matrix->here_rows = (int)matrix_share(matrix->rows, grid->row, grid->rows);
  matrix->here_columns = (int)matrix_share(matrix->columns, grid->column, grid->columns);
  return status;
}

// info = min + 1 says that ranks disagree about a value; with finite values that have A's norm they do so in the last bits only.
static Status judge(const Matrix *matrix, const double *s, int info, double squares) {
  int64_t k = least(matrix);
  double sum = 0;
  for (int64_t i = 0; i < k; i++)
    sum += s[i] * s[i];
  bool right = fabs(sum - squares) <= 1e-10 * squares;
  if ((info == 0 || info == (int)k + 1) && right)
    return STATUS_OK;
  return status_error(EXIT_INTERNAL, "singular values of a %lld x %lld matrix: ScaLAPACK gives up (%d)",
                      (long long)matrix->rows, (long long)matrix->columns, info);
}

static void pdgesvd(Matrix *matrix, double *s, Matrix *u, Matrix *vt, double *work, int size, int *info) {
  int m = (int)matrix->rows, n = (int)matrix->columns;
  pdgesvd_("V", "V", &m, &n, matrix->value, &one, &one, matrix->descriptor, s, u->value, &one, &one, u->descriptor,
           vt->value, &one, &one, vt->descriptor, work, &size, info, 1, 1);
}

static Status scalapack_svd(Matrix *matrix, double *s, Matrix *u, Matrix *vt, double squares) {
  const Comm *comm = matrix->grid->comm;
  double best = 0, *work;
  int size, info = 0;
  pdgesvd(matrix, s, u, vt, &best, -1, &info);
  TRY(take_work(comm, &work, &size, best));
  pdgesvd(matrix, s, u, vt, work, size, &info);
  free(work);
  Status status = comm_agree(comm, judge(matrix, s, info, squares));
  if (status.code == 0)
    comm_share(comm, s, (size_t)least(matrix) * sizeof *s, 0);
  return status;
}

// --- the caller's side ------------------------------------------------------------------------------------------------------

// A matrix of one row or column has one singular value, and zeros are quickly done.
static bool is_empty(const Matrix *matrix) { return least(matrix) == 0; }

Status matrix_singular_values(Matrix *matrix, double *s) {
  double squares;
  if (is_empty(matrix))
    return STATUS_OK;
  if (by_lapack(matrix))
    return lapack_values(matrix, s);
  TRY(check_finite(matrix, &squares));
  if (2 * matrix->rows >= 3 * matrix->columns)
    TRY(reduce(matrix, pdgeqrf_, true));
  else if (matrix->columns > matrix->rows)
    TRY(reduce(matrix, pdgelqf_, false));
  TRY(by_lapack(matrix) ? lapack_values(matrix, s) : band_singular_values(matrix, s));
  return comm_agree(matrix->grid->comm, judge(matrix, s, 0, squares));
}

Status matrix_svd(Matrix *matrix, double *s, Matrix *u, Matrix *vt) {
  double squares;
  REQUIRE(u->rows == matrix->rows && u->columns == least(matrix) && vt->rows == u->columns &&
              vt->columns == matrix->columns,
          "the shapes of u and vt");
  if (is_empty(matrix))
    return STATUS_OK;
  const MatrixGrid *grid = matrix->grid;
  if (by_lapack(matrix) || (grid->path == MATRIX_AUTO && grid->comm->ranks == 1))
    return lapack_svd(matrix, s, u, vt);
  TRY(check_finite(matrix, &squares));
  return scalapack_svd(matrix, s, u, vt, squares);
}

// Beside the parts, LAPACK wants the whole (of which one rank alone has no second copy), ScaLAPACK the workspace that band.c names, and the band.
size_t matrix_values_bytes(int64_t rows, int64_t columns, int ranks) {
  enum { B = MATRIX_BLOCK };
  int64_t cells = rows * columns, n = rows < columns ? rows : columns, beside = ranks > 1 ? cells : 0;
  double side = sqrt((double)ranks);
  if (!is_small(rows, columns))
    beside = (int64_t)(2 * B * ((double)(rows + columns) / side + 8 * B)) + n * (B + 1);
  return (size_t)(cells / ranks + beside) * sizeof(double);
}
