#ifndef TRAIN_GATHER_H
#define TRAIN_GATHER_H
/// The rows of a stage on this rank: which samples, where their slices stand, their labels and inputs side by side.
#include "base/random.h"
#include "base/slices.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "train/batch.h"

#include <stdbool.h>

typedef struct Rows {
  int room, count, first;   // rows now; `first` row of the batch (fusion rows only)
  Slices slices;
  int64_t *sample;          // owned [room]
  int32_t *label, *index;   // owned [room]
  float *dense;             // owned [room, width], dense modalities
  int64_t *offset;          // owned [room + 1], bags
  int32_t *code;            // owned, grows when a batch holds more codes than any before
  int64_t codes_room;
  Bags bags;
} Rows;

/// modality NULL: a fusion stage without inputs of its own.
Status rows_open(Rows *rows, int room, const DatasetModality *modality);
void rows_close(Rows *rows);
size_t rows_bytes(int room, const DatasetModality *modality);

/// Slices [first, end) of the batch; modality >= 0: only the rows that show it.
void rows_select(Rows *rows, const Batch *batch, int modality, int first, int end);
/// label[r] of each row, and index[r] = index.
void rows_labels(Rows *rows, const int32_t *labels, int index);
/// What graph_bind wants: floats [count, width], (x - mean) / deviation when given, or Bags.
const void *rows_inputs(Rows *rows, const DatasetModality *modality, const float *mean, const float *deviation);

/// Uniform noise on dense inputs: amplitude: every value gets rate * deviation * U(-1, 1); entries: each value, with probability
/// rate, gets deviation * U(-1, 1). deviation NULL: 1. A pure function of (stream, sample, value).
void rows_noise(Rows *rows, const DatasetModality *modality, double rate, bool entries, const float *deviation, const RandomStream *stream);

/// Moves every picture [channels, h, w] by a whole number of pixels from -most to most, down and across, drawn anew for (stream, sample); what comes
/// in repeats the edge. modality has two dimensions or more.
void rows_shift(Rows *rows, const DatasetModality *modality, int most, const RandomStream *stream);

#endif
