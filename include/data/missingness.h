#ifndef DATA_MISSINGNESS_H
#define DATA_MISSINGNESS_H
/// Which modality of which sample is there: source presence, and what a named protocol withholds on top. Pure functions of
/// (seed, epoch, sample), so a mask is the same on any grid; a sample that has a modality always keeps at least one.
#include "base/status.h"
#include "data/dataset.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum MaskKind {
  MASK_NONE,     // source presence only
  MASK_RATE,     // each present modality withheld with its own probability (MCAR)
  MASK_PATTERN,  // the modalities in `withheld` are always withheld
  MASK_LABEL,    // as MASK_RATE with a rate that depends on the label (MNAR)
  MASK_SUBSET    // one of the 2^p - 1 non-empty subsets of the p present modalities, all equally likely
} MaskKind;

typedef struct MaskProtocol {
  MaskKind kind;
  uint64_t seed;
  uint32_t epoch;                   // RANDOM_EVALUATION in evaluation: a fixed mask
  double rate[DATASET_MODALITIES];
  bool withheld[DATASET_MODALITIES];
  double label_slope;
  int task;                         // MASK_LABEL: whose labels
} MaskProtocol;

/// keep[modalities] becomes 1 where sample `sample` shows the modality to the model. Rate protocols: modality i is withheld when
/// uniform(seed, RANDOM_WITHHOLD, epoch, i, sample) < rate[i]; if that withholds every present one, the one with the largest
/// uniform - rate stays. Pattern: if every present modality is withheld the sample keeps none and `false` is returned (it is left out).
bool mask_sample(uint8_t *keep, const Dataset *dataset, const MaskProtocol *protocol, int64_t sample);

/// XXH64 of the masks of samples order[n], one byte per modality: stored with every result.
uint64_t mask_hash(const Dataset *dataset, const MaskProtocol *protocol, const int64_t *order, int64_t n);

#endif
