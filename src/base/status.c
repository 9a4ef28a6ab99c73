#include "base/status.h"

#include "base/log.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Status status_error(int code, const char *format, ...) {
  char raw[4 * STATUS_TEXT];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(raw, sizeof raw, format, arguments);
  va_end(arguments);
  Status status = {.code = code};
  text_escape(status.text, sizeof status.text, raw);
  return status;
}

void require_failed(const char *file, int line, const char *condition, const char *format, ...) {
  char text[STATUS_TEXT];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fprintf(stderr, "rebasis: %s:%d: rank %d: %s (%s does not hold)\n", file, line, log_rank(), text, condition);
  fflush(stderr);
  abort();
}
