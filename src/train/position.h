#ifndef TRAIN_POSITION_H
#define TRAIN_POSITION_H
/// Where a run stands and how it is saved: the list of tensors of a checkpoint, and its head.
#include "checkpoint/checkpoint.h"
#include "train/session.h"

typedef struct Position {
  int64_t step;             // steps done
  Progress progress;        // the next step's place
  double best;              // early-stop score so far; NaN: none
  int64_t best_epoch, patience_left;
  double adversary_best;    // EBR's stop rule: best score so far, NaN: none
  int64_t adversary_left;   // epochs left before it ends the adversarial phase
  int64_t metrics_bytes;
} Position;

/// Collective. Writes a checkpoint of the session at `position` into DIR.
Status position_save(Session *session, Optimizer *optimizer, const Position *position, const char *dir);

/// Collective. Reads the newest good checkpoint of DIR into session, optimizer and position; *found is false when DIR has none.
Status position_load(Session *session, Optimizer *optimizer, Position *position, const char *dir, bool *found);

/// Collective. Reads parameters and running statistics only, from one file, for evaluation.
Status position_load_model(Session *session, const char *file);

/// Collective. Reads from one file the parameters and running statistics under encoders/NAME of the modalities asked for, and with `heads`
/// those under heads/NAME.
Status position_load_encoders(Session *session, const char *file, const bool *modality, bool heads);

#endif
