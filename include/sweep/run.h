#ifndef SWEEP_RUN_H
#define SWEEP_RUN_H
/// One MPI job that trains the runs of a sweep, side by side on teams of ranks. Several jobs may work on one directory at the same time: who holds
/// the lock of a run directory trains that run, the others pass on.
#include "comm/comm.h"
#include "sweep/space.h"
#include "train/run.h"

typedef struct SweepOptions {
  const char *dir;      // sweep directory
  int team;             // ranks that train one run; 0: chosen so that all is done soonest
  double watchdog;      // seconds, as in train/run.h
  bool retry;           // try failed runs again too
  bool json, quiet;
  const char *const *only; // [chosen] IDs of the runs to work on; NULL: all
  int chosen;
  /// What opening each data set in a child process said (data/dataset.h); NULL: not asked. Runs of a data set that is no good fail, and only they.
  Status (*probe)(void *user, const char *file);
  Status (*observe)(void *observer, const RunMoment *moment); // of every run, as in train/run.h; NULL: nobody observes
  void *user;
} SweepOptions;

/// Collective. Trains what is not done yet, resumes what was interrupted, and prints a summary. EXIT_AGAIN when a signal or the deadline
/// (train/interrupt.h) came before the end, or runs failed in a way that may pass; EXIT_INTERNAL naming the runs that failed for good;
/// success when all are done or in the hands of other jobs.
Status sweep_run(const Comm *comm, const Space *space, const SweepOptions *options);

#endif
