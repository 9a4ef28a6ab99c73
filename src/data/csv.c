/// A cell is either quoted ("…", "" for a quote) or goes up to the next comma or line end; it is unquoted where it stands.
#include "data/csv.h"

#include "base/text.h"
#include "source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t text_most = (size_t)1 << 30;

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
  if (csv->size >= 3 && !memcmp(csv->text, "\xef\xbb\xbf", 3))
    csv->at = csv->line_begin = 3;
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

void csv_close(Csv *csv) {
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
