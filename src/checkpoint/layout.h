#ifndef CHECKPOINT_LAYOUT_H
#define CHECKPOINT_LAYOUT_H
/// The file without the tensors' values: groups, attributes, places. All local: one rank writes this alone, so that no
/// failure can leave ranks waiting for each other inside HDF5.
#include "checkpoint/checkpoint.h"

/// Makes `file` (open for writing; emptied first; called `name`, which exists) an HDF5 file behind a user block of
/// SEAL_SIZE bytes, with the head and every tensor as a contiguous dataset whose place is taken but not written.
/// offset[tensors] becomes each one's place in the file. It says complete=1 from the beginning: what makes it visible
/// is the seal and the name. EXIT_IO.
Status layout_create(int64_t *offset, int file, const char *name, const CheckpointHead *head,
                     const CheckpointTensor *tensor, int tensors, const uint64_t *hash);

/// Reads the head of an open file (an hid_t); complete must be 1. EXIT_DATA names what is missing or impossible.
Status layout_read_head(CheckpointHead *head, int64_t file, const char *name);

#endif
