#ifndef DATA_NPY_H
#define DATA_NPY_H
/// Importer of NumPy arrays (.npy, format 1.0, 2.0 and 3.0), one per modality, and one of labels.
#include "data/dataset.h"
#include "data/partition.h"

#include <stddef.h>
#include <stdint.h>

enum { NPY_DIMENSIONS = 4 };
typedef enum NpyType { NPY_F4, NPY_F8, NPY_I4, NPY_I8, NPY_U1 } NpyType;

/// One array, row-major; `bytes` is owned (npy_close): the elements in the machine's order.
typedef struct Npy {
  NpyType type;
  int dimensions;
  int64_t dim[NPY_DIMENSIONS], count;
  void *bytes;
} Npy;

/// Strict: little-endian f4, f8, i4, i8 or u1, C order, 1 to 4 dimensions, none of them 0, and not a byte too many or too few.
/// EXIT_DATA ("FILE: …"), EXIT_NO_INPUT, EXIT_IO. npy_close afterwards is allowed whatever the outcome.
Status npy_open(Npy *npy, const char *path);
Status npy_parse(Npy *npy, const void *bytes, size_t size, const char *name);
void npy_close(Npy *npy);

typedef struct NpyFile {
  const char *name; // of the modality; NULL: the file's name without folder and .npy
  const char *path;
  bool spectrogram; // arrays of 3 or 4 dimensions are spectrograms, not images
} NpyFile;

typedef struct NpyConfig {
  const char *name, *task; // of the data set and its task; NULL: "npy" and "label"
  int files;
  NpyFile file[DATASET_MODALITIES]; // [N], [N, width], [N, height, width] or [N, channels, height, width]
  const char *labels;               // [N] integers, -1: unlabelled; classes = largest + 1; two make a binary task
  const char *split;                // [N] integers 0, 1, 2; NULL: by `partition`
  PartitionRule partition;
} NpyConfig;

/// A sample of which all values are NaN is absent in that modality; other values must be finite and fit float32.
/// Errors as above, and EXIT_CONFIG: names, partition. dataset_free afterwards is allowed whatever the outcome.
Status npy_import(Dataset *dataset, const NpyConfig *config);

#endif
