// Any bytes are an array of exactly the size that its shape says, or a refusal in one line.
// sources: src/data/npy.c src/data/source.c src/base/*.c
// seeds: tests/fuzz/seeds/npy
// options: -max_len=4096
#include "data/npy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Npy npy;
  Status status = npy_parse(&npy, bytes, size, "fuzz.npy");
  if (status.code) {
    if (status.code != EXIT_DATA || !*status.text || strchr(status.text, '\n') || npy.bytes)
      abort();
    return 0;
  }
  int64_t product = 1;
  for (int i = 0; i < npy.dimensions; i++)
    product *= npy.dim[i];
  if (product != npy.count || product < 1 || (size_t)product >= size)
    abort();
  volatile uint8_t last = ((const uint8_t *)npy.bytes)[npy.count - 1]; // the sanitizer sees a short block
  (void)last;
  npy_close(&npy);
  return 0;
}
