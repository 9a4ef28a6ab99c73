#ifndef SWEEP_VIEW_H
#define SWEEP_VIEW_H
/// What Slurm says of the jobs of a sweep, held against what its run directories say. They can disagree, and then people want to know.
#include "sweep/slurm.h"
#include "sweep/state.h"

typedef struct SlurmView {
  bool asked;          // false: no Slurm here, or nothing of this sweep was ever in its hands
  Status failure;      // Slurm did not answer
  int pending, running;// elements
  char reason[64];     // why most of the pending ones wait
  int unqueued;        // runs that are neither over, nor at work, nor in the queue
  int lines;
  char **line;         // owned [lines]: disagreements, one a line
} SlurmView;

/// One call of squeue at most.
void slurm_view(SlurmView *view, const Space *space, const char *dir, const RunState *state);
void slurm_view_free(SlurmView *view);

#endif
