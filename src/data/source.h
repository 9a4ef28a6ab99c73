#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H
/// Input files, whole in memory or piece by piece, and what is inside them, inflated on the way where they are gzip. Nothing
/// here trusts a size that the input claims. Only user of zlib.
#include "base/hash.h"
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

/// The content of a buffer, or of a file that is read piece by piece: the bytes themselves, or, if they start as a gzip
/// file does (RFC 1952), what its members hold.
typedef struct Source {
  const char *name;     // for messages, borrowed
  const uint8_t *bytes; // [size] borrowed; of a file: the piece at hand
  size_t size;
  struct SourceFile *file; // where the next piece comes from; NULL: there is none
  uint64_t given;     // content bytes given out so far
  bool packed, ended; // gzip; the last member has ended with a right checksum
  z_stream stream;
} Source;

/// size < 2^32. EXIT_INTERNAL when memory is gone.
Status source_open(Source *source, const uint8_t *bytes, size_t size, const char *name);
/// The same for a file of any length, of which a piece is in memory at a time. Errors of opening are those of
/// file_bytes_read. source_close afterwards is allowed whatever the outcome.
Status source_open_file(Source *source, const char *path);
/// Bytes of the file read so far, and their XXH64: of all of it behind source_end. Of a file only.
uint64_t source_read(const Source *source, uint64_t *xxh64);
/// Up to n more bytes of content into to[n]; *got < n only at the end.
Status source_some(Source *source, void *to, size_t n, size_t *got);
/// Exactly n more bytes of content into to[n]; EXIT_DATA where there are fewer or the gzip stream is damaged.
Status source_take(Source *source, void *to, size_t n);
/// All the rest of the content, at most `most` bytes, as an owned block.
Status source_take_rest(Source *source, FileBytes *rest, size_t most);
/// EXIT_DATA unless the content is at its end: nothing behind it, every gzip checksum and length right.
Status source_end(Source *source);
/// The most bytes of content that a buffer can hold at all: deflate never gives more than 1032 for one.
uint64_t source_most(const Source *source);
void source_close(Source *source);

#endif
