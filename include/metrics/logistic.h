#ifndef METRICS_LOGISTIC_H
#define METRICS_LOGISTIC_H
/// Multinomial logistic regression: what a linear classifier can read off a representation. Deterministic, and independent of how rows are
/// dealt to ranks: sums over rows are made per slice and met by `pool`, as in a graph's pass.
#include "base/status.h"

#include <stdint.h>

/// Rows that are here: x[rows, d], label[rows] (-1: left out), slice[rows] ascending within each batch: the local slice whose sum a row enters.
/// Borrowed. mean[d], deviation[d] of x over all training rows (logistic_scale); NULL: x as it is.
typedef struct LogisticRows {
  const float *x;
  const int32_t *label;
  const int *slice;
  int64_t rows;
  int slices;                       // here
  const double *mean, *deviation;
  /// total[n] = sum over all slices, wherever they are, of per_slice[slice][n]. NULL: this process has all of them.
  void (*pool)(void *user, double *total, const double *per_slice, int n);
  void *user;
} LogisticRows;

/// Collective over those who pool. Mean and deviation (divisor n; 1 where it is 0) of each feature over the labelled rows of all.
Status logistic_scale(double *mean, double *deviation, const LogisticRows *rows, int d);

/// Collective over those who pool. weight[classes, d + 1] (bias last) minimises
///   mean over rows of -log softmax(W x + b)[label]  +  penalty / 2 |W|^2      (the bias is free)
/// from 0 by L-BFGS with ten pairs and Armijo's rule, until no component of the gradient exceeds 1e-6, at most `iterations` rounds.
/// *objective is its value. EXIT_DATA when no row is labelled.
Status logistic_fit(double *weight, double *objective, const LogisticRows *rows, int d, int classes, double penalty, int iterations);

/// Collective over those who pool. Labelled rows of all, their cross-entropy's mean and deviation, and how many the largest logit gets right.
typedef struct LogisticScore {
  double n, loss, deviation, right;
} LogisticScore;
Status logistic_score(LogisticScore *score, const LogisticRows *rows, const double *weight, int d, int classes);

/// logits[classes] = W (x - mean) / deviation + b of one row.
void logistic_logits(double *logits, const LogisticRows *rows, const float *x, const double *weight, int d, int classes);

#endif
