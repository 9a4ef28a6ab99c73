/// softmax(z)_c = exp(z_c - max z) / sum_k exp(z_k - max z);  -log softmax(z)_y = max z + log sum_k exp(z_k - max z) -
/// z_y; one logit: -log sigmoid(s z) = log(1 + exp(-s z)) with s = +1 for label 1 and -1 for label 0.
#include "metrics/classification.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { BINS_MOST = 1000 };

static int row_predict(const float *z, int outputs) {
  if (outputs == 1)
    return z[0] > 0;
  int best = 0;
  for (int c = 1; c < outputs; c++)
    if (z[c] > z[best])
      best = c;
  return best;
}

/// -log softmax(z)_c, without overflow and without losing the last term beside large logits.
static double row_surprise(const float *z, int outputs, int c) {
  double most = z[0], sum = 0;
  for (int k = 1; k < outputs; k++)
    most = z[k] > most ? z[k] : most;
  for (int k = 0; k < outputs; k++)
    sum += exp(z[k] - most);
  return most - z[c] + log(sum);
}

/// log(1 + exp(x)), without overflow.
static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

/// Probability of the predicted class.
static double row_confidence(const float *z, int outputs) {
  if (outputs == 1)
    return 1 / (1 + exp(-fabs((double)z[0])));
  return exp(-row_surprise(z, outputs, row_predict(z, outputs)));
}

void classification_predict(int32_t *predicted, const float *logits, int64_t n, int outputs) {
  REQUIRE(outputs >= 1, "%d outputs", outputs);
  for (int64_t i = 0; i < n; i++)
    predicted[i] = row_predict(logits + i * outputs, outputs);
}

void classification_probabilities(double *probability, const float *logits, int64_t n, int outputs) {
  REQUIRE(outputs >= 1, "%d outputs", outputs);
  for (int64_t i = 0; i < n; i++) {
    const float *z = logits + i * outputs;
    double *p = probability + i * outputs;
    if (outputs == 1) {
      p[0] = 1 / (1 + exp(-(double)z[0]));
      continue;
    }
    double most = z[0], sum = 0;
    for (int c = 1; c < outputs; c++)
      most = z[c] > most ? z[c] : most;
    for (int c = 0; c < outputs; c++)
      sum += p[c] = exp(z[c] - most);
    for (int c = 0; c < outputs; c++)
      p[c] /= sum;
  }
}

double classification_accuracy(const int32_t *predicted, const int32_t *label, int64_t n) {
  int64_t right = 0, labelled = 0;
  for (int64_t i = 0; i < n; i++) {
    labelled += label[i] >= 0;
    right += label[i] >= 0 && predicted[i] == label[i];
  }
  return labelled ? (double)right / (double)labelled : NAN;
}

/// How the samples fall: of each class, those that are it, are said to be it, and both.
typedef struct Tally {
  int64_t actual, predicted, right;
} Tally;

/// *tally[classes] is owned by the caller.
static Status tally_take(Tally **tally, const int32_t *predicted, const int32_t *label, int64_t n, int classes) {
  REQUIRE(classes >= 1, "%d classes", classes);
  void *block;
  TRY(memory_take(&block, (size_t)classes, sizeof **tally, "counts of classes"));
  *tally = block;
  for (int64_t i = 0; i < n; i++) {
    if (label[i] < 0)
      continue;
    REQUIRE(label[i] < classes && predicted[i] >= 0 && predicted[i] < classes, "label %d, prediction %d, %d classes",
            label[i], predicted[i], classes);
    (*tally)[label[i]].actual++;
    (*tally)[predicted[i]].predicted++;
    (*tally)[label[i]].right += label[i] == predicted[i];
  }
  return STATUS_OK;
}

Status classification_recall(double *recall, const int32_t *predicted, const int32_t *label, int64_t n, int classes) {
  Tally *tally;
  TRY(tally_take(&tally, predicted, label, n, classes));
  for (int c = 0; c < classes; c++)
    recall[c] = tally[c].actual ? (double)tally[c].right / (double)tally[c].actual : NAN;
  free(tally);
  return STATUS_OK;
}

Status classification_macro_f1(double *f1, const int32_t *predicted, const int32_t *label, int64_t n, int classes) {
  Tally *tally;
  TRY(tally_take(&tally, predicted, label, n, classes));
  double sum = 0;
  int occurring = 0;
  for (int c = 0; c < classes; c++) {
    int64_t either = tally[c].actual + tally[c].predicted; // 2 tp + fp + fn
    occurring += either > 0;
    sum += either ? 2.0 * (double)tally[c].right / (double)either : 0;
  }
  *f1 = occurring ? sum / occurring : NAN;
  free(tally);
  return STATUS_OK;
}

double classification_cross_entropy(const float *logits, const int32_t *label, int64_t n, int outputs) {
  REQUIRE(outputs >= 1, "%d outputs", outputs);
  double sum = 0;
  int64_t labelled = 0;
  for (int64_t i = 0; i < n; i++) {
    if (label[i] < 0)
      continue;
    REQUIRE(label[i] < (outputs == 1 ? 2 : outputs), "label %d with %d outputs", label[i], outputs);
    const float *z = logits + i * outputs;
    labelled++;
    sum += outputs == 1 ? softplus(label[i] ? -(double)z[0] : z[0]) : row_surprise(z, outputs, label[i]);
  }
  return labelled ? sum / (double)labelled : NAN;
}

double classification_calibration_error(const float *logits, const int32_t *label, int64_t n, int outputs, int bins) {
  REQUIRE(outputs >= 1 && bins >= 1 && bins <= BINS_MOST, "%d outputs, %d bins", outputs, bins);
  double confidence[BINS_MOST] = {0};
  int64_t right[BINS_MOST] = {0}, labelled = 0;
  for (int64_t i = 0; i < n; i++) {
    if (label[i] < 0)
      continue;
    double sure = row_confidence(logits + i * outputs, outputs);
    if (!(sure >= 0))
      return NAN; // a logit was not a number
    int bin = (int)ceil(sure * bins) - 1;
    bin = bin < 0 ? 0 : bin >= bins ? bins - 1 : bin;
    labelled++;
    confidence[bin] += sure;
    right[bin] += row_predict(logits + i * outputs, outputs) == label[i];
  }
  double sum = 0;
  for (int b = 0; b < bins; b++)
    sum += fabs((double)right[b] - confidence[b]); // n_b |accuracy_b - confidence_b|
  return labelled ? sum / (double)labelled : NAN;
}
