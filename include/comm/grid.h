#ifndef COMM_GRID_H
#define COMM_GRID_H
/// The grid of ranks: modality groups x data shards. Rank r = shard * groups + group runs the encoders of its group's
/// modalities for its shard's slices, and the fusion stage for its part of those slices. Everything here but grid_open is a
/// pure function of the numbers, so every rank knows what every other rank does.
#include "base/slices.h"
#include "base/status.h"
#include "comm/comm.h"

enum { GRID_MODALITIES = 32 };

typedef struct Grid {
  int groups, shards, slices;        // groups * shards ranks; a batch is cut into `slices` slices
  int modalities, group_of[GRID_MODALITIES];
  int rank, ranks, group, shard;     // this rank's place
  const Comm *comm;                  // all ranks; borrowed
  MPI_Comm same_shard, same_modality;// named by what their members share; ordered by group, by shard
} Grid;

/// Chooses groups and shards for `ranks` ranks, or checks the asked ones (0: choose). cost[modalities]: relative work of each encoder;
/// fusion_cost: of the fusion stage. EXIT_CONFIG when `ranks` cannot be used, naming the nearest counts that can.
Status grid_choose(Grid *grid, int ranks, int groups, int shards, int slices, const double *cost, int modalities, double fusion_cost);

/// Predicted time of a step relative to one rank (1/ranks is perfect): the largest share of work that a rank gets.
double grid_share(const Grid *grid, const double *cost, double fusion_cost);

/// Collective. Takes a place in the world and makes the two communicators.
Status grid_open(Grid *grid, const Comm *comm);
void grid_close(Grid *grid);

/// Slices [*first, *end) whose encoder rows shard `shard` holds, and those whose fusion rows `rank` holds. Over all ranks the latter
/// are disjoint, in rank order, and make up the batch.
void grid_encoder_slices(const Grid *grid, int shard, int *first, int *end);
void grid_fusion_slices(const Grid *grid, int rank, int *first, int *end);

/// For Pass.pool: sums over the slices of all shards (same modality), and over those of all ranks. user is a `const Grid *`.
void grid_pool_encoder(void *user, double *total, const double *per_slice, int n);
void grid_pool_fusion(void *user, double *total, const double *per_slice, int n);

#endif
