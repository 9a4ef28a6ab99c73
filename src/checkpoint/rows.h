#ifndef CHECKPOINT_ROWS_H
#define CHECKPOINT_ROWS_H
/// Which rank stands for which rows of a tensor, and the tensors' hashes over all ranks.
#include "checkpoint/checkpoint.h"

/// Everybody's [first, end) of every tensor; the lowest rank that holds a row stands for it.
typedef struct Rows {
  int ranks, tensors;
  int64_t *range; // [ranks, tensors, 2], owned
} Rows;

/// Collective. A row that nobody holds is a programmer's error.
Status rows_gather(Rows *rows, const Comm *comm, const CheckpointTensor *tensor, int tensors);
void rows_free(Rows *rows);

/// The stretch of rows that begins at `row` and has one holder: that rank, *end is where it stops. -1: nobody.
int rows_holder(const Rows *rows, int tensor, int64_t row, int64_t count, int64_t *end);

/// The part of a stretch that this rank is to compare with the file: the holders of the whole stretch share it evenly.
void rows_to_check(const Rows *rows, int rank, int tensor, int64_t row, int64_t end, int64_t *first, int64_t *stop);

/// Floats in a row, and rows in a piece of at most PIECE bytes (at least one).
int64_t rows_width(const CheckpointTensor *tensor);
int64_t rows_in_piece(const CheckpointTensor *tensor);

/// Collective. hash[tensors] becomes the XXH64 of each whole tensor in row-major order, little-endian, on all ranks. No
/// rank ever holds more than a piece of others' rows.
Status rows_hash(uint64_t *hash, const Rows *rows, const Comm *comm, const CheckpointTensor *tensor);

#endif
