/// mean = sum x / n, deviation = sqrt(sum (x - mean)^2 / n), over present training samples.
#include "data/standardize.h"

#include <math.h>
#include <string.h>

static bool counts(const Dataset *dataset, const DatasetModality *m, int64_t sample) {
  return m->present[sample] && dataset->split[sample] == SPLIT_TRAIN;
}

int64_t standardize_measure(double *mean, double *deviation, const Dataset *dataset, int modality) {
  const DatasetModality *m = &dataset->modality[modality];
  REQUIRE(modality_kind_dense(m->kind) && m->values, "modality %s is not dense or not loaded", m->name);
  int64_t width = m->width, n = 0;
  memset(mean, 0, (size_t)width * sizeof *mean);
  memset(deviation, 0, (size_t)width * sizeof *deviation);
  for (int64_t s = 0; s < dataset->samples; s++)
    if (counts(dataset, m, s)) {
      n++;
      for (int64_t i = 0; i < width; i++)
        mean[i] += (double)m->values[s * width + i];
    }
  for (int64_t i = 0; n > 0 && i < width; i++)
    mean[i] /= (double)n;
  for (int64_t s = 0; s < dataset->samples; s++)
    for (int64_t i = 0; counts(dataset, m, s) && i < width; i++) {
      double off = (double)m->values[s * width + i] - mean[i];
      deviation[i] += off * off;
    }
  for (int64_t i = 0; i < width; i++) {
    // A constant's deviation is rounding only: below a float's resolution of the mean nothing varies.
    double d = n > 0 ? sqrt(deviation[i] / (double)n) : 0;
    deviation[i] = d > 1e-7 * fabs(mean[i]) ? d : 1;
  }
  return n;
}

void standardize_apply(Dataset *dataset, int modality, const double *mean, const double *deviation) {
  DatasetModality *m = &dataset->modality[modality];
  REQUIRE(modality_kind_dense(m->kind) && m->values, "modality %s is not dense or not loaded", m->name);
  for (int64_t s = 0; s < dataset->samples; s++)
    for (int64_t i = 0; m->present[s] && i < m->width; i++) {
      float *x = &m->values[s * m->width + i];
      *x = (float)(((double)*x - mean[i]) / deviation[i]);
    }
}
