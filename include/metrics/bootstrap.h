#ifndef METRICS_BOOTSTRAP_H
#define METRICS_BOOTSTRAP_H
/// Percentile bootstrap (Efron 1979): the spread of a statistic over resamples, drawn with replacement, of the samples
/// it was computed from. Draws are pure functions of (seed, resample, position): the same on every machine, rank and
/// thread.
#include "base/status.h"
#include "metrics/summary.h"

#include <stdint.h>

typedef struct Bootstrap {
  Interval
      interval; // between the (1 - level)/2 and (1 + level)/2 quantiles of the resampled statistic; NaN when used == 0
  double
      deviation; // standard deviation of the resampled statistic, divisor used - 1: MUSE's error bar; NaN when used < 2
  int used;      // resamples on which the statistic was a number
} Bootstrap;

/// count[n] becomes how often each of n samples stands in resample `resample`; the counts sum to n.
void bootstrap_draw(int32_t *count, int64_t n, uint64_t seed, uint32_t resample);

/// statistic(data, count) is the statistic of a resample in which sample i stands count[i] times; NaN leaves the
/// resample out.
Status bootstrap_interval(Bootstrap *bootstrap, double (*statistic)(const void *data, const int32_t *count),
                          const void *data, int64_t n, int resamples, double level, uint64_t seed);

/// The same for the mean of value[n] over the samples that are not NaN (accuracy: 1 right, 0 wrong, NaN unlabelled).
Status bootstrap_mean(Bootstrap *bootstrap, const double *value, int64_t n, int resamples, double level, uint64_t seed);

#endif
