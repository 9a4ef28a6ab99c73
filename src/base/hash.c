#include "base/hash.h"

#include <stdio.h>
#define XXH_INLINE_ALL // the state's size is then that of this header, not of some installed library
#include <xxhash.h>

_Static_assert(sizeof(Hash) >= sizeof(XXH64_state_t) && _Alignof(Hash) >= _Alignof(XXH64_state_t), "a Hash holds one");

uint64_t hash_bytes(const void *bytes, size_t size) { return XXH64(bytes, size, 0); }

void hash_init(Hash *hash) { XXH64_reset((XXH64_state_t *)hash, 0); }

void hash_add(Hash *hash, const void *bytes, size_t size) { XXH64_update((XXH64_state_t *)hash, bytes, size); }

uint64_t hash_value(const Hash *hash) { return XXH64_digest((const XXH64_state_t *)hash); }

void hash_text(char text[17], uint64_t value) { snprintf(text, 17, "%016llx", (unsigned long long)value); }
