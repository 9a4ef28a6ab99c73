#ifndef CHECKPOINT_VERIFY_H
#define CHECKPOINT_VERIFY_H
/// What libhdf5 says of a file, held against what we expect. All local.
#include "checkpoint/checkpoint.h"

/// Opens a dataset (an hid_t of `file`) that has the tensor's shape and 32-bit floats. EXIT_DATA.
Status verify_dataset(int64_t *dataset, int64_t file, const CheckpointTensor *tensor, const char *name);

/// Reads rows [row, end) of the dataset. EXIT_DATA.
Status verify_read_rows(float *to, int64_t dataset, const CheckpointTensor *tensor, int64_t row, int64_t end,
                        const char *name);

/// The dataset's values have the XXH64 that its attribute xxh64 says; a dataset without the attribute is not trusted.
/// EXIT_DATA.
Status verify_tensor(int64_t file, const CheckpointTensor *tensor, const char *name);

/// The same for a whole file that nobody vouches for, and its head, in a process of its own: libhdf5 crashes or hangs
/// on some damaged files, and then this says EXIT_DATA.
Status verify_apart(const CheckpointTensor *tensor, int tensors, const char *name);

#endif
