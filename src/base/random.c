#include "base/random.h"

#include "base/status.h"

#include <Random123/philox.h>
#include <math.h>
#include <stdlib.h>

void random_block(uint32_t out[4], const RandomStream *stream, uint64_t item, uint32_t block) {
  // The low 40 bits of the item and 24 bits of the block share two counter words.
  philox4x32_ctr_t counter = {
      {stream->epoch, stream->site, (uint32_t)item, (uint32_t)(item >> 32 & 0xff) << 24 | (block & 0xffffff)}};
  philox4x32_key_t key = {{(uint32_t)stream->seed ^ (uint32_t)stream->purpose * 0x9E3779B9u,
                           (uint32_t)(stream->seed >> 32) ^ (uint32_t)stream->purpose}};
  philox4x32_ctr_t result = philox4x32(counter, key);
  for (int i = 0; i < 4; i++)
    out[i] = result.v[i];
}

float random_uniform(const RandomStream *stream, uint64_t item, uint32_t index) {
  uint32_t word[4];
  random_block(word, stream, item, index / 4);
  return (float)(word[index % 4] >> 8) * 0x1p-24f;
}

float random_normal(const RandomStream *stream, uint64_t item, uint32_t index) {
  uint32_t word[4];
  random_block(word, stream, item, index / 2);
  const uint32_t *pair = word + 2 * (index % 2);
  double radius = sqrt(-2 * log(((double)pair[0] + 0.5) * 0x1p-32));
  return (float)(radius * cos(6.283185307179586 * (double)pair[1] * 0x1p-32));
}

uint64_t random_bits(const RandomStream *stream, uint64_t item) {
  uint32_t word[4];
  random_block(word, stream, item, 0);
  return (uint64_t)word[0] << 32 | word[1];
}

typedef struct Keyed {
  uint64_t key;
  int64_t position;
} Keyed;

static int keyed_compare(const void *a, const void *b) {
  const Keyed *x = a, *y = b;
  if (x->key != y->key)
    return x->key < y->key ? -1 : 1;
  return (x->position > y->position) - (x->position < y->position);
}

void random_permutation(int64_t *order, int64_t n, const RandomStream *stream) {
  Keyed *keyed = malloc((size_t)(n > 0 ? n : 1) * sizeof *keyed);
  REQUIRE(keyed, "out of memory for a permutation");
  for (int64_t i = 0; i < n; i++)
    keyed[i] = (Keyed){random_bits(stream, (uint64_t)i), i};
  qsort(keyed, (size_t)n, sizeof *keyed, keyed_compare);
  for (int64_t i = 0; i < n; i++)
    order[i] = keyed[i].position;
  free(keyed);
}
