#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H
/// The optimiser on this rank's units: clipping by the global norm, the schedule of the learning rate, one pass over the flat block.
#include "comm/sums.h"
#include "config/config.h"
#include "method/method.h"

typedef struct Optimizer {
  const Config *config;
  int64_t begin, floats; // of the flat block that the own units span
  float *m, *v;          // owned [floats]: first and second moments; sgd: m is the momentum, v unused (NULL)
  double *squares;       // owned [all units]
  const Parameters *parameters; // borrowed; NULL: none is frozen
} Optimizer;

Status optimizer_open(Optimizer *optimizer, const Config *config, const Sums *sums);
void optimizer_close(Optimizer *optimizer);

/// The learning rate of a step: base * warm-up (linear over warmup_epochs) * schedule, where t counts steps from 0:
/// step gamma^floor(epoch / step_epochs); exponential gamma^epoch; cosine (1 + cos(pi (t - w) / (T - w))) / 2. Pure.
double optimizer_rate(const Config *config, const Progress *progress);

/// Collective. Sums the gradients, clips (scale = min(1, clip_norm / (norm + 1e-6))), updates the own units, publishes. step counts from 1.
/// *norm is the global gradient norm before clipping. Riders travel as in sums_reduce. When the norm is not finite: EXIT_INTERNAL,
/// the same on all ranks, and the parameters are not to be used any more (without clipping they are updated before the norm is known).
Status optimizer_step(Optimizer *optimizer, Sums *sums, double rate, int64_t step, double *norm, double *riders, int n);

#endif
