#include "base/text.h"

#include "base/status.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_escape(char *to, size_t size, const char *from) {
  size_t at = 0;
  for (const unsigned char *c = (const unsigned char *)from; *c; c++) {
    char piece[8];
    if (*c < 0x20 || *c == 0x7f)
      snprintf(piece, sizeof piece, "\\x%02x", *c);
    else
      snprintf(piece, sizeof piece, "%c", *c);
    size_t length = strlen(piece);
    if (at + length + 1 > size)
      break;
    memcpy(to + at, piece, length);
    at += length;
  }
  to[at] = 0;
}

bool text_print(char *to, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(to, size, format, arguments);
  va_end(arguments);
  return length >= 0 && (size_t)length < size;
}

char *text_format(const char *format, ...) {
  char *result = NULL;
  va_list arguments;
  va_start(arguments, format);
  int length = vasprintf(&result, format, arguments);
  va_end(arguments);
  REQUIRE(length >= 0, "out of memory for a string");
  return result;
}

static locale_t c_locale(void) {
  static locale_t c;
  if (!c)
    c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  return c;
}

bool text_to_double(const char *text, double *value) {
  if (!*text || *text == ' ' || *text == '\t' || *text == '\n' || strpbrk(text, "xXpP"))
    return false;
  char *end;
  *value = strtod_l(text, &end, c_locale());
  return !*end && *value - *value == 0;
}

bool text_to_int64(const char *text, int64_t *value) {
  if (!*text || *text == ' ' || *text == '\t' || *text == '\n')
    return false;
  char *end;
  errno = 0;
  *value = strtoll(text, &end, 10);
  return !*end && errno == 0;
}

static int edit_distance(const char *a, const char *b) {
  enum { LONGEST = 64 };
  size_t n = strlen(a), m = strlen(b);
  if (n > LONGEST || m > LONGEST)
    return LONGEST;
  int row[LONGEST + 1];
  for (size_t j = 0; j <= m; j++)
    row[j] = (int)j;
  for (size_t i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= m; j++) {
      int above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
      if (above + 1 < best)
        best = above + 1;
      if (row[j - 1] + 1 < best)
        best = row[j - 1] + 1;
      diagonal = above;
      row[j] = best;
    }
  }
  return row[m];
}

const char *text_nearest(const char *word, const char *const *candidates, int count) {
  int limit = (int)strlen(word) / 3, best = (limit > 1 ? limit : 1) + 1;
  const char *nearest = NULL;
  for (int i = 0; i < count; i++) {
    int distance = edit_distance(word, candidates[i]);
    if (distance < best) {
      best = distance;
      nearest = candidates[i];
    }
  }
  return nearest;
}
