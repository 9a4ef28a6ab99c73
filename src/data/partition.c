/// Each class is put into its own random order and cut; so every split has every class in proportion.
#include "data/partition.h"

#include "base/random.h"
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>

typedef struct Ranked {
  int32_t label;
  uint64_t key;
  int64_t sample;
} Ranked;

static int compare(const void *a, const void *b) {
  const Ranked *x = a, *y = b;
  if (x->label != y->label)
    return x->label < y->label ? -1 : 1;
  if (x->key != y->key)
    return x->key < y->key ? -1 : 1;
  return (x->sample > y->sample) - (x->sample < y->sample);
}

json_t *partition_json(const PartitionRule *rule) {
  return json_pack("{s:I, s:f, s:f, s:i, s:i}", "seed", (json_int_t)rule->seed, "validation", rule->validation, "test",
                   rule->test, "folds", rule->folds, "fold", rule->fold);
}

Status partition_check(const PartitionRule *rule) {
  if (!(rule->validation >= 0) || !(rule->test >= 0) || !(rule->validation + rule->test < 1))
    return status_error(
        EXIT_CONFIG,
        "validation %g and test %g; fractions of at least 0 that leave something to train on would be right",
        rule->validation, rule->test);
  if (rule->folds < 0 || rule->folds == 1 || (rule->folds > 0 && (rule->fold < 0 || rule->fold >= rule->folds)))
    return status_error(EXIT_CONFIG, "fold %d of %d; 2 or more folds, counted from 0, would be right", rule->fold,
                        rule->folds);
  return STATUS_OK;
}

/// How many of the numbers turn, …, turn + count - 1 are `fold` modulo `folds`.
static int64_t tested(int64_t turn, int64_t count, const PartitionRule *rule) {
  int64_t shift = rule->folds - 1 - rule->fold;
  return (turn + count + shift) / rule->folds - (turn + shift) / rule->folds;
}

/// The split of the sample at `rank` among the `size` of its class, `turn` samples of other classes coming before.
static Split place(int64_t rank, int64_t size, int64_t turn, const PartitionRule *rule) {
  if (rule->folds > 0) {
    // Dealt like cards, going on where the class before stopped: sizes of folds differ by one at most, in a class and
    // in all.
    if ((turn + rank) % rule->folds == rule->fold)
      return SPLIT_TEST;
    int64_t before = rank - tested(turn, rank, rule), rest = size - tested(turn, size, rule);
    return before < llround(rule->validation * (double)rest) ? SPLIT_VALIDATION : SPLIT_TRAIN;
  }
  int64_t test = llround(rule->test * (double)size), validation = llround(rule->validation * (double)size);
  return rank < test ? SPLIT_TEST : rank < test + validation ? SPLIT_VALIDATION : SPLIT_TRAIN;
}

void partition_split(uint8_t *split, const int32_t *label, int64_t n, const PartitionRule *rule) {
  Ranked *ranked = malloc((size_t)(n > 0 ? n : 1) * sizeof *ranked);
  REQUIRE(ranked, "out of memory for a partition");
  for (int64_t i = 0; i < n; i++) {
    RandomStream stream = {rule->seed, RANDOM_SPLIT, 0, (uint32_t)label[i]};
    ranked[i] = (Ranked){label[i], random_bits(&stream, (uint64_t)i), i};
  }
  qsort(ranked, (size_t)n, sizeof *ranked, compare);
  for (int64_t first = 0, end; first < n; first = end) {
    for (end = first; end < n && ranked[end].label == ranked[first].label;)
      end++;
    for (int64_t i = first; i < end; i++)
      split[ranked[i].sample] = (uint8_t)place(i - first, end - first, first, rule);
  }
  free(ranked);
}
