/// keep_i = present_i and u_i >= r_i, u_i = uniform(seed, withhold, epoch, i, sample); if that keeps none of the
/// present ones, the one with the largest u_i - r_i stays. MASK_LABEL: r_i(y) = clamp(r_i (1 + slope (2 y / (C - 1) -
/// 1)), 0, 1).
#include "data/missingness.h"

#include "base/hash.h"
#include "base/random.h"

#include <string.h>

static double rate_of(const Dataset *dataset, const MaskProtocol *protocol, int modality, int64_t sample) {
  double rate = protocol->rate[modality];
  if (protocol->kind != MASK_LABEL)
    return rate;
  REQUIRE(protocol->task >= 0 && protocol->task < dataset->tasks, "task %d of %d", protocol->task, dataset->tasks);
  const DatasetTask *task = &dataset->task[protocol->task];
  if (task->labels[sample] < 0)
    return rate;
  rate *= 1 + protocol->label_slope * (2.0 * task->labels[sample] / (task->classes - 1) - 1);
  return rate < 0 ? 0 : rate > 1 ? 1 : rate;
}

static bool mask_by_rate(uint8_t *keep, const Dataset *dataset, const MaskProtocol *protocol, int64_t sample) {
  int best = -1;
  bool any = false;
  double largest = 0;
  for (int i = 0; i < dataset->modalities; i++) {
    if (!dataset->modality[i].present[sample])
      continue;
    RandomStream stream = {protocol->seed, RANDOM_WITHHOLD, protocol->epoch, (uint32_t)i};
    double margin = (double)random_uniform(&stream, (uint64_t)sample, 0) - rate_of(dataset, protocol, i, sample);
    keep[i] = margin >= 0;
    any |= keep[i];
    if (best < 0 || margin > largest) {
      best = i;
      largest = margin;
    }
  }
  if (!any && best >= 0)
    keep[best] = 1;
  return best >= 0;
}

// The subset's number, 1 … 2^p - 1, is drawn from 64 bits: the bias is below 2^-32.
static bool mask_by_subset(uint8_t *keep, const Dataset *dataset, const MaskProtocol *protocol, int64_t sample) {
  enum { SUBSET_SITE = 0x5b5e7 }; // apart from the sites of the rates, which are modalities
  RandomStream stream = {protocol->seed, RANDOM_WITHHOLD, protocol->epoch, SUBSET_SITE};
  int present = 0;
  for (int i = 0; i < dataset->modalities; i++)
    present += dataset->modality[i].present[sample];
  if (present == 0)
    return false;
  uint64_t subset = 1 + random_bits(&stream, (uint64_t)sample) % (((uint64_t)1 << present) - 1);
  for (int i = 0; i < dataset->modalities; i++)
    if (dataset->modality[i].present[sample]) {
      keep[i] = subset & 1;
      subset >>= 1;
    }
  return true;
}

bool mask_sample(uint8_t *keep, const Dataset *dataset, const MaskProtocol *protocol, int64_t sample) {
  memset(keep, 0, (size_t)dataset->modalities);
  if (protocol->kind == MASK_RATE || protocol->kind == MASK_LABEL)
    return mask_by_rate(keep, dataset, protocol, sample);
  if (protocol->kind == MASK_SUBSET)
    return mask_by_subset(keep, dataset, protocol, sample);
  bool any = false;
  for (int i = 0; i < dataset->modalities; i++) {
    keep[i] = dataset->modality[i].present[sample] && !(protocol->kind == MASK_PATTERN && protocol->withheld[i]);
    any |= keep[i];
  }
  return any;
}

uint64_t mask_hash(const Dataset *dataset, const MaskProtocol *protocol, const int64_t *order, int64_t n) {
  uint8_t keep[DATASET_MODALITIES];
  Hash hash;
  hash_init(&hash);
  for (int64_t i = 0; i < n; i++) {
    mask_sample(keep, dataset, protocol, order[i]);
    hash_add(&hash, keep, (size_t)dataset->modalities);
  }
  return hash_value(&hash);
}
