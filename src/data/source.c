#include "data/source.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static Status descriptor_read(FileBytes *file, int descriptor, const char *path, size_t most) {
  struct stat about;
  if (fstat(descriptor, &about))
    return status_error(EXIT_IO, "%s: %s", path, strerror(errno));
  if (!S_ISREG(about.st_mode))
    return status_error(EXIT_DATA, "%s: is not a regular file; copy the data into one", path);
  if (about.st_size < 0 || (uint64_t)about.st_size > most)
    return status_error(EXIT_DATA, "%s: has %lld bytes; %zu are the most that make sense here", path,
                        (long long)about.st_size, most);
  size_t size = (size_t)about.st_size, have = 0;
  TRY(memory_take((void **)&file->bytes, size + 1, 1, path));
  // One byte more than the size is asked for: a file that grows meanwhile is noticed as well as one that shrinks.
  while (have <= size) {
    ssize_t got = read(descriptor, file->bytes + have, size + 1 - have);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return status_error(EXIT_IO, "%s:%zu: %s", path, have, strerror(errno));
    if (got == 0)
      break;
    have += (size_t)got;
  }
  if (have != size)
    return status_error(EXIT_IO, "%s: changed its size while it was read; try again when nobody writes it", path);
  file->size = size;
  return STATUS_OK;
}

Status file_bytes_read(FileBytes *file, const char *path, size_t most) {
  *file = (FileBytes){0};
  // O_NONBLOCK: opening a FIFO that nobody writes must not wait for ever.
  int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0)
    return status_error(errno == EIO ? EXIT_IO : EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
  Status status = descriptor_read(file, descriptor, path, most);
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

Status source_open(Source *source, const uint8_t *bytes, size_t size, const char *name) {
  REQUIRE(size <= UINT32_MAX, "a source of %zu bytes", size);
  *source = (Source){.name = name, .bytes = bytes, .size = size, .packed = gzip_begins(bytes, size)};
  if (!source->packed)
    return STATUS_OK;
  source->stream.next_in = (Bytef *)bytes;
  source->stream.avail_in = (uInt)size;
  if (inflateInit2(&source->stream, 15 + 16) != Z_OK) { // 16: gzip and nothing else
    source->packed = false;
    return status_error(EXIT_INTERNAL, "out of memory: %s needs a decompressor", name);
  }
  return STATUS_OK;
}

uint64_t source_most(const Source *source) { return source->packed ? source->size * UINT64_C(1032) : source->size; }

/// Up to n bytes of content; *got < n only at the end of the last gzip member.
static Status inflate_some(Source *source, uint8_t *to, size_t n, size_t *got) {
  z_stream *stream = &source->stream;
  *got = 0;
  while (!source->ended) {
    uInt room = n - *got > 1u << 30 ? 1u << 30 : (uInt)(n - *got);
    stream->next_out = to + *got;
    stream->avail_out = room;
    int code = inflate(stream, Z_NO_FLUSH);
    *got += room - stream->avail_out;
    size_t at = (size_t)(stream->next_in - source->bytes);
    if (code == Z_STREAM_END) {
      if (stream->avail_in == 0)
        source->ended = true;
      else if (gzip_begins(stream->next_in, stream->avail_in))
        inflateReset(stream);
      else
        return status_error(EXIT_DATA, "%s:%zu: %u stray bytes behind the gzip data; expected the end of the file",
                            source->name, at, stream->avail_in);
    } else if (code == Z_MEM_ERROR) {
      return status_error(EXIT_INTERNAL, "out of memory: inflating %s", source->name);
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return status_error(EXIT_DATA, "%s:%zu: the gzip data is damaged (%s); fetch the file again", source->name, at,
                          stream->msg ? stream->msg : "needs a dictionary");
    } else if (*got == n) {
      return STATUS_OK;
    } else if (stream->avail_in == 0 && stream->avail_out != 0) {
      return status_error(EXIT_DATA, "%s:%zu: the gzip data ends early; fetch the file again", source->name, at);
    }
  }
  return STATUS_OK;
}

Status source_take(Source *source, void *to, size_t n) {
  if (n == 0)
    return STATUS_OK;
  size_t got = 0;
  if (source->packed) {
    TRY(inflate_some(source, to, n, &got));
  } else {
    got = source->size - source->given < n ? source->size - (size_t)source->given : n;
    memcpy(to, source->bytes + source->given, got);
  }
  source->given += got;
  if (got < n)
    return status_error(EXIT_DATA, "%s:%llu: ends here; %zu more bytes were expected", source->name,
                        (unsigned long long)source->given, n - got);
  return STATUS_OK;
}

Status source_end(Source *source) {
  uint8_t one;
  size_t more = source->size - (size_t)source->given;
  if (source->packed) {
    more = 0;
    TRY(inflate_some(source, &one, 1, &more));
  }
  if (more)
    return status_error(EXIT_DATA, "%s:%llu: the content should end here and goes on", source->name,
                        (unsigned long long)source->given);
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
    size_t got = 0, wish = room - rest->size;
    Status status = STATUS_OK;
    if (source->packed) {
      status = inflate_some(source, rest->bytes + rest->size, wish, &got);
    } else {
      got = source->size - source->given < wish ? source->size - (size_t)source->given : wish;
      memcpy(rest->bytes + rest->size, source->bytes + source->given, got);
    }
    source->given += got;
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

void source_close(Source *source) {
  if (source->packed)
    inflateEnd(&source->stream);
  source->packed = false;
}
