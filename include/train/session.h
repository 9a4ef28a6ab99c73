#ifndef TRAIN_SESSION_H
#define TRAIN_SESSION_H
/// Everything a run needs, opened in order: data, stages, grid, parameters, step. Training, evaluation and prediction share it.
#include "train/optimizer.h"
#include "train/shared_data.h"
#include "train/step.h"

typedef struct Session {
  const Comm *comm;
  Config config;
  Dataset dataset;      // of own, or of data that others have opened
  SharedData own;
  Standard standard;    // points into state
  Noise noise;
  float *deviation[MODALITIES_MOST]; // owned: of inputs that get noise without being standardised
  int standard_mean[MODALITIES_MOST], standard_deviation[MODALITIES_MOST]; // index in stages.state
  float *class_weight;  // owned [classes] or NULL
  Stages stages;
  Grid grid;
  StageTable table;
  Sums *sums;
  float *state;         // owned, flat block of the state list
  Step *step;
  struct Substitution *substitution; // owned by run_open; NULL: missing modalities stay missing
  Batch batch;
  bool has_grid, training;
  int64_t saved_step, saved_epoch; // of the checkpoint that run_open read
} Session;

/// Collective. `file` replaces config->data.file when not NULL (evaluation on other data).
Status session_open(Session *session, const Comm *comm, const Config *config, const char *file, bool training);
/// The same on data that are open already and outlive the session; comm may be a part of the ranks that opened them.
Status session_open_shared(Session *session, const Comm *comm, const Config *config, const SharedData *data, bool training);
void session_close(Session *session); // Collective

/// Samples of a split that have a label and at least one of the session's modalities, in order; owned (free). n becomes their number.
Status session_samples(const Session *session, Split split, int64_t **sample, int64_t *n);
int64_t session_count(const Session *session, Split split);

/// What missingness.* of the config asks for in training, at an epoch.
MaskProtocol session_train_mask(const Session *session, int64_t epoch);

/// Collective. Adds noise of this rate to a modality outside training (evaluate --noise). EXIT_CONFIG for bags of codes.
Status session_noise(Session *session, int modality, double rate);

/// Opens structure only: config, data shapes, stages, and a grid for `ranks` ranks; for `plan` and --dry-run. No memory for training is taken.
Status session_sketch(Session *session, const Config *config, int ranks);
void session_sketch_close(Session *session);

#endif
