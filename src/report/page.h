#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H
/// A text that grows, and the two ways of adding to it: markup, which is ours, and words, which are somebody's and are escaped.
#include "base/status.h"

#include <stddef.h>

typedef struct Page {
  char *text; // owned, NUL-terminated once something was added
  size_t length, room;
} Page;

/// printf of markup. Ends the program when memory is gone.
void page_add(Page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Any bytes as HTML text or attribute value: & < > " ' are escaped, control characters and what is not UTF-8 become U+FFFD.
void page_words(Page *page, const char *words);

/// A field of a CSV line, quoted where RFC 4180 asks for it; a leading = + - @ of a text is disarmed by a quote mark.
void page_field(Page *page, const char *field);

/// A number for people: at most `digits` significant digits, "–" for NaN.
typedef struct Number {
  char text[40];
} Number;
Number page_number(double value, int digits);

/// Adds `body` with links to its sections, where it has three or more, before the first of them.
void page_with_contents(Page *page, const Page *body);

/// Writes the text to DIR/NAME: another name first, flushed, renamed. EXIT_CANNOT_CREATE, EXIT_IO.
Status page_write(const Page *page, const char *dir, const char *name);

void page_free(Page *page);

#endif
