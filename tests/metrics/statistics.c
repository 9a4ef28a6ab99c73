// Intervals cover, tests have their exact small-sample values, ranks and similarities their closed forms.
#include "base/random.h"
#include "check.h"
#include "metrics/bootstrap.h"
#include "metrics/representation.h"
#include "metrics/significance.h"
#include "metrics/summary.h"

#include <math.h>
#include <string.h>

static void fine(Status status) { CHECK(status.code == 0, "%s", status.text); }

static void near(double got, double wanted, double tolerance, const char *what) {
  CHECK(fabs(got - wanted) <= tolerance, "%s: got %.17g, not %.17g", what, got, wanted);
}

static void check_quantiles(void) {
  near(summary_normal_quantile(0.975), 1.959963984540054, 1e-13, "normal");
  near(summary_normal_quantile(0.025), -1.959963984540054, 1e-13, "normal, lower");
  near(summary_student_quantile(0.975, 1), tan(0.475 * 3.14159265358979323846), 1e-10, "one degree: Cauchy");
  // Two degrees: t = (2p - 1) sqrt(2 / (1 - (2p - 1)^2)).
  near(summary_student_quantile(0.9, 2), 0.8 * sqrt(2 / (1 - 0.64)), 1e-12, "two degrees");
  near(summary_student_quantile(0.975, 1e7), 1.959963984540054, 1e-6, "many degrees: normal");
  const double sorted[4] = {1, 2, 4, 8};
  near(summary_quantile(sorted, 4, 0), 1, 0, "least");
  near(summary_quantile(sorted, 4, 1), 8, 0, "most");
  near(summary_quantile(sorted, 4, 0.5), 3, 1e-15, "median");
  near(summary_quantile(sorted, 1, 0.3), 1, 0, "of one");
}

static void check_summary(void) {
  const double value[3] = {1, 2, 3};
  Summary summary = summary_of(value, 3, 0.95);
  near(summary.deviation, 1, 1e-15, "deviation");
  near(summary.interval.high - 2, summary_student_quantile(0.975, 2) / sqrt(3), 1e-12, "t interval");
  summary = summary_of(value, 1, 0.95);
  CHECK(summary.mean == 1 && isnan(summary.deviation) && isnan(summary.interval.low), "one value has no spread");
  CHECK(isnan(summary_of(value, 0, 0.95).mean), "no value has no mean");
  Interval all = summary_wilson(10, 10, 0.95), none = summary_wilson(0, 10, 0.95), nothing = summary_wilson(0, 0, 0.95);
  double square = 1.959963984540054 * 1.959963984540054;
  CHECK(all.high == 1 && none.low == 0 && nothing.low == 0 && nothing.high == 1, "ends");
  near(all.low, 10 / (10 + square), 1e-13, "all right");
  near(none.high, square / (10 + square), 1e-13, "none right");
}

static void check_wilcoxon(void) {
  const double zero[6] = {0}, all[6] = {1, 2, 3, 4, 5, 6}, mixed[6] = {-1, 2, 3, 4, 5, 0};
  Wilcoxon result;
  fine(significance_wilcoxon(&result, all, zero, 6));
  CHECK(result.exact && result.plus == 21 && result.minus == 0, "ranks %g and %g", result.plus, result.minus);
  near(result.p, 2.0 / 64, 0, "all positive");
  fine(significance_wilcoxon(&result, zero, all, 5));
  near(result.p, 2.0 / 32, 0, "five pairs cannot be below 2/32");
  fine(significance_wilcoxon(&result, mixed, zero, 6));
  CHECK(result.pairs == 5 && result.minus == 1, "zeros are dropped");
  near(result.p, 4.0 / 32, 0, "one small negative: sums 0 and 1 of 32, twice");
  fine(significance_wilcoxon(&result, zero, zero, 6));
  CHECK(result.p == 1 && result.pairs == 0, "no difference");
  const double a[4] = {1, 1, 1, 1};
  fine(significance_wilcoxon(&result, a, zero, 4));
  // Ties: variance 4*5*9/24 - (64-4)/48 = 6.25, z = (5 - 1/2) / 2.5.
  CHECK(!result.exact, "ties are not exact");
  near(result.p, erfc(4.5 / 2.5 / sqrt(2)), 1e-15, "ties");
  const double small[2] = {1, -1};
  fine(significance_wilcoxon(&result, small, zero, 2));
  near(result.p, 1, 0, "balanced");
}

static void check_holm(void) {
  const double p[5] = {0.01, NAN, 0.04, 0.03, 0.005}, wanted[5] = {0.03, NAN, 0.06, 0.06, 0.02};
  double adjusted[5];
  fine(significance_holm(adjusted, p, 5));
  for (int i = 0; i < 5; i++)
    CHECK(isnan(wanted[i]) ? isnan(adjusted[i]) : fabs(adjusted[i] - wanted[i]) < 1e-15, "p %d: %g, not %g", i,
          adjusted[i], wanted[i]);
}

