#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H
/// Random numbers as pure functions: nothing is ever "next", so a number depends on what it is for and never on who asks,
/// in which order, or on how many ranks. Philox4x32-10 (Salmon et al., SC 2011; Random123).
#include <stdint.h>

/// What a number is for. Values are part of the format of a run: append only.
typedef enum RandomPurpose {
  RANDOM_INIT = 1,      // epoch = parameter index, item = element
  RANDOM_SHUFFLE = 2,   // item = position
  RANDOM_DROPOUT = 3,   // site = operation, item = sample
  RANDOM_WITHHOLD = 4,  // site = modality, item = sample; epoch counts epochs, or is RANDOM_EVALUATION
  RANDOM_SPLIT = 5,     // item = sample
  RANDOM_SYNTHETIC = 6, // data synth
  RANDOM_BOOTSTRAP = 7, // site = resample
  RANDOM_CORRUPT = 8,   // site = modality: noise on inputs
  RANDOM_NEGATIVES = 9, // contrastive negatives: site = teacher, item = sample
  RANDOM_TEACHERS = 10, // their order
  RANDOM_SWEEP = 11,    // site = hash of the key, item = number of the draw
  RANDOM_ANALYSIS = 12, // site = what is measured
  RANDOM_FREE = 64      // tests and tools
} RandomPurpose;

enum { RANDOM_EVALUATION = 0x7fffffff };

/// Where a number stands: key (seed, purpose), counter (epoch, site, item, block of four).
typedef struct RandomStream {
  uint64_t seed;
  RandomPurpose purpose;
  uint32_t epoch;
  uint32_t site;
} RandomStream;

/// The four 32-bit words of block `block` of item `item` (item < 2^40, block < 2^24).
void random_block(uint32_t out[4], const RandomStream *stream, uint64_t item, uint32_t block);

/// One number of an item: uniform in [0, 1) with 24 bits; standard normal (Box-Muller, double inside).
float random_uniform(const RandomStream *stream, uint64_t item, uint32_t index);
float random_normal(const RandomStream *stream, uint64_t item, uint32_t index);
uint64_t random_bits(const RandomStream *stream, uint64_t item);

/// order[n] becomes a permutation of 0..n-1: sorted by random_bits of the position, ties by position.
void random_permutation(int64_t *order, int64_t n, const RandomStream *stream);

#endif
