#include "report/page.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void make_room(Page *page, size_t more) {
  if (page->length + more + 1 <= page->room)
    return;
  size_t room = 2 * (page->length + more) + 4096;
  char *text = realloc(page->text, room);
  REQUIRE(text, "out of memory for a page of %zu bytes", room);
  page->text = text;
  page->room = room;
}

static void add_bytes(Page *page, const char *bytes, size_t length) {
  make_room(page, length);
  memcpy(page->text + page->length, bytes, length);
  page->length += length;
  page->text[page->length] = 0;
}

void page_add(Page *page, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = NULL;
  int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  REQUIRE(length >= 0, "out of memory for a line of a page");
  add_bytes(page, text, (size_t)length);
  free(text);
}

// Length of the UTF-8 character at `at` (1 to 4), 0 if there is none: no overlong forms, no surrogates, nothing above
// U+10FFFF.
static int character_length(const unsigned char *at) {
  if (at[0] < 0x80)
    return 1;
  int length = at[0] >= 0xc2 && at[0] < 0xe0   ? 2
               : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
               : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                               : 0;
  for (int i = 1; i < length; i++)
    if ((at[i] & 0xc0) != 0x80)
      return 0;
  if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xf0 && at[1] < 0x90) ||
      (at[0] == 0xf4 && at[1] >= 0x90))
    return 0;
  return length;
}

static const char *entity(char c) {
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  default:
    return NULL;
  }
}

void page_words(Page *page, const char *words) {
  for (const char *at = words; *at;) {
    int length = character_length((const unsigned char *)at);
    const char *name = entity(*at);
    bool control = (unsigned char)*at < 0x20 || *at == 0x7f;
    if (name)
      add_bytes(page, name, strlen(name));
    else if (length == 0 || (control && *at != '\n' && *at != '\t'))
      add_bytes(page, "\xef\xbf\xbd", 3);
    else
      add_bytes(page, at, (size_t)length);
    at += length > 0 ? length : 1;
  }
}

void page_field(Page *page, const char *field) {
  double value;
  bool formula = *field && strchr("=+-@", *field) && !text_to_double(field, &value);
  if (!formula && !strpbrk(field, ",\"\r\n")) {
    add_bytes(page, field, strlen(field));
    return;
  }
  add_bytes(page, "\"", 1);
  if (formula)
    add_bytes(page, "'", 1);
  for (const char *at = field; *at; at++)
    add_bytes(page, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
  add_bytes(page, "\"", 1);
}

static const char *next_section(const char *at) { return strstr(at, "<h2>"); }

void page_with_contents(Page *page, const Page *body) {
  const char *at = body->text ? body->text : "", *first = next_section(at), *next;
  int sections = 0, k = 0;
  for (const char *h = first; h; h = next_section(h + 1))
    sections++;
  if (sections < 3) {
    add_bytes(page, at, strlen(at));
    return;
  }
  add_bytes(page, at, (size_t)(first - at));
  page_add(page, "<nav>");
  for (const char *h = first; h; h = next_section(h + 1))
    page_add(page, "%s<a href=\"#section-%d\">%.*s</a>", k ? " · " : "", k + 1, (int)strcspn(h + 4, "<"), h + 4), k++;
  page_add(page, "</nav>\n");
  k = 0;
  for (at = first; at; at = next) {
    next = next_section(at + 1);
    page_add(page, "<a id=\"section-%d\"></a>", ++k);
    add_bytes(page, at, next ? (size_t)(next - at) : strlen(at));
  }
}

Number page_number(double value, int digits) {
  Number number;
  if (isnan(value))
    text_print(number.text, sizeof number.text, "–");
  else
    text_print(number.text, sizeof number.text, "%.*g", digits, value);
  return number;
}

static Status write_file(int file, const Page *page, const char *path) {
  for (size_t at = 0; at < page->length;) {
    ssize_t written = write(file, page->text + at, page->length - at);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return status_error(EXIT_IO, "%s: %s; a disk with room is needed", path, strerror(errno));
    at += (size_t)written;
  }
  return fsync(file) ? status_error(EXIT_IO, "%s: %s", path, strerror(errno)) : STATUS_OK;
}

static Status write_renamed(const Page *page, const char *path, const char *other) {
  int file = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: %s", path, strerror(errno));
  Status status = write_file(file, page, path);
  if (close(file) && !status.code)
    status = status_error(EXIT_IO, "%s: %s", path, strerror(errno));
  if (!status.code && rename(other, path))
    status = status_error(EXIT_CANNOT_CREATE, "%s: %s", path, strerror(errno));
  if (status.code)
    unlink(other);
  return status;
}

Status page_write(const Page *page, const char *dir, const char *name) {
  char *path = text_format("%s/%s", dir, name), *other = text_format("%s/%s.tmp", dir, name);
  Status status = write_renamed(page, path, other);
  free(path);
  free(other);
  return status;
}

void page_free(Page *page) {
  free(page->text);
  *page = (Page){0};
}
