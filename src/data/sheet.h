#ifndef DATA_SHEET_H
#define DATA_SHEET_H
/// A CSV table of any length whose columns are known by name, read row by row. Cells are asked for by the place of their column
/// in the list of names given to sheet_open.
#include "data/csv.h"

enum { SHEET_COLUMNS = 12 };

typedef struct Sheet {
  Csv csv;
  char *path;                // owned
  int cells;                 // of each row
  int column[SHEET_COLUMNS]; // -1: an optional one that the table lacks
  int64_t rows, used;        // read so far; `used` is the reader's to count
} Sheet;

/// The table NAME in a folder: hosp/NAME.csv.gz, hosp/NAME.csv, NAME.csv.gz or NAME.csv; *path is owned. EXIT_NO_INPUT if none is there.
Status sheet_find(char **path, const char *folder, const char *name);

/// Opens the file at `path` (copied) and reads the header. A name that begins with '?' may be missing; NULL is. EXIT_DATA, EXIT_NO_INPUT,
/// EXIT_IO. sheet_close afterwards is allowed whatever the outcome.
Status sheet_open(Sheet *sheet, const char *path, const char *const *name, int columns);
Status sheet_next(Sheet *sheet, bool *more);
void sheet_close(Sheet *sheet);

bool sheet_has(const Sheet *sheet, int column); // the table has the column, and its cell is not empty
/// The cell without blanks around it, "" where the column is missing; valid until the next row.
const char *sheet_text(const Sheet *sheet, int column);
void sheet_lower(Sheet *sheet, int column); // A to Z in the cell become a to z
/// The cell as a whole number; as a finite number; as YYYY-MM-DD[ HH:MM:SS], in seconds since 1970. EXIT_DATA.
Status sheet_integer(int64_t *value, const Sheet *sheet, int column);
Status sheet_number(double *value, const Sheet *sheet, int column);
Status sheet_time(int64_t *seconds, const Sheet *sheet, int column);
/// EXIT_DATA with "FILE:LINE:COLUMN: " of the cell in front.
Status sheet_error(const Sheet *sheet, int column, const char *text);

#endif
