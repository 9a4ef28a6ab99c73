#ifndef TRAIN_RUN_FILES_H
#define TRAIN_RUN_FILES_H
/// config.yaml and run.json of a run directory, and what a run prints at its end.
#include "comm/comm.h"
#include "config/config.h"
#include "train/session.h"

typedef struct RunSummary {
  const char *state; // "done" or "interrupted"
  int64_t step, epoch;
  uint64_t parameters_hash;
  double seconds; // of this start; run.json has the sum over all starts
} RunSummary;

/// Collective. Writes config.yaml; refuses (EXIT_CANNOT_CREATE) a directory that holds checkpoints already unless `resume`.
Status run_files_begin(const Comm *comm, const Config *config, const char *dir, bool resume);

/// Collective. Writes run.json atomically and, unless silent, prints the summary to standard output, as JSON or as lines.
Status run_files_end(const Comm *comm, const Session *session, const char *dir, const RunSummary *summary, bool json, bool silent);

/// As file_replace (base/file.h).
Status run_file_write(const char *path, const char *text);
/// Writes text to DIR/NAME as file_replace does (base/file.h).
Status run_files_write(const char *dir, const char *name, const char *text);

#endif
