// regroup:       z_i [shard's rows] on the owner of i  ->  z_i [my rows] on every rank of the shard
// regroup_back:  dz_i [my rows] on every rank          ->  dz_i [shard's rows] on the owner of i
// The second is the transpose of the first: every number sent is sent back to where it came from.
#include "comm/exchange.h"

#include <string.h>

// The compact rows of a modality, counted from the shard's first, that group `group` of this shard fuses.
static void block(const Grid *grid, const RowTable *rows, int modality, int group, int *first, int *count) {
  int begin, end, shard_begin, shard_end;
  grid_fusion_slices(grid, grid->shard * grid->groups + group, &begin, &end);
  grid_encoder_slices(grid, grid->shard, &shard_begin, &shard_end);
  *first = rows->begin[modality][begin] - rows->begin[modality][shard_begin];
  *count = rows->begin[modality][end] - rows->begin[modality][begin];
}

// whole[i] [shard's rows] lives on the owner of i, part[i] [my rows] everywhere; back moves part to whole.
static void transfer(const Grid *grid, float *const *whole, float *const *part, const int *width, const RowTable *rows,
                     bool back) {
  MPI_Request request[GRID_MODALITIES * (GRID_MODALITIES + 1)];
  int requests = 0;
  for (int i = 0; i < grid->modalities; i++) {
    int owner = grid->group_of[i];
    for (int g = 0; g < grid->groups; g++) {
      // A block has two ends: the owner, who holds it in `whole`, and group g, who holds it in `part`.
      int first, count;
      block(grid, rows, i, g, &first, &count);
      size_t floats = (size_t)count * (size_t)width[i];
      bool own = owner == grid->group, here = g == grid->group;
      if (floats == 0 || (!own && !here))
        continue;
      float *in_whole = own ? whole[i] + (size_t)first * (size_t)width[i] : NULL, *in_part = here ? part[i] : NULL;
      if (own && here)
        memcpy(back ? in_whole : in_part, back ? in_part : in_whole, floats * sizeof(float));
      else if (own == back)
        MPI_Irecv(own ? in_whole : in_part, (int)floats, MPI_FLOAT, own ? g : owner, i, grid->same_shard,
                  &request[requests++]);
      else
        MPI_Isend(own ? in_whole : in_part, (int)floats, MPI_FLOAT, own ? g : owner, i, grid->same_shard,
                  &request[requests++]);
    }
  }
  MPI_Waitall(requests, request, MPI_STATUSES_IGNORE);
}

void exchange_regroup(const Grid *grid, float **to, float *const *from, const int *width, const RowTable *rows) {
  if (grid->groups > 1)
    transfer(grid, from, to, width, rows, false);
  else
    for (int i = 0; i < grid->modalities; i++)
      to[i] = from[i];
}

void exchange_regroup_back(const Grid *grid, float *const *to, float *const *from, const int *width,
                           const RowTable *rows) {
  if (grid->groups > 1) {
    transfer(grid, to, from, width, rows, true);
    return;
  }
  for (int i = 0; i < grid->modalities; i++) {
    int first, count;
    block(grid, rows, i, 0, &first, &count);
    if (to[i] != from[i])
      memcpy(to[i], from[i], (size_t)count * (size_t)width[i] * sizeof(float));
  }
}

void exchange_collect(const Grid *grid, float *values, int64_t n) {
  enum { PIECE = 1 << 24 };
  if (grid->ranks > 1)
    for (int64_t at = 0; at < n; at += PIECE)
      MPI_Allreduce(MPI_IN_PLACE, values + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_FLOAT, MPI_SUM,
                    grid->comm->world);
}
