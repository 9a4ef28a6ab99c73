// An IDX file either is refused with one line or has exactly as many values as its sizes say.
// sources: src/data/idx.c src/data/source.c src/base/*.c
// seeds: tests/fuzz/seeds/idx
// options: -max_len=4096
#include "data/idx.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Idx idx;
  Status status = idx_parse(&idx, bytes, size, "fuzz.idx");
  if (status.code) {
    if ((status.code != EXIT_DATA && status.code != EXIT_INTERNAL) || !*status.text || strchr(status.text, '\n') ||
        idx.values)
      abort();
    return 0;
  }
  int64_t product = 1;
  for (int i = 0; i < idx.dimensions; i++)
    product *= idx.dim[i];
  if (product != idx.count || product < 1)
    abort();
  volatile uint8_t sum = 0; // touches the last value: the sanitizer sees a short block
  sum += idx.values[idx.count - 1];
  if (bytes[0] == 0 && (size_t)(4 + 4 * idx.dimensions) + (size_t)product != size)
    abort();
  idx_free(&idx);
  return 0;
}
