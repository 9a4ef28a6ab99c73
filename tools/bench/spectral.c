// Time and memory of the singular values of one matrix, dealt from rows over all ranks.
//
//   cc -O2 -D_GNU_SOURCE -Iinclude tools/bench/spectral.c build/librebasis_core.a $(pkg-config --cflags --libs openblas ompi-c) \
//     $(pkg-config --libs scalapack-openmpi jansson libxxhash) -fopenmp -lm -o /tmp/bench_spectral
//   env -u OPENBLAS_CORETYPE mpirun -np 4 /tmp/bench_spectral ROWS COLUMNS [auto|lapack|scalapack] [GRID_ROWS] [REPEATS]
//   env -u OPENBLAS_CORETYPE OPENBLAS_NUM_THREADS=2 /usr/bin/python3 tools/bench/spectral.py ROWS COLUMNS      # the same matrix by numpy
//
// Prints one line of JSON: seconds (median over repeats, slowest rank), and of the rank with the most the peak of resident bytes above what stood
// before (its rows of the matrix as floats, MPI, libraries warm), beside its share of the doubles.
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "spectral/matrix.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static size_t resident(void) {
  size_t pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*s %zu", &pages) != 1)
    pages = 0;
  if (file)
    fclose(file);
  return pages * 4096;
}

static void forget_peak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (file) {
    fputs("5", file);
    fclose(file);
  }
}

// Entries by a small generator that numpy repeats exactly: multiples of 2^-16 in [-1/2, 1/2).
static void fill(float *a, int64_t first, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      uint64_t x = (uint64_t)((first + i) * columns + j) * 0x9E3779B97F4A7C15u;
      x ^= x >> 29;
      x *= 0xBF58476D1CE4E5B9u;
      a[i * columns + j] = (float)((double)(x >> 48) / 65536 - 0.5);
    }
}

static double measure(const MatrixGrid *grid, const float *a, int64_t rows, int64_t columns, int64_t here, double *s) {
  Matrix matrix;
  MPI_Barrier(grid->comm->world);
  double began = clock_seconds(), took;
  Status status = matrix_open(&matrix, grid, rows, columns);
  if (status.code == 0)
    status = matrix_deal(&matrix, a, columns, here);
  if (status.code == 0)
    status = matrix_singular_values(&matrix, s);
  took = clock_seconds() - began;
  matrix_close(&matrix);
  if (status.code)
    log_error(&status);
  MPI_Allreduce(MPI_IN_PLACE, &took, 1, MPI_DOUBLE, MPI_MAX, grid->comm->world);
  return took;
}

// Of all ranks: waiting counts too where ranks wait by asking.
static double processor_seconds(const Comm *comm) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  double seconds = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
  MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_SUM, comm->world);
  return seconds;
}

static int by_size(const void *a, const void *b) {
  return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(comm.rank, LOG_VERBOSE);
  int64_t rows = argc > 1 ? atoll(argv[1]) : 1024, columns = argc > 2 ? atoll(argv[2]) : 512;
  const char *path = argc > 3 ? argv[3] : "auto";
  int grid_rows = argc > 4 ? atoi(argv[4]) : 0, repeats = argc > 5 ? atoi(argv[5]) : 1;
  MatrixGrid grid;
  matrix_grid_open(&grid, &comm, grid_rows, grid_rows ? comm.ranks / grid_rows : 0);
  int64_t first = rows * comm.rank / comm.ranks, here = rows * (comm.rank + 1) / comm.ranks - first;
  float *a = malloc((size_t)(here * columns + 1) * sizeof *a);
  double *s = calloc((size_t)(rows < columns ? rows : columns), sizeof *s), took[64];
  fill(a, first, here, columns);
  grid.path = MATRIX_SCALAPACK; // libraries take their buffers
  Matrix warm;
  double few[300];
  if (matrix_open(&warm, &grid, 300, 300).code == 0) {
    for (int64_t k = 0; k < (int64_t)warm.here_rows * warm.here_columns; k++)
      warm.value[k] = sin((double)k + comm.rank);
    matrix_singular_values(&warm, few);
    matrix_close(&warm);
  }
  grid.path = !strcmp(path, "lapack") ? MATRIX_LAPACK : !strcmp(path, "scalapack") ? MATRIX_SCALAPACK : MATRIX_AUTO;
  size_t before = resident();
  forget_peak();
  repeats = repeats > 64 ? 64 : repeats;
  double processor = -processor_seconds(&comm);
  for (int k = 0; k < repeats; k++)
    took[k] = measure(&grid, a, rows, columns, here, s);
  processor += processor_seconds(&comm);
  qsort(took, (size_t)repeats, sizeof *took, by_size);
  double peak = (double)memory_peak() - (double)before, norm = 0;
  MPI_Allreduce(MPI_IN_PLACE, &peak, 1, MPI_DOUBLE, MPI_MAX, comm.world);
  for (int64_t k = 0; k < (rows < columns ? rows : columns); k++)
    norm += s[k];
  if (comm_is_root(&comm))
    printf("{\"rows\": %lld, \"columns\": %lld, \"path\": \"%s\", \"grid\": \"%dx%d\", \"seconds\": %.3f, \"processor_seconds\": %.3f, \"share_bytes\": %.0f, "
           "\"peak_bytes\": %.0f, \"first\": %.15g, \"last\": %.15g, \"sum\": %.15g}\n",
           (long long)rows, (long long)columns, path, grid.rows, grid.columns, took[repeats / 2], processor / repeats,
           8.0 * (double)rows * (double)columns / comm.ranks, peak, s[0], s[(rows < columns ? rows : columns) - 1], norm);
  free(a);
  free(s);
  matrix_grid_close(&grid);
  comm_finalize(&comm);
  return 0;
}
