// f(W, b) = mean_r [log sum_c exp(w_c x_r + b_c) - (w_{y_r} x_r + b_{y_r})] + penalty / 2 |W|^2;   df/dw_c = mean_r (p_rc - [y_r = c]) x_r + penalty w_c
// L-BFGS, two-loop recursion: Nocedal and Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 7.5.
#include "metrics/logistic.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = 10, HALVINGS = 40 };
static const double GRADIENT_SMALL = 1e-6, ARMIJO = 1e-4;

static void pool_rows(const LogisticRows *rows, double *total, const double *per_slice, int n) {
  if (rows->pool) {
    rows->pool(rows->user, total, per_slice, n);
    return;
  }
  memset(total, 0, (size_t)n * sizeof *total);
  for (int s = 0; s < rows->slices; s++)
    for (int j = 0; j < n; j++)
      total[j] += per_slice[(size_t)s * (size_t)n + (size_t)j];
}

Status logistic_scale(double *mean, double *deviation, const LogisticRows *rows, int d) {
  int n = d + 1;
  double *sums, *total;
  TRY(memory_take((void **)&sums, (size_t)(rows->slices + 1) * (size_t)n, sizeof *sums, "sums of features"));
  total = sums + (size_t)rows->slices * (size_t)n;
  for (int pass = 0; pass < 2; pass++) {
    memset(sums, 0, (size_t)rows->slices * (size_t)n * sizeof *sums);
    for (int64_t r = 0; r < rows->rows; r++) {
      double *sum = sums + (size_t)rows->slice[r] * (size_t)n;
      const float *x = rows->x + r * d;
      if (rows->label[r] < 0)
        continue;
      for (int j = 0; j < d; j++)
        sum[j] += pass == 0 ? (double)x[j] : ((double)x[j] - mean[j]) * ((double)x[j] - mean[j]);
      sum[d]++;
    }
    pool_rows(rows, total, sums, n);
    for (int j = 0; j < d; j++)
      *(pass == 0 ? mean + j : deviation + j) = total[d] > 0 ? total[j] / total[d] : 0;
  }
  for (int j = 0; j < d; j++)
    deviation[j] = deviation[j] > 0 ? sqrt(deviation[j]) : 1;
  free(sums);
  return STATUS_OK;
}

static void scaled(double *to, const LogisticRows *rows, const float *x, int d) {
  for (int j = 0; j < d; j++)
    to[j] = rows->mean ? ((double)x[j] - rows->mean[j]) / rows->deviation[j] : (double)x[j];
}

// Classes go side by side, LANES at a time, each a sum in the order of the features; the last few lanes hold nothing.
enum { LANES = 8 };
typedef double Lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double)), may_alias));
static int padded(int classes) { return (classes + LANES - 1) / LANES * LANES; }

// turned[padded / LANES, d + 1, LANES] of weight[classes, d + 1].
static void turn(double *turned, const double *weight, int d, int classes) {
  for (int c = 0; c < classes; c++)
    for (int j = 0; j <= d; j++)
      turned[((size_t)(c / LANES) * (size_t)(d + 1) + (size_t)j) * LANES + (size_t)(c % LANES)] = *weight++;
}

// logits[padded]
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void
logits_of(double *restrict logits, const double *restrict x, const double *restrict turned, int d, int classes) {
  const Lanes *from = (const Lanes *)turned;
  for (int c = 0; c < classes; c += LANES, from++) {
    Lanes sum = from[d];
    for (int j = 0; j < d; j++, from++)
      sum += *from * x[j];
    *(Lanes *)(logits + c) = sum;
  }
}

// sum[classes, d + 1] += error[classes] (x, 1)'
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void
add_slope(double *restrict sum, const double *restrict error, const double *restrict x, int d, int classes) {
  for (int c = 0; c < classes; c++, sum += d + 1) {
    for (int j = 0; j < d; j++)
      sum[j] += error[c] * x[j];
    sum[d] += error[c];
  }
}

void logistic_logits(double *logits, const LogisticRows *rows, const float *x, const double *weight, int d,
                     int classes) {
  double *copy = malloc((size_t)d * sizeof *copy);
  REQUIRE(copy, "out of memory for a row");
  scaled(copy, rows, x, d);
  for (int c = 0; c < classes; c++, weight += d + 1) {
    logits[c] = weight[d];
    for (int j = 0; j < d; j++)
      logits[c] += weight[j] * copy[j];
  }
  free(copy);
}

