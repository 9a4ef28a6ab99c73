#include "train/optimizer.h"

#include "base/memory.h"
#include "kernels/optimizer.h"

#include <math.h>
#include <stdlib.h>

Status optimizer_open(Optimizer *optimizer, const Config *config, const Sums *sums) {
  int units, first, end;
  const SumUnit *unit = sums_units(sums, &units, &first, &end);
  *optimizer = (Optimizer){.config = config};
  if (first < end) {
    optimizer->begin = unit[first].offset;
    optimizer->floats = unit[end - 1].offset + unit[end - 1].size - optimizer->begin;
  }
  TRY(memory_take((void **)&optimizer->squares, (size_t)units, sizeof(double), "the norms of units"));
  TRY(memory_take((void **)&optimizer->m, (size_t)optimizer->floats, sizeof(float), "the optimiser's first moments"));
  if (config->optimizer.type == OPTIMIZER_SGD)
    return STATUS_OK;
  return memory_take((void **)&optimizer->v, (size_t)optimizer->floats, sizeof(float),
                     "the optimiser's second moments");
}

void optimizer_close(Optimizer *optimizer) {
  free(optimizer->squares);
  free(optimizer->m);
  free(optimizer->v);
}

double optimizer_rate(const Config *config, const Progress *progress) {
  double t = (double)(progress->epoch * progress->batches + progress->batch), rate = config->optimizer.learning_rate;
  double warm = config->optimizer.schedule.warmup_epochs * (double)progress->batches,
         gamma = config->optimizer.schedule.gamma;
  if (t < warm)
    return rate * (t + 1) / warm;
  double left = (double)(progress->epochs * progress->batches) - warm;
  switch (config->optimizer.schedule.type) {
  case SCHEDULE_STEP:
    return rate * pow(gamma, (double)(progress->epoch / config->optimizer.schedule.step_epochs));
  case SCHEDULE_EXPONENTIAL:
    return rate * pow(gamma, (double)progress->epoch);
  case SCHEDULE_COSINE:
    return rate * 0.5 * (1 + cos(3.141592653589793 * (t - warm) / (left > 0 ? left : 1)));
  case SCHEDULE_CONSTANT:
    break;
  }
  return rate;
}

// One step of all units: what they share.
typedef struct Update {
  Optimizer *optimizer;
  Sums *sums;
  const SumUnit *unit;
  float *parameters;
  double rate, scale;
  int64_t step;
} Update;

static bool frozen(const Optimizer *optimizer, const SumUnit *unit) {
  return optimizer->parameters && optimizer->parameters->item[unit->parameter].frozen;
}

static void update(void *user, int u) {
  const Update *update = user;
  const SumUnit *unit = &update->unit[u];
  const Optimizer *optimizer = update->optimizer;
  const Config *config = optimizer->config;
  if (frozen(optimizer, unit))
    return;
  int64_t at = unit->offset - optimizer->begin;
  size_t n = (size_t)unit->size;
  float *p = update->parameters + unit->offset, *m = optimizer->m + at, *v = optimizer->v ? optimizer->v + at : NULL;
  const float *g = sums_total(update->sums, u);
  double rate = update->rate, scale = update->scale, decay = config->optimizer.weight_decay;
  if (config->optimizer.type == OPTIMIZER_SGD) {
    SgdRule rule = {rate, config->optimizer.momentum, decay, scale};
    sgd_step(p, m, g, n, &rule);
    return;
  }
  AdamRule rule = {rate, config->optimizer.beta1, config->optimizer.beta2, config->optimizer.epsilon, decay, scale};
  if (config->optimizer.type == OPTIMIZER_ADAM)
    adam_step(p, m, v, g, n, &rule, update->step);
  else
    adamw_step(p, m, v, g, n, &rule, update->step);
}

// Clipping needs the norm before the first update; without it a unit is updated while its gradient is in the cache.
Status optimizer_step(Optimizer *optimizer, Sums *sums, double rate, int64_t step, double *norm, double *riders,
                      int n) {
  int units, first, end, threads = optimizer->config->grid.threads;
  double clip = optimizer->config->optimizer.clip_norm;
  const SumUnit *unit = sums_units(sums, &units, &first, &end);
  Update all = {optimizer, sums, unit, sums_parameters(sums), rate, 1, step};
  sums_reduce(sums, optimizer->squares, riders, n, threads, clip > 0 ? NULL : update, &all);
  double square = 0;
  for (int u = 0; u < units; u++)
    square += frozen(optimizer, &unit[u]) ? 0 : optimizer->squares[u];
  *norm = sqrt(square);
  if (!isfinite(*norm)) {
    sums_publish(sums);
    return status_error(
        EXIT_INTERNAL,
        "step %lld: the gradient is not finite; lower optimizer.learning_rate or set optimizer.clip_norm",
        (long long)step);
  }
  if (clip > 0) {
    all.scale = fmin(1, clip / (*norm + 1e-6));
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int u = first; u < end; u++)
      update(&all, u);
  }
  sums_publish(sums);
  return STATUS_OK;
}
