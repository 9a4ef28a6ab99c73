#ifndef SWEEP_PLAN_H
#define SWEEP_PLAN_H
/// What a sweep will take before it is started. Local.
#include "sweep/space.h"

typedef struct SweepPlan {
  double *seconds;        // owned [runs]: predicted for one rank; NaN where the data cannot be read
  double core_hours;      // their sum; NaN if any is
  double longest;         // seconds of the longest run
  int64_t *steps;         // owned [runs]: training steps of a run, all its phases
  int elements, packed;   // shape of a Slurm array: `elements` elements of up to `packed` runs each
  Status missing;         // why the first run without a prediction has none
} SweepPlan;

/// Predicts every run (train/plan.h), those that differ in nothing that costs time once. Never fails for data that are not there: see missing.
Status sweep_plan(SweepPlan *plan, const Space *space);
void sweep_plan_free(SweepPlan *plan);

/// Predicted seconds[runs] of the runs that are wanted (NULL: all) on `ranks` ranks; INFINITY where a run cannot have so many, NaN where
/// its data cannot be read. `config` is scratch.
void sweep_predict(double *seconds, const Space *space, const bool *wanted, int ranks, Config *config);

/// Packs runs of `seconds` [runs] so that an element lasts for about `element_seconds`, and there are at most `most` elements.
void sweep_shape(int *elements, int *packed, const double *seconds, int runs, double element_seconds, int most);

/// Prints axes, counts, core-hours and the shape to standard output, and what of it is done already; list: every run too.
struct SweepCount;
void sweep_plan_print(const Space *space, const SweepPlan *plan, const struct SweepCount *count, bool list, bool json);

#endif
