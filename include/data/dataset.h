#ifndef DATA_DATASET_H
#define DATA_DATASET_H
/// A data set in memory, as the container file (contract: format "rebasis-data" version 1) holds it. Rows are samples.
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { DATASET_NAME = 48, DATASET_MODALITIES = 32, DATASET_TASKS = 16, DATASET_DIMENSIONS = 3 };

typedef enum ModalityKind { KIND_VECTOR, KIND_IMAGE, KIND_SPECTROGRAM, KIND_CODES, KIND_SERIES } ModalityKind;
typedef enum Split { SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST, SPLITS } Split;

typedef struct DatasetModality {
  char name[DATASET_NAME];
  ModalityKind kind;
  int dimensions, dim[DATASET_DIMENSIONS]; // of one row: vector [width]; image, spectrogram [channels, height, width] or [height, width]
  int64_t width;                           // product of dim; series: values per time
  int vocabulary;                          // codes: 0 <= code < vocabulary
  float *values;                           // dense [N, width]; series [nnz, width]
  int64_t *offsets;                        // codes, series [N+1]
  int32_t *codes;                          // codes [nnz]
  float *times;                            // series [nnz], hours from the sample's start
  uint8_t *present;                        // [N] 1 observed, 0 missing in the source itself
} DatasetModality;

typedef struct DatasetTask {
  char name[DATASET_NAME];
  int binary;       // 1: one logit, labels 0 and 1; 0: `classes` logits
  int classes;
  int32_t *labels;  // [N], -1: unlabelled
} DatasetTask;

typedef struct Dataset {
  char name[DATASET_NAME];
  char *provenance;         // JSON text: what made it, with which parameters
  int64_t samples;
  uint8_t *split;           // [N] Split
  char **ids;               // [N] or NULL
  int modalities, tasks;
  DatasetModality modality[DATASET_MODALITIES];
  DatasetTask task[DATASET_TASKS];
  /// Where the arrays live. NULL: the heap. Otherwise blocks come from here (a window shared by the ranks of a node) and
  /// dataset_free leaves them alone.
  Status (*take)(void *user, void **block, size_t bytes);
  void *user;
} Dataset;

/// What a reader wants: NULL names mean everything.
typedef struct DatasetWanted {
  int modalities, tasks;
  const char *const *modality;
  const char *const *task;
} DatasetWanted;

/// Reads shapes, splits, labels and presence, but not values, offsets, codes and times, which stay NULL. Checks the structure in full.
/// The contents of the file are never trusted: every rank, size, type and range is checked before it is used; external links, external and
/// virtual storage are refused. EXIT_NO_INPUT, EXIT_DATA ("FILE:/path/in/file: …"), EXIT_IO.
Status dataset_open(Dataset *dataset, const char *path, const DatasetWanted *wanted);

/// Reads the big arrays of one modality of an opened data set, through dataset->take, and checks them (finite, monotone, in range).
Status dataset_load(Dataset *dataset, const char *path, int modality);
/// Bytes that dataset_load will take for this modality, and the sub-sizes in the order values, offsets, codes, times.
size_t dataset_bytes(const Dataset *dataset, const char *path, int modality);

/// Writes the whole data set: to PATH.tmp, flushed, renamed. Each dataset carries its xxh64. EXIT_CANNOT_CREATE, EXIT_IO.
Status dataset_write(const Dataset *dataset, const char *path);

/// Recomputes every xxh64 that the file carries and compares. EXIT_DATA names the first that differs.
Status dataset_verify(const char *path);

/// XXH64 over names, shapes, splits, labels and presence of an opened data set: identifies it in run directories.
uint64_t dataset_identity(const Dataset *dataset);

int dataset_modality(const Dataset *dataset, const char *name); // -1 if absent
int dataset_task(const Dataset *dataset, const char *name);     // -1 if absent
void dataset_free(Dataset *dataset);

#endif
