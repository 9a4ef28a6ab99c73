/// Student's t: P(|T| > t) = I_x(freedom/2, 1/2) with x = freedom / (freedom + t^2) and I the regularised incomplete
/// beta function, by its continued fraction (Abramowitz and Stegun 26.5.8) evaluated from the front (Lentz 1976).
/// Wilson: (p + z^2/2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2/n).
/// Quantiles are found by bisection of the tail probability: slow, certain, and called a few times a run.
#include "metrics/summary.h"

#include "base/status.h"

#include <math.h>

/// The fraction that multiplies x^a (1-x)^b / (a B(a, b)); converges fast for x < (a+1) / (a+b+2).
static double beta_fraction(double x, double a, double b) {
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (fabs(d) < tiny ? tiny : d);
  double value = d;
  for (int m = 1; m < 10000; m++) {
    double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1;
    for (int half = 0; half < 2; half++) {
      double term = half == 0 ? even : odd;
      d = 1 + term * d;
      d = 1 / (fabs(d) < tiny ? tiny : d);
      c = 1 + term / c;
      c = fabs(c) < tiny ? tiny : c;
      value *= c * d;
      change = c * d;
    }
    if (fabs(change - 1) < 1e-16)
      break;
  }
  return value;
}

/// I_x(a, b); y = 1 - x is given because it may be known better than the difference.
static double beta_regularised(double x, double y, double a, double b) {
  if (x <= 0)
    return 0;
  if (y <= 0)
    return 1;
  double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
  if (x < (a + 1) / (a + b + 2))
    return front * beta_fraction(x, a, b) / a;
  return 1 - front * beta_fraction(y, b, a) / b;
}

/// P(T > t), t >= 0; freedom 0 stands for the normal distribution.
static double upper_tail(double t, double freedom) {
  if (freedom == 0)
    return erfc(t / sqrt(2)) / 2;
  double square = t * t;
  return beta_regularised(freedom / (freedom + square), square / (freedom + square), freedom / 2, 0.5) / 2;
}

/// The t >= 0 whose upper tail is `tail`, 0 < tail <= 1/2.
static double tail_quantile(double tail, double freedom) {
  double low = 0, high = 1;
  while (upper_tail(high, freedom) > tail && high < 1e300)
    high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    double middle = (low + high) / 2;
    if (upper_tail(middle, freedom) > tail)
      low = middle;
    else
      high = middle;
  }
  return (low + high) / 2;
}

static double quantile(double probability, double freedom) {
  REQUIRE(probability > 0 && probability < 1, "probability %g", probability);
  return probability < 0.5    ? -tail_quantile(probability, freedom)
         : probability == 0.5 ? 0
                              : tail_quantile(1 - probability, freedom);
}

double summary_normal_quantile(double probability) { return quantile(probability, 0); }

double summary_student_quantile(double probability, double freedom) {
  REQUIRE(freedom > 0, "%g degrees of freedom", freedom);
  return quantile(probability, freedom);
}

Summary summary_of(const double *value, int n, double level) {
  REQUIRE(level > 0 && level < 1, "level %g", level);
  Summary summary = {.n = n, .mean = NAN, .deviation = NAN, .error = NAN, .interval = {NAN, NAN}};
  if (n == 0)
    return summary;
  double sum = 0, squares = 0;
  for (int i = 0; i < n; i++)
    sum += value[i];
  summary.mean = sum / n;
  if (n == 1)
    return summary;
  for (int i = 0; i < n; i++)
    squares += (value[i] - summary.mean) * (value[i] - summary.mean);
  summary.deviation = sqrt(squares / (n - 1));
  summary.error = summary.deviation / sqrt(n);
  double half = tail_quantile((1 - level) / 2, n - 1) * summary.error;
  summary.interval = (Interval){summary.mean - half, summary.mean + half};
  return summary;
}

Interval summary_wilson(double right, double n, double level) {
  REQUIRE(level > 0 && level < 1 && right >= 0 && right <= n, "%g of %g at level %g", right, n, level);
  if (n == 0)
    return (Interval){0, 1};
  double z = tail_quantile((1 - level) / 2, 0), p = right / n, square = z * z;
  double middle = p + square / (2 * n), half = z * sqrt(p * (1 - p) / n + square / (4 * n * n)), scale = 1 + square / n;
  // At the ends the formula gives 0 and 1 but for rounding.
  return (Interval){right == 0 ? 0 : (middle - half) / scale, right == n ? 1 : (middle + half) / scale};
}

double summary_quantile(const double *value, int n, double probability) {
  REQUIRE(n > 0 && probability >= 0 && probability <= 1, "probability %g of %d values", probability, n);
  double position = probability * (n - 1);
  int below = (int)floor(position);
  below = below > n - 2 ? (n > 1 ? n - 2 : 0) : below;
  if (n == 1)
    return value[0];
  double part = position - below;
  return value[below] + part * (value[below + 1] - value[below]);
}

Interval summary_jackknife(double value, const double *without, int n, double level) {
  double sum = 0, squares = 0;
  int count = 0;
  for (int i = 0; i < n; i++)
    if (!isnan(without[i])) {
      sum += without[i];
      count++;
    }
  if (count < 2)
    return (Interval){NAN, NAN};
  for (int i = 0; i < n; i++)
    squares += isnan(without[i]) ? 0 : (without[i] - sum / count) * (without[i] - sum / count);
  double half = summary_student_quantile(0.5 + level / 2, count - 1) * sqrt((count - 1.0) / count * squares);
  return (Interval){value - half, value + half};
}

// Twice the average rank, so that it is a whole number: how many are below, counted twice, and how many are equal.
static double twice_rank(const double *a, int n, int i) {
  int rank = 0;
  for (int j = 0; j < n; j++)
    rank += a[j] < a[i] ? 2 : a[j] == a[i];
  return rank;
}

double summary_spearman(Interval *interval, const double *a, const double *b, int n, double level) {
  double ab = 0, aa = 0, bb = 0;
  *interval = (Interval){NAN, NAN};
  for (int i = 0; i < n; i++) { // the mean of twice the rank, with 2 below and 1 for itself, is n
    double x = twice_rank(a, n, i) - n, y = twice_rank(b, n, i) - n;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (n < 3 || aa == 0 || bb == 0)
    return NAN;
  double r = ab / sqrt(aa * bb);
  if (n < 4)
    return r;
  double half = summary_normal_quantile(0.5 + level / 2) * 1.03 / sqrt(n - 3.0), z = atanh(r);
  *interval = (Interval){tanh(z - half), tanh(z + half)};
  return r;
}
