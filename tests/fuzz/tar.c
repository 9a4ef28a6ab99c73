// A tar archive, plain or gzip, either is refused with one line or gives sound, sorted, distinct recordings.
// sources: src/data/recordings.c src/data/wav.c src/data/source.c src/base/*.c
// seeds: tests/fuzz/seeds/tar
// options: -max_len=8192
#include "data/recordings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Recordings all;
  Status status = recordings_parse(&all, bytes, size, "fuzz.tar");
  if (status.code) {
    if (!*status.text || strchr(status.text, '\n') || all.recording)
      abort();
    return 0;
  }
  for (int i = 0; i < all.count; i++) {
    const Recording *one = &all.recording[i];
    if (one->digit < 0 || one->digit > 9 || one->take < 0 || one->take > 9999 || one->count < 1 ||
        strchr(one->name, '/'))
      abort();
    if (recordings_find(&all, one->digit, one->speaker, one->take) != one ||
        (i && strcmp(one[-1].name, one->name) >= 0))
      abort();
  }
  if (all.count < 1)
    abort();
  recordings_free(&all);
  return 0;
}
