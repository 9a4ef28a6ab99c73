#include "comm/grid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Modalities go to groups largest first, each to the group with the least work; ties to the lower index. Then groups are
// renumbered by their first modality, so that one group per modality means group = modality.
static void assign_modalities(Grid *grid, const double *cost) {
  double load[GRID_MODALITIES] = {0};
  bool placed[GRID_MODALITIES] = {false};
  int raw[GRID_MODALITIES], number[GRID_MODALITIES], used = 0;
  for (int k = 0; k < grid->modalities; k++) {
    int next = -1, group = 0;
    for (int i = 0; i < grid->modalities; i++)
      if (!placed[i] && (next < 0 || cost[i] > cost[next]))
        next = i;
    for (int g = 1; g < grid->groups; g++)
      if (load[g] < load[group])
        group = g;
    // Costs are positive, so the first `groups` modalities land in different groups and none stays empty.
    load[group] += cost[next] + 1e-9;
    raw[next] = group;
    placed[next] = true;
  }
  memset(number, -1, sizeof number);
  for (int i = 0; i < grid->modalities; i++) {
    if (number[raw[i]] < 0)
      number[raw[i]] = used++;
    grid->group_of[i] = number[raw[i]];
  }
}

void grid_encoder_slices(const Grid *grid, int shard, int *first, int *end) {
  *first = grid->slices * shard / grid->shards;
  *end = grid->slices * (shard + 1) / grid->shards;
}

void grid_fusion_slices(const Grid *grid, int rank, int *first, int *end) {
  int shard_first, shard_end, group = rank % grid->groups;
  grid_encoder_slices(grid, rank / grid->groups, &shard_first, &shard_end);
  int count = shard_end - shard_first;
  *first = shard_first + count * group / grid->groups;
  *end = shard_first + count * (group + 1) / grid->groups;
}

double grid_share(const Grid *grid, const double *cost, double fusion_cost) {
  double load[GRID_MODALITIES] = {0}, all = fusion_cost, worst = 0;
  for (int i = 0; i < grid->modalities; i++) {
    load[grid->group_of[i]] += cost[i];
    all += cost[i];
  }
  for (int rank = 0; rank < grid->groups * grid->shards; rank++) {
    int first, end, fusion_first, fusion_end;
    grid_encoder_slices(grid, rank / grid->groups, &first, &end);
    grid_fusion_slices(grid, rank, &fusion_first, &fusion_end);
    double work =
        (load[rank % grid->groups] * (end - first) + fusion_cost * (fusion_end - fusion_first)) / grid->slices;
    worst = fmax(worst, work);
  }
  return all > 0 ? worst / all : 1;
}

static bool any_grid(int ranks, int groups_asked, int shards_asked, int slices, int modalities) {
  for (int groups = 1; groups <= ranks && groups <= modalities; groups++)
    if (ranks % groups == 0 && ranks / groups <= slices && (!groups_asked || groups == groups_asked) &&
        (!shards_asked || ranks / groups == shards_asked))
      return true;
  return false;
}

static Status refuse(int ranks, int groups_asked, int shards_asked, int slices, int modalities) {
  int below = ranks - 1, above = ranks + 1, most = slices * modalities;
  while (below > 0 && !any_grid(below, groups_asked, shards_asked, slices, modalities))
    below--;
  while (above <= most && !any_grid(above, groups_asked, shards_asked, slices, modalities))
    above++;
  char near[96] = "";
  if (below > 0)
    snprintf(near, sizeof near, "%d", below);
  if (above <= most)
    snprintf(near + strlen(near), sizeof near - strlen(near), "%s%d", below > 0 ? " or " : "", above);
  return status_error(
      EXIT_CONFIG,
      "grid: %d ranks do not make modality groups (at most %d%s) x data shards (at most %d, the slices%s); "
      "use %s ranks, or change grid.modality_groups, grid.data_shards or grid.slices",
      ranks, modalities, groups_asked ? "; the configuration fixes them" : "", slices,
      shards_asked ? "; the configuration fixes them" : "", near[0] ? near : "other");
}

