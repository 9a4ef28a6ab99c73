#ifndef DATA_TABLE_H
#define DATA_TABLE_H
/// One CSV table of numbers with a few columns of another kind.
#include "data/csv.h"
#include "data/views.h"

/// One text for each row; owned.
typedef struct Texts {
  char **item;
  int64_t count, room;
} Texts;

typedef struct Table {
  Csv csv;
  char *name;           // of the modality
  int columns;          // cells in each row
  int label, id, split; // columns, or -1
  int64_t rows, width;
  float *values; // [rows, width], NaN where the cell is empty
  size_t room;   // values allocated
  Texts labels, ids, splits;
  int64_t holed, holed_line, holed_column; // 1 + the first row with some cells empty and some not, and where
  uint64_t hash;                           // of the file's bytes
} Table;

/// Reads all of it. table_free afterwards is allowed whatever the outcome.
Status table_read(Table *table, const ViewFile *file, const ViewsConfig *config);
void table_free(Table *table);

#endif
