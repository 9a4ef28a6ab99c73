#ifndef TRAIN_PLAN_H
#define TRAIN_PLAN_H
/// What a run will need before it is started: the grid, parameters, memory per rank, communication and an estimate of the step's time.
#include "comm/comm.h"
#include "config/config.h"
#include "train/session.h"

typedef struct PlanRow {
  int ranks, groups, shards;
  double share;             // the busiest rank's share of the work of a step; 1/ranks is perfect
  size_t bytes_rank;        // peak of the rank that needs most, as the system counts it: what it shares with others of its node, too
  size_t bytes_node;        // of all ranks when they share one node: data set and, in a window, parameters once
  size_t bytes_sent;        // by the busiest rank in a step
  double step_seconds;      // at PLAN_RATE multiply-adds a second and rank
} PlanRow;

/// Bytes that whoever observes a run between its epochs (RunOptions.observe) takes on `rank` of a sketch, at most; NULL: nobody observes.
typedef size_t PlanObserver(const Session *sketch, int rank);

/// Predicts for `ranks` ranks. EXIT_CONFIG when there is no such grid. Local; opens the data file for its shapes only.
Status plan_row(PlanRow *row, const Config *config, int ranks, PlanObserver *observer);

/// What a whole run takes: its steps over all epochs (and phases of kd), and their predicted time with validation and saving.
typedef struct PlanRun {
  int64_t steps;
  double seconds;
} PlanRun;

/// Predicts a run on `ranks` ranks. EXIT_CONFIG when there is no such grid. Local; opens the data file for its shapes and split only.
Status plan_run(PlanRun *run, const Config *config, int ranks);

/// Collective. Prints the rank map, parameters and memory for `ranks` ranks (train --dry-run).
Status plan_print(const Comm *comm, const Config *config, int ranks, PlanObserver *observer, bool json);

/// Collective. Prints one row per rank count (`rebasis plan`).
Status plan_table(const Comm *comm, const Config *config, const int *ranks, int count, PlanObserver *observer, bool json);

#endif
