#ifndef SWEEP_COLLECT_H
#define SWEEP_COLLECT_H
/// What the runs of a sweep have found, in one place. Local; only run directories are read, so it can be asked at any time.
#include "sweep/state.h"

/// Writes, each whole or not at all,
///   DIR/results.csv    one row a run and evaluated pattern: id, every swept key, state, seconds, kind (pattern or rate), pattern, rate, n, scores;
///                      a run without scores has one row with its state
///   DIR/results.h5     the same: /run/id, /run/state, /run/seconds, /run/keys/KEY [runs]; /pattern/kind, name, rate [patterns];
///                      /scores/NAME [runs, patterns], NaN where there is none, with dimension scales, units and long_name
///   DIR/summary.json   groups of runs that differ in the seed alone: mean and Student's 95 % interval of every pattern; tests; best; gaps; cost
/// and prints the summary as tables, or as that JSON. `score` is what is summed up: accuracy, auroc, auprc, average_precision or macro_f1.
///
/// The tests: values of the first key that differs (method.type if it does) in pairs; for each combination of the other keys the differences of
/// runs that agree in all else, one a seed; Wilcoxon's signed-rank test of the score with nothing withheld (all modalities of the run are
/// there), and of its mean over the rates of missingness.evaluate; then all combinations together; Holm's correction over all tests of the
/// table, which has none where no pair has both scores.
typedef struct CollectOptions {
  const char *score;
  bool json, silent; // silent: only write
} CollectOptions;
Status sweep_collect(const Space *space, const char *dir, const CollectOptions *options);

/// Prints how many runs are in which state, how far those that run are, what failed and why, and when all will be done at the present pace; for
/// what was submitted to Slurm also what the queue says (one call of squeue), and where it disagrees with the run directories.
Status sweep_status(const Space *space, const char *dir, bool list, bool json);

#endif
