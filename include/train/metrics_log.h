#ifndef TRAIN_METRICS_LOG_H
#define TRAIN_METRICS_LOG_H
/// RUN/metrics.jsonl: one object a line, only ever appended to, and cut back to a checkpoint's length on resume.
#include "base/status.h"

#include <stdint.h>

typedef struct MetricsLog {
  int file; // -1: this rank does not write
  char path[1200];
  int64_t bytes;
  char line[16384];
  int length;
  Status failed;
} MetricsLog;

/// Opens DIR/metrics.jsonl and cuts it to `bytes`. Local: called by the root only.
Status metrics_log_open(MetricsLog *log, const char *dir, int64_t bytes);
/// Starts a line with step, epoch and split; numbers that are not finite become null; the line is written by metrics_log_end.
void metrics_log_begin(MetricsLog *log, int64_t step, int64_t epoch, const char *split);
void metrics_log_number(MetricsLog *log, const char *key, double value);
void metrics_log_text(MetricsLog *log, const char *key, const char *value);
void metrics_log_end(MetricsLog *log);
/// Flushes to disk, since a checkpoint that names a length must not outlive the lines; then as metrics_log_status.
Status metrics_log_sync(MetricsLog *log);
/// What went wrong since the opening, if anything.
Status metrics_log_status(const MetricsLog *log);
void metrics_log_close(MetricsLog *log);

#endif
