#ifndef DATA_VIEWS_H
#define DATA_VIEWS_H
/// Importer of CSV tables, one per modality ("views" of the same samples): row i of every file is sample i. Format: data/csv.h.
#include "data/dataset.h"
#include "data/partition.h"

#include <stdbool.h>

/// One table. All strings are borrowed.
typedef struct ViewFile {
  const char *name; // of the modality; NULL: the file's name without folder, .gz and .csv
  const char *path;
  const void *bytes; // if not NULL, the table is here and `path` is a name for messages
  size_t size;
  int height, width; // > 0: the values are an image, height x width, row-major
} ViewFile;

typedef struct ViewsConfig {
  const char *name; // of the data set; NULL: "views"
  const char *task; // NULL: "label"
  int views;
  ViewFile view[DATASET_MODALITIES];
  bool no_header; // the first line is a row already; columns then have numbers only
  /// Columns: a name in the header, else a number counted from 1, else "last".
  const char *label; // NULL: "last". Given by name, it may be missing in some of the files, but not in all
  const char *id;    // NULL: none. Where a file has it, it must agree with the others
  const char *split; // NULL: by `partition`. Cells "train", "validation", "test" or 0, 1, 2
  bool
      impute_mean; // an empty cell among others becomes the mean of its column over the training rows; else it is an error
  PartitionRule partition;
} ViewsConfig;

/// Cells are numbers (no hexadecimal, no infinities, blanks around them allowed) that fit float32, or empty: nothing, NA, N/A, NaN, null.
/// A row of which all values are empty is an absent sample of that modality.
/// Labels: where all are integers, the classes are the distinct integers in order; else the distinct texts in the order of bytes; empty
/// is unlabelled (-1). Two classes make a binary task. Classes' names, columns and checksums of the files stand in the provenance.
/// Files must have equally many rows, and equal labels, ids and splits, in every file that has them.
/// EXIT_DATA ("FILE:LINE:COLUMN: …"), EXIT_NO_INPUT, EXIT_IO; EXIT_CONFIG: no such column ("did you mean"), names, partition.
/// dataset_free afterwards is allowed whatever the outcome.
Status views_import(Dataset *dataset, const ViewsConfig *config);

#endif
