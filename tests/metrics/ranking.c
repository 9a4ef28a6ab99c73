// Areas under curves equal the count over all pairs, and know ties, resamples and nothing at all.
#include "metrics/ranking.h"

#include "base/random.h"
#include "check.h"
#include "metrics/bootstrap.h"

#include <math.h>

enum { N = 60 };

static void fine(Status status) { CHECK(status.code == 0, "%s", status.text); }

/// Over all pairs of a positive and a negative.
static double naive_auroc(const double *score, const int32_t *label, const int32_t *count) {
  double won = 0, pairs = 0;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      if (label[i] == 1 && label[j] == 0) {
        double weight = (double)count[i] * count[j];
        pairs += weight;
        won += weight * (score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0);
      }
  return won / pairs;
}

/// Precision at the threshold of each positive, averaged over the positives: average precision as first defined.
static double naive_precision(const double *score, const int32_t *label, const int32_t *count) {
  double sum = 0, positives = 0;
  for (int i = 0; i < N; i++) {
    if (label[i] != 1)
      continue;
    double above = 0, right = 0;
    for (int j = 0; j < N; j++)
      if (label[j] >= 0 && score[j] >= score[i]) {
        above += count[j];
        right += label[j] == 1 ? count[j] : 0;
      }
    positives += count[i];
    sum += count[i] ? count[i] * right / above : 0;
  }
  return sum / positives;
}

static void check_random(void) {
  for (uint32_t round = 0; round < 100; round++) {
    const RandomStream stream = {1, RANDOM_FREE, 0, round};
    double score[N];
    int32_t label[N], count[N];
    int levels = round % 2 ? 5 : 1000;
    for (int i = 0; i < N; i++) {
      score[i] = floor(random_uniform(&stream, (uint64_t)i, 0) * (float)levels);
      label[i] = (int32_t)(random_bits(&stream, (uint64_t)(N + i)) % 3) - 1;
    }
    bootstrap_draw(count, N, 7, round);
    Ranking ranking;
    fine(ranking_init(&ranking, score, 1, label, 1, N));
    double got = ranking_auroc(&ranking, count), wanted = naive_auroc(score, label, count);
    CHECK(fabs(got - wanted) < 1e-14, "round %u: AUROC %.17g, not %.17g", round, got, wanted);
    got = ranking_average_precision(&ranking, count), wanted = naive_precision(score, label, count);
    CHECK(fabs(got - wanted) < 1e-14, "round %u: average precision %.17g, not %.17g", round, got, wanted);
    ranking_free(&ranking);
  }
}

static void check_values(const double *score, const int32_t *label, int n, double auroc, double auprc,
                         double precision) {
  Ranking ranking;
  fine(ranking_init(&ranking, score, 1, label, 1, n));
  double a = ranking_auroc(&ranking, NULL), b = ranking_auprc(&ranking, NULL),
         c = ranking_average_precision(&ranking, NULL);
  CHECK(a == auroc || (isnan(a) && isnan(auroc)), "AUROC %.17g, not %.17g", a, auroc);
  CHECK(fabs(b - auprc) < 1e-15 || (isnan(b) && isnan(auprc)), "AUPRC %.17g, not %.17g", b, auprc);
  CHECK(fabs(c - precision) < 1e-15 || (isnan(c) && isnan(precision)), "average precision %.17g, not %.17g", c,
        precision);
  ranking_free(&ranking);
}

int main(void) {
  const double rising[4] = {0.1, 0.2, 0.3, 0.4}, flat[4] = {3, 3, 3, 3}, bad[4] = {1, NAN, 0, 2},
               ends[4] = {-INFINITY, 0, 1, INFINITY};
  const int32_t last[4] = {0, 0, 1, 1}, first[4] = {1, 1, 0, 0}, all[4] = {1, 1, 1, 1}, none[4] = {0, 0, 0, 0},
                no[4] = {-1, -1, -1, -1};
  check_values(rising, last, 4, 1, 1, 1);
  check_values(ends, last, 4, 1, 1, 1);
  // Points (recall, precision): (0,1) (0,0) (0,0) (1/2,1/3) (1,1/2).
  check_values(rising, first, 4, 0, (1.0 / 3) / 4 + (1.0 / 3 + 0.5) / 4, (1.0 / 3 + 0.5) / 2);
  // All equal: one point (1, 1/2) behind (0, 1).
  check_values(flat, last, 4, 0.5, 0.75, 0.5);
  check_values(rising, all, 4, NAN, 1, 1);
  check_values(rising, none, 4, NAN, NAN, NAN);
  check_values(rising, no, 4, NAN, NAN, NAN);
  check_values(rising, last, 0, NAN, NAN, NAN);
  check_values(bad, last, 4, NAN, NAN, NAN);
  check_random();
  return 0;
}
