#ifndef TRAIN_SHARED_DATA_H
#define TRAIN_SHARED_DATA_H
/// A data set as runs read it: structure on every rank, big arrays once per node. One may serve many runs, on any ranks of those that opened it.
#include "comm/node.h"
#include "config/config.h"
#include "data/dataset.h"

typedef struct SharedData {
  char file[PATH_MOST], task[NAME_MOST];
  Dataset dataset; // the configured modalities in their order, and the task as task[0]
  NodeBlock block;
  bool has_block;
} SharedData;

/// Collective. Reads what `config` wants of `file` (NULL: config->data.file). To be closed also after a failure.
Status shared_data_open(SharedData *data, const Comm *comm, const Config *config, const char *file);
void shared_data_close(SharedData *data); // Collective

/// The same without the big arrays: for sketches. Local.
Status shared_data_sketch(SharedData *data, const Config *config, const char *file);

/// Whether a run of this configuration would open just these data.
bool shared_data_serves(const SharedData *data, const Config *config);

#endif
