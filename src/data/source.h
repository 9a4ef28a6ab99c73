#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H
/// Whole input files in memory, and what is inside them, inflated on the way where they are gzip. Nothing here trusts a
/// size that the input claims. Only user of zlib.
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

/// The bytes of one file; `bytes` is owned (file_bytes_free).
typedef struct FileBytes {
  uint8_t *bytes;
  size_t size;
} FileBytes;

/// Reads the regular file at `path` if it has at most `most` bytes; never blocks on a FIFO or a device.
/// EXIT_NO_INPUT: absent or not permitted. EXIT_DATA: not a regular file, too large. EXIT_IO: reading failed.
Status file_bytes_read(FileBytes *file, const char *path, size_t most);
void file_bytes_free(FileBytes *file);

/// The content of a buffer: the bytes themselves, or, if they start as a gzip file does (RFC 1952), what its members
/// hold.
typedef struct Source {
  const char *name;     // for messages, borrowed
  const uint8_t *bytes; // [size] borrowed
  size_t size;
  uint64_t given;     // content bytes given out so far
  bool packed, ended; // gzip; the last member has ended with a right checksum
  z_stream stream;
} Source;

/// size < 2^32. EXIT_INTERNAL when memory is gone.
Status source_open(Source *source, const uint8_t *bytes, size_t size, const char *name);
/// Exactly n more bytes of content into to[n]; EXIT_DATA where there are fewer or the gzip stream is damaged.
Status source_take(Source *source, void *to, size_t n);
/// All the rest of the content, at most `most` bytes, as an owned block.
Status source_take_rest(Source *source, FileBytes *rest, size_t most);
/// EXIT_DATA unless the content is at its end: nothing behind it, every gzip checksum and length right.
Status source_end(Source *source);
/// The most bytes of content that the buffer can hold at all: deflate never gives more than 1032 for one.
uint64_t source_most(const Source *source);
void source_close(Source *source);

#endif
