#ifndef SWEEP_SUBMIT_H
#define SWEEP_SUBMIT_H
/// Gives the runs of a sweep to Slurm. Local.
#include "sweep/slurm.h"
#include "sweep/space.h"

typedef struct SubmitOptions {
  const char *dir;          // sweep directory
  const char *program;      // absolute path of this program
  int packed;               // runs an element of the array works on; 0: as many as fill half of its time, up to half an hour
  int at_once;              // elements that may run at once; 0: as many as Slurm lets
  bool retry;               // runs that have failed for good, too
  bool test_only;           // only ask Slurm whether it would take the jobs, and when it would start them
  bool dry_run;             // write the scripts and print what would be called
  bool json;
  const char *const *raw;   // [raws] options of sbatch, as on its command line; they stand above those of the sweep file
  int raws;
} SubmitOptions;

/// Writes DIR/jobs/NNN/ and calls sbatch: an array (several, when there are more elements than MaxArraySize) of jobs that each call
/// `rebasis sweep run` for their share of the runs, and a job that collects when all of them have ended. Runs that are done, that a job has in
/// hand or in the queue, or that have failed for good, are left out; so calling it again submits what is missing. Prints what was done.
///   DIR/jobs/attempts.bash          what the scripts share
///   DIR/jobs/NNN/sweep.sbatch       to be read, and to be submitted by hand as well
///   DIR/jobs/NNN/collect.sbatch
///   DIR/jobs/NNN/elements           line K: the runs of element K - 1
///   DIR/jobs/NNN/submitted          a line per array: its number, and its first and last element
///   DIR/jobs/NNN/log/               what the jobs say; element-K/attempts.log: a line for every start of element K
/// Where the last submission cannot be asked for (no squeue here), nothing is taken to be in the queue.
Status sweep_submit(const Space *space, const SubmitOptions *options);

/// Calls each(user, runs of one element as "ID ID …", its name in Slurm) for all elements that were ever submitted.
void submit_elements(const char *dir, void (*each)(void *user, char *ids, const char *name), void *user);

#endif
