// Masks have the rates asked for, keep at least one modality, and depend on nothing but seed, epoch and sample.
#include "data/missingness.h"

#include "base/random.h"
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 20000, MODALITIES = 3 };

static void make(Dataset *dataset) {
  int width = 1;
  CHECK(dataset_init(dataset, "masks", SAMPLES).code == 0, "init");
  CHECK(dataset_add_task(dataset, "dies", true, 2).code == 0, "task");
  for (int i = 0; i < MODALITIES; i++) {
    char name[] = {(char)('a' + i), 0};
    CHECK(dataset_add_dense(dataset, name, KIND_VECTOR, 1, &width).code == 0, "modality");
  }
  for (int n = 0; n < SAMPLES; n++) {
    dataset->task[0].labels[n] = n % 3 ? n % 2 : -1;
    dataset->modality[2].present[n] = n % 4 != 0;
  }
}

static void near(double got, double want, double n, const char *what) {
  double tolerance = 5 * sqrt(want * (1 - want) / n) + 1e-9;
  CHECK(fabs(got - want) <= tolerance, "%s: got %.5f, not %.5f +- %.5f", what, got, want, tolerance);
}

/// Against the formula, written down a second time, and its closed-form rate.
static void check_rates(const Dataset *dataset) {
  MaskProtocol protocol = {.kind = MASK_RATE, .seed = 7, .epoch = 3, .rate = {0.3, 0.6, 0.5}};
  double kept[MODALITIES] = {0};
  for (int64_t n = 0; n < SAMPLES; n++) {
    uint8_t keep[MODALITIES];
    CHECK(mask_sample(keep, dataset, &protocol, n), "sample %lld keeps something", (long long)n);
    int any = 0, best = 0;
    float u[MODALITIES];
    for (int i = 0; i < MODALITIES; i++) {
      u[i] = random_uniform(&(RandomStream){7, RANDOM_WITHHOLD, 3, (uint32_t)i}, (uint64_t)n, 0);
      int here = dataset->modality[i].present[n], want = here && (double)u[i] >= protocol.rate[i];
      any |= want;
      if (here && (double)u[i] - protocol.rate[i] > (double)u[best] - protocol.rate[best])
        best = i;
      CHECK(keep[i] == want || (keep[i] && here), "sample %lld, modality %d", (long long)n, i);
      kept[i] += n % 4 == 0 && want;
    }
    for (int i = 0; !any && i < MODALITIES; i++)
      CHECK(keep[i] == (i == best), "sample %lld: the largest uniform - rate stays", (long long)n);
    CHECK(keep[0] + keep[1] + keep[2] > 0, "sample %lld", (long long)n);
  }
  near(kept[0] / (SAMPLES / 4), 0.7, SAMPLES / 4, "a is kept");
  near(kept[1] / (SAMPLES / 4), 0.4, SAMPLES / 4, "b is kept");
  CHECK(kept[2] == 0, "what is not there is not kept");
}

static void check_certain(const Dataset *dataset) {
  MaskProtocol protocol = {.kind = MASK_RATE, .seed = 7, .epoch = RANDOM_EVALUATION, .rate = {1, 1, 1}};
  for (int64_t n = 0; n < SAMPLES; n++) {
    uint8_t keep[MODALITIES];
    CHECK(mask_sample(keep, dataset, &protocol, n) && keep[0] + keep[1] + keep[2] == 1, "exactly one stays at rate 1");
  }
  protocol = (MaskProtocol){.kind = MASK_RATE, .seed = 7};
  for (int64_t n = 0; n < SAMPLES; n++) {
    uint8_t keep[MODALITIES];
    mask_sample(keep, dataset, &protocol, n);
    CHECK(keep[0] && keep[1] && keep[2] == dataset->modality[2].present[n], "all stay at rate 0");
  }
}

static void check_pattern(const Dataset *dataset) {
  MaskProtocol protocol = {.kind = MASK_PATTERN, .withheld = {true, true, false}};
  for (int64_t n = 0; n < SAMPLES; n++) {
    uint8_t keep[MODALITIES];
    bool some = mask_sample(keep, dataset, &protocol, n);
    CHECK(some == (n % 4 != 0) && !keep[0] && !keep[1] && keep[2] == some, "sample %lld", (long long)n);
  }
}

static void check_label(const Dataset *dataset) {
  MaskProtocol protocol = {.kind = MASK_LABEL, .seed = 9, .rate = {0.4, 0, 0}, .label_slope = 0.5};
  double kept[3] = {0}, count[3] = {0};
  for (int64_t n = 0; n < SAMPLES; n++) {
    uint8_t keep[MODALITIES];
    mask_sample(keep, dataset, &protocol, n);
    int label = dataset->task[0].labels[n];
    kept[label + 1] += keep[0];
    count[label + 1]++;
  }
  near(kept[0] / count[0], 0.6, count[0], "unlabelled: rate 0.4");
  near(kept[1] / count[1], 0.8, count[1], "label 0: rate 0.4 (1 - 0.5)");
  near(kept[2] / count[2], 0.4, count[2], "label 1: rate 0.4 (1 + 0.5)");
}

/// The hash is fixed: masks are part of what results mean, in other versions of the program too.
static void check_hash(const Dataset *dataset) {
  MaskProtocol protocol = {.kind = MASK_RATE, .seed = 1, .epoch = RANDOM_EVALUATION, .rate = {0.5, 0.5, 0.5}};
  int64_t order[100], reversed[100];
  for (int i = 0; i < 100; i++)
    reversed[99 - i] = order[i] = i;
  uint64_t value = mask_hash(dataset, &protocol, order, 100);
  CHECK(value == mask_hash(dataset, &protocol, order, 100), "the hash repeats");
  CHECK(value != mask_hash(dataset, &protocol, reversed, 100), "the hash knows the order");
  protocol.seed = 2;
  CHECK(value != mask_hash(dataset, &protocol, order, 100), "the hash knows the seed");
}

int main(void) {
  Dataset dataset;
  make(&dataset);
  check_rates(&dataset);
  check_certain(&dataset);
  check_pattern(&dataset);
  check_label(&dataset);
  check_hash(&dataset);
  dataset_free(&dataset);
  return 0;
}
