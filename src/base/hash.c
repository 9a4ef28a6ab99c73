#include "base/hash.h"

#include "base/status.h"

#include <stdio.h>
#include <xxhash.h>

uint64_t hash_bytes(const void *bytes, size_t size) { return XXH64(bytes, size, 0); }

Hash *hash_open(void) {
  XXH64_state_t *state = XXH64_createState();
  REQUIRE(state, "out of memory for a hash");
  XXH64_reset(state, 0);
  return (Hash *)state;
}

void hash_add(Hash *hash, const void *bytes, size_t size) { XXH64_update((XXH64_state_t *)hash, bytes, size); }

uint64_t hash_value(const Hash *hash) { return XXH64_digest((const XXH64_state_t *)hash); }

uint64_t hash_close(Hash *hash) {
  uint64_t value = hash_value(hash);
  XXH64_freeState((XXH64_state_t *)hash);
  return value;
}

void hash_text(char text[17], uint64_t value) { snprintf(text, 17, "%016llx", (unsigned long long)value); }
