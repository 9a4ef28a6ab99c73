/// The header says where the columns are; every row must have as many cells as it.
#include "sheet.h"

#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_A_LINE = 1 << 24 };

Status sheet_find(char **path, const char *folder, const char *name) {
  static const char *const before[] = {"/hosp/", "/"}, *const behind[] = {".csv.gz", ".csv"};
  for (int i = 0; i < 4; i++) {
    *path = text_format("%s%s%s%s", folder, before[i / 2], name, behind[i % 2]);
    if (access(*path, F_OK) == 0)
      return STATUS_OK;
    free(*path);
    *path = NULL;
  }
  return status_error(
      EXIT_NO_INPUT,
      "%s: holds no table %s; hosp/%s.csv.gz as MIMIC-IV has it (or .csv, or without hosp/) would be right", folder,
      name, name);
}

/// The place of a column in the header, -1 if it is not there.
static Status find_column(int *place, const Csv *csv, const char *name) {
  *place = -1;
  for (int i = 0; i < csv->cells; i++)
    if (!strcmp(csv->cell[i].text, name)) {
      if (*place >= 0)
        return csv_error(csv, i, "a second column \"%s\"", name);
      *place = i;
    }
  return STATUS_OK;
}

static Status missing_column(const Csv *csv, const char *name) {
  const char *names[256];
  int count = csv->cells < 256 ? csv->cells : 256;
  for (int i = 0; i < count; i++)
    names[i] = csv->cell[i].text;
  const char *near = text_nearest(name, names, count);
  return csv_error(csv, 0, "the header has no column \"%s\"%s%s%s", name, near ? "; is it \"" : "", near ? near : "",
                   near ? "\" here?" : "");
}

static Status read_header(Sheet *sheet, const char *const *name, int columns) {
  bool more;
  TRY(csv_next(&sheet->csv, &more));
  if (!more)
    return status_error(EXIT_DATA, "%s:1:1: the file is empty", sheet->path);
  sheet->cells = sheet->csv.cells;
  for (int k = 0; k < columns; k++) {
    sheet->column[k] = -1;
    if (!name[k])
      continue;
    bool optional = *name[k] == '?';
    TRY(find_column(&sheet->column[k], &sheet->csv, name[k] + optional));
    if (sheet->column[k] < 0 && !optional)
      return missing_column(&sheet->csv, name[k]);
  }
  return STATUS_OK;
}

Status sheet_open(Sheet *sheet, const char *path, const char *const *name, int columns) {
  REQUIRE(columns <= SHEET_COLUMNS, "%d columns", columns);
  *sheet = (Sheet){.path = text_format("%s", path)};
  TRY(csv_stream(&sheet->csv, sheet->path));
  return read_header(sheet, name, columns);
}

Status sheet_next(Sheet *sheet, bool *more) {
  Csv *csv = &sheet->csv;
  TRY(csv_next(csv, more));
  if (!*more)
    return STATUS_OK;
  if (csv->cells != sheet->cells)
    return csv_error(csv, csv->cells < sheet->cells ? csv->cells - 1 : sheet->cells,
                     "a row of %d cells; %d, as in the header, would be right", csv->cells, sheet->cells);
  if (++sheet->rows % ROWS_A_LINE == 0)
    log_info("%s: %lld million rows read", sheet->path, (long long)sheet->rows / 1000000);
  return STATUS_OK;
}

void sheet_close(Sheet *sheet) {
  csv_close(&sheet->csv);
  free(sheet->path);
  *sheet = (Sheet){0};
}

const char *sheet_text(const Sheet *sheet, int column) {
  if (sheet->column[column] < 0)
    return "";
  char *text = sheet->csv.cell[sheet->column[column]].text;
  while (*text == ' ')
    text++;
  for (size_t n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
    text[n - 1] = 0;
  return text;
}

void sheet_lower(Sheet *sheet, int column) {
  char *text = sheet->column[column] < 0 ? NULL : sheet->csv.cell[sheet->column[column]].text;
  for (; text && *text; text++)
    *text = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
}

bool sheet_has(const Sheet *sheet, int column) { return *sheet_text(sheet, column) != 0; }

Status sheet_error(const Sheet *sheet, int column, const char *text) {
  char shown[48];
  text_print(shown, sizeof shown, "%s", sheet_text(sheet, column));
  return csv_error(&sheet->csv, sheet->column[column], "\"%s\" %s", shown, text);
}

Status sheet_integer(int64_t *value, const Sheet *sheet, int column) {
  if (!text_to_int64(sheet_text(sheet, column), value))
    return sheet_error(sheet, column, "is no whole number");
  return STATUS_OK;
}

Status sheet_number(double *value, const Sheet *sheet, int column) {
  if (!text_to_double(sheet_text(sheet, column), value))
    return sheet_error(sheet, column, "is no finite decimal number");
  return STATUS_OK;
}

/// n digits at *text; false if there are others.
static bool take_digits(int *value, const char **text, int n) {
  *value = 0;
  for (; n > 0; n--, (*text)++) {
    if (**text < '0' || **text > '9')
      return false;
    *value = 10 * *value + (**text - '0');
  }
  return true;
}

static bool take_char(const char **text, char wanted) {
  if (**text != wanted)
    return false;
  (*text)++;
  return true;
}

static bool time_parse(int64_t *seconds, const char *text) {
  struct tm tm = {0}, back;
  bool good = take_digits(&tm.tm_year, &text, 4) && take_char(&text, '-') && take_digits(&tm.tm_mon, &text, 2) &&
              take_char(&text, '-') && take_digits(&tm.tm_mday, &text, 2);
  if (good && *text)
    good = take_char(&text, ' ') && take_digits(&tm.tm_hour, &text, 2) && take_char(&text, ':') &&
           take_digits(&tm.tm_min, &text, 2) && take_char(&text, ':') && take_digits(&tm.tm_sec, &text, 2) && !*text;
  if (!good)
    return false;
  tm.tm_year -= 1900;
  tm.tm_mon--;
  struct tm given = tm;
  time_t time = timegm(&tm);
  *seconds = time;
  // 31 April would have become 1 May
  return gmtime_r(&time, &back) && back.tm_mon == given.tm_mon && back.tm_mday == given.tm_mday &&
         back.tm_hour == given.tm_hour && back.tm_min == given.tm_min && back.tm_sec == given.tm_sec;
}

Status sheet_time(int64_t *seconds, const Sheet *sheet, int column) {
  if (!time_parse(seconds, sheet_text(sheet, column)))
    return sheet_error(sheet, column, "is no time; YYYY-MM-DD HH:MM:SS, or YYYY-MM-DD, would be right");
  return STATUS_OK;
}
