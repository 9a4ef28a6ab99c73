#ifndef BASE_LOG_H
#define BASE_LOG_H
/// Lines for people, on standard error. Only rank 0 speaks; everybody may call. Results go to standard output elsewhere.
#include "base/status.h"

typedef enum LogLevel { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE } LogLevel;

/// Says who we are in the job; before the call we are rank 0 and LOG_NORMAL.
void log_init(int rank, LogLevel level);
int log_rank(void);
LogLevel log_level(void);

/// One line on rank 0, unless --quiet.
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// One line on rank 0 with -v.
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// "rebasis: warning: …", always, on rank 0.
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// "rebasis: TEXT" of a failed Status, on rank 0.
void log_error(const Status *status);

#endif
