// Every metric agrees with scikit-learn, scipy or numpy on sixty random cases of each kind.
// timeout: 120
#include "check.h"
#include "metrics/bootstrap.h"
#include "metrics/classification.h"
#include "metrics/logistic.h"
#include "metrics/polysemanticity.h"
#include "metrics/ranking.h"
#include "metrics/representation.h"
#include "metrics/significance.h"
#include "metrics/summary.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ARRAYS_MOST = 4 };

/// One line of tools/oracle/metrics.py: arrays, the last of which holds the expected values.
typedef struct Case {
  int arrays, size[ARRAYS_MOST];
  double *value[ARRAYS_MOST];
  const double *expected;
  int number; // line, for messages
  const char *kind;
} Case;

static void near(const Case *c, const char *what, double got, double wanted, double tolerance) {
  CHECK(fabs(got - wanted) <= tolerance * fmax(1, fabs(wanted)), "line %d, %s, %s: got %.17g, not %.17g", c->number,
        c->kind, what, got, wanted);
}

static float *floats(const double *value, int n) {
  float *result = malloc((size_t)n * sizeof *result);
  for (int i = 0; i < n; i++)
    result[i] = (float)value[i];
  return result;
}

static int32_t *integers(const double *value, int n) {
  int32_t *result = malloc((size_t)n * sizeof *result);
  for (int i = 0; i < n; i++)
    result[i] = (int32_t)value[i];
  return result;
}

static void fine(Status status) { CHECK(status.code == 0, "%s", status.text); }

static void check_classification(const Case *c) {
  int classes = (int)c->value[0][0], n = c->size[2];
  float *logits = floats(c->value[1], n * classes);
  int32_t *label = integers(c->value[2], n), predicted[200];
  double f1, recall[8];
  classification_predict(predicted, logits, n, classes);
  fine(classification_macro_f1(&f1, predicted, label, n, classes));
  fine(classification_recall(recall, predicted, label, n, classes));
  near(c, "accuracy", classification_accuracy(predicted, label, n), c->expected[0], 1e-15);
  near(c, "macro F1", f1, c->expected[1], 1e-14);
  near(c, "cross-entropy", classification_cross_entropy(logits, label, n, classes), c->expected[2], 1e-12);
  near(c, "calibration", classification_calibration_error(logits, label, n, classes, 15), c->expected[3], 1e-12);
  for (int k = 0; k < classes; k++)
    near(c, "recall", recall[k], c->expected[4 + k], 1e-15);
  free(logits);
  free(label);
}

static void check_macro(const Case *c) {
  int classes = (int)c->value[0][0], n = c->size[2];
  float *logits = floats(c->value[1], n * classes);
  int32_t *label = integers(c->value[2], n);
  double *probability = malloc((size_t)(n * classes) * sizeof *probability);
  Ranking ranking[8];
  classification_probabilities(probability, logits, n, classes);
  for (int k = 0; k < classes; k++)
    fine(ranking_init(ranking + k, probability + k, classes, label, k, n));
  near(c, "AUROC", ranking_macro(ranking, classes, ranking_auroc, NULL), c->expected[0], 1e-13);
  near(c, "AUPRC", ranking_macro(ranking, classes, ranking_auprc, NULL), c->expected[1], 1e-13);
  near(c, "average precision", ranking_macro(ranking, classes, ranking_average_precision, NULL), c->expected[2], 1e-13);
  for (int k = 0; k < classes; k++)
    ranking_free(ranking + k);
  free(probability);
  free(logits);
  free(label);
}

static void check_ranking(const Case *c, const int32_t *label, const int32_t *count) {
  Ranking ranking;
  fine(ranking_init(&ranking, c->value[0], 1, label, 1, c->size[0]));
  near(c, "AUROC", ranking_auroc(&ranking, count), c->expected[0], 1e-13);
  near(c, "AUPRC", ranking_auprc(&ranking, count), c->expected[1], 1e-13);
  near(c, "average precision", ranking_average_precision(&ranking, count), c->expected[2], 1e-13);
  ranking_free(&ranking);
}

static void check_binary(const Case *c) {
  int n = c->size[0];
  float *logits = floats(c->value[0], n);
  int32_t *label = integers(c->value[1], n), predicted[200];
  double f1;
  check_ranking(c, label, NULL);
  classification_predict(predicted, logits, n, 1);
  fine(classification_macro_f1(&f1, predicted, label, n, 2));
  near(c, "cross-entropy", classification_cross_entropy(logits, label, n, 1), c->expected[3], 1e-12);
  near(c, "calibration", classification_calibration_error(logits, label, n, 1, 10), c->expected[4], 1e-12);
  near(c, "accuracy", classification_accuracy(predicted, label, n), c->expected[5], 1e-15);
  near(c, "macro F1", f1, c->expected[6], 1e-14);
  free(logits);
  free(label);
}

