#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H
/// Memory that is planned once. Blocks are 64-byte aligned and zeroed.
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/// n objects of `size` bytes, zeroed, aligned to 64 bytes; *block is owned (free). EXIT_INTERNAL "out of memory" names `what`
/// and the bytes asked for. n = 0 gives a block that may be freed.
Status memory_take(void **block, size_t n, size_t size, const char *what);

/// Asks for huge pages for a block from elsewhere that nobody has written to yet; memory_take does so by itself.
void memory_advise(void *block, size_t bytes);

/// From now on large blocks go back to the system when they are freed. For main.
void memory_return_large(void);

/// Peak resident bytes of this process so far (VmHWM), 0 where the system does not tell.
size_t memory_peak(void);

#endif
