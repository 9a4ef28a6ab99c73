// Block-cyclic: with blocks of B rows on P process rows, global row g stands on process row (g / B) mod P, as local row (g / B / P) B + g mod B.
// Columns likewise. Blackford et al., ScaLAPACK Users' Guide, SIAM 1997, section 4.3.
#include "spectral/matrix.h"

#include "base/memory.h"
#include "spectral/fortran.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { B = MATRIX_BLOCK };

void matrix_grid_open(MatrixGrid *grid, const Comm *comm, int rows, int columns) {
  *grid = (MatrixGrid){.comm = comm, .rows = rows, .columns = columns};
  if (rows == 0) {
    grid->columns = (int)sqrt((double)comm->ranks);
    while (comm->ranks % grid->columns)
      grid->columns--;
    grid->rows = comm->ranks / grid->columns;
  }
  REQUIRE(grid->rows * grid->columns == comm->ranks, "%d ranks as %d x %d", comm->ranks, grid->rows, grid->columns);
  grid->row = comm->rank / grid->columns;
  grid->column = comm->rank % grid->columns;
  int handle = Csys2blacs_handle(comm->world);
  grid->context = handle;
  Cblacs_gridinit(&grid->context, "Row", grid->rows, grid->columns);
  Cfree_blacs_system_handle(handle);
  if (comm->ranks > 1)
    openblas_set_num_threads(1); // the other cores belong to the other ranks
}

void matrix_grid_close(MatrixGrid *grid) { Cblacs_gridexit(grid->context); }

// --- where an element stands ----------------------------------------------------------------------------------------------

static int owner(int64_t global, int processes) { return (int)(global / B % processes); }
static int64_t local(int64_t global, int processes) { return global / B / processes * B + global % B; }
int64_t matrix_global(int64_t at, int process, int processes) { return (at / B * processes + process) * B + at % B; }

int64_t matrix_share(int64_t n, int process, int processes) {
  int64_t blocks = n / B, whole = blocks / processes * B, extra = blocks % processes;
  return whole + (process < extra ? B : process == extra ? n % B : 0);
}

Status matrix_open(Matrix *matrix, const MatrixGrid *grid, int64_t rows, int64_t columns) {
  *matrix = (Matrix){.grid = grid, .rows = rows, .columns = columns};
  REQUIRE(rows >= 0 && columns >= 0 && rows < INT_MAX && columns < INT_MAX, "a matrix of %lld x %lld", (long long)rows,
          (long long)columns);
  matrix->here_rows = (int)matrix_share(rows, grid->row, grid->rows);
  matrix->here_columns = (int)matrix_share(columns, grid->column, grid->columns);
  int stride = matrix->here_rows > 0 ? matrix->here_rows : 1;
  if (grid->comm->ranks > 1 && stride % 64 == 0)
    stride += 8; // columns a power of two apart would fight for the same few lines of the cache
  int descriptor[9] = {1, grid->context, (int)rows, (int)columns, B, B, 0, 0, stride};
  memcpy(matrix->descriptor, descriptor, sizeof descriptor);
  return comm_agree(grid->comm, memory_take((void **)&matrix->value, (size_t)stride * (size_t)matrix->here_columns,
                                            sizeof(double), "a rank's part of a matrix"));
}

void matrix_close(Matrix *matrix) {
  free(matrix->value);
  matrix->value = NULL;
}

static double *at(const Matrix *matrix, int64_t row, int64_t column) {
  return matrix->value + column * matrix->descriptor[8] + row;
}

// --- filling --------------------------------------------------------------------------------------------------------------------

void matrix_take(Matrix *matrix, const float *a, int64_t stride) {
  const MatrixGrid *grid = matrix->grid;
  for (int64_t j = 0; j < matrix->here_columns; j++)
    for (int64_t i = 0; i < matrix->here_rows; i++)
      *at(matrix, i, j) =
          (double)a[matrix_global(i, grid->row, grid->rows) * stride + matrix_global(j, grid->column, grid->columns)];
}

