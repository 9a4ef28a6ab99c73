#ifndef DATA_DATASET_H
#define DATA_DATASET_H
/// A data set in memory, as the container file (contract: format "rebasis-data" version 1) holds it. Rows are samples.
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATASET_NAME = 48, DATASET_MODALITIES = 32, DATASET_TASKS = 16, DATASET_DIMENSIONS = 3 };

typedef enum ModalityKind { KIND_VECTOR, KIND_IMAGE, KIND_SPECTROGRAM, KIND_CODES, KIND_SERIES } ModalityKind;
typedef enum Split { SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST, SPLITS } Split;

typedef struct DatasetModality {
  char name[DATASET_NAME];
  ModalityKind kind;
  /// Of one row: vector [width]; image, spectrogram [channels, height, width] or [height, width]; series [values per
  /// time]; codes have dimensions 0.
  int dimensions, dim[DATASET_DIMENSIONS];
  int64_t width;    // product of dim; codes: 0
  int64_t entries;  // codes, series: nnz, over all samples; dense: N
  int vocabulary;   // codes: 0 <= code < vocabulary
  float *values;    // dense [N, width]; series [nnz, width]. Rows of absent samples are zero whatever the file holds
  int64_t *offsets; // codes, series [N+1]: sample n owns entries offsets[n] … offsets[n+1] - 1
  int32_t *codes;   // codes [nnz]
  float *times;     // series [nnz], hours from the sample's start
  uint8_t *present; // [N] 1 observed, 0 missing in the source itself
  uint64_t contents; // XXH64 over the xxh64 that its file gives for the arrays above; 0: it gives none, or there is no file
} DatasetModality;

typedef struct DatasetTask {
  char name[DATASET_NAME];
  int binary;      // 1: one logit, labels 0 and 1, classes 2; 0: `classes` logits
  int classes;     // 2 or more
  int32_t *labels; // [N], -1: unlabelled
} DatasetTask;

typedef struct Dataset {
  char name[DATASET_NAME];
  char *provenance; // JSON text: what made it, with which parameters; NULL: none
  int64_t samples;
  uint8_t *split; // [N] Split
  char **ids;     // [N] strings, or NULL
  int modalities, tasks;
  DatasetModality modality[DATASET_MODALITIES];
  DatasetTask task[DATASET_TASKS];
  /// Where values, offsets, codes and times live. NULL: the heap. Otherwise those blocks come from here (a window
  /// shared by the ranks of a node), in a fixed order, and dataset_free leaves them alone. dataset_open clears it: set
  /// it before dataset_load.
  Status (*take)(void *user, void **block, size_t bytes);
  void *user;
  bool unverified; // dataset_load does not compare contents with their xxh64
} Dataset;

/// What a reader wants: NULL names mean everything, in the order of names.
typedef struct DatasetWanted {
  int modalities, tasks;
  const char *const *modality;
  const char *const *task;
  bool unverified; // becomes dataset->unverified
} DatasetWanted;

/// Reads shapes, splits, ids, labels and presence, but not values, offsets, codes and times, which stay NULL. Checks
/// the structure in full. dataset->modality[i] is wanted->modality[i]; `wanted` may be NULL (everything). Sets every
/// field; dataset_free afterwards is allowed whatever the outcome. The contents of the file are never trusted: every
/// rank, size, type and range is checked before it is used; links that leave the file, external and virtual storage,
/// and filters other than shuffle, deflate and fletcher32 are refused; an xxh64 that does not match is an error unless
/// `unverified`. Contents: EXIT_DATA ("FILE:/path/in/file: what; what would be right"); no such file, not a file, not
/// readable: EXIT_NO_INPUT; a name that the file does not have: EXIT_CONFIG, with "did you mean"; EXIT_IO.
Status dataset_open(Dataset *dataset, const char *path, const DatasetWanted *wanted);

/// Reads the big arrays of one modality of an opened data set and checks them (finite, monotone, in range, xxh64).
/// Takes all blocks first, as dataset_attach does, so a failing read leaves a collective `take` in step.
Status dataset_load(Dataset *dataset, const char *path, int modality);
/// Takes the blocks of one modality without reading: for ranks whose neighbour loads into the shared window.
Status dataset_attach(Dataset *dataset, int modality);
/// Reads and checks without taking: dataset_attach came before. dataset_load is dataset_attach, then dataset_fill.
Status dataset_fill(Dataset *dataset, const char *path, int modality);
/// Bytes of the blocks of this modality, in the order they are taken: values, offsets, codes, times; 0: no such block.
/// Returns their sum. `block` may be NULL.
size_t dataset_bytes(const Dataset *dataset, int modality, size_t block[4]);

/// Opens and loads everything in a child process with limits on memory and time, so that a file that crashes or hangs
/// the HDF5 library is EXIT_DATA here. Where the arrays exceed 64 MiB only the structure and the chunk indices are
/// walked. Call it before MPI_Init. Errors are those of dataset_open and dataset_load.
Status dataset_probe(const char *path);

/// Checks ranges as a reader would, then writes the whole data set: to PATH.tmp, flushed, read back against the
/// checksums, renamed (an existing file is replaced). Each array carries its xxh64. EXIT_DATA, EXIT_CANNOT_CREATE,
/// EXIT_IO.
Status dataset_write(const Dataset *dataset, const char *path);

/// Recomputes the xxh64 of every array in the file, wherever it is, and compares. EXIT_DATA names the first that
/// differs. `arrays` and `checked` (either may be NULL) count the arrays met and those that carry a checksum.
Status dataset_verify(const char *path, int *arrays, int *checked);

/// XXH64 over names, shapes, splits, labels, presence and, as far as the file has them, checksums of the contents of an opened data set:
/// identifies it in run directories.
uint64_t dataset_identity(const Dataset *dataset);

int dataset_modality(const Dataset *dataset, const char *name); // -1 if absent
int dataset_task(const Dataset *dataset, const char *name);     // -1 if absent
const char *modality_kind_name(ModalityKind kind);              // "vector", …
bool modality_kind_dense(ModalityKind kind);                    // vector, image, spectrogram
const char *split_name(Split split);                            // "train", "validation", "test"

/// For those who make data sets: an empty one (all samples in SPLIT_TRAIN), then its tasks (labels -1) and modalities
/// (values and offsets zero, everything present), to be filled in place. Names are 1 to 47 bytes without '/', '.', ',',
/// '=', space or control characters, and unique: EXIT_CONFIG otherwise. dataset_free afterwards is allowed whatever the
/// outcome.
Status dataset_init(Dataset *dataset, const char *name, int64_t samples);
Status dataset_add_task(Dataset *dataset, const char *name, bool binary, int classes);
Status dataset_add_dense(Dataset *dataset, const char *name, ModalityKind kind, int dimensions, const int *dim);
Status dataset_add_codes(Dataset *dataset, const char *name, int64_t entries, int vocabulary);
Status dataset_add_series(Dataset *dataset, const char *name, int64_t entries, int width);
void dataset_free(Dataset *dataset);

#endif
