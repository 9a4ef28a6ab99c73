#ifndef SPECTRAL_MATRIX_H
#define SPECTRAL_MATRIX_H
/// Matrices of doubles cut into square blocks that are dealt cyclically to a grid of ranks, and their singular values. No rank ever holds a whole
/// matrix that is not small. Only user of ScaLAPACK and BLACS. Values from different grids agree to rounding, not bit for bit.
#include "comm/comm.h"

#include <stddef.h>
#include <stdint.h>

enum { MATRIX_BLOCK = 64 };

/// Which library decomposes: for tests and benchmarks; everybody else leaves it at 0.
typedef enum MatrixPath {
  MATRIX_AUTO,        // LAPACK on one rank where that is faster, ScaLAPACK on all otherwise
  MATRIX_LAPACK,
  MATRIX_SCALAPACK
} MatrixPath;

/// Rank r of comm stands in row r / columns, column r % columns.
typedef struct MatrixGrid {
  const Comm *comm;   // borrowed
  int rows, columns, row, column;
  int context;        // of BLACS
  MatrixPath path;
} MatrixGrid;

/// Collective. A grid of rows x columns = comm->ranks; 0 x 0: the one nearest to a square.
void matrix_grid_open(MatrixGrid *grid, const Comm *comm, int rows, int columns);
void matrix_grid_close(MatrixGrid *grid); // Collective

typedef struct Matrix {
  const MatrixGrid *grid;     // borrowed
  int64_t rows, columns;      // of the whole; 0 is fine
  int here_rows, here_columns;
  int descriptor[9];          // ScaLAPACK's
  double *value;              // owned, by columns: [here_columns][descriptor[8]], of which here_rows count
} Matrix;

/// Local. The index in the whole of index `at` on process row (or column) `process` of `processes`; and how many of the first n stand there.
int64_t matrix_global(int64_t at, int process, int processes);
int64_t matrix_share(int64_t n, int process, int processes);

/// Collective. A matrix of zeros. EXIT_INTERNAL without memory.
Status matrix_open(Matrix *matrix, const MatrixGrid *grid, int64_t rows, int64_t columns);
void matrix_close(Matrix *matrix);

/// Local. a[rows, columns] whose rows are `stride` floats apart, known to every rank: each takes its part.
void matrix_take(Matrix *matrix, const float *a, int64_t stride);

/// Collective. Every rank gives rows[here, columns], `stride` floats apart; those of rank 0 come first. A rank may have none; all together must be
/// matrix->rows. Travels in rounds of about a sixteenth of a rank's share.
Status matrix_deal(Matrix *matrix, const float *a, int64_t stride, int64_t here);

/// Collective. The sum over ranks of part[rows, columns], in panels.
Status matrix_sum(Matrix *matrix, const double *part);

/// Collective. whole[rows, columns] by rows, on every rank: for small matrices.
Status matrix_gather(const Matrix *matrix, double *whole);

/// Collective. s[min(rows, columns)], descending, the same on every rank; destroys the matrix. Tall and wide matrices are first reduced to a square
/// by a QR or LQ decomposition. EXIT_INTERNAL when an entry is not finite or the iteration does not converge.
Status matrix_singular_values(Matrix *matrix, double *s);

/// Local. About what a matrix and matrix_singular_values take on one of `ranks` ranks, in bytes.
size_t matrix_values_bytes(int64_t rows, int64_t columns, int ranks);

/// Collective. matrix = u diag(s) vt, with k = min(rows, columns): u[rows, k], vt[k, columns] were opened on the same grid. Destroys the matrix.
Status matrix_svd(Matrix *matrix, double *s, Matrix *u, Matrix *vt);

#endif
