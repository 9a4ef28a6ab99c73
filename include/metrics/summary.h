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

/// Quantile of value[n], n > 0, sorted ascending: linear between order statistics (type 7 of Hyndman and Fan; numpy's
/// default).
double summary_quantile(const double *value, int n, double probability);

/// x with P(X <= x) = probability, for the standard normal and for Student's t with freedom > 0. Relative error below
/// 1e-10.
double summary_normal_quantile(double probability);
double summary_student_quantile(double probability, double freedom);

#endif
