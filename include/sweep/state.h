#ifndef SWEEP_STATE_H
#define SWEEP_STATE_H
/// What became of a run, told by its directory: RUN/state.json, written by the sweep while it holds the directory's lock, always whole; and
/// run.json and evaluation.json, which training itself leaves. No server is asked, so this is what is true after any accident.
#include "base/status.h"
#include "sweep/space.h"

#include <stdint.h>

typedef enum RunKind {
  RUN_MISSING,     // never begun
  RUN_RUNNING,     // a job holds its lock
  RUN_INTERRUPTED, // begun, saved or cut, and held by nobody: to be resumed
  RUN_FAILED,      // ended with an error; final: trying again would give the same
  RUN_DONE,
  RUN_KINDS
} RunKind;

extern const char *const run_kind_names[RUN_KINDS]; // "missing", "running", …

typedef struct RunState {
  RunKind kind;
  int code;             // exit code of the last end; 0 while it runs
  char cause[STATUS_TEXT];
  int64_t step;         // of the newest checkpoints, all phases added
  int attempts;         // how often it was begun
  int stuck;            // ends in a row at the same step: by the same failure, or by a death without a word
  bool final;           // failed for good
  char host[72], job[40]; // where it was begun last; SLURM's name of the job, or ""
  double seconds;       // of training, in all attempts
  double progress;      // share of its steps that is done, 0 … 1; NaN when that is not known
  uint64_t parameters;  // parameters_xxh64 of a run that is done
} RunState;

/// Reads the state of run directory DIR. Local. A file that is torn or foreign counts as absent.
void run_state_read(RunState *state, const char *dir);
/// The same and the progress, which needs a look into metrics.jsonl; epochs: of the configuration.
void run_state_look(RunState *state, const char *dir, int epochs);

/// Writes DIR/state.json. Only with the lock of DIR held. EXIT_CANNOT_CREATE, EXIT_IO.
Status run_state_write(const RunState *state, const char *dir);

/// Steps of the newest checkpoint of DIR and of each of its phases, added; 0: none.
int64_t run_step(const char *dir);

/// How many runs of a sweep are in each state. failed counts final ones only, others wait to be resumed.
typedef struct SweepCount {
  int kind[RUN_KINDS], retry; // retry: failed, but not for good
} SweepCount;

/// States of all runs of `space` in sweep directory DIR, into state[runs] (NULL: only counted).
void sweep_states(RunState *state, SweepCount *count, const Space *space, const char *dir);

/// DIR/sweep.yaml, which describes the sweep without its base's file; written unless it says the same already. EXIT_CANNOT_CREATE, EXIT_IO.
Status sweep_directory_make(const Space *space, const char *dir);

/// "sweeps/NAME" into dir[PATH_MOST], or `out` if not NULL.
Status sweep_directory(char *dir, const Space *space, const char *out);

/// Reads the sweep that `path` names: a sweep file, whose directory is `out` or the default, or a sweep directory.
Status sweep_find(Space *space, char *dir, const char *path, const char *out);

#endif
