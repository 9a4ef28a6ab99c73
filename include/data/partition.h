#ifndef DATA_PARTITION_H
#define DATA_PARTITION_H
/// Who is trained on and who is tested on, stratified by label, as pure functions of (seed, labels).
#include "base/status.h"

#include <jansson.h>
#include <stdint.h>

typedef struct PartitionRule {
  uint64_t seed;
  double validation, test; // fractions of every class
  int folds, fold; // folds > 0: fold `fold` (counted from 0) is the test split, `validation` is a fraction of the rest
} PartitionRule;

/// EXIT_CONFIG unless 0 <= validation, test and their sum < 1, and 0 <= fold < folds (or folds is 0), folds not 1.
Status partition_check(const PartitionRule *rule);

/// The rule as provenance has it; a new reference.
json_t *partition_json(const PartitionRule *rule);

/// split[n] (Split) from label[n] (-1 counts as a class of its own). Within a class of m samples, ordered by
/// random_bits(seed, RANDOM_SPLIT, class, sample): the first round(test m) are tested, the next round(validation m)
/// validated. Folds are dealt like cards, a class going on where the one before stopped; then the first
/// round(validation rest) of the rest of a class are validated.
void partition_split(uint8_t *split, const int32_t *label, int64_t n, const PartitionRule *rule);

#endif