static void check_resample(const Case *c) {
  int32_t *label = integers(c->value[1], c->size[1]), *count = integers(c->value[2], c->size[2]);
  check_ranking(c, label, count);
  free(label);
  free(count);
}

static void check_wilcoxon(const Case *c) {
  Wilcoxon result;
  fine(significance_wilcoxon(&result, c->value[0], c->value[1], c->size[0]));
  near(c, "statistic", fmin(result.plus, result.minus), c->expected[0], 0);
  near(c, "p", result.p, c->expected[1], 1e-13);
  CHECK(result.exact == (c->expected[2] != 0), "line %d: exact is %d", c->number, result.exact);
}

static void check_holm(const Case *c) {
  fine(significance_holm(c->value[0], c->value[0], c->size[0]));
  for (int i = 0; i < c->size[0]; i++)
    near(c, "adjusted p", c->value[0][i], c->expected[i], 1e-14);
}

static void check_summary(const Case *c) {
  Summary summary = summary_of(c->value[1], c->size[1], c->value[0][0]);
  near(c, "mean", summary.mean, c->expected[0], 1e-13);
  near(c, "deviation", summary.deviation, c->expected[1], 1e-13);
  near(c, "error", summary.error, c->expected[2], 1e-13);
  near(c, "low", summary.interval.low, c->expected[3], 1e-8); // scipy 1.10 is off by 1e-9
  near(c, "high", summary.interval.high, c->expected[4], 1e-8);
}

static void check_wilson(const Case *c) {
  Interval interval = summary_wilson(c->value[1][0], c->value[1][1], c->value[0][0]);
  near(c, "low", interval.low, c->expected[0], 1e-12);
  near(c, "high", interval.high, c->expected[1], 1e-12);
}

static void check_quantile(const Case *c) {
  double probability = c->value[0][0], freedom = c->value[0][1];
  near(c, "order statistic", summary_quantile(c->value[1], c->size[1], probability), c->expected[0], 1e-13);
  near(c, "normal", summary_normal_quantile(probability), c->expected[1], 1e-10);
  near(c, "Student", summary_student_quantile(probability, freedom), c->expected[2], 1e-8);
}

static void check_vif(const Case *c) {
  int n = (int)c->value[0][0], d = (int)c->value[0][1];
  float *x = floats(c->value[1], n * d);
  double mean, vif[8];
  fine(representation_vif(&mean, vif, x, n, d, 0));
  near(c, "mean", mean, c->expected[0], 1e-8);
  for (int j = 0; j < d; j++)
    near(c, "feature", vif[j], c->expected[1 + j], 1e-8);
  free(x);
}

static void check_cka(const Case *c) {
  int n = (int)c->value[0][0], dx = (int)c->value[0][1], dy = (int)c->value[0][2];
  float *x = floats(c->value[1], n * dx), *y = floats(c->value[2], n * dy);
  double cka;
  fine(representation_cka(&cka, x, dx, y, dy, n));
  near(c, "CKA", cka, c->expected[0], 1e-12);
  free(x);
  free(y);
}

static void check_ranks(const Case *c) {
  Ranks ranks =
      representation_ranks(c->value[1], c->size[1], (int64_t)c->value[0][0], (int64_t)c->value[0][1], DBL_EPSILON);
  near(c, "numerical", ranks.numerical, c->expected[0], 0);
  near(c, "effective", ranks.effective, c->expected[1], 1e-12);
  near(c, "stable", ranks.stable, c->expected[2], 1e-12);
  near(c, "tolerance", ranks.tolerance, c->expected[3], 1e-12);
}

static void check_layer(const Case *c) {
  int out = (int)c->value[0][0], *begin = integers(c->value[1], c->size[1]), m = c->size[1] - 1, in = begin[m];
  float *w = floats(c->value[2], out * in);
  double gram[24 * 24], capacity[24], foreign[24], row[24], energy[4];
  weight_gram(gram, w, out, in);
  weight_capacity(capacity, foreign, gram, in, begin, m);
  for (int j = 0; j < in; j++) {
    near(c, "capacity", capacity[j], c->expected[j], 1e-12);
    near(c, "foreign part", foreign[j], c->expected[in + j], 1e-12);
    row[j] = w[j];
  }
  for (int j = 0; j < in * in; j++)
    near(c, "gram", gram[j], c->expected[2 * in + j], 1e-12);
  modality_energy(energy, row, begin, m);
  double entropy = share_entropy(energy, m), wanted = c->expected[2 * in + in * in];
  CHECK(wanted < 0 ? isnan(entropy) : fabs(entropy - wanted) <= 1e-12, "line %d: entropy %g, not %g", c->number,
        entropy, wanted);
  free(begin);
  free(w);
}

