#ifndef BASE_HASH_H
#define BASE_HASH_H
/// XXH64 with seed 0 of raw bytes: protects against accidents, not against an attacker. Only user of xxHash.
#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t size);

/// The same hash over pieces given one after another. It owns nothing.
typedef struct Hash {
  uint64_t state[11];
} Hash;

void hash_init(Hash *hash);
void hash_add(Hash *hash, const void *bytes, size_t size);
uint64_t hash_value(const Hash *hash); // of what was added so far

/// 16 lower-case hexadecimal digits and a NUL.
void hash_text(char text[17], uint64_t value);

#endif
