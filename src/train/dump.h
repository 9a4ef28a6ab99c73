#ifndef TRAIN_DUMP_H
#define TRAIN_DUMP_H
/// What an independent program needs to check a step: for tools/oracle.
#include "train/session.h"

/// After the first step of a run on one rank: writes to the HDF5 file `path` /gradients/PATH (before clipping), /batch/samples int64 [n],
/// /batch/keep uint8 [n, modalities], and the losses as /loss/NAME double [1] (means over the batch).
Status dump_gradients(Session *session, const char *path);

#endif
