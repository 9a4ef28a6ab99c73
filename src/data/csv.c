/// A cell is either quoted ("…", "" for a quote) or goes up to the next comma or line end; it is unquoted where it stands.
#include "data/csv.h"

#include "base/memory.h"
#include "base/text.h"
#include "source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t text_most = (size_t)1 << 30, row_most = (size_t)64 << 20;

enum { WINDOW = 1 << 18 };

/// A file behind the text at hand, which is a window of it: text[room + 1].
typedef struct CsvStream {
  Source source;
  size_t room;
  bool ended; // the window holds the last byte
} CsvStream;

static Status error_at(const Csv *csv, int64_t line, int64_t column, const char *text) {
  return status_error(EXIT_DATA, "%s:%lld:%lld: %s", csv->name, (long long)line, (long long)column, text);
}

static Status error_here(const Csv *csv, const char *text) {
  return error_at(csv, csv->line, (int64_t)(csv->at - csv->line_begin) + 1, text);
}

Status csv_error(const Csv *csv, int index, const char *format, ...) {
  char text[STATUS_TEXT];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return error_at(csv, csv->cell[index].line, csv->cell[index].column, text);
}

static void skip_mark(Csv *csv) {
  if (csv->size >= 3 && !memcmp(csv->text, "\xef\xbb\xbf", 3))
    csv->at = csv->line_begin = 3;
}

static Status parse_source(Csv *csv, const uint8_t *bytes, size_t size) {
  Source source;
  FileBytes text;
  if (size > text_most)
    return status_error(EXIT_DATA, "%s: %zu bytes are more than a table of ours may have", csv->name, size);
  TRY(source_open(&source, bytes, size, csv->name));
  Status status = source_take_rest(&source, &text, text_most);
  if (!status.code)
    status = source_end(&source);
  source_close(&source);
  TRY(status);
  csv->size = text.size;
  csv->text = realloc(text.bytes, text.size + 1);
  if (!csv->text) {
    file_bytes_free(&text);
    return status_error(EXIT_INTERNAL, "out of memory: %s needs %zu bytes", csv->name, text.size + 1);
  }
  while (csv->size > 0 && csv->text[csv->size - 1] == '\n') // empty lines at the end, and the end of the last row
    csv->size -= csv->size > 1 && csv->text[csv->size - 2] == '\r' ? 2 : 1;
  csv->text[csv->size] = 0;
  skip_mark(csv);
  return STATUS_OK;
}

Status csv_parse(Csv *csv, const void *bytes, size_t size, const char *name) {
  *csv = (Csv){.name = name, .line = 1};
  return parse_source(csv, bytes, size);
}

Status csv_open(Csv *csv, const char *path) {
  FileBytes file;
  *csv = (Csv){.name = path, .line = 1};
  TRY(file_bytes_read(&file, path, text_most));
  Status status = csv_parse(csv, file.bytes, file.size, path);
  file_bytes_free(&file);
  return status;
}

/// More text behind what is not read yet; that moves to the front, and the room doubles where a row fills it.
static Status window_fill(Csv *csv) {
  CsvStream *stream = csv->stream;
  size_t got;
  csv->size -= csv->at;
  memmove(csv->text, csv->text + csv->at, csv->size);
  csv->at = csv->line_begin = 0; // windows move between rows only
  if (csv->size == stream->room) {
    if (stream->room >= row_most)
      return error_here(csv, "a row of more than 64 MiB; perhaps a quote is not closed");
    char *larger = realloc(csv->text, 2 * stream->room + 1);
    if (!larger)
      return status_error(EXIT_INTERNAL, "out of memory: a row of %s needs %zu bytes", csv->name, 2 * stream->room);
    csv->text = larger;
    stream->room *= 2;
  }
  TRY(source_some(&stream->source, csv->text + csv->size, stream->room - csv->size, &got));
  csv->size += got;
  stream->ended = csv->size < stream->room;
  return STATUS_OK;
}

/// Whether only line ends follow; *known is false where the window does not tell.
static bool only_line_ends(const Csv *csv, bool *known) {
  size_t at = csv->at;
  for (;;) {
    size_t left = csv->size - at;
    const char *c = csv->text + at;
    *known = left > 1 || (left == 1 && *c != '\r') || csv->stream->ended;
    if (left > 0 && *c == '\n')
      at++;
    else if (left > 1 && c[0] == '\r' && c[1] == '\n')
      at += 2;
    else
      return left == 0;
  }
}

/// Brings the whole of the next row into the window. A line feed ends it where the quotes before it are even in number; where they
/// stand wrongly, the row is refused before that matters.
static Status window_row(Csv *csv) {
  bool known, ends = only_line_ends(csv, &known);
  for (; !known; ends = only_line_ends(csv, &known))
    TRY(window_fill(csv));
  if (ends)
    csv->size = csv->at;
  bool quoted = false;
  for (size_t seen = 0;;) { // bytes of the row
    const char *begin = csv->text + csv->at + seen;
    size_t left = csv->size - csv->at - seen;
    const char *end = left ? memchr(begin, '\n', left) : NULL;
    size_t some = end ? (size_t)(end - begin) : left;
    for (const char *q = begin; some && (q = memchr(q, '"', some - (size_t)(q - begin))); q++)
      quoted = !quoted;
    seen += some + (end ? 1 : 0);
    if (end ? !quoted : csv->stream->ended)
      return STATUS_OK;
    if (!end)
      TRY(window_fill(csv));
  }
}

