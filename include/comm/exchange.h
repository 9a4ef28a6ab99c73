#ifndef COMM_EXCHANGE_H
#define COMM_EXCHANGE_H
/// Regroup: from "my modalities, all my shard's samples" to "all modalities, my part of the samples", and its adjoint.
/// Rows are compact: a modality's rows are the samples that show it, in batch order, so what a rank needs of another is one
/// block of consecutive rows.
#include "comm/grid.h"

/// Where rows stand: begin[i][s] counts the rows of modality i in slices before s of the whole batch, s <= slices.
typedef struct RowTable {
  int begin[GRID_MODALITIES][SLICES_MOST + 1];
} RowTable;

/// Collective over same_shard. to[i] [rows of modality i in my fusion slices, width[i]] receives what the owner of modality i has
/// in from[i] [rows of modality i in my shard's slices, width[i]] (from[i] is read by owners only). When one rank is its whole
/// shard nothing is copied: then to[i] is set to from[i]. Otherwise to[i] must have room.
void exchange_regroup(const Grid *grid, float **to, float *const *from, const int *width, const RowTable *rows);

/// The adjoint: from[i] (as `to` above) goes back to the owner's to[i]. When nothing needs to move, to[i] is copied from from[i] unless equal.
void exchange_regroup_back(const Grid *grid, float *const *to, float *const *from, const int *width, const RowTable *rows);

/// Collective over all ranks. Every number of values[n] is 0 on all ranks but one; all get it.
void exchange_collect(const Grid *grid, float *values, int64_t n);

#endif