// One round of a deal: what travels between this rank and the others.
typedef struct Deal {
  Matrix *matrix;
  const float *a;
  int64_t stride, rows;  // rows of a rank in a round
  int64_t *first;        // owned [ranks + 1]: first global row of each rank
  float *send, *receive; // owned
  int *counts;           // owned: counts and places of both directions [4][ranks]
} Deal;

// Rows of `rank` in round k.
static int64_t round_rows(const Deal *deal, int rank, int64_t k, int64_t *begin) {
  int64_t end = deal->first[rank + 1];
  *begin = deal->first[rank] + k * deal->rows;
  if (*begin > end)
    *begin = end;
  return end - *begin < deal->rows ? end - *begin : deal->rows;
}

static void pack(Deal *deal, int64_t k) {
  const MatrixGrid *grid = deal->matrix->grid;
  int ranks = grid->comm->ranks, me = grid->comm->rank, *count = deal->counts, *place = count + ranks;
  int64_t begin, rows = round_rows(deal, me, k, &begin), packed = 0;
  for (int to = 0; to < ranks; to++) {
    int row = to / grid->columns, column = to % grid->columns;
    int64_t columns = matrix_share(deal->matrix->columns, column, grid->columns);
    place[to] = (int)packed;
    for (int64_t g = begin; g < begin + rows; g++) {
      const float *from = deal->a + (g - deal->first[me]) * deal->stride;
      if (owner(g, grid->rows) == row)
        for (int64_t j = 0; j < columns; j++)
          deal->send[packed++] = from[matrix_global(j, column, grid->columns)];
    }
    count[to] = (int)packed - place[to];
  }
}

static void expect(Deal *deal, int64_t k) {
  const MatrixGrid *grid = deal->matrix->grid;
  int ranks = grid->comm->ranks, *count = deal->counts + 2 * ranks, *place = count + ranks;
  for (int from = 0, sum = 0; from < ranks; from++) {
    int64_t begin, rows = round_rows(deal, from, k, &begin), mine = 0;
    for (int64_t g = begin; g < begin + rows; g++)
      mine += owner(g, grid->rows) == grid->row;
    place[from] = sum;
    count[from] = (int)(mine * deal->matrix->here_columns);
    sum += count[from];
  }
}

static void unpack(Deal *deal, int64_t k) {
  const MatrixGrid *grid = deal->matrix->grid;
  const float *value = deal->receive;
  for (int from = 0; from < grid->comm->ranks; from++) {
    int64_t begin, rows = round_rows(deal, from, k, &begin);
    for (int64_t g = begin; g < begin + rows; g++)
      if (owner(g, grid->rows) == grid->row)
        for (int64_t j = 0; j < deal->matrix->here_columns; j++)
          *at(deal->matrix, local(g, grid->rows), j) = (double)*value++;
  }
}

static Status deal_open(Deal *deal, Matrix *matrix, int64_t here) {
  const Comm *comm = matrix->grid->comm;
  enum { LEAST = 1 << 18 };
  int64_t most = (int64_t)matrix->here_rows * matrix->here_columns / 16;
  MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_INT64_T, MPI_MAX, comm->world);
  if (most < LEAST)
    most = LEAST; // floats
  deal->rows = matrix->columns > 0 && most / matrix->columns > 0 ? most / matrix->columns : 1;
  int ranks = comm->ranks;
  Status status = memory_take((void **)&deal->first, (size_t)ranks + 1, sizeof(int64_t), "dealing a matrix");
  if (status.code == 0)
    status = memory_take((void **)&deal->counts, 4 * (size_t)ranks, sizeof(int), "dealing a matrix");
  TRY(comm_agree(comm, status));
  MPI_Allgather(&here, 1, MPI_INT64_T, deal->first + 1, 1, MPI_INT64_T, comm->world);
  for (int r = 0; r < ranks; r++)
    deal->first[r + 1] += deal->first[r];
  REQUIRE(deal->first[ranks] == matrix->rows, "%lld rows dealt into a matrix of %lld", (long long)deal->first[ranks],
          (long long)matrix->rows);
  int64_t received = 0;
  for (int64_t k = 0; k * deal->rows < matrix->rows; k++) { // of the fullest round
    expect(deal, k);
    int64_t sum = deal->counts[3 * ranks + ranks - 1] + deal->counts[2 * ranks + ranks - 1];
    received = sum > received ? sum : received;
  }
  int64_t sent = (here < deal->rows ? here : deal->rows) * matrix->columns;
  status = memory_take((void **)&deal->send, (size_t)sent, sizeof(float), "dealing a matrix");
  if (status.code == 0)
    status = memory_take((void **)&deal->receive, (size_t)received, sizeof(float), "dealing a matrix");
  return comm_agree(comm, status);
}

