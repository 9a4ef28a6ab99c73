/// X[n, d + 1] the features and a constant, Y[n, C] ones at the classes. Ridge regression answers Yhat = H Y, and without row i
///   yhat_(-i) = (yhat_i - h_i y_i) / (1 - h_i),       h_i = x_i' (X' X + r I)^-1 x_i            (few features)
///             = y_i - alpha_i / (K^-1)_ii,            K = X X' + r I,  alpha = K^-1 Y           (many features)
/// Both are the same number (Allen, Technometrics 16, 1974; Cawley and Talbot, Neural Networks 17, 2004).
#include "metrics/probe.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 32 };

typedef struct Fit {
  int n, d, classes; // d: with the constant
  double ridge;
  double *x;      // [n, d]
  double *a;      // [m, m], m = min(n, d): the matrix to invert, then its lower factor L
  double *b;      // [m, classes]: right-hand sides, then solutions
  double *column; // [m, BLOCK]
  double *answer; // [n, classes]: left-one-out
} Fit;

static Status fit_open(Fit *fit, const float *x, int n, int d, int classes) {
  size_t wide = (size_t)d + 1, m = (size_t)n < wide ? (size_t)n : wide, c = (size_t)classes;
  double *block, square = 0;
  TRY(memory_take((void **)&block, (size_t)n * wide + m * m + m * c + m * BLOCK + (size_t)n * c, sizeof *block,
                  "a linear probe"));
  *fit = (Fit){.n = n, .d = d + 1, .classes = classes, .x = block};
  fit->a = fit->x + (size_t)n * wide;
  fit->b = fit->a + m * m;
  fit->column = fit->b + m * c;
  fit->answer = fit->column + m * BLOCK;
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < d; j++) {
      double value = (double)x[(size_t)i * (size_t)d + (size_t)j];
      fit->x[(size_t)i * wide + (size_t)j] = value;
      square += value * value;
    }
    fit->x[(size_t)i * wide + (size_t)d] = 1;
  }
  fit->ridge = fmax(PROBE_RIDGE * square / d, 1e-12);
  return STATUS_OK;
}

// a[m, m] = L L' in place; it is positive definite by its ridge.
static void factor(double *a, int m) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j <= i; j++) {
      double sum = a[(size_t)i * (size_t)m + (size_t)j];
      for (int k = 0; k < j; k++)
        sum -= a[(size_t)i * (size_t)m + (size_t)k] * a[(size_t)j * (size_t)m + (size_t)k];
      a[(size_t)i * (size_t)m + (size_t)j] = i == j ? sqrt(sum) : sum / a[(size_t)j * (size_t)m + (size_t)j];
    }
}

// hat[c] = |L^-1 (column c)|^2 of column[m, BLOCK], side by side so that they fill vectors; overwrites column.
static void lengths_behind(const double *a, double *restrict column, double hat[BLOCK], int m) {
  memset(hat, 0, BLOCK * sizeof *hat);
  for (int i = 0; i < m; i++) {
    double *restrict to = column + (size_t)i * BLOCK;
    for (int k = 0; k < i; k++) {
      double value = a[(size_t)i * (size_t)m + (size_t)k];
      const double *from = column + (size_t)k * BLOCK;
      for (int c = 0; c < BLOCK; c++)
        to[c] -= value * from[c];
    }
    double pivot = a[(size_t)i * (size_t)m + (size_t)i];
    for (int c = 0; c < BLOCK; c++) {
      to[c] /= pivot;
      hat[c] += to[c] * to[c];
    }
  }
}

// b[m, classes] <- (L L')^-1 b.
static void solve(const double *a, double *b, int m, int classes) {
  for (int i = 0; i < m; i++)
    for (int k = 0; k <= i; k++)
      for (int c = 0; c < classes; c++) {
        double *to = &b[(size_t)i * (size_t)classes + (size_t)c];
        double value = a[(size_t)i * (size_t)m + (size_t)k];
        *to = k == i ? *to / value : *to - value * b[(size_t)k * (size_t)classes + (size_t)c];
      }
  for (int i = m - 1; i >= 0; i--)
    for (int c = 0; c < classes; c++) {
      double *to = &b[(size_t)i * (size_t)classes + (size_t)c];
      for (int k = i + 1; k < m; k++)
        *to -= a[(size_t)k * (size_t)m + (size_t)i] * b[(size_t)k * (size_t)classes + (size_t)c];
      *to /= a[(size_t)i * (size_t)m + (size_t)i];
    }
}

