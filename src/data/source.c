#include "data/source.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/// A regular file, opened, and how long it is now. *descriptor is -1 where that failed, and may be open beside a failure.
static Status regular_open(int *descriptor, uint64_t *size, const char *path) {
  struct stat about;
  // O_NONBLOCK: opening a FIFO that nobody writes must not wait for ever.
  *descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (*descriptor < 0)
    return status_error(errno == EIO ? EXIT_IO : EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
  if (fstat(*descriptor, &about))
    return status_error(EXIT_IO, "%s: %s", path, strerror(errno));
  if (!S_ISREG(about.st_mode))
    return status_error(EXIT_DATA, "%s: is not a regular file; copy the data into one", path);
  *size = (uint64_t)about.st_size;
  return STATUS_OK;
}

/// Reads until to[room] is full or the file ends.
static Status regular_read(uint8_t *to, size_t room, size_t *got, int descriptor, const char *path) {
  for (*got = 0; *got < room;) {
    ssize_t some = read(descriptor, to + *got, room - *got);
    if (some < 0 && errno == EINTR)
      continue;
    if (some < 0)
      return status_error(EXIT_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (some == 0)
      break;
    *got += (size_t)some;
  }
  return STATUS_OK;
}

static Status size_changed(const char *path) {
  return status_error(EXIT_IO, "%s: changed its size while it was read; try again when nobody writes it", path);
}

static Status regular_read_all(FileBytes *file, int descriptor, uint64_t size, const char *path, size_t most) {
  if (size > most)
    return status_error(EXIT_DATA, "%s: has %llu bytes; %zu are the most that make sense here", path,
                        (unsigned long long)size, most);
  // One byte more than the size is asked for: a file that grows meanwhile is noticed as well as one that shrinks.
  TRY(memory_take((void **)&file->bytes, (size_t)size + 1, 1, path));
  TRY(regular_read(file->bytes, (size_t)size + 1, &file->size, descriptor, path));
  return file->size == size ? STATUS_OK : size_changed(path);
}

Status file_bytes_read(FileBytes *file, const char *path, size_t most) {
  int descriptor;
  uint64_t size = 0;
  *file = (FileBytes){0};
  Status status = regular_open(&descriptor, &size, path);
  if (!status.code)
    status = regular_read_all(file, descriptor, size, path, most);
  if (descriptor >= 0)
    close(descriptor);
  if (status.code)
    file_bytes_free(file);
  return status;
}

void file_bytes_free(FileBytes *file) {
  free(file->bytes);
  *file = (FileBytes){0};
}

static bool gzip_begins(const uint8_t *bytes, size_t size) { return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

/// A file that is read piece by piece. `before` bytes of it stand in front of the piece.
enum { PIECE = 1 << 20 };
typedef struct SourceFile {
  int descriptor;
  bool ended;
  uint64_t before, size;
  Hash hash;
  uint8_t piece[PIECE];
} SourceFile;

static uint64_t bytes_before(const Source *source) { return source->file ? source->file->before : 0; }

/// Whether there may be bytes behind the piece at hand.
static bool goes_on(const Source *source) { return source->file && !source->file->ended; }

/// The last `unread` bytes of the piece, and what follows them in the file.
static Status piece_next(Source *source, size_t unread) {
  SourceFile *file = source->file;
  size_t got;
  memmove(file->piece, source->bytes + source->size - unread, unread);
  file->before += source->size - unread;
  TRY(regular_read(file->piece + unread, PIECE - unread, &got, file->descriptor, source->name));
  hash_add(&file->hash, file->piece + unread, got);
  source->bytes = file->piece;
  source->size = unread + got;
  file->ended = got == 0;
  uint64_t read = file->before + source->size;
  return read > file->size || (file->ended && read != file->size) ? size_changed(source->name) : STATUS_OK;
}

static Status unpack_begin(Source *source) {
  source->packed = gzip_begins(source->bytes, source->size);
  if (!source->packed)
    return STATUS_OK;
  source->stream.next_in = (Bytef *)source->bytes;
  source->stream.avail_in = (uInt)source->size;
  if (inflateInit2(&source->stream, 15 + 16) != Z_OK) { // 16: gzip and nothing else
    source->packed = false;
    return status_error(EXIT_INTERNAL, "out of memory: %s needs a decompressor", source->name);
  }
  return STATUS_OK;
}

Status source_open(Source *source, const uint8_t *bytes, size_t size, const char *name) {
  REQUIRE(size <= UINT32_MAX, "a source of %zu bytes", size);
  *source = (Source){.name = name, .bytes = bytes, .size = size};
  return unpack_begin(source);
}

Status source_open_file(Source *source, const char *path) {
  *source = (Source){.name = path};
  TRY(memory_take((void **)&source->file, 1, sizeof *source->file, path));
  source->bytes = source->file->piece;
  hash_init(&source->file->hash);
  TRY(regular_open(&source->file->descriptor, &source->file->size, path));
  TRY(piece_next(source, 0));
  return unpack_begin(source);
}

uint64_t source_read(const Source *source, uint64_t *xxh64) {
  REQUIRE(source->file, "%s is no file read piece by piece", source->name);
  *xxh64 = hash_value(&source->file->hash);
  return source->file->before + source->size;
}

/// More for the decompressor, which has too little to see whether another gzip member begins.
static Status unpack_feed(Source *source) {
  z_stream *stream = &source->stream;
  if (stream->avail_in >= 2 || !goes_on(source))
    return STATUS_OK;
  TRY(piece_next(source, stream->avail_in));
  stream->next_in = (Bytef *)source->bytes;
  stream->avail_in = (uInt)source->size;
  return STATUS_OK;
}

/// Up to n bytes of content; *got < n only at the end of the last gzip member.
static Status unpack_some(Source *source, uint8_t *to, size_t n, size_t *got) {
  z_stream *stream = &source->stream;
  while (!source->ended) {
    uInt room = n - *got > 1u << 30 ? 1u << 30 : (uInt)(n - *got);
    TRY(unpack_feed(source));
    stream->next_out = to + *got;
    stream->avail_out = room;
    int code = inflate(stream, Z_NO_FLUSH);
    *got += room - stream->avail_out;
    unsigned long long at = bytes_before(source) + (uint64_t)(stream->next_in - source->bytes);
    if (code == Z_STREAM_END) {
      TRY(unpack_feed(source));
      if (stream->avail_in == 0)
        source->ended = true;
      else if (gzip_begins(stream->next_in, stream->avail_in))
        inflateReset(stream);
      else
        return status_error(EXIT_DATA, "%s:%llu: stray bytes behind the gzip data; expected the end of the file",
                            source->name, at);
    } else if (code == Z_MEM_ERROR) {
      return status_error(EXIT_INTERNAL, "out of memory: inflating %s", source->name);
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return status_error(EXIT_DATA, "%s:%llu: the gzip data is damaged (%s); fetch the file again", source->name, at,
                          stream->msg ? stream->msg : "needs a dictionary");
    } else if (*got == n) {
      return STATUS_OK;
    } else if (stream->avail_in == 0 && stream->avail_out != 0 && !goes_on(source)) {
      return status_error(EXIT_DATA, "%s:%llu: the gzip data ends early; fetch the file again", source->name, at);
    }
  }
  return STATUS_OK;
}

static Status copy_some(Source *source, uint8_t *to, size_t n, size_t *got) {
  for (;;) {
    size_t at = (size_t)(source->given + *got - bytes_before(source)), left = source->size - at;
    size_t some = n - *got < left ? n - *got : left;
    memcpy(to + *got, source->bytes + at, some);
    *got += some;
    if (*got == n || !goes_on(source))
      return STATUS_OK;
    TRY(piece_next(source, 0));
  }
}

Status source_some(Source *source, void *to, size_t n, size_t *got) {
  *got = 0;
  if (n == 0)
    return STATUS_OK;
  Status status = source->packed ? unpack_some(source, to, n, got) : copy_some(source, to, n, got);
  source->given += *got;
  return status;
}

Status source_take(Source *source, void *to, size_t n) {
  size_t got;
  TRY(source_some(source, to, n, &got));
  if (got < n)
    return status_error(EXIT_DATA, "%s:%llu: ends here; %zu more bytes were expected", source->name,
                        (unsigned long long)source->given, n - got);
  return STATUS_OK;
}

Status source_end(Source *source) {
  uint8_t one;
  size_t more;
  uint64_t given = source->given;
  TRY(source_some(source, &one, 1, &more));
  if (more)
    return status_error(EXIT_DATA, "%s:%llu: the content should end here and goes on", source->name,
                        (unsigned long long)given);
  return STATUS_OK;
}

Status source_take_rest(Source *source, FileBytes *rest, size_t most) {
  *rest = (FileBytes){0};
  size_t room = 0;
  for (;;) {
    if (rest->size == room) {
      room = room ? 2 * room : 1 << 16;
      room = room > most + 1 ? most + 1 : room;
      uint8_t *larger = realloc(rest->bytes, room);
      if (!larger) {
        file_bytes_free(rest);
        return status_error(EXIT_INTERNAL, "out of memory: %s needs %zu bytes", source->name, room);
      }
      rest->bytes = larger;
    }
    size_t got, wish = room - rest->size;
    Status status = source_some(source, rest->bytes + rest->size, wish, &got);
    rest->size += got;
    if (!status.code && rest->size > most)
      status =
          status_error(EXIT_DATA, "%s: holds more than %zu bytes; that is no file of this kind", source->name, most);
    if (status.code) {
      file_bytes_free(rest);
      return status;
    }
    if (got < wish)
      return STATUS_OK;
  }
}

uint64_t source_most(const Source *source) { return source->packed ? source->size * UINT64_C(1032) : source->size; }

void source_close(Source *source) {
  if (source->packed)
    inflateEnd(&source->stream);
  source->packed = false;
  if (!source->file)
    return;
  if (source->file->descriptor >= 0)
    close(source->file->descriptor);
  free(source->file);
  source->file = NULL;
}
