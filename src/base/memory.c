#include "base/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

// Large blocks on huge pages: a step walks through all of them, and a thousandth of the page table entries does.
void memory_advise(void *block, size_t bytes) {
  char *begin = (char *)(((uintptr_t)block + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE), *end = (char *)block + bytes;
  if (begin + HUGE_PAGE <= end)
    madvise(begin, (size_t)(end - begin) / HUGE_PAGE * HUGE_PAGE,
            MADV_HUGEPAGE); // a wish: refused, all works as before
}

Status memory_take(void **block, size_t n, size_t size, const char *what) {
  *block = NULL;
  size_t bytes;
  if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - 128)
    return status_error(EXIT_INTERNAL, "%s needs more memory than a machine can address", what);
  size_t rounded = (bytes + 63) / 64 * 64;
  size_t align = bytes >= 2 * HUGE_PAGE ? HUGE_PAGE : 64;
  *block = aligned_alloc(align, rounded ? (rounded + align - 1) / align * align : align);
  if (!*block)
    return status_error(EXIT_INTERNAL, "out of memory: %s needs %zu bytes", what, bytes);
  memory_advise(*block, rounded);
  memset(*block, 0, rounded ? rounded : 64);
  return STATUS_OK;
}

// The C library would raise the size above which a freed block goes back at once to that of the largest one freed so far.
void memory_return_large(void) { mallopt(M_MMAP_THRESHOLD, HUGE_PAGE); }

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
