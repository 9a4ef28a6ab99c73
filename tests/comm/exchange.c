// Regroup gives every rank the rows that one rank would have, and its adjoint satisfies <A x, y> = <x, A' y>.
// ranks: 1 2 3 4 6
#include "comm/exchange.h"

#include "base/random.h"
#include "check.h"

#include <math.h>

enum { MODALITIES = 3, SLICES = 7, MOST = 64 };

// The value of element j of compact row `row` (counted over the whole batch) of modality i.
static float value(uint64_t what, int i, int row, int j) {
  RandomStream stream = {what, RANDOM_FREE, (uint32_t)i, 0};
  return random_normal(&stream, (uint64_t)row, (uint32_t)j);
}

static void check(const Comm *comm, int groups) {
  static float memory[4][MODALITIES][MOST * 8];
  double cost[MODALITIES] = {3, 1, 2}, inner[2] = {0, 0};
  int width[MODALITIES] = {5, 1, 8};
  RowTable rows;
  Grid grid;
  if (grid_choose(&grid, comm->ranks, groups, 0, SLICES, cost, MODALITIES, 1).code)
    return;
  grid_open(&grid, comm);
  for (int i = 0; i < MODALITIES; i++) // modality 1 is in nobody's rows for the first slices
    for (int s = 0, at = 0; s <= SLICES; s++, at += i == 1 ? s > 3 : s % 3 + i)
      rows.begin[i][s] = at;
  int first, end, shard_first, shard_end;
  grid_fusion_slices(&grid, grid.rank, &first, &end);
  grid_encoder_slices(&grid, grid.shard, &shard_first, &shard_end);
  float *from[MODALITIES], *to[MODALITIES], *back[MODALITIES], *part[MODALITIES];
  for (int i = 0; i < MODALITIES; i++) {
    from[i] = memory[0][i], to[i] = memory[1][i], part[i] = memory[2][i], back[i] = memory[3][i];
    if (grid.group_of[i] == grid.group)
      for (int r = rows.begin[i][shard_first]; r < rows.begin[i][shard_end]; r++)
        for (int j = 0; j < width[i]; j++)
          from[i][(r - rows.begin[i][shard_first]) * width[i] + j] = value(1, i, r, j);
  }
  exchange_regroup(&grid, to, from, width, &rows);
  for (int i = 0; i < MODALITIES; i++)
    for (int r = rows.begin[i][first]; r < rows.begin[i][end]; r++)
      for (int j = 0; j < width[i]; j++) {
        int at = (r - rows.begin[i][first]) * width[i] + j;
        CHECK(to[i][at] == value(1, i, r, j), "modality %d row %d: got %g, not %g", i, r, to[i][at], value(1, i, r, j));
        part[i][at] = value(2, i, r, j);
        inner[0] += (double)to[i][at] * (double)part[i][at];
      }
  exchange_regroup_back(&grid, back, part, width, &rows);
  for (int i = 0; i < MODALITIES; i++)
    if (grid.group_of[i] == grid.group)
      for (int at = 0; at < (rows.begin[i][shard_end] - rows.begin[i][shard_first]) * width[i]; at++)
        inner[1] += (double)from[i][at] * (double)back[i][at];
  MPI_Allreduce(MPI_IN_PLACE, inner, 2, MPI_DOUBLE, MPI_SUM, comm->world);
  CHECK(fabs(inner[0] - inner[1]) < 1e-12 * (1 + fabs(inner[0])), "<Ax,y> = %.17g, <x,A'y> = %.17g", inner[0],
        inner[1]);
  grid_close(&grid);
}

int main(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  for (int groups = 1; groups <= MODALITIES; groups++)
    check(&comm, groups);
  comm_finalize(&comm);
  return 0;
}
