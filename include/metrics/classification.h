#ifndef METRICS_CLASSIFICATION_H
#define METRICS_CLASSIFICATION_H
/// Scores of a classifier from its logits [n, outputs]. outputs == 1 is a binary task with one logit: the probability
/// of class 1 is its sigmoid. A label of -1 (unlabelled) is left out everywhere; a score over no sample is NaN. Sums
/// are made in the order of the samples, in double: gather samples in a fixed order and the result does not depend on
/// the ranks.
#include "base/status.h"

#include <stdint.h>

/// predicted[n]: the class of the largest logit, the lowest of equals; outputs == 1: 1 where the logit is > 0, else 0.
void classification_predict(int32_t *predicted, const float *logits, int64_t n, int outputs);

/// probability[n, outputs]: softmax of each row; outputs == 1: the sigmoid.
void classification_probabilities(double *probability, const float *logits, int64_t n, int outputs);

/// Share of samples whose prediction is the label.
double classification_accuracy(const int32_t *predicted, const int32_t *label, int64_t n);

/// recall[classes]: share of the samples of each class that are predicted as that class; NaN for a class without
/// samples.
Status classification_recall(double *recall, const int32_t *predicted, const int32_t *label, int64_t n, int classes);

/// Mean over the classes that occur among labels or predictions of F1 = 2 tp / (2 tp + fp + fn).
Status classification_macro_f1(double *f1, const int32_t *predicted, const int32_t *label, int64_t n, int classes);

/// Mean of -log softmax(logits)[label] (outputs == 1: of the binary cross-entropy on the logit).
double classification_cross_entropy(const float *logits, const int32_t *label, int64_t n, int outputs);

/// Expected calibration error: sum over `bins` equal intervals ](k-1)/bins, k/bins] of the confidence (the probability
/// of the predicted class) of share of the samples times |accuracy - mean confidence| (Guo et al., ICML 2017, eq. 3; 15
/// bins there).
double classification_calibration_error(const float *logits, const int32_t *label, int64_t n, int outputs, int bins);

#endif
