#ifndef TRAIN_RUN_H
#define TRAIN_RUN_H
/// One training run, from an empty run directory or from its newest good checkpoint to evaluation.json.
#include "comm/comm.h"
#include "config/config.h"

struct Session;
struct MetricsLog;

/// The end of an epoch, as an observer sees it: it may look at everything and change nothing that training goes on from.
typedef struct RunMoment {
  struct Session *session;    // between steps
  const char *dir;
  int64_t step, epoch;        // steps done; the epoch that ends, counted from 0
  struct MetricsLog *log;     // takes lines on every rank, writes them on one
} RunMoment;

typedef struct RunOptions {
  const char *out;            // run directory; NULL: config.run.out
  const char *dump_gradients; // HDF5 file for the gradients of the first step (one rank only), or NULL
  bool resume, json, quiet;
  double watchdog;            // seconds that one phase of a rank may last before the job is ended; 0: for ever
  /// Collective; NULL: nobody observes. Called every analysis.every_epochs epochs, before the checkpoint that closes the epoch, so a resumed
  /// run has each call's lines once.
  Status (*observe)(void *user, const RunMoment *moment);
  void *observer;
  const struct SharedData *data; // borrowed [datas]: data sets that are open already; the run takes the one that serves it
  int datas;
  bool locked, silent;           // the caller holds the lock of the run directory; nothing goes to standard output
} RunOptions;

/// Collective. Trains, saves, evaluates. EXIT_AGAIN after an interruption, with a checkpoint saved; otherwise as status.h.
/// What is printed and stored at the end: steps, parameters_xxh64, scores.
Status run_train(const Comm *comm, const Config *config, const RunOptions *options);

/// Collective. Opens a trained run: config from RUN/config.yaml (overrides applied), best.h5 where the run chose by a metric, else the newest checkpoint.
Status run_open(struct Session *session, const Comm *comm, const char *dir, const char *data, const char *const *overrides, int count);

#endif
