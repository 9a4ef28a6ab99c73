/// Over the groups g of equal scores in falling order, with p_g positives and n_g negatives, P and N in all:
///   AUROC = sum_g p_g (n_g / 2 + sum_{k > g} n_k) / (P N)                                (average ranks; Mann and
///   Whitney 1947) recall_g = sum_{k <= g} p_k / P,  precision_g = sum_{k <= g} p_k / sum_{k <= g} (p_k + n_k) AUPRC =
///   sum_g (recall_g - recall_{g-1}) (precision_g + precision_{g-1}) / 2,  precision before the first group = 1 AP =
///   sum_g (recall_g - recall_{g-1}) precision_g
#include "metrics/ranking.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { MARK_POSITIVE = 1, MARK_LAST = 2 };

typedef struct Scored {
  double score;
  int32_t sample;
} Scored;

static int scored_compare(const void *a, const void *b) {
  const Scored *x = a, *y = b;
  if (x->score != y->score)
    return x->score > y->score ? -1 : 1;
  return (x->sample > y->sample) - (x->sample < y->sample);
}

static void ranking_sort(Ranking *ranking, Scored *scored, const double *score, int stride, const int32_t *label,
                         int32_t positive, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    if (label[i] < 0)
      continue;
    double value = score[i * stride];
    ranking->finite = ranking->finite && !isnan(value);
    scored[ranking->n++] = (Scored){value, (int32_t)i};
  }
  if (!ranking->finite)
    return;
  qsort(scored, (size_t)ranking->n, sizeof *scored, scored_compare);
  for (int k = 0; k < ranking->n; k++) {
    bool last = k + 1 == ranking->n || scored[k + 1].score != scored[k].score;
    ranking->sample[k] = scored[k].sample;
    ranking->mark[k] = (uint8_t)((label[scored[k].sample] == positive ? MARK_POSITIVE : 0) | (last ? MARK_LAST : 0));
  }
}

Status ranking_init(Ranking *ranking, const double *score, int stride, const int32_t *label, int32_t positive,
                    int64_t n) {
  REQUIRE(n >= 0 && n <= INT32_MAX && stride >= 1, "%lld samples, stride %d", (long long)n, stride);
  *ranking = (Ranking){.finite = true};
  void *scored = NULL, *sample = NULL, *mark = NULL;
  Status status = memory_take(&scored, (size_t)n, sizeof(Scored), "scores to sort");
  if (status.code == 0)
    status = memory_take(&sample, (size_t)n, sizeof *ranking->sample, "sorted samples");
  if (status.code == 0)
    status = memory_take(&mark, (size_t)n, sizeof *ranking->mark, "marks of sorted samples");
  if (status.code == 0) {
    ranking->sample = sample;
    ranking->mark = mark;
    ranking_sort(ranking, scored, score, stride, label, positive, n);
  } else {
    free(sample);
    free(mark);
  }
  free(scored);
  return status;
}

void ranking_free(Ranking *ranking) {
  free(ranking->sample);
  free(ranking->mark);
  *ranking = (Ranking){0};
}

static int64_t ranking_weight(const Ranking *ranking, const int32_t *count, int k) {
  return count ? count[ranking->sample[k]] : 1;
}

double ranking_auroc(const Ranking *ranking, const int32_t *count) {
  if (!ranking->finite)
    return NAN;
  // Twice the area in pairs, counted from the other side: a negative group adds 2 (positives above) + (positives in its
  // group).
  int64_t above = 0, positives = 0, negatives = 0, all_negatives = 0;
  double twice = 0; // a sum of integers below 2^53: exact
  for (int k = 0; k < ranking->n; k++) {
    int64_t weight = ranking_weight(ranking, count, k);
    if (ranking->mark[k] & MARK_POSITIVE)
      positives += weight;
    else
      negatives += weight;
    if (ranking->mark[k] & MARK_LAST) {
      twice += (double)negatives * (double)(2 * above + positives);
      above += positives;
      all_negatives += negatives;
      positives = negatives = 0;
    }
  }
  return above > 0 && all_negatives > 0 ? twice / 2 / ((double)above * (double)all_negatives) : NAN;
}

/// Both areas under (recall, precision); interpolate: by trapezoids.
static double precision_area(const Ranking *ranking, const int32_t *count, bool interpolate) {
  if (!ranking->finite)
    return NAN;
  int64_t positives = 0, all = 0, positives_before = 0;
  double area = 0, precision_before = 1;
  for (int k = 0; k < ranking->n; k++) {
    int64_t weight = ranking_weight(ranking, count, k);
    all += weight;
    positives += ranking->mark[k] & MARK_POSITIVE ? weight : 0;
    if (!(ranking->mark[k] & MARK_LAST) || all == 0)
      continue;
    double precision = (double)positives / (double)all;
    area += (double)(positives - positives_before) * (interpolate ? (precision + precision_before) / 2 : precision);
    precision_before = precision;
    positives_before = positives;
  }
  return positives ? area / (double)positives : NAN;
}

double ranking_auprc(const Ranking *ranking, const int32_t *count) { return precision_area(ranking, count, true); }

double ranking_average_precision(const Ranking *ranking, const int32_t *count) {
  return precision_area(ranking, count, false);
}

double ranking_macro(const Ranking *ranking, int classes, double (*measure)(const Ranking *, const int32_t *),
                     const int32_t *count) {
  double sum = 0;
  int defined = 0;
  for (int c = 0; c < classes; c++) {
    double value = measure(ranking + c, count);
    defined += !isnan(value);
    sum += isnan(value) ? 0 : value;
  }
  return defined ? sum / defined : NAN;
}