static Status stream_begin(Csv *csv, const char *path) {
  TRY(memory_take((void **)&csv->stream, 1, sizeof *csv->stream, path));
  csv->stream->room = WINDOW;
  TRY(memory_take((void **)&csv->text, WINDOW + 1, 1, path));
  TRY(source_open_file(&csv->stream->source, path));
  TRY(window_fill(csv));
  skip_mark(csv);
  return STATUS_OK;
}

Status csv_stream(Csv *csv, const char *path) {
  *csv = (Csv){.name = path, .line = 1};
  return stream_begin(csv, path);
}

uint64_t csv_stream_bytes(const Csv *csv, uint64_t *xxh64) { return source_read(&csv->stream->source, xxh64); }

void csv_close(Csv *csv) {
  if (csv->stream)
    source_close(&csv->stream->source);
  free(csv->stream);
  free(csv->text);
  free(csv->cell);
  *csv = (Csv){0};
}

/// Whether `at` is at the end of a row; *length is that of the line end (0: the end of the text).
static bool row_ends(const Csv *csv, size_t *length) {
  const char *c = csv->text + csv->at;
  size_t left = csv->size - csv->at;
  *length = left == 0 ? 0 : *c == '\n' ? 1 : 2;
  return left == 0 || *c == '\n' || (left > 1 && c[0] == '\r' && c[1] == '\n');
}

/// A byte that no cell may have, outside quotes.
static Status check_plain(const Csv *csv) {
  switch (csv->text[csv->at]) {
  case 0:
    return error_here(csv, "a NUL byte; text in UTF-8 would be right");
  case '\r':
    return error_here(csv, "a carriage return without a line feed; LF or CRLF would be right");
  case '"':
    return error_here(csv, "a quote inside a cell; the whole cell in quotes, and \"\" for a quote, would be right");
  default:
    return STATUS_OK;
  }
}

static Status plain_cell(Csv *csv, char **end) {
  size_t begin = csv->at, length;
  while (!row_ends(csv, &length) && csv->text[csv->at] != ',') {
    TRY(check_plain(csv));
    if (csv->at - begin >= CSV_CELL_MOST)
      return error_here(csv, "a cell of more than 1 MiB");
    csv->at++;
  }
  *end = csv->text + csv->at;
  return STATUS_OK;
}

static Status quoted_cell(Csv *csv, char **end) {
  CsvCell *cell = &csv->cell[csv->cells];
  size_t length;
  char *to = cell->text = csv->text + ++csv->at;
  for (;; csv->at++) {
    if (csv->at == csv->size)
      return error_at(csv, cell->line, cell->column, "a quote that is never closed");
    char c = csv->text[csv->at];
    if (c == 0)
      return check_plain(csv);
    if (to - cell->text >= CSV_CELL_MOST)
      return error_here(csv, "a cell of more than 1 MiB; perhaps a quote is not closed");
    if (c == '"' && csv->text[++csv->at] != '"')
      break;
    *to++ = c;
    if (c == '\n') {
      csv->line++;
      csv->line_begin = csv->at + 1;
    }
  }
  *end = to;
  if (!row_ends(csv, &length) && csv->text[csv->at] != ',')
    return error_here(csv, "text behind a closing quote; a comma or the line's end would be right");
  return STATUS_OK;
}

static Status take_room(Csv *csv) {
  if (csv->cells < csv->room)
    return STATUS_OK;
  if (csv->cells == CSV_CELLS_MOST)
    return error_here(csv, "a row of more than 1048576 cells");
  csv->room = csv->room ? 2 * csv->room : 64;
  CsvCell *larger = realloc(csv->cell, (size_t)csv->room * sizeof *larger);
  if (!larger)
    return status_error(EXIT_INTERNAL, "out of memory: %s needs a row of %d cells", csv->name, csv->room);
  csv->cell = larger;
  return STATUS_OK;
}

Status csv_next(Csv *csv, bool *more) {
  csv->cells = 0;
  if (csv->stream)
    TRY(window_row(csv));
  *more = csv->at < csv->size;
  for (bool goes_on = *more; goes_on;) {
    char *end = NULL;
    size_t length;
    TRY(take_room(csv));
    csv->cell[csv->cells] = (CsvCell){csv->text + csv->at, csv->line, (int64_t)(csv->at - csv->line_begin) + 1};
    bool quoted = csv->at < csv->size && csv->text[csv->at] == '"';
    TRY(quoted ? quoted_cell(csv, &end) : plain_cell(csv, &end));
    csv->cells++;
    goes_on = !row_ends(csv, &length);
    csv->at += goes_on ? 1 : length;
    if (!goes_on && length > 0) {
      csv->line++;
      csv->line_begin = csv->at;
    }
    *end = 0; // on the comma, the line end, or the quote
  }
  return STATUS_OK;
}
