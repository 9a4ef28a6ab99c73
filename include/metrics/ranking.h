#ifndef METRICS_RANKING_H
#define METRICS_RANKING_H
/// How well a score ranks positives above negatives. The samples are sorted once; each measure is then one pass, so
/// that a bootstrap of a thousand resamples costs a thousand passes and no sort.
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/// Samples in order of falling score. Made by ranking_init, freed by ranking_free.
typedef struct Ranking {
  int n;           // labelled samples
  bool finite;     // no score is NaN; otherwise every measure is NaN
  int32_t *sample; // [n] index in the caller's arrays
  uint8_t *mark;   // [n] bit 0: positive; bit 1: last of its group of equal scores
} Ranking;

/// Sorts samples i < n by score[i * stride]; positive where label[i] == positive, left out where label[i] < 0. Column c
/// of probabilities [n, classes] is (score + c, stride = classes, positive = c): one class against the rest.
Status ranking_init(Ranking *ranking, const double *score, int stride, const int32_t *label, int32_t positive,
                    int64_t n);
void ranking_free(Ranking *ranking);

/// Each measure takes count[i] >= 0, how often the caller's sample i counts (NULL: once). NaN without positives (AUROC:
/// or without negatives). Area under the receiver operating characteristic = probability that a positive outranks a
/// negative, ties counting one half.
double ranking_auroc(const Ranking *ranking, const int32_t *count);
/// Area under (recall, precision) by trapezoids from (0, 1) through one point per distinct score: what MUSE reports as
/// AUC-PR.
double ranking_auprc(const Ranking *ranking, const int32_t *count);
/// Average precision: sum over distinct scores of (gain in recall) times precision, without interpolation.
double ranking_average_precision(const Ranking *ranking, const int32_t *count);

/// Mean of a measure over ranking[classes], one class against the rest each; classes where it is NaN are left out. For
/// several classes rank by probabilities: logits of different samples are not comparable.
double ranking_macro(const Ranking *ranking, int classes, double (*measure)(const Ranking *, const int32_t *),
                     const int32_t *count);

#endif
