#ifndef CHECKPOINT_CHECKPOINT_H
#define CHECKPOINT_CHECKPOINT_H
/// The run's state on disk, one HDF5 file per step (contract.md 5), whole or not at all. Only user of parallel HDF5.
/// A file becomes visible under its name only when reserved, written, read back, agreed upon and renamed; a reader
/// trusts only one that verifies, and otherwise falls back to the one before, saying so.
#include "base/status.h"
#include "comm/comm.h"
#include "graph/parameters.h"

#include <stdbool.h>
#include <stdint.h>

/// One tensor of the file. Rank r holds rows [first, end) of the first dimension (all ranks together hold each row at
/// least once; with `first == end` a rank has nothing to write). data points at row `first`.
typedef struct CheckpointTensor {
  char path[PARAMETER_PATH + 24]; // "/parameters/encoders/image/0/weight"
  int dimensions, dim[PARAMETER_DIMENSIONS];
  float *data;
  int64_t first, end;
} CheckpointTensor;

typedef struct CheckpointHead {
  int64_t step, epoch;
  int64_t batch; // batches of the epoch already done
  uint64_t seed, config_hash, data_hash;
  uint64_t parameters_hash;
  char grid[16]; // "2x3": modality groups x data shards of the writer
  double best;   // best early-stop score so far (NaN: none)
  int64_t best_epoch, patience_left;
  int64_t metrics_bytes; // length of metrics.jsonl when this was written
  double extra[16];      // the method's own scalars
} CheckpointHead;

/// Collective. Writes DIR/checkpoints/step-%08d.h5 by the write protocol, points `latest` at it, removes what `keep`
/// (0: all) no longer needs. EXIT_IO on all ranks alike; what was there before stays intact.
Status checkpoint_write(const Comm *comm, const char *dir, const CheckpointHead *head, const CheckpointTensor *tensor,
                        int tensors, int keep);

/// Collective. Finds the newest checkpoint of DIR that verifies (every xxh64, complete=1, shapes as in `tensor`),
/// reads head and the ranks' rows into tensor[].data, and says on the log which damaged ones were passed over. *found
/// is false when there is none at all (no error). All present but none good: EXIT_DATA, each with its reason.
/// head->config_hash and data_hash hold on entry what is expected (0: any); others in the file: EXIT_CONFIG, saying
/// what differs, and no older checkpoint is tried.
Status checkpoint_read_latest(const Comm *comm, const char *dir, CheckpointHead *head, CheckpointTensor *tensor,
                              int tensors, bool *found);

/// Collective. Reads one file (a checkpoint or best.h5) with the same checks. EXIT_NO_INPUT when absent. A file that
/// another program wrote (h5py, from scratch or in place) is read too, with a warning, when every dataset has a right
/// xxh64; libhdf5 first tries it in a process apart.
Status checkpoint_read(const Comm *comm, const char *file, CheckpointHead *head, CheckpointTensor *tensor, int tensors);

/// Collective. Makes DIR/best.h5 a hard link (or copy) of the checkpoint of `step`, atomically.
Status checkpoint_mark_best(const Comm *comm, const char *dir, int64_t step);

/// Collective. Creates the run directory if need be and locks it: a second job gets EXIT_CANNOT_CREATE with the
/// holder's host and pid. A lock of a dead process of this host is taken over. Removes leftovers (*.tmp) of killed
/// writers. The lock ends with the process or rundir_unlock.
typedef struct RunLock {
  int file, directory; // rank 0's; -1: not locked
  bool refused;        // rank 0's: another job has it (and not that it could not be locked at all)
} RunLock;
Status rundir_lock(const Comm *comm, const char *dir, RunLock *lock);
void rundir_unlock(RunLock *lock);
/// Whether a job holds the lock of DIR at this moment. Local; for who only wants to know.
bool rundir_locked(const char *dir);

#endif
