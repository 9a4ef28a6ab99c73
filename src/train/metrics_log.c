#include "train/metrics_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

Status metrics_log_open(MetricsLog *log, const char *dir, int64_t bytes) {
  *log = (MetricsLog){.file = -1, .bytes = bytes};
  snprintf(log->path, sizeof log->path, "%s/metrics.jsonl", dir);
  log->file = open(log->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (log->file < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot be opened for writing: %s", log->path, strerror(errno));
  off_t length = lseek(log->file, 0, SEEK_END);
  if (length < bytes)
    return status_error(EXIT_DATA,
                        "%s: is shorter than its checkpoint says (%lld bytes, not %lld); restore it or remove the run",
                        log->path, (long long)length, (long long)bytes);
  if (ftruncate(log->file, bytes) != 0 || lseek(log->file, bytes, SEEK_SET) != bytes)
    return status_error(EXIT_IO, "%s: cannot be cut back: %s", log->path, strerror(errno));
  return STATUS_OK;
}

static void append(MetricsLog *log, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int room = (int)sizeof log->line - log->length,
      added = vsnprintf(log->line + log->length, (size_t)room, format, arguments);
  va_end(arguments);
  REQUIRE(added < room, "a line of metrics.jsonl is too long");
  log->length += added;
}

void metrics_log_begin(MetricsLog *log, int64_t step, int64_t epoch, const char *split) {
  log->length = 0;
  append(log, "{\"step\":%lld,\"epoch\":%lld,\"split\":\"%s\"", (long long)step, (long long)epoch, split);
}

void metrics_log_number(MetricsLog *log, const char *key, double value) {
  if (isfinite(value))
    append(log, ",\"%s\":%.9g", key, value);
  else
    append(log, ",\"%s\":null", key);
}

void metrics_log_text(MetricsLog *log, const char *key, const char *value) {
  append(log, ",\"%s\":\"%s\"", key, value);
}

void metrics_log_end(MetricsLog *log) {
  append(log, "}\n");
  if (log->file < 0 || log->failed.code)
    return;
  for (int at = 0; at < log->length;) {
    ssize_t wrote = write(log->file, log->line + at, (size_t)(log->length - at));
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0) {
      log->failed = status_error(EXIT_IO, "%s: cannot be written: %s", log->path, strerror(errno));
      return;
    }
    at += (int)wrote;
  }
  log->bytes += log->length;
}

Status metrics_log_sync(MetricsLog *log) {
  while (log->file >= 0 && log->failed.code == 0 && fsync(log->file) != 0)
    if (errno != EINTR)
      log->failed = status_error(EXIT_IO, "%s: cannot be flushed to disk: %s", log->path, strerror(errno));
  return log->failed;
}

Status metrics_log_status(const MetricsLog *log) { return log->failed; }

void metrics_log_close(MetricsLog *log) {
  if (log->file >= 0)
    close(log->file);
  log->file = -1;
}
