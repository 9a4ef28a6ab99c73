#include "base/deadline.h"

#include "base/text.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static bool parse_none(double *left, const char *text) {
  static const char *const none[] = {"none", "UNLIMITED", "NOT_SET", "INVALID"};
  for (size_t k = 0; k < sizeof none / sizeof *none; k++)
    if (!strcasecmp(text, none[k])) {
      *left = INFINITY;
      return true;
    }
  return false;
}

static bool parse_span(double *left, const char *text) {
  static const struct {
    const char *unit;
    double seconds;
  } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
  char number[32];
  size_t digits = strspn(text, "0123456789.");
  double value;
  if (digits == 0 || !text_print(number, sizeof number, "%.*s", (int)digits, text) || !text_to_double(number, &value))
    return false;
  for (size_t k = 0; k < sizeof units / sizeof *units; k++)
    if (!strcmp(text + digits, units[k].unit)) {
      *left = value * units[k].seconds;
      return true;
    }
  return false;
}

// [days-][hours:]minutes:seconds
static bool parse_clock(double *left, const char *text) {
  const char *at = text, *dash = strchr(text, '-');
  double total = 0;
  int fields = 0, most = dash ? 4 : 3;
  bool negative = *at == '-'; // squeue shows a job beyond its limit so
  if (negative) {
    at++;
    dash = NULL;
    most = 3;
  }
  for (;;) {
    size_t digits = strspn(at, "0123456789");
    int64_t value;
    char number[16];
    if (digits == 0 || !text_print(number, sizeof number, "%.*s", (int)digits, at) || !text_to_int64(number, &value) ||
        ++fields > most)
      return false;
    total = total * (fields == 2 && dash ? 24 : 60) + (double)value;
    at += digits;
    if (*at == 0)
      break;
    if (*at++ != (fields == 1 && dash ? '-' : ':'))
      return false;
  }
  if (fields < (dash ? 4 : 2))
    return false;
  *left = negative ? -total : total;
  return true;
}

static bool parse_moment(double *left, const char *text, time_t now) {
  static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"};
  for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
    struct tm parts = {.tm_isdst = -1};
    const char *rest = strptime(text, forms[k], &parts);
    if (rest && (*rest == 0 || !strcmp(rest, "Z"))) {
      time_t moment = *rest ? timegm(&parts) : mktime(&parts);
      *left = difftime(moment, now);
      return true;
    }
  }
  int64_t seconds;
  if (*text != '@' || !text_to_int64(text + 1, &seconds))
    return false;
  *left = difftime((time_t)seconds, now);
  return true;
}

bool deadline_parse(double *left, const char *text, time_t now) {
  return parse_none(left, text) || parse_span(left, text) || parse_clock(left, text) || parse_moment(left, text, now);
}
