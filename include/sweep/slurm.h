#ifndef SWEEP_SLURM_H
#define SWEEP_SLURM_H
/// Slurm, through its commands: nothing is linked, and a machine without it is told apart from one where it fails. Local.
#include "base/status.h"

#include <stdbool.h>

/// A job, or an element of an array, that waits or runs.
typedef struct SlurmJob {
  char name[40];   // "4711", or "4711_3" for an element: as RunState.job has it
  char state[24];  // "PENDING", "RUNNING", "COMPLETING", …
  char reason[64]; // why it waits: "Resources", "BeginTime", "DependencyNeverSatisfied", …
} SlurmJob;

typedef struct SlurmQueue {
  SlurmJob *job;   // owned [jobs], sorted by name
  int jobs;
} SlurmQueue;

/// Whether a command (sbatch, squeue) is to be found here.
bool slurm_here(const char *command);

/// All jobs of this user, by one call of squeue. EXIT_NO_INPUT where there is no squeue, EXIT_IO when it fails.
Status slurm_queue(SlurmQueue *queue);
void slurm_queue_free(SlurmQueue *queue);
/// NULL: Slurm has no such job, or has it no longer.
const SlurmJob *slurm_find(const SlurmQueue *queue, const char *name);

/// The largest number of elements of an array (MaxArraySize) by one call of scontrol; what Slurm comes with when that does not answer.
int slurm_array_most(void);

/// Calls sbatch with words[] (NULL-terminated, without the command itself). id[24] becomes the number of the job. With --test-only among
/// the words *answer (owned by the caller) becomes what sbatch says about when and where; else NULL may be given. EXIT_CANNOT_CREATE with
/// sbatch's own words when it refuses.
Status slurm_sbatch(char id[24], char **answer, const char *const *words);

#endif
