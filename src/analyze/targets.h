#ifndef ANALYZE_TARGETS_H
#define ANALYZE_TARGETS_H
/// Models that were trained on one set of modalities each, by the scores that their runs left behind: config.yaml, run.json and evaluation.json of the
/// finished runs of a sweep directory. Nothing is run again.
#include "analyze/context.h"
#include "train/evaluate.h"

typedef struct Target {
  char *run; // owned: path of the run directory
  char task[DATASET_NAME], split[16];
  int modalities;
  char (*name)[NAME_MOST]; // owned [modalities], in the order of its configuration
  uint64_t seed, data;     // run.seed, dataset_identity
  Scores score;            // nothing withheld: n, accuracy, loss, auroc
} Target;

/// On the root; elsewhere there are none.
typedef struct Targets {
  const char *dir; // borrowed
  int count;
  Target *item; // owned [count]
} Targets;

/// Collective. EXIT_NO_INPUT where no run of `dir` has ended, EXIT_DATA for what is not as a run leaves it.
Status targets_open(Targets *targets, const Comm *comm, const char *dir);
void targets_close(Targets *targets);

/// Collective. score[sets] of the runs of context->targets whose modalities are exactly those of set[sets] (bits of the context's), with the same
/// seed, data, task, split and number of samples; n = 0 where there is no such run. found[sets]: the run, on the root, or NULL. EXIT_DATA when there is
/// none for any set, with what kept the nearest away, and when two fit.
Status targets_scores(Scores *score, const Target **found, AnalyzeContext *context, const uint32_t *set, int sets);

#endif
