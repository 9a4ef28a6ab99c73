#ifndef METRICS_SUMMARY_H
#define METRICS_SUMMARY_H
/// A few numbers in place of many, and how sure they are.

/// The values between which the truth lies with the stated confidence.
typedef struct Interval {
  double low, high;
} Interval;

typedef struct Summary {
  int n;
  double mean;
  double deviation;  // of the sample, divisor n - 1; NaN for n < 2
  double error;      // standard error of the mean: deviation / sqrt(n)
  Interval interval; // of the mean, by Student's t with n - 1 degrees of freedom
} Summary;

/// Of value[n], for instance one score per seed; level in ]0, 1[, for instance 0.95. n == 0: all NaN.
Summary summary_of(const double *value, int n, double level);

/// Wilson's score interval of a proportion with `right` successes out of `n` > 0 (J. Am. Stat. Assoc. 22, 1927), no
/// continuity correction: the interval of an accuracy. n == 0: [0, 1].
Interval summary_wilson(double right, double n, double level);

/// Delete-one jackknife (Efron and Stein 1981): the interval of a statistic from without[n], its values when one of n groups of samples is left
/// out: value +- t(n-1) sqrt((n-1)/n sum (without - mean)^2). Entries that are NaN are not counted; NaN for fewer than two.
Interval summary_jackknife(double value, const double *without, int n, double level);

/// Spearman's rank correlation of a[n] and b[n], average ranks for equal values; NaN when n < 3 or either is constant. The interval is Fisher's
/// with the standard error 1.03 / sqrt(n - 3) of Fieller, Hartley and Pearson (1957); NaN for n < 4.
double summary_spearman(Interval *interval, const double *a, const double *b, int n, double level);

/// Quantile of value[n], n > 0, sorted ascending: linear between order statistics (type 7 of Hyndman and Fan; numpy's
/// default).
double summary_quantile(const double *value, int n, double probability);

/// x with P(X <= x) = probability, for the standard normal and for Student's t with freedom > 0. Relative error below
/// 1e-10.
double summary_normal_quantile(double probability);
double summary_student_quantile(double probability, double freedom);

#endif
