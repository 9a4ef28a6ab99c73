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

// Letters put in, left out, exchanged, or swapped with their neighbour: the smallest number of such mistakes (optimal string
// alignment, a restricted Damerau-Levenshtein distance). Row i of the table is kept together with the two before it.
static int edit_distance(const char *a, const char *b) {
  enum { LONGEST = 64 };
  int n = (int)strlen(a), m = (int)strlen(b);
  if (n > LONGEST || m > LONGEST)
    return LONGEST;
  int table[3][LONGEST + 1];
  for (int j = 0; j <= m; j++)
    table[0][j] = j;
  for (int i = 1; i <= n; i++) {
    int *row = table[i % 3], *above = table[(i + 2) % 3], *before = table[(i + 1) % 3];
    row[0] = i;
    for (int j = 1; j <= m; j++) {
      int best = above[j - 1] + (a[i - 1] != b[j - 1]);
      if (above[j] + 1 < best)
        best = above[j] + 1;
      if (row[j - 1] + 1 < best)
        best = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
        best = before[j - 2] + 1;
      row[j] = best;
    }
  }
  return table[n % 3][m];
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