static void check_bootstrap(void) {
  int32_t count[1003], again[1003];
  int64_t sum = 0;
  bootstrap_draw(count, 1003, 5, 9);
  bootstrap_draw(again, 1003, 5, 9);
  for (int i = 0; i < 1003; i++)
    sum += count[i];
  CHECK(sum == 1003 && memcmp(count, again, sizeof count) == 0,
        "a resample has as many draws as samples, the same each time");
  bootstrap_draw(again, 1003, 6, 9);
  CHECK(memcmp(count, again, sizeof count) != 0, "another seed, another resample");

  // The spread of a mean is sigma / sqrt(n) sqrt((n-1)/n); of a proportion the interval covers as Wilson's does.
  double value[400];
  for (int i = 0; i < 400; i++)
    value[i] = i % 4 ? 1 : 0;
  Bootstrap bootstrap;
  fine(bootstrap_mean(&bootstrap, value, 400, 20000, 0.95, 3));
  near(bootstrap.deviation, sqrt(0.75 * 0.25 / 400), 2e-4, "deviation of a proportion");
  near(bootstrap.interval.low, 0.75 - 1.96 * sqrt(0.75 * 0.25 / 400), 2.6e-3, "low");
  near(bootstrap.interval.high, 0.75 + 1.96 * sqrt(0.75 * 0.25 / 400), 2.6e-3, "high");
  CHECK(bootstrap.used == 20000, "all used");
  for (int i = 0; i < 400; i++)
    value[i] = i == 7 ? 2 : NAN;
  fine(bootstrap_mean(&bootstrap, value, 400, 1000, 0.95, 3));
  CHECK(bootstrap.interval.low == 2 && bootstrap.interval.high == 2, "what is not a number is left out");
  near(bootstrap.used, 1000 * (1 - exp(-1)), 60, "resamples without the only sample are left out");
  fine(bootstrap_mean(&bootstrap, value, 0, 10, 0.95, 3));
  CHECK(bootstrap.used == 0 && isnan(bootstrap.interval.low), "of nothing");
}

static void check_representation(void) {
  enum { N = 64, D = 4 };
  float x[N * D], y[N * D], constant[N];
  // Columns of a Hadamard matrix: uncorrelated, so VIF 1; a rotation and a scale do not change CKA.
  for (int i = 0; i < N; i++) {
    constant[i] = 0.1f;
    for (int j = 0; j < D; j++)
      x[i * D + j] = __builtin_parity((unsigned)(i & (2 * j + 1))) ? -1 : 1;
    for (int j = 0; j < D; j++)
      y[i * D + j] = 3 * x[i * D + (j + 1) % D] + 10;
  }
  double mean, vif[D], cka;
  fine(representation_vif(&mean, vif, x, N, D, 0));
  near(mean, 1, 1e-12, "uncorrelated features");
  fine(representation_cka(&cka, x, D, y, D, N));
  near(cka, 1, 1e-12, "CKA of a rotated representation");
  fine(representation_cka(&cka, x, D, constant, 1, N));
  CHECK(isnan(cka), "CKA with a constant");
  // Independent features: CKA 0. Equal ones: 1/ridge. A correlation of 1/2 between two: 1 / (1 - 1/4).
  float pair[N * 2], one[N];
  for (int i = 0; i < N; i++) {
    one[i] = __builtin_parity((unsigned)(i & 32)) ? 1 : -1;
    pair[2 * i] = x[i * D + 1];
    pair[2 * i + 1] = 0.5f * x[i * D + 1] + sqrtf(0.75f) * x[i * D + 2];
  }
  fine(representation_cka(&cka, x, D, one, 1, N));
  near(cka, 0, 1e-15, "CKA of independent features");
  fine(representation_vif(&mean, vif, pair, N, 2, 0));
  near(mean, 4.0 / 3, 1e-6, "correlation one half");
  for (int i = 0; i < N; i++) {
    y[i * D + 1] = y[i * D];
    y[i * D + 2] = 7;
  }
  fine(representation_vif(&mean, vif, y, N, D, 1e-8));
  CHECK(isnan(vif[2]) && fabs(vif[0] * 1e-8 - 0.5) < 1e-3 && fabs(vif[3] - 1) < 1e-6, "VIF %g %g %g %g", vif[0], vif[1],
        vif[2], vif[3]);
  fine(representation_vif(&mean, NULL, constant, N, 1, 1e-8));
  CHECK(isnan(mean), "no feature varies");
}

static void check_ranks(void) {
  const double equal[4] = {2, 2, 2, 2}, one[4] = {0, 5, 0, 0}, none[2] = {0, 0}, small[3] = {1, 1e-3, 1e-9};
  Ranks ranks = representation_ranks(equal, 4, 9, 4, 1e-7);
  CHECK(ranks.numerical == 4 && fabs(ranks.effective - 4) < 1e-14 && ranks.stable == 4, "equal values: full rank");
  ranks = representation_ranks(one, 4, 4, 4, 1e-7);
  CHECK(ranks.numerical == 1 && ranks.effective == 1 && ranks.stable == 1, "one value: rank one");
  ranks = representation_ranks(none, 2, 2, 2, 1e-7);
  CHECK(ranks.numerical == 0 && ranks.effective == 0 && ranks.stable == 0, "zero matrix");
  ranks = representation_ranks(small, 3, 10, 3, 1e-7);
  CHECK(ranks.numerical == 2 && fabs(ranks.tolerance - 1e-6) < 1e-20, "tolerance %g", ranks.tolerance);
}

int main(void) {
  check_quantiles();
  check_summary();
  check_wilcoxon();
  check_holm();
  check_bootstrap();
  check_representation();
  check_ranks();
  return 0;
}