Status matrix_deal(Matrix *matrix, const float *a, int64_t stride, int64_t here) {
  const Comm *comm = matrix->grid->comm;
  Deal deal = {.matrix = matrix, .a = a, .stride = stride};
  int64_t most = here;
  MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_INT64_T, MPI_MAX, comm->world);
  Status status = deal_open(&deal, matrix, here);
  int *count = deal.counts, ranks = comm->ranks;
  for (int64_t k = 0; status.code == 0 && k * deal.rows < most; k++) {
    pack(&deal, k);
    expect(&deal, k);
    MPI_Alltoallv(deal.send, count, count + ranks, MPI_FLOAT, deal.receive, count + 2 * ranks, count + 3 * ranks,
                  MPI_FLOAT, comm->world);
    unpack(&deal, k);
  }
  free(deal.first);
  free(deal.counts);
  free(deal.send);
  free(deal.receive);
  return status;
}

Status matrix_sum(Matrix *matrix, const double *part) {
  const MatrixGrid *grid = matrix->grid;
  double *panel;
  TRY(comm_agree(grid->comm, memory_take((void **)&panel, (size_t)(B * matrix->columns), sizeof *panel, "a panel")));
  for (int64_t first = 0; first < matrix->rows; first += B) {
    int64_t rows = matrix->rows - first < B ? matrix->rows - first : B;
    memcpy(panel, part + first * matrix->columns, (size_t)(rows * matrix->columns) * sizeof *panel);
    MPI_Allreduce(MPI_IN_PLACE, panel, (int)(rows * matrix->columns), MPI_DOUBLE, MPI_SUM, grid->comm->world);
    for (int64_t i = 0; owner(first, grid->rows) == grid->row && i < rows; i++)
      for (int64_t j = 0; j < matrix->here_columns; j++)
        *at(matrix, local(first + i, grid->rows), j) =
            panel[i * matrix->columns + matrix_global(j, grid->column, grid->columns)];
  }
  free(panel);
  return STATUS_OK;
}

Status matrix_gather(const Matrix *matrix, double *whole) {
  const MatrixGrid *grid = matrix->grid;
  int64_t cells = matrix->rows * matrix->columns;
  REQUIRE(cells < INT_MAX, "a matrix of %lld x %lld is not small", (long long)matrix->rows, (long long)matrix->columns);
  memset(whole, 0, (size_t)cells * sizeof *whole);
  for (int64_t j = 0; j < matrix->here_columns; j++)
    for (int64_t i = 0; i < matrix->here_rows; i++)
      whole[matrix_global(i, grid->row, grid->rows) * matrix->columns + matrix_global(j, grid->column, grid->columns)] =
          *at(matrix, i, j);
  if (grid->comm->ranks > 1) // all ranks' numbers but one are 0
    MPI_Allreduce(MPI_IN_PLACE, whole, (int)cells, MPI_DOUBLE, MPI_SUM, grid->comm->world);
  return STATUS_OK;
}
