/// Position j of resample b holds sample floor(w n / 2^32), w the j-th 32-bit word of Philox stream (seed, BOOTSTRAP,
/// site b): four draws a block. The bias of the multiplication, n / 2^32, is far below the resampling error.
#include "metrics/bootstrap.h"

#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void bootstrap_draw(int32_t *count, int64_t n, uint64_t seed, uint32_t resample) {
  REQUIRE(n >= 0 && n <= INT32_MAX, "%lld samples", (long long)n);
  const RandomStream stream = {seed, RANDOM_BOOTSTRAP, 0, resample};
  memset(count, 0, (size_t)n * sizeof *count);
  for (int64_t j = 0; j < n; j += 4) {
    uint32_t word[4];
    random_block(word, &stream, (uint64_t)j / 4, 0);
    int here = n - j < 4 ? (int)(n - j) : 4;
    for (int k = 0; k < here; k++)
      count[(uint64_t)word[k] * (uint64_t)n >> 32]++;
  }
}

static int value_compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static Bootstrap spread(double *value, int used, double level) {
  Bootstrap bootstrap = {.interval = {NAN, NAN}, .deviation = NAN, .used = used};
  if (used == 0)
    return bootstrap;
  qsort(value, (size_t)used, sizeof *value, value_compare);
  bootstrap.interval.low = summary_quantile(value, used, (1 - level) / 2);
  bootstrap.interval.high = summary_quantile(value, used, (1 + level) / 2);
  bootstrap.deviation = summary_of(value, used, level).deviation;
  return bootstrap;
}

Status bootstrap_interval(Bootstrap *bootstrap, double (*statistic)(const void *data, const int32_t *count),
                          const void *data, int64_t n, int resamples, double level, uint64_t seed) {
  REQUIRE(resamples >= 1 && level > 0 && level < 1, "%d resamples at level %g", resamples, level);
  void *count = NULL, *values = NULL;
  Status status = memory_take(&count, (size_t)n, sizeof(int32_t), "a resample");
  if (status.code == 0)
    status = memory_take(&values, (size_t)resamples, sizeof(double), "resampled statistics");
  if (status.code == 0) {
    double *value = values;
    int used = 0;
    for (int b = 0; b < resamples; b++) {
      bootstrap_draw(count, n, seed, (uint32_t)b);
      double drawn = statistic(data, count);
      if (!isnan(drawn))
        value[used++] = drawn;
    }
    *bootstrap = spread(value, used, level);
  }
  free(count);
  free(values);
  return status;
}

typedef struct Values {
  const double *value;
  int64_t n;
} Values;

static double values_mean(const void *data, const int32_t *count) {
  const Values *values = data;
  double sum = 0;
  int64_t present = 0;
  for (int64_t i = 0; i < values->n; i++) {
    if (isnan(values->value[i]))
      continue;
    sum += count[i] * values->value[i];
    present += count[i];
  }
  return present ? sum / (double)present : NAN;
}

Status bootstrap_mean(Bootstrap *bootstrap, const double *value, int64_t n, int resamples, double level,
                      uint64_t seed) {
  Values values = {value, n};
  return bootstrap_interval(bootstrap, values_mean, &values, n, resamples, level, seed);
}