static void answer_feature(Fit *fit, int i, int32_t label, double hat) {
  const double *row = fit->x + (size_t)i * (size_t)fit->d;
  double *answer = fit->answer + (size_t)i * (size_t)fit->classes;
  for (int j = 0; j < fit->d; j++)
    for (int c = 0; c < fit->classes; c++)
      answer[c] += row[j] * fit->b[(size_t)j * (size_t)fit->classes + (size_t)c];
  for (int c = 0; c < fit->classes; c++)
    answer[c] = (answer[c] - (c == label ? hat : 0)) / (1 - hat);
}

// Few features: the matrix of features, hat values h_i = |L^-1 x_i|^2.
static void fit_features(Fit *fit, const int32_t *label) {
  int d = fit->d, classes = fit->classes;
  double hat[BLOCK];
  for (int i = 0; i < fit->n; i++) {
    const double *row = fit->x + (size_t)i * (size_t)d;
    for (int j = 0; j < d; j++) {
      double *to = fit->a + (size_t)j * (size_t)d, factor_j = row[j];
      for (int k = 0; k <= j; k++)
        to[k] += factor_j * row[k];
      fit->b[(size_t)j * (size_t)classes + (size_t)label[i]] += factor_j;
    }
  }
  for (int j = 0; j < d; j++)
    fit->a[(size_t)j * (size_t)d + (size_t)j] += fit->ridge;
  factor(fit->a, d);
  solve(fit->a, fit->b, d, classes);
  for (int first = 0; first < fit->n; first += BLOCK) {
    int end = first + BLOCK < fit->n ? first + BLOCK : fit->n;
    memset(fit->column, 0, (size_t)d * BLOCK * sizeof *fit->column);
    for (int i = first; i < end; i++)
      for (int j = 0; j < d; j++)
        fit->column[(size_t)j * BLOCK + (size_t)(i - first)] = fit->x[(size_t)i * (size_t)d + (size_t)j];
    lengths_behind(fit->a, fit->column, hat, d);
    for (int i = first; i < end; i++)
      answer_feature(fit, i, label[i], hat[i - first]);
  }
}

// Many features: the matrix of rows.
static void fit_rows(Fit *fit, const int32_t *label) {
  int n = fit->n, classes = fit->classes;
  double diagonal[BLOCK];
  for (int i = 0; i < n; i++) {
    for (int k = 0; k <= i; k++) {
      double dot = 0;
      const double *x = fit->x + (size_t)i * (size_t)fit->d, *y = fit->x + (size_t)k * (size_t)fit->d;
      for (int j = 0; j < fit->d; j++)
        dot += x[j] * y[j];
      fit->a[(size_t)i * (size_t)n + (size_t)k] = dot + (i == k ? fit->ridge : 0);
    }
    fit->b[(size_t)i * (size_t)classes + (size_t)label[i]] = 1;
  }
  factor(fit->a, n);
  solve(fit->a, fit->b, n, classes);
  for (int first = 0; first < n; first += BLOCK) {
    memset(fit->column, 0, (size_t)n * BLOCK * sizeof *fit->column);
    for (int i = first; i < n && i < first + BLOCK; i++)
      fit->column[(size_t)i * BLOCK + (size_t)(i - first)] = 1;
    lengths_behind(fit->a, fit->column, diagonal, n);
    for (int i = first; i < n && i < first + BLOCK; i++)
      for (int c = 0; c < classes; c++) {
        size_t at = (size_t)i * (size_t)classes + (size_t)c;
        fit->answer[at] = (c == label[i]) - fit->b[at] / diagonal[i - first];
      }
  }
}

Status probe_leave_one_out(double *accuracy, double *answers, const float *x, int n, int d, const int32_t *label,
                           int classes) {
  REQUIRE(d >= 1 && classes >= 1, "%d features, %d classes", d, classes);
  Fit fit;
  *accuracy = NAN;
  if (n < 2)
    return STATUS_OK;
  TRY(fit_open(&fit, x, n, d, classes));
  if (fit.d <= n)
    fit_features(&fit, label);
  else
    fit_rows(&fit, label);
  int correct = 0;
  for (int i = 0; i < n; i++) {
    const double *answer = fit.answer + (size_t)i * (size_t)classes;
    int best = 0;
    for (int c = 1; c < classes; c++)
      if (answer[c] > answer[best])
        best = c;
    correct += best == label[i];
  }
  *accuracy = (double)correct / n;
  if (answers)
    memcpy(answers, fit.answer, (size_t)n * (size_t)classes * sizeof *answers);
  free(fit.x);
  return STATUS_OK;
}
