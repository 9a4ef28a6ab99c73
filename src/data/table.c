/// One CSV table: a header that names the columns, then rows of numbers, with columns for label, id and split.
#include "table.h"

#include "base/hash.h"
#include "base/text.h"
#include "container.h"
#include "source.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *modality_name(const ViewFile *file) {
  if (file->name)
    return text_format("%s", file->name);
  const char *slash = strrchr(file->path, '/');
  char *name = text_format("%s", slash ? slash + 1 : file->path);
  static const char *const endings[] = {".gz", ".csv"};
  for (int i = 0; i < 2; i++) {
    size_t length = strlen(name), tail = strlen(endings[i]);
    if (length > tail && !strcmp(name + length - tail, endings[i]))
      name[length - tail] = 0;
  }
  return name;
}

static void texts_add(Texts *texts, const char *text) {
  if (texts->count == texts->room) {
    texts->room = texts->room ? 2 * texts->room : 256;
    texts->item = realloc(texts->item, (size_t)texts->room * sizeof *texts->item);
    REQUIRE(texts->item, "out of memory for %lld texts", (long long)texts->room);
  }
  texts->item[texts->count++] = text_format("%s", text);
}

static void texts_free(Texts *texts) {
  for (int64_t i = 0; i < texts->count; i++)
    free(texts->item[i]);
  free(texts->item);
}

void table_free(Table *table) {
  csv_close(&table->csv);
  free(table->name);
  free(table->values);
  texts_free(&table->labels);
  texts_free(&table->ids);
  texts_free(&table->splits);
  *table = (Table){0};
}

static Status unknown_column(const Csv *csv, const char *what, const char *wanted, bool header) {
  const char *names[256];
  char text[STATUS_TEXT / 2];
  int count = header ? csv->cells < 256 ? csv->cells : 256 : 0;
  for (int i = 0; i < count; i++)
    names[i] = csv->cell[i].text;
  const char *near = text_nearest(wanted, names, count);
  if (near)
    text_print(text, sizeof text, "did you mean \"%s\"?", near);
  else
    text_print(text, sizeof text, "a name in the header, 1 to %d, or \"last\" would be right", csv->cells);
  return status_error(EXIT_CONFIG, "%s: no %s column \"%s\"; %s", csv->name, what, wanted, text);
}

/// The column that `wanted` means in the row just read; -1 where it is NULL, or a name that only another file need have.
static Status find_column(int *column, const Csv *csv, const char *what, const char *wanted,
                          const ViewsConfig *config) {
  bool header = !config->no_header;
  *column = -1;
  if (!wanted)
    return STATUS_OK;
  for (int i = 0; header && i < csv->cells; i++) {
    if (strcmp(csv->cell[i].text, wanted))
      continue;
    if (*column >= 0)
      return csv_error(csv, i, "a second column \"%s\"; a number from 1 to %d for the %s column would be right", wanted,
                       csv->cells, what);
    *column = i;
  }
  int64_t number;
  if (*column >= 0)
    return STATUS_OK;
  if (!strcmp(wanted, "last"))
    *column = csv->cells - 1;
  else if (text_to_int64(wanted, &number) && number >= 1 && number <= csv->cells)
    *column = (int)number - 1;
  else if (text_to_int64(wanted, &number) || config->views == 1 || !header)
    return unknown_column(csv, what, wanted, header);
  return STATUS_OK;
}

static Status find_columns(Table *table, const ViewsConfig *config) {
  const Csv *csv = &table->csv;
  TRY(find_column(&table->label, csv, "label", config->label ? config->label : "last", config));
  TRY(find_column(&table->id, csv, "id", config->id, config));
  TRY(find_column(&table->split, csv, "split", config->split, config));
  if ((table->label >= 0 && (table->label == table->id || table->label == table->split)) ||
      (table->id >= 0 && table->id == table->split))
    return status_error(EXIT_CONFIG, "%s: the columns of label, id and split are not different", csv->name);
  table->columns = csv->cells;
  table->width = csv->cells - (table->label >= 0) - (table->id >= 0) - (table->split >= 0);
  if (table->width < 1)
    return csv_error(csv, 0, "no column of values beside label, id and split%s",
                     csv->cells == 1 && strpbrk(csv->cell[0].text, ";\t") ? "; commas between cells would be right"
                                                                          : "");
  return STATUS_OK;
}

