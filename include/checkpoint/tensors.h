#ifndef CHECKPOINT_TENSORS_H
#define CHECKPOINT_TENSORS_H
/// A plain HDF5 file of named arrays, written by one process: gradients and batches for an independent program to check.
#include "base/status.h"

typedef enum TensorType { TENSOR_FLOAT, TENSOR_DOUBLE, TENSOR_INT64, TENSOR_UINT8 } TensorType;

typedef struct NamedTensor {
  char path[160]; // "/gradients/encoders/image/0/weight"; groups are made as needed
  TensorType type;
  int dimensions, dim[4];
  const void *data; // borrowed, row-major
} NamedTensor;

/// EXIT_CANNOT_CREATE or EXIT_IO with the file's name.
Status tensors_write(const char *path, const NamedTensor *tensor, int tensors);

#endif