// Rows dealt to three slices: the sums are the same up to rounding, and so is the minimum of a convex function.
static void check_logistic(const Case *c) {
  int classes = (int)c->value[0][0], d = (int)c->value[0][1], n = c->size[2], slice[80];
  float *x = floats(c->value[1], n * d);
  int32_t *label = integers(c->value[2], n);
  double mean[6], deviation[6], weight[5 * 7], objective;
  for (int i = 0; i < n; i++)
    slice[i] = i * 3 / n;
  LogisticRows rows = {.x = x, .label = label, .slice = slice, .rows = n, .slices = 3};
  LogisticScore score;
  fine(logistic_scale(mean, deviation, &rows, d));
  rows.mean = mean;
  rows.deviation = deviation;
  fine(logistic_fit(weight, &objective, &rows, d, classes, c->value[0][2], 500));
  fine(logistic_score(&score, &rows, weight, d, classes));
  near(c, "objective", objective, c->expected[0], 1e-8);
  near(c, "cross-entropy", score.loss, c->expected[1], 1e-5);
  CHECK(score.n == n, "line %d: %g of %d rows", c->number, score.n, n);
  free(x);
  free(label);
}

static void check_jackknife(const Case *c) {
  const double *size = c->value[0];
  int n = (int)size[0], dx = (int)size[1], dy = (int)size[2];
  float *x = floats(c->value[1], n * dx), *y = floats(c->value[2], n * dy);
  double cka;
  Interval interval;
  fine(representation_cka_interval(&cka, &interval, x, dx, y, dy, n, (int)size[3], size[4]));
  near(c, "CKA", cka, c->expected[0], 1e-12);
  near(c, "low", interval.low, c->expected[1], 1e-8);
  near(c, "high", interval.high, c->expected[2], 1e-8);
  free(x);
  free(y);
}

static void check_spearman(const Case *c) {
  Interval interval;
  near(c, "correlation", summary_spearman(&interval, c->value[1], c->value[2], c->size[1], c->value[0][0]),
       c->expected[0], 1e-13);
  near(c, "low", interval.low, c->expected[1], 1e-9);
  near(c, "high", interval.high, c->expected[2], 1e-9);
}

static const struct {
  const char *name;
  void (*check)(const Case *);
} kinds[] = {{"classification", check_classification},
             {"macro", check_macro},
             {"binary", check_binary},
             {"resample", check_resample},
             {"wilcoxon", check_wilcoxon},
             {"holm", check_holm},
             {"summary", check_summary},
             {"wilson", check_wilson},
             {"quantile", check_quantile},
             {"vif", check_vif},
             {"cka", check_cka},
             {"ranks", check_ranks},
             {"layer", check_layer},
             {"logistic", check_logistic},
             {"jackknife", check_jackknife},
             {"spearman", check_spearman}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void check_line(int seen[KINDS], char *line, int number) {
  char *next, *kind = strtok_r(line, " \n", &next);
  Case c = {.number = number, .kind = kind};
  for (char *word; (word = strtok_r(NULL, " \n", &next)); c.arrays++) {
    CHECK(c.arrays < ARRAYS_MOST, "line %d has too many arrays", number);
    int size = c.size[c.arrays] = (int)strtol(word, NULL, 10);
    double *value = c.value[c.arrays] = malloc((size_t)size * sizeof *value);
    for (int i = 0; i < size; i++) {
      word = strtok_r(NULL, " \n", &next);
      CHECK(word, "line %d ends early", number);
      value[i] = strtod(word, NULL);
    }
  }
  CHECK(c.arrays >= 2, "line %d has no expected values", number);
  c.expected = c.value[c.arrays - 1];
  int k = 0;
  while (k < KINDS && strcmp(kinds[k].name, kind) != 0)
    k++;
  CHECK(k < KINDS, "line %d is of unknown kind %s", number, kind);
  kinds[k].check(&c);
  seen[k]++;
  for (int i = 0; i < c.arrays; i++)
    free(c.value[i]);
}

int main(void) {
  const char *here = strstr(__FILE__, "tests/metrics/");
  int seen[KINDS] = {0}, number = 0;
  char command[4096], *line = NULL;
  size_t room = 0;
  snprintf(command, sizeof command, "/usr/bin/python3 '%.*stools/oracle/metrics.py'", here ? (int)(here - __FILE__) : 0,
           __FILE__);
  FILE *cases = popen(command, "r");
  CHECK(cases, "cannot start %s", command);
  while (getline(&line, &room, cases) > 0)
    if (++number > 1)
      check_line(seen, line, number);
  free(line);
  int ended = pclose(cases);
  if (ended != 0 && number == 0) {
    fprintf(stderr, "skipped: %s gives no cases (it wants numpy, scipy and scikit-learn)\n", command);
    return 77;
  }
  CHECK(ended == 0, "%s ended with %d", command, ended);
  for (int k = 0; k < KINDS; k++)
    CHECK(seen[k] >= 50, "only %d cases of %s", seen[k], kinds[k].name);
  return 0;
}
