#ifndef TRAIN_PACE_H
#define TRAIN_PACE_H
/// How long a step, a checkpoint and the end of an epoch took lately, and what must be left before a deadline to dare one more step.
#include <stdbool.h>

typedef struct Pace {
  double step, save, close;  // seconds, as pace_seen follows them; 0: not seen yet
  double validation_steps;   // batches of validation data: what the end of the first epoch is guessed from
} Pace;

/// The estimate after another duration of `seconds` was seen: rises at once, falls slowly.
double pace_seen(double estimate, double seconds);

/// Seconds that must be left at the end of a step's backward pass for the run to go on: for the rest of this step, one more, a
/// checkpoint, and the end of an epoch if it stands between (closes).
double pace_need(const Pace *pace, bool closes);

#endif