Status grid_choose(Grid *grid, int ranks, int groups, int shards, int slices, const double *cost, int modalities,
                   double fusion_cost) {
  Grid best = {0};
  double best_share = INFINITY;
  for (int candidate = 1; candidate <= ranks && candidate <= modalities; candidate++) {
    if (ranks % candidate || ranks / candidate > slices || (groups && groups != candidate) ||
        (shards && shards != ranks / candidate))
      continue;
    Grid trial = {
        .groups = candidate, .shards = ranks / candidate, .slices = slices, .modalities = modalities, .ranks = ranks};
    assign_modalities(&trial, cost);
    // A modality group costs an exchange that data shards do without: it must win clearly.
    double share = grid_share(&trial, cost, fusion_cost) * (1 + 0.05 * (candidate - 1));
    if (share < best_share) {
      best_share = share;
      best = trial;
    }
  }
  if (!best.groups)
    return refuse(ranks, groups, shards, slices, modalities);
  *grid = best;
  return STATUS_OK;
}

Status grid_open(Grid *grid, const Comm *comm) {
  REQUIRE(grid->groups * grid->shards == comm->ranks, "a grid of %d x %d on %d ranks", grid->groups, grid->shards,
          comm->ranks);
  grid->comm = comm;
  grid->rank = comm->rank;
  grid->ranks = comm->ranks;
  grid->group = comm->rank % grid->groups;
  grid->shard = comm->rank / grid->groups;
  MPI_Comm_split(comm->world, grid->shard, grid->group, &grid->same_shard);
  MPI_Comm_split(comm->world, grid->group, grid->shard, &grid->same_modality);
  return STATUS_OK;
}

void grid_close(Grid *grid) {
  MPI_Comm_free(&grid->same_shard);
  MPI_Comm_free(&grid->same_modality);
}

// The slices of all members, in order, then one chain over them: the association is that of one rank.
static void pool_over(MPI_Comm comm, int slices, const int *slices_of, int members, double *total,
                      const double *per_slice, int n) {
  int counts[GRID_MODALITIES * SLICES_MOST], displacements[GRID_MODALITIES * SLICES_MOST], me;
  MPI_Comm_rank(comm, &me);
  for (int r = 0, at = 0; r < members; r++) {
    counts[r] = slices_of[r] * n;
    displacements[r] = at;
    at += counts[r];
  }
  double *all = malloc((size_t)slices * (size_t)n * sizeof *all);
  REQUIRE(all, "out of memory for a pool of %d numbers", n);
  MPI_Allgatherv(per_slice, counts[me], MPI_DOUBLE, all, counts, displacements, MPI_DOUBLE, comm);
  for (int j = 0; j < n; j++) {
    double sum = 0;
    for (int s = 0; s < slices; s++)
      sum += all[(size_t)s * (size_t)n + (size_t)j];
    total[j] = sum;
  }
  free(all);
}

void grid_pool_encoder(void *user, double *total, const double *per_slice, int n) {
  const Grid *grid = user;
  int slices_of[SLICES_MOST];
  for (int shard = 0; shard < grid->shards; shard++) {
    int first, end;
    grid_encoder_slices(grid, shard, &first, &end);
    slices_of[shard] = end - first;
  }
  pool_over(grid->same_modality, grid->slices, slices_of, grid->shards, total, per_slice, n);
}

void grid_pool_fusion(void *user, double *total, const double *per_slice, int n) {
  const Grid *grid = user;
  int slices_of[GRID_MODALITIES * SLICES_MOST];
  for (int rank = 0; rank < grid->ranks; rank++) {
    int first, end;
    grid_fusion_slices(grid, rank, &first, &end);
    slices_of[rank] = end - first;
  }
  pool_over(grid->comm->world, grid->slices, slices_of, grid->ranks, total, per_slice, n);
}
