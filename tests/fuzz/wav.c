// A WAV file either is refused with one line, or its samples are the little-endian words of its data chunk.
// sources: src/data/wav.c src/base/*.c
// seeds: tests/fuzz/seeds/wav
// options: -max_len=1024
#include "data/wav.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  int16_t *samples;
  int count;
  Status status = wav_parse(&samples, &count, bytes, size, "fuzz.wav");
  if (status.code) {
    if (status.code != EXIT_DATA || !*status.text || strchr(status.text, '\n') || samples || count)
      abort();
    return 0;
  }
  if (count < 1 || (size_t)count > size / 2)
    abort();
  // The slow way to the data: only a file whose chunks are whole gets here.
  for (size_t at = 12; at + 8 <= size;) {
    size_t length =
        (size_t)bytes[at + 4] | (size_t)bytes[at + 5] << 8 | (size_t)bytes[at + 6] << 16 | (size_t)bytes[at + 7] << 24;
    if (!memcmp(bytes + at, "data", 4)) {
      if (length != 2 * (size_t)count)
        abort();
      for (int i = 0; i < count; i++)
        if (samples[i] != (int16_t)(bytes[at + 8 + 2 * (size_t)i] | bytes[at + 9 + 2 * (size_t)i] << 8))
          abort();
    }
    at += 8 + length + length % 2;
  }
  free(samples);
  return 0;
}
