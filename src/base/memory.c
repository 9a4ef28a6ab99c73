#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Status memory_take(void **block, size_t n, size_t size, const char *what) {
  *block = NULL;
  size_t bytes;
  if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - 128)
    return status_error(EXIT_INTERNAL, "%s needs more memory than a machine can address", what);
  size_t rounded = (bytes + 63) / 64 * 64;
  *block = aligned_alloc(64, rounded ? rounded : 64);
  if (!*block)
    return status_error(EXIT_INTERNAL, "out of memory: %s needs %zu bytes", what, bytes);
  memset(*block, 0, rounded ? rounded : 64);
  return STATUS_OK;
}

size_t memory_peak(void) {
  FILE *file = fopen("/proc/self/status", "r");
  if (!file)
    return 0;
  char line[256];
  size_t kib = 0;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "VmHWM: %zu", &kib) == 1)
      break;
  fclose(file);
  return kib * 1024;
}
