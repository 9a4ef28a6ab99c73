#ifndef DATA_CSV_H
#define DATA_CSV_H
/// Comma-separated values, read strictly: RFC 4180 (quoted cells, doubled quotes, line breaks in quotes, LF or CRLF, last line with or
/// without one), UTF-8 with or without its mark; plain or gzip. Refused with FILE:LINE:COLUMN: NUL bytes, a lone carriage return, a
/// quote inside an unquoted cell, text behind a closing quote, a quote that never closes, cells over 1 MiB, rows over 2^20 cells.
/// Columns count bytes from 1, lines count line feeds from 1.
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CSV_CELL_MOST = 1 << 20, CSV_CELLS_MOST = 1 << 20 };

typedef struct CsvCell {
  char *text; // without its quotes, NUL-terminated; valid until csv_close, or, of a stream, until the next row
  int64_t line, column;
} CsvCell;

/// A table that is being read: the row read last is cell[cells].
typedef struct Csv {
  const char *name; // for messages, borrowed
  char *text;       // owned, changed in place: all of it, or, of a stream, at least the row
  size_t size, at;
  struct CsvStream *stream; // where more text comes from; NULL: nowhere
  int64_t line;
  size_t line_begin;
  CsvCell *cell;
  int cells, room;
} Csv;

/// Reads the file whole. EXIT_NO_INPUT, EXIT_DATA (not a regular file, damaged gzip, more than 1 GiB of text), EXIT_IO.
/// csv_close afterwards is allowed whatever the outcome.
Status csv_open(Csv *csv, const char *path);
/// The same without limit of length: the file is read row by row, and not more than 64 MiB of a row.
Status csv_stream(Csv *csv, const char *path);
/// Of a stream behind its last row: bytes of the file and their XXH64.
uint64_t csv_stream_bytes(const Csv *csv, uint64_t *xxh64);
/// As csv_open, for bytes in memory, which are copied.
Status csv_parse(Csv *csv, const void *bytes, size_t size, const char *name);
/// The next row; *more is false behind the last one. Empty lines at the end are no rows.
Status csv_next(Csv *csv, bool *more);
void csv_close(Csv *csv);

/// EXIT_DATA with "FILE:LINE:COLUMN: " of cell `index` of the current row in front.
Status csv_error(const Csv *csv, int index, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