// logits become probabilities; returns -log p[label].
static double softmax_loss(double *logits, int classes, int label) {
  double most = logits[0], sum = 0, own = logits[label];
  for (int c = 1; c < classes; c++)
    most = fmax(most, logits[c]);
  for (int c = 0; c < classes; c++)
    sum += logits[c] = exp(logits[c] - most);
  for (int c = 0; c < classes; c++)
    logits[c] /= sum;
  return log(sum) + most - own;
}

// What a fit works on. Vectors have `n` = classes (d + 1) numbers.
typedef struct Fit {
  const LogisticRows *rows;
  int d, classes, n;
  double penalty;
  double *sums;       // [slices, n + 2]: gradient, loss, count
  double *total;      // [n + 2]
  double *x, *logits; // a row
  double *turned;     // trial, by lanes
  double *s[PAIRS], *y[PAIRS], rho[PAIRS];
  double *point, *gradient, *direction, *trial, *slope; // [n]
  int pairs, newest;
} Fit;

static void add_row(Fit *fit, double *sum, const float *x, int32_t label) {
  scaled(fit->x, fit->rows, x, fit->d);
  logits_of(fit->logits, fit->x, fit->turned, fit->d, fit->classes);
  sum[fit->n] += softmax_loss(fit->logits, fit->classes, label);
  sum[fit->n + 1]++;
  fit->logits[label] -= 1;
  add_slope(sum, fit->logits, fit->x, fit->d, fit->classes);
}

// The objective at fit->trial, and its gradient in fit->slope. Collective.
static double evaluate(Fit *fit) {
  const LogisticRows *rows = fit->rows;
  size_t stride = (size_t)fit->n + 2;
  memset(fit->sums, 0, (size_t)rows->slices * stride * sizeof *fit->sums);
  turn(fit->turned, fit->trial, fit->d, fit->classes);
  for (int64_t r = 0; r < rows->rows; r++)
    if (rows->label[r] >= 0)
      add_row(fit, fit->sums + (size_t)rows->slice[r] * stride, rows->x + r * fit->d, rows->label[r]);
  pool_rows(rows, fit->total, fit->sums, fit->n + 2);
  double count = fit->total[fit->n + 1], value = fit->total[fit->n] / count;
  for (int i = 0; i < fit->n; i++) {
    bool bias = i % (fit->d + 1) == fit->d;
    fit->slope[i] = fit->total[i] / count + (bias ? 0 : fit->penalty * fit->trial[i]);
    value += bias ? 0 : fit->penalty / 2 * fit->trial[i] * fit->trial[i];
  }
  return value;
}

