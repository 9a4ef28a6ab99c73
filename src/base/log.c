#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

// The log is one of two places that may keep a global: who speaks is a property of the process.
static int rank_here;
static LogLevel level_here = LOG_NORMAL;

void log_init(int rank, LogLevel level) {
  rank_here = rank;
  level_here = level;
}

int log_rank(void) { return rank_here; }
LogLevel log_level(void) { return level_here; }

static void print_line(const char *prefix, const char *format, va_list arguments) {
  if (rank_here != 0)
    return;
  char line[2048];
  vsnprintf(line, sizeof line, format, arguments);
  fprintf(stderr, "%s%s\n", prefix, line);
}

void log_info(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (level_here >= LOG_NORMAL)
    print_line("", format, arguments);
  va_end(arguments);
}

void log_debug(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (level_here >= LOG_VERBOSE)
    print_line("", format, arguments);
  va_end(arguments);
}

void log_warning(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_line("rebasis: warning: ", format, arguments);
  va_end(arguments);
}

void log_error(const Status *status) {
  if (rank_here == 0)
    fprintf(stderr, "rebasis: %s\n", status->text);
}