static bool is_empty(const char *text) {
  static const char *const words[] = {"", "na", "n/a", "nan", "null"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcasecmp(text, words[i]))
      return true;
  return false;
}

/// Without blanks around it; changes the cell.
static char *trim(char *text) {
  while (*text == ' ' || *text == '\t')
    text++;
  for (size_t at = strlen(text); at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t'); at--)
    text[at - 1] = 0;
  return text;
}

static Status read_value(float *value, const Csv *csv, int column) {
  char shown[64], *text = trim(csv->cell[column].text);
  double number;
  *value = NAN;
  if (is_empty(text))
    return STATUS_OK;
  bool cut = !text_print(shown, sizeof shown, "%s", text);
  if (!text_to_double(text, &number))
    return csv_error(csv, column, "\"%s%s\" is not a finite decimal number; such a number, or nothing, would be right",
                     shown, cut ? "…" : "");
  *value = (float)number;
  if (!isfinite(*value))
    return csv_error(csv, column, "%s is beyond the range of float32", shown);
  return STATUS_OK;
}

static Status take_row_room(Table *table) {
  size_t used = (size_t)table->rows * (size_t)table->width, width = (size_t)table->width;
  if (used + width <= table->room)
    return STATUS_OK;
  size_t room = 2 * table->room > used + width ? 2 * table->room : used + 64 * width;
  float *larger = realloc(table->values, room * sizeof *larger);
  if (!larger)
    return status_error(EXIT_INTERNAL, "out of memory: %s needs %zu values", table->csv.name, room);
  table->values = larger;
  table->room = room;
  return STATUS_OK;
}

static Status read_row(Table *table) {
  const Csv *csv = &table->csv;
  if (csv->cells != table->columns)
    return csv_error(csv, csv->cells < table->columns ? csv->cells - 1 : table->columns,
                     "a row of %d cells; %d, as in the first row, would be right", csv->cells, table->columns);
  TRY(take_row_room(table));
  float *row = table->values + table->rows * table->width;
  int64_t filled = 0, at = 0;
  int hole = -1;
  for (int i = 0; i < csv->cells; i++) {
    Texts *texts = i == table->label   ? &table->labels
                   : i == table->id    ? &table->ids
                   : i == table->split ? &table->splits
                                       : NULL;
    if (texts) {
      texts_add(texts, trim(csv->cell[i].text));
      continue;
    }
    TRY(read_value(&row[at], csv, i));
    filled += !isnan(row[at]);
    hole = isnan(row[at]) && hole < 0 ? i : hole;
    at++;
  }
  table->rows++;
  if (filled > 0 && hole >= 0 && !table->holed) {
    table->holed = table->rows;
    table->holed_line = csv->cell[hole].line;
    table->holed_column = csv->cell[hole].column;
  }
  return STATUS_OK;
}

static Status read_rows(Table *table, const ViewsConfig *config) {
  bool more;
  TRY(csv_next(&table->csv, &more));
  if (!more)
    return status_error(EXIT_DATA, "%s:1:1: the file is empty", table->csv.name);
  TRY(find_columns(table, config));
  if (config->no_header)
    TRY(read_row(table));
  for (;;) {
    TRY(csv_next(&table->csv, &more));
    if (!more)
      break;
    TRY(read_row(table));
  }
  if (table->rows == 0)
    return status_error(EXIT_DATA, "%s:2:1: no row behind the header", table->csv.name);
  return STATUS_OK;
}

Status table_read(Table *table, const ViewFile *file, const ViewsConfig *config) {
  *table = (Table){.name = modality_name(file), .label = -1, .id = -1, .split = -1};
  FileBytes bytes = {(uint8_t *)file->bytes, file->size};
  if (!file->bytes)
    TRY(file_bytes_read(&bytes, file->path, (size_t)1 << 30));
  table->hash = hash_bytes(bytes.bytes, bytes.size);
  Status status = csv_parse(&table->csv, bytes.bytes, bytes.size, file->path);
  if (!file->bytes)
    file_bytes_free(&bytes);
  TRY(status);
  status = read_rows(table, config);
  free(table->csv.text); // the text is as large as the values
  table->csv.text = NULL;
  return status;
}