static double dot(const double *a, const double *b, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

static double largest(const double *a, int n) {
  double most = 0;
  for (int i = 0; i < n; i++)
    most = fmax(most, fabs(a[i]));
  return most;
}

static void add(double *to, double factor, const double *a, int n) {
  for (int i = 0; i < n; i++)
    to[i] += factor * a[i];
}

// direction = -H gradient by the two loops.
static void choose_direction(Fit *fit) {
  double alpha[PAIRS], *q = fit->direction;
  memcpy(q, fit->gradient, (size_t)fit->n * sizeof *q);
  for (int k = 0; k < fit->pairs; k++) { // newest first
    int p = (fit->newest - k + PAIRS) % PAIRS;
    alpha[p] = fit->rho[p] * dot(fit->s[p], q, fit->n);
    add(q, -alpha[p], fit->y[p], fit->n);
  }
  double scale = 1 / fmax(1, largest(fit->gradient, fit->n));
  if (fit->pairs)
    scale = 1 / (fit->rho[fit->newest] * dot(fit->y[fit->newest], fit->y[fit->newest], fit->n));
  for (int i = 0; i < fit->n; i++)
    q[i] *= scale;
  for (int k = fit->pairs - 1; k >= 0; k--) {
    int p = (fit->newest - k + PAIRS) % PAIRS;
    add(q, alpha[p] - fit->rho[p] * dot(fit->y[p], q, fit->n), fit->s[p], fit->n);
  }
  for (int i = 0; i < fit->n; i++)
    q[i] = -q[i];
}

static void remember_pair(Fit *fit) {
  int p = fit->pairs ? (fit->newest + 1) % PAIRS : 0;
  for (int i = 0; i < fit->n; i++) {
    fit->s[p][i] = fit->trial[i] - fit->point[i];
    fit->y[p][i] = fit->slope[i] - fit->gradient[i];
  }
  double curvature = dot(fit->s[p], fit->y[p], fit->n);
  if (curvature <= 1e-300)
    return;
  fit->rho[p] = 1 / curvature;
  fit->newest = p;
  fit->pairs = fit->pairs < PAIRS ? fit->pairs + 1 : PAIRS;
}

// One round; false when no step lowers the objective any more.
static bool descend(Fit *fit, double *value) {
  choose_direction(fit);
  double slope = dot(fit->gradient, fit->direction, fit->n), step = 1;
  for (int halving = 0; halving < HALVINGS; halving++, step /= 2) {
    memcpy(fit->trial, fit->point, (size_t)fit->n * sizeof *fit->trial);
    add(fit->trial, step, fit->direction, fit->n);
    double next = evaluate(fit);
    if (!(next <= *value + ARMIJO * step * slope))
      continue;
    remember_pair(fit);
    memcpy(fit->point, fit->trial, (size_t)fit->n * sizeof *fit->point);
    memcpy(fit->gradient, fit->slope, (size_t)fit->n * sizeof *fit->gradient);
    bool lower = next < *value;
    *value = next;
    return lower;
  }
  return false;
}

static Status take(Fit *fit, double **block) {
  size_t n = (size_t)fit->n, slices = (size_t)fit->rows->slices, lanes = (size_t)padded(fit->classes);
  TRY(memory_take((void **)block,
                  (slices + 1) * (n + 2) + (2 * PAIRS + 5) * n + (size_t)fit->d + lanes * (size_t)(fit->d + 2),
                  sizeof **block, "a logistic regression"));
  double *at = *block, **vector[] = {&fit->point, &fit->gradient, &fit->direction, &fit->trial, &fit->slope};
  for (int k = 0; k < 5; k++, at += n)
    *vector[k] = at;
  for (int k = 0; k < PAIRS; k++, at += 2 * n) {
    fit->s[k] = at;
    fit->y[k] = at + n;
  }
  fit->sums = at;
  fit->total = fit->sums + slices * (n + 2);
  fit->x = fit->total + n + 2;
  fit->logits = fit->x + fit->d;
  fit->turned = fit->logits + lanes;
  return STATUS_OK;
}

Status logistic_fit(double *weight, double *objective, const LogisticRows *rows, int d, int classes, double penalty,
                    int iterations) {
  Fit fit = {.rows = rows, .d = d, .classes = classes, .n = classes * (d + 1), .penalty = penalty};
  double *block;
  TRY(take(&fit, &block));
  *objective = evaluate(&fit);
  double count = fit.total[fit.n + 1];
  memcpy(fit.gradient, fit.slope, (size_t)fit.n * sizeof *fit.gradient);
  for (int k = 0; count > 0 && k < iterations && largest(fit.gradient, fit.n) > GRADIENT_SMALL; k++)
    if (!descend(&fit, objective))
      break;
  memcpy(weight, fit.point, (size_t)fit.n * sizeof *weight);
  free(block);
  return count > 0 ? STATUS_OK
                   : status_error(EXIT_DATA, "a linear probe: no sample has a label; nothing can be fitted");
}

Status logistic_score(LogisticScore *score, const LogisticRows *rows, const double *weight, int d, int classes) {
  double *block, total[4];
  TRY(memory_take((void **)&block, (size_t)(4 * rows->slices) + (size_t)d + (size_t)padded(classes) * (size_t)(d + 2),
                  sizeof *block, "scores of a linear probe"));
  double *logits = block + 4 * rows->slices, *x = logits + padded(classes), *turned = x + d;
  turn(turned, weight, d, classes);
  for (int64_t r = 0; r < rows->rows; r++) {
    double *sum = block + 4 * rows->slice[r];
    if (rows->label[r] < 0)
      continue;
    scaled(x, rows, rows->x + r * d, d);
    logits_of(logits, x, turned, d, classes);
    int best = 0;
    for (int c = 1; c < classes; c++)
      best = logits[c] > logits[best] ? c : best;
    sum[0]++;
    double loss = softmax_loss(logits, classes, rows->label[r]);
    sum[1] += loss;
    sum[2] += loss * loss;
    sum[3] += best == rows->label[r];
  }
  pool_rows(rows, total, block, 4);
  double n = total[0], mean = n > 0 ? total[1] / n : NAN;
  *score = (LogisticScore){n, mean, n > 1 ? sqrt(fmax(0, total[2] - n * mean * mean) / (n - 1)) : NAN, total[3]};
  free(block);
  return STATUS_OK;
}
