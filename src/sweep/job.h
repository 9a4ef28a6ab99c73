#ifndef SWEEP_JOB_H
#define SWEEP_JOB_H
/// What a rank of `sweep run` knows, and the training of one run by its team.
#include "base/log.h"
#include "comm/node.h"
#include "sweep/run.h"
#include "sweep/state.h"
#include "train/shared_data.h"

#include <stdatomic.h>

/// Memory of a node: zero at the beginning.
typedef struct Board {
  _Atomic int64_t next;          // the queue's counter
  _Atomic int64_t before, ended; // runs that were done before; that ended here
  atomic_int stop;               // a signal has come to a rank of the node
} Board;

typedef struct Job {
  const Comm *comm;
  const Space *space;
  const SweepOptions *options;
  LogLevel level;
  Config *config;          // owned, for one run at a time
  bool *wanted;            // owned [runs]
  int chosen;              // how many are wanted
  double *seconds;         // owned [runs]: predicted
  int *order;              // owned [runs]: largest first
  SharedData *data;        // owned [datas]
  Status *data_status;     // owned [datas]: why one is not open
  int datas;
  NodeBlock block;
  Board *board;
  Comm team;               // 0 ranks: left over
  int team_size, node, nodes;
  int *passed, passed_on, looked_again; // owned [runs]: runs that another job held, tried once more at the end
  Status trouble;          // why a run directory could not be locked or written, to begin with
  bool stopped;            // a run of this team was interrupted: nothing more is begun
  double done, trained;    // runs that ended well, and their core-seconds
  double busy, wall, idle; // seconds in runs, in all, and the share without one
} Job;

bool job_leads(const Job *job);
void job_run_dir(char dir[PATH_MOST], const Job *job, int run);

/// Collective over the team. Locks the run directory and trains, or learns that there is nothing to do; *refused on the leader when another job
/// has it. What the run ends with is written into its directory; only what makes all work pointless is returned.
Status job_train(Job *job, int run, bool *refused);

#endif
