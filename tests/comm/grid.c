// Grids cover every slice once, are chosen or refused as promised, and name the nearest counts that work.
#include "comm/grid.h"

#include "check.h"

#include <string.h>

static void covers(const Grid *grid) {
  int next = 0;
  for (int rank = 0; rank < grid->groups * grid->shards; rank++) {
    int first, end, shard_first, shard_end;
    grid_fusion_slices(grid, rank, &first, &end);
    grid_encoder_slices(grid, rank / grid->groups, &shard_first, &shard_end);
    CHECK(first == next && end >= first, "%dx%d: rank %d fuses from %d, not %d", grid->groups, grid->shards, rank,
          first, next);
    CHECK(first >= shard_first && end <= shard_end, "rank %d fuses outside its shard", rank);
    next = end;
  }
  CHECK(next == grid->slices, "%d slices are fused, not %d", next, grid->slices);
  int seen[GRID_MODALITIES] = {0};
  for (int i = 0; i < grid->modalities; i++)
    seen[grid->group_of[i]]++;
  for (int g = 0; g < grid->groups; g++)
    CHECK(seen[g] > 0, "modality group %d of %d has no modality", g, grid->groups);
}

int main(void) {
  double cost[6] = {5, 1, 3, 0, 2, 2};
  for (int slices = 1; slices <= 16; slices++)
    for (int modalities = 1; modalities <= 6; modalities++)
      for (int ranks = 1; ranks <= 100; ranks++) {
        Grid grid;
        Status status = grid_choose(&grid, ranks, 0, 0, slices, cost, modalities, 1);
        int possible = 0;
        for (int g = 1; g <= modalities; g++)
          possible |= ranks % g == 0 && ranks / g <= slices;
        CHECK((status.code == 0) == possible, "%d ranks, %d slices, %d modalities: code %d", ranks, slices, modalities,
              status.code);
        if (possible)
          covers(&grid);
        else
          CHECK(status.code == EXIT_CONFIG, "code %d", status.code);
      }
  Grid grid;
  Status status = grid_choose(&grid, 17, 0, 0, 8, cost, 2, 1);
  CHECK(strstr(status.text, "use 16 ranks"), "%s", status.text);
  status = grid_choose(&grid, 11, 2, 0, 8, cost, 2, 1);
  CHECK(strstr(status.text, "use 10 or 12 ranks"), "%s", status.text);
  CHECK(grid_choose(&grid, 6, 3, 2, 8, cost, 6, 1).code == 0 && grid.groups == 3 && grid.shards == 2,
        "an asked grid is not taken");
  return 0;
}
