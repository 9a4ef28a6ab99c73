// Two stages. First, with blocks of B columns,
//     for k = 0, B, 2B, …:   A[k:, k:k+B] = Q R,  A[k:, k+B:] <- Q' A[k:, k+B:];   A[k:k+B, k+B:] = L P,  A[k+B:, k+B:] <- A[k+B:, k+B:] P'
// leaves an upper triangular band of B + 1 diagonals: nearly all of it products of matrices, so it runs at the speed of the cores, where a
// direct reduction to two diagonals reads the whole matrix once a column and runs at that of memory, with a dozen messages a column. Then the
// band, B + 1 numbers a column, goes to one rank: Givens rotations to two diagonals (dgbbrd), and dqds (dbdsqr).
// Grosser and Lang, Parallel Computing 25, 1999; Fernando and Parlett, Numer. Math. 67, 1994. All transformations are orthogonal: backward stable.
#include "spectral/band.h"

#include "base/log.h"
#include "base/memory.h"
#include "comm/watchdog.h"
#include "spectral/fortran.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { B = MATRIX_BLOCK };

typedef struct Band {
  Matrix *matrix;
  double *tau, *work; // owned
  int size;           // of work
} Band;

// (pdormqr and pdormlq would apply so few reflectors one by one: they block only what lies behind the first block.)
// The panel of columns k …, and what stands right of it.
static int columns_step(Band *band, int k) {
  Matrix *a = band->matrix;
  int m = (int)a->rows - k, left = (int)a->columns - k, width = left < B ? left : B, rest = left - width, info = 0;
  int at = k + 1, next = k + width + 1;
  pdgeqrf_(&m, &width, a->value, &at, &at, a->descriptor, band->tau, band->work, &band->size, &info);
  if (info == 0 && rest > 0) {
    pdlarft_("F", "C", &m, &width, a->value, &at, &at, a->descriptor, band->tau, band->work, band->work + B * B, 1, 1);
    pdlarfb_("L", "T", "F", "C", &m, &rest, &width, a->value, &at, &at, a->descriptor, band->work, a->value, &at, &next,
             a->descriptor, band->work + B * B, 1, 1, 1, 1);
  }
  return info;
}

// The panel of rows k …, right of its diagonal block, and what stands below it.
static int rows_step(Band *band, int k) {
  Matrix *a = band->matrix;
  int n = (int)a->columns - k - B, m = (int)a->rows - k - B, height = B, reflectors = n < B ? n : B, info = 0;
  int at = k + 1, next = k + B + 1;
  if (n <= 0)
    return 0;
  pdgelqf_(&height, &n, a->value, &at, &next, a->descriptor, band->tau, band->work, &band->size, &info);
  if (info == 0 && m > 0) {
    pdlarft_("F", "R", &n, &reflectors, a->value, &at, &next, a->descriptor, band->tau, band->work, band->work + B * B,
             1, 1);
    pdlarfb_("R", "N", "F", "R", &m, &n, &reflectors, a->value, &at, &next, a->descriptor, band->work, a->value, &next,
             &next, a->descriptor, band->work + B * B, 1, 1, 1, 1);
  }
  return info;
}

// More than any of them asks for by its manual page: a triangle T, and twice B times what stands here, with a block of slack for where a panel begins.
static Status take_work(Band *band) {
  const Matrix *a = band->matrix;
  int64_t rows = (a->rows / a->grid->rows / B + 3) * B, columns = (a->columns / a->grid->columns / B + 3) * B;
  int64_t size = B * B + 2 * B * (rows + columns + 2 * B);
  if (size > INT32_MAX)
    return status_error(EXIT_INTERNAL, "a matrix too large for ScaLAPACK's workspace");
  band->size = (int)size;
  log_debug("ScaLAPACK's workspace: %.0f bytes on this rank", 8 * (double)size);
  TRY(memory_take((void **)&band->tau, (size_t)(a->here_rows + a->here_columns + B), sizeof(double), "reflectors"));
  return memory_take((void **)&band->work, (size_t)size, sizeof(double), "ScaLAPACK's workspace");
}

static Status reduce(Matrix *matrix) {
  const Comm *comm = matrix->grid->comm;
  Band band = {.matrix = matrix};
  Status status = comm_agree(comm, take_work(&band));
  int info = 0;
  for (int k = 0; status.code == 0 && info == 0 && k < matrix->columns; k += B) {
    watchdog_phase("singular values", -1);
    info = columns_step(&band, k);
    if (info == 0)
      info = rows_step(&band, k);
  }
  free(band.tau);
  free(band.work);
  if (status.code == 0 && comm_any(comm, info != 0))
    status = status_error(EXIT_INTERNAL, "singular values of a %lld x %lld matrix: ScaLAPACK refuses (%d)",
                          (long long)matrix->rows, (long long)matrix->columns, info);
  return status;
}

// band[n][B + 1], as dgbbrd wants it: element (i, j) of the matrix at [j][B + i - j].
static void collect(const Matrix *matrix, double *band) {
  const MatrixGrid *grid = matrix->grid;
  for (int64_t j = 0; j < matrix->here_columns; j++) {
    int64_t column = matrix_global(j, grid->column, grid->columns);
    for (int64_t i = 0; i < matrix->here_rows; i++) {
      int64_t row = matrix_global(i, grid->row, grid->rows);
      if (row <= column && column - row <= B)
        band[column * (B + 1) + B + row - column] = matrix->value[j * matrix->descriptor[8] + i];
    }
  }
  int n = (int)matrix->columns * (B + 1); // all ranks' numbers but one are 0
  bool root = comm_is_root(grid->comm);
  MPI_Reduce(root ? MPI_IN_PLACE : band, band, n, MPI_DOUBLE, MPI_SUM, 0, grid->comm->world);
}

static Status solve(double *band, int n, double *s) {
  const int none = 0, one = 1, upper = B, stride = B + 1;
  double *other, *work, nothing = 0;
  int info = 0;
  TRY(memory_take((void **)&other, 5 * (size_t)n, sizeof *other, "two diagonals"));
  work = other + n;
  dgbbrd_("N", &n, &n, &none, &none, &upper, band, &stride, s, other, &nothing, &one, &nothing, &one, &nothing, &one,
          work, &info, 1);
  if (info == 0)
    dbdsqr_("U", &n, &none, &none, &none, s, other, &nothing, &one, &nothing, &one, &nothing, &one, work, &info, 1);
  free(other);
  return info == 0 ? STATUS_OK : status_error(EXIT_INTERNAL, "singular values of a band: LAPACK gives up (%d)", info);
}

Status band_singular_values(Matrix *matrix, double *s) {
  const Comm *comm = matrix->grid->comm;
  int n = (int)matrix->columns;
  double *band = NULL;
  TRY(reduce(matrix));
  TRY(comm_agree(comm, memory_take((void **)&band, (size_t)n * (B + 1), sizeof *band, "a band")));
  collect(matrix, band);
  Status status = comm_agree(comm, comm_is_root(comm) ? solve(band, n, s) : STATUS_OK);
  free(band);
  if (status.code == 0)
    comm_share(comm, s, (size_t)n * sizeof *s, 0);
  return status;
}
