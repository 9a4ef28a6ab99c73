#include "base/file.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int file, const char *text) {
  for (size_t length = strlen(text); length > 0;) {
    ssize_t wrote = write(file, text, length);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0)
      return false;
    text += wrote;
    length -= (size_t)wrote;
  }
  return true;
}

static bool ends_a_line(const char *text) { return !*text || text[strlen(text) - 1] == '\n'; }

static bool write_text(int file, const char *text) {
  return write_all(file, text) && (ends_a_line(text) || write_all(file, "\n"));
}

/// Whether the name leads to something that is written to, never replaced.
static bool takes_text(const char *path) {
  struct stat there;
  return stat(path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode);
}

static Status pour(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK); // a pipe that nobody reads is not waited for
  if (file < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot be opened for writing: %s", path, strerror(errno));
  bool good = fcntl(file, F_SETFL, 0) == 0 && write_text(file, text);
  good = close(file) == 0 && good;
  return good ? STATUS_OK : status_error(EXIT_IO, "%s: cannot be written: %s", path, strerror(errno));
}

Status file_replace(const char *path, const char *text) {
  if (takes_text(path))
    return pour(path, text);
  char temporary[4096], host[72] = "";
  gethostname(host, sizeof host - 1);
  if (!text_print(temporary, sizeof temporary, "%s.%s.%ld.tmp", path, host, (long)getpid()))
    return status_error(EXIT_CANNOT_CREATE, "%s: the path is too long", path);
  int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (file < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
  bool good = write_text(file, text) && fsync(file) == 0;
  good = close(file) == 0 && good;
  if (good && rename(temporary, path) == 0)
    return STATUS_OK;
  Status status = status_error(EXIT_IO, "%s: cannot be written: %s", path, strerror(errno));
  unlink(temporary);
  return status;
}
