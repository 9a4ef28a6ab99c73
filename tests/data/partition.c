// Splits and folds are stratified and cover everything once; training alone decides how to standardise.
#include "data/partition.h"

#include "check.h"
#include "data/dataset.h"
#include "data/standardize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 1003, CLASSES = 7 };

static void check_folds(const int32_t *label) {
  static uint8_t split[SAMPLES], times[SAMPLES];
  int size[CLASSES] = {0};
  for (int n = 0; n < SAMPLES; n++)
    size[label[n]]++;
  for (int fold = 0; fold < 5; fold++) {
    PartitionRule rule = {.seed = 3, .validation = 0.1, .folds = 5, .fold = fold};
    CHECK(partition_check(&rule).code == 0, "a good rule");
    partition_split(split, label, SAMPLES, &rule);
    int count[CLASSES][SPLITS] = {{0}}, all = 0;
    for (int n = 0; n < SAMPLES; n++) {
      count[label[n]][split[n]]++;
      times[n] = (uint8_t)(times[n] + (split[n] == SPLIT_TEST));
      all += split[n] == SPLIT_TEST;
    }
    CHECK(abs(all * 5 - SAMPLES) < 5, "fold %d tests %d of %d", fold, all, SAMPLES);
    for (int c = 0; c < CLASSES; c++) {
      CHECK(abs(count[c][SPLIT_TEST] * 5 - size[c]) < 5, "fold %d, class %d: %d of %d", fold, c, count[c][SPLIT_TEST],
            size[c]);
      int rest = size[c] - count[c][SPLIT_TEST];
      CHECK(count[c][SPLIT_VALIDATION] == (int)lround(0.1 * rest), "fold %d, class %d: %d of %d validated", fold, c,
            count[c][SPLIT_VALIDATION], rest);
    }
  }
  for (int n = 0; n < SAMPLES; n++)
    CHECK(times[n] == 1, "sample %d is tested %d times", n, times[n]);
}

static void check_fractions(const int32_t *label) {
  static uint8_t split[SAMPLES], other[SAMPLES];
  PartitionRule rule = {.seed = 3, .validation = 0.2, .test = 0.3};
  partition_split(split, label, SAMPLES, &rule);
  int count[CLASSES][SPLITS] = {{0}};
  for (int n = 0; n < SAMPLES; n++)
    count[label[n]][split[n]]++;
  for (int c = 0; c < CLASSES; c++) {
    int size = count[c][0] + count[c][1] + count[c][2];
    CHECK(count[c][SPLIT_TEST] == (int)lround(0.3 * size) && count[c][SPLIT_VALIDATION] == (int)lround(0.2 * size),
          "class %d of %d", c, size);
  }
  rule.seed = 4;
  partition_split(other, label, SAMPLES, &rule);
  CHECK(memcmp(split, other, SAMPLES), "another seed, another split");
  const PartitionRule bad[] = {{.test = 1},   {.validation = -0.1}, {.validation = 0.5, .test = 0.5},
                               {.test = NAN}, {.folds = 1},         {.folds = 3, .fold = 3}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(partition_check(&bad[i]).code == EXIT_CONFIG, "rule %zu", i);
}

static void check_standardize(void) {
  Dataset dataset;
  int width = 3;
  CHECK(!dataset_init(&dataset, "s", 6).code && !dataset_add_dense(&dataset, "x", KIND_VECTOR, 1, &width).code, "make");
  const float value[6][3] = {{1, 7, 0.1f}, {3, 7, 0.1f}, {100, 100, 100}, {50, 50, 50}, {5, 7, 0.1f}, {7, 7, 0.1f}};
  memcpy(dataset.modality[0].values, value, sizeof value);
  dataset.modality[0].present[2] = 0;
  dataset.split[3] = SPLIT_TEST;
  double mean[3], deviation[3];
  CHECK(standardize_measure(mean, deviation, &dataset, 0) == 4, "four samples count");
  CHECK(mean[0] == 4 && fabs(deviation[0] - sqrt(5)) < 1e-15, "1 3 5 7: got %g and %g", mean[0], deviation[0]);
  CHECK(mean[1] == 7 && deviation[1] == 1 && deviation[2] == 1, "a constant: got %g and %g, %g", mean[1], deviation[1],
        deviation[2]);
  memset(dataset.modality[0].values + 6, 0, 12);
  standardize_apply(&dataset, 0, mean, deviation);
  CHECK(dataset.modality[0].values[0] == (float)(-3 / sqrt(5)) &&
            dataset.modality[0].values[9] == (float)(46 / sqrt(5)),
        "applied to all splits");
  CHECK(dataset.modality[0].values[6] == 0, "what is absent stays zero");
  dataset_free(&dataset);
}

int main(void) {
  static int32_t label[SAMPLES];
  for (int n = 0; n < SAMPLES; n++)
    label[n] = n * n % 23 % CLASSES;
  check_folds(label);
  check_fractions(label);
  check_standardize();
  return 0;
}
