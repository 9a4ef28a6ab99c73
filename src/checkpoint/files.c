#include "checkpoint/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Status file_error(const char *name, const char *what) {
  return status_error(EXIT_IO, "%s: cannot %s: %s", name, what, strerror(errno));
}

Status file_write(int file, const void *bytes, size_t size, int64_t offset, const char *name) {
  const char *from = bytes;
  while (size > 0) {
    ssize_t written = pwrite(file, from, size, offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      if (written == 0)
        errno = ENOSPC;
      return file_error(name, "write");
    }
    from += written;
    offset += written;
    size -= (size_t)written;
  }
  return STATUS_OK;
}

Status file_read(int file, void *bytes, size_t size, int64_t offset, const char *name) {
  char *to = bytes;
  while (size > 0) {
    ssize_t got = pread(file, to, size, offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return file_error(name, "read");
    if (got == 0)
      return status_error(EXIT_IO, "%s: ends at byte %lld, %zu bytes too early", name, (long long)offset, size);
    to += got;
    offset += got;
    size -= (size_t)got;
  }
  return STATUS_OK;
}

Status file_sync(int file, const char *name) {
  while (fsync(file) != 0)
    if (errno != EINTR)
      return file_error(name, "flush to disk");
  return STATUS_OK;
}

Status file_close(int file, const char *name) {
  if (close(file) != 0 && errno != EINTR) // on Linux the descriptor is gone even when interrupted
    return file_error(name, "close");
  return STATUS_OK;
}

Status file_open(int *file, int64_t *size, const char *name) {
  *file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not hold us up
  if (*file < 0 && (errno == ENOENT || errno == ENOTDIR))
    return status_error(EXIT_NO_INPUT, "%s: no such file", name);
  if (*file < 0)
    return file_error(name, "open");
  struct stat facts;
  Status status = fstat(*file, &facts) != 0 ? file_error(name, "examine") : STATUS_OK;
  if (status.code == 0 && !S_ISREG(facts.st_mode))
    status = status_error(EXIT_DATA, "%s: is not a regular file", name);
  *size = status.code == 0 ? (int64_t)facts.st_size : 0;
  if (status.code != 0) {
    close(*file);
    *file = -1;
  }
  return status;
}

Status name_replace(int directory, const char *from, const char *to, const char *shown) {
  char name[FILE_PATH];
  snprintf(name, sizeof name, "%s/%s", shown, to);
  if (renameat(directory, from, directory, to) != 0)
    return file_error(name, "replace");
  return file_sync(directory, shown);
}

Status name_remove(int directory, const char *name, const char *shown) {
  char full[FILE_PATH];
  snprintf(full, sizeof full, "%s/%s", shown, name);
  if (unlinkat(directory, name, 0) != 0 && errno != ENOENT)
    return file_error(full, "remove");
  return STATUS_OK;
}
