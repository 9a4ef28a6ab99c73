// A probe that leaves one out answers as one that is fitted anew without each row, with few features and with many.
#include "metrics/probe.h"
#include "base/random.h"
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 40, WIDTH_MOST = 60, CLASSES = 3 };

static double draw(uint64_t sample, uint32_t index) {
  RandomStream stream = {7, RANDOM_SYNTHETIC, 0, 0};
  return (double)random_normal(&stream, sample, index);
}

// Gauss with pivots: b[m] <- a^-1 b.
static void gauss(double a[WIDTH_MOST][WIDTH_MOST], double *b, int m) {
  for (int k = 0; k < m; k++) {
    int pivot = k;
    for (int i = k; i < m; i++)
      pivot = fabs(a[i][k]) > fabs(a[pivot][k]) ? i : pivot;
    for (int j = 0; j < m; j++) {
      double other = a[k][j];
      a[k][j] = a[pivot][j];
      a[pivot][j] = other;
    }
    double other = b[k];
    b[k] = b[pivot];
    b[pivot] = other;
    for (int i = k + 1; i < m; i++) {
      double factor = a[i][k] / a[k][k];
      for (int j = k; j < m; j++)
        a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (int k = m - 1; k >= 0; k--) {
    for (int j = k + 1; j < m; j++)
      b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
}

static double feature(const float *x, int d, int row, int j) { return j == d ? 1 : (double)x[row * d + j]; }

// The answer for class c at row `out` of a fit to all other rows.
static double refit(const float *x, int n, int d, const int32_t *label, int out, int c) {
  static double a[WIDTH_MOST][WIDTH_MOST];
  double b[WIDTH_MOST] = {0}, square = 0, answer = 0;
  memset(a, 0, sizeof a);
  for (int i = 0; i < n * d; i++)
    square += (double)x[i] * (double)x[i];
  for (int j = 0; j <= d; j++)
    a[j][j] = PROBE_RIDGE * square / d;
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= d && i != out; j++) {
      for (int k = 0; k <= d; k++)
        a[j][k] += feature(x, d, i, j) * feature(x, d, i, k);
      b[j] += feature(x, d, i, j) * (label[i] == c);
    }
  gauss(a, b, d + 1);
  for (int j = 0; j <= d; j++)
    answer += feature(x, d, out, j) * b[j];
  return answer;
}

static void check_size(int n, int d, double signal, double least, double most) {
  float x[ROWS_MOST * WIDTH_MOST];
  int32_t label[ROWS_MOST];
  double accuracy, answer[ROWS_MOST * CLASSES];
  for (int i = 0; i < n; i++) {
    label[i] = i * 7 % CLASSES;
    for (int j = 0; j < d; j++)
      x[i * d + j] = (float)(draw((uint64_t)i, (uint32_t)j) + signal * (j % CLASSES == label[i]));
  }
  Status status = probe_leave_one_out(&accuracy, answer, x, n, d, label, CLASSES);
  CHECK(status.code == 0, "%s", status.text);
  for (int i = 0; i < n; i++)
    for (int c = 0; c < CLASSES; c++) {
      double wanted = refit(x, n, d, label, i, c), got = answer[i * CLASSES + c];
      CHECK(fabs(got - wanted) < 1e-9, "%d x %d, row %d, class %d: %.12g, not %.12g", n, d, i, c, got, wanted);
    }
  CHECK(accuracy >= least && accuracy <= most, "%d x %d with signal %g: accuracy %g", n, d, signal, accuracy);
}

int main(void) {
  check_size(30, 5, 0.7, 0, 1);
  check_size(9, 8, 0.3, 0, 1);
  check_size(8, 8, 0.3, 0, 1);
  check_size(12, 50, 0.5, 0, 1);
  check_size(40, 6, 6, 1, 1);
  check_size(40, 6, 0, 0, 0.6);
  const float one[2] = {1, 2};
  double accuracy = 0;
  Status status = probe_leave_one_out(&accuracy, NULL, one, 1, 2, (const int32_t[]){0}, 2);
  CHECK(status.code == 0 && isnan(accuracy), "a probe of one row: %g", accuracy);
  const float blank[6] = {0};
  status = probe_leave_one_out(&accuracy, NULL, blank, 3, 2, (const int32_t[]){0, 1, 1}, 2);
  CHECK(status.code == 0 && accuracy >= 0 && accuracy <= 1, "blank features: %g", accuracy);
  return 0;
}
