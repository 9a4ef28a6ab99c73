// Singular values and numerical ranks of a hundred matrices are numpy's, on every grid, by LAPACK as by ScaLAPACK, however rows are dealt.
// ranks: 1 2 3 4 6
// timeout: 120
#include "comm/comm.h"
#include "metrics/representation.h"
#include "spectral/matrix.h"

#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CASES = 100 };

typedef struct Case {
  int rows, columns, rank;
  float *a;
  double *s;
} Case;

static void make_file(const char *path) {
  char command[4096], *here = strstr(__FILE__, "tests/");
  snprintf(command, sizeof command, "/usr/bin/python3 '%.*stools/oracle/spectra.py' '%s' --cases %d",
           here ? (int)(here - __FILE__) : 0, __FILE__, path, CASES);
  int code = system(command);
  if (code == 77 << 8 || code == 127 << 8) { // no numpy, no Python
    printf("skipped: /usr/bin/python3 has no numpy\n");
    fflush(stdout);
    _exit(77);
  }
  CHECK(code == 0, "tools/oracle/spectra.py");
}

static char *read_all(const Comm *comm, size_t *size) {
  char path[] = "/tmp/rebasis-spectra-XXXXXX", *bytes;
  *size = 0;
  FILE *file = NULL;
  if (comm_is_root(comm)) {
    int made = mkstemp(path);
    CHECK(made >= 0, "a scratch file");
    close(made);
    make_file(path);
    file = fopen(path, "rb");
    CHECK(file && fseek(file, 0, SEEK_END) == 0, "the scratch file");
    *size = (size_t)ftell(file);
    rewind(file);
  }
  comm_share(comm, size, sizeof *size, 0);
  bytes = malloc(*size);
  CHECK(bytes, "memory");
  if (file) {
    CHECK(fread(bytes, 1, *size, file) == *size, "the scratch file");
    fclose(file);
    unlink(path);
  }
  comm_share(comm, bytes, *size, 0);
  return bytes;
}

static const char *next_case(Case *it, const char *at) {
  memcpy(it, at, 3 * sizeof(int));
  size_t cells = (size_t)it->rows * (size_t)it->columns, k = (size_t)(it->rows < it->columns ? it->rows : it->columns);
  it->a = malloc(cells * sizeof *it->a);
  it->s = malloc(k * sizeof *it->s);
  CHECK(it->a && it->s, "memory");
  memcpy(it->a, at + 3 * sizeof(int), cells * sizeof *it->a);
  memcpy(it->s, at + 3 * sizeof(int) + cells * sizeof *it->a, k * sizeof *it->s);
  return at + 3 * sizeof(int) + cells * sizeof *it->a + k * sizeof *it->s;
}

// Where rank r's rows begin: evenly, all on the last rank, or nothing on every other rank.
static int64_t begin(const Case *it, const Comm *comm, int how, int r) {
  if (how == 1)
    return r == comm->ranks ? it->rows : 0;
  if (how == 2)
    return r == comm->ranks ? it->rows : (int64_t)it->rows * (r / 2 * 2) / comm->ranks;
  return (int64_t)it->rows * r / comm->ranks;
}

static void check_case(const Case *it, const MatrixGrid *grid, int number, int how) {
  const Comm *comm = grid->comm;
  int k = it->rows < it->columns ? it->rows : it->columns;
  double *s = calloc((size_t)k, sizeof *s);
  int64_t first = begin(it, comm, how, comm->rank), end = begin(it, comm, how, comm->rank + 1);
  Matrix matrix;
  CHECK(matrix_open(&matrix, grid, it->rows, it->columns).code == 0, "memory");
  Status status = matrix_deal(&matrix, it->a + first * it->columns, it->columns, end - first);
  if (status.code == 0)
    status = matrix_singular_values(&matrix, s);
  CHECK(status.code == 0, "case %d, %d x %d: %s", number, it->rows, it->columns, status.text);
  for (int i = 0; i < k; i++)
    CHECK(fabs(s[i] - it->s[i]) <= 1e-12 * it->s[0],
          "case %d, %d x %d on %d x %d, path %d, deal %d: singular value %d is %.17g, not %.17g", number, it->rows,
          it->columns, grid->rows, grid->columns, grid->path, how, i, s[i], it->s[i]);
  Ranks ranks = representation_ranks(s, k, it->rows, it->columns, FLT_EPSILON);
  CHECK(ranks.numerical == it->rank, "case %d: rank %d, not %d", number, ranks.numerical, it->rank);
  matrix_close(&matrix);
  free(s);
}

int main(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  size_t size;
  char *bytes = read_all(&comm, &size);
  const char *at = bytes;
  for (int number = 0; number < CASES; number++) {
    Case it;
    at = next_case(&it, at);
    int rows = 1 + number % comm.ranks; // grids in turn: the largest divisor up to here
    while (comm.ranks % rows)
      rows--;
    MatrixGrid grid;
    matrix_grid_open(&grid, &comm, rows, comm.ranks / rows);
    for (int path = MATRIX_AUTO; path <= MATRIX_SCALAPACK; path += MATRIX_SCALAPACK) {
      grid.path = (MatrixPath)path;
      check_case(&it, &grid, number, number / 2 % 3);
    }
    matrix_grid_close(&grid);
    free(it.a);
    free(it.s);
  }
  CHECK(at == bytes + size, "the scratch file's length");
  free(bytes);
  comm_finalize(&comm);
  return 0;
}
