#ifndef TRAIN_RUN_INSIDE_H
#define TRAIN_RUN_INSIDE_H
/// One run without regard to others, and what the phases of a chain of runs need of each.
#include "train/run.h"

/// Start values out of a checkpoint of another run: what is under encoders/NAME (and heads/NAME), parameters and running statistics.
typedef struct RunStart {
  char file[PATH_MOST + 64];
  bool modality[MODALITIES_MOST], heads;
} RunStart;

/// What a run ended with.
typedef struct RunOutcome {
  char model[PATH_MOST + 64];    // the checkpoint to go on from: the best one, or the last
  int64_t step;
  uint64_t parameters_hash;
  double alone[MODALITIES_MOST]; // accuracy on validation data (training data when there are none) when only this modality is shown
} RunOutcome;

typedef struct RunPart {
  const RunStart *start;         // borrowed [starts]
  int starts;
  bool last;                     // the run directory is locked already; prints and evaluates as any run
  RunOutcome *outcome;           // NULL: not asked for
} RunPart;

/// Collective. part NULL: a run that is alone.
Status run_inside(const Comm *comm, const Config *config, const RunOptions *options, const RunPart *part);

#endif
