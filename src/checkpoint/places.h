#ifndef CHECKPOINT_PLACES_H
#define CHECKPOINT_PLACES_H
/// Names in a run directory: which checkpoints there are, which one is the latest, which are no longer needed. All
/// local.
#include "base/status.h"

#include "checkpoint/files.h"

#include <stdbool.h>
#include <stdint.h>

/// "step-00001200.h5", "DIR/checkpoints", "DIR/checkpoints/step-00001200.h5" and the last with ".tmp".
/// EXIT_CANNOT_CREATE: too long.
void place_name(char name[FILE_NAME], int64_t step);
Status place_folder(char path[FILE_PATH], const char *dir);
Status place_file(char path[FILE_PATH], const char *dir, int64_t step, const char *suffix);

/// Opens a directory itself, never what a symbolic link names; with `create` it is made first. EXIT_CANNOT_CREATE.
Status place_open(int *directory, const char *path, bool create);

/// The steps of the checkpoints in a folder, newest first; *step is owned. A folder that does not exist has none.
Status place_list(int64_t **step, int *count, const char *folder);

/// Points the symbolic link `latest` at the checkpoint, at once.
Status place_latest(int directory, const char *folder, int64_t step);

/// Removes the checkpoints up to `step` but the `keep` newest of them. What cannot be removed is warned about.
void place_retire(int directory, const char *folder, int64_t step, int keep);

#endif
