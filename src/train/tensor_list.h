#ifndef TRAIN_TENSOR_LIST_H
#define TRAIN_TENSOR_LIST_H
/// The tensors of a checkpoint and where they stand in memory. Most are rows of memory themselves; those of turned parameters
/// (graph/parameters.h) are not, and pass through a buffer of the rows that this rank stands for in the file.
#include "checkpoint/checkpoint.h"
#include "train/session.h"

/// A loss sum is a double, and the file's tensors are floats: a double of ordinary size is the exact sum of three.
enum { PARTS = 3 };

/// A turned matrix [rows, columns] of memory, of which this rank has rows [first, end); shown: rows [begin, stop) of the file's
/// [columns, rows].
typedef struct TurnedTensor {
  int tensor; // index into item
  float *memory;
  int rows, columns;
  int64_t first, end, begin, stop;
  float *shown; // owned
} TurnedTensor;

typedef struct TensorList {
  CheckpointTensor *item;
  int count;
  TurnedTensor *turned;
  int turns;
  float *accumulated, *counted; // owned: [accumulators, slices, PARTS], [accumulators, PARTS]
} TensorList;

/// Collective. Parameters and running statistics; with an optimizer also its moments and the loss sums of the epoch. Borrows the
/// session and the optimizer. Close it after a failure, too.
Status tensor_list_open(TensorList *list, Session *session, Optimizer *optimizer);
void tensor_list_close(TensorList *list);

/// Leaves out the tensors of which wanted(path, user) does not hold.
void tensor_list_keep(TensorList *list, bool (*wanted)(const char *path, const void *user), const void *user);

/// Collective. From memory into the buffers, before a checkpoint is written; and back, after it was read.
Status tensor_list_show(TensorList *list, const Comm *comm);
Status tensor_list_take(TensorList *list, const Comm *comm);

#endif
