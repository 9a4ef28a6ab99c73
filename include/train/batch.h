#ifndef TRAIN_BATCH_H
#define TRAIN_BATCH_H
/// A batch as every rank knows it: which samples, which modalities of them are shown, and where rows and slices stand. All of it
/// is a pure function of (order, protocol), so nothing about it travels.
#include "base/slices.h"
#include "comm/exchange.h"
#include "data/dataset.h"
#include "data/missingness.h"

#include <stdbool.h>

typedef struct Batch {
  int room, rows, modalities, slices;
  int64_t *sample;                 // owned [room]
  uint8_t *keep;                   // owned [room, modalities]: 1 where the sample shows the modality
  int slice_row[SLICES_MOST + 1];  // slice s is rows [slice_row[s], slice_row[s+1])
  RowTable table;                  // compact rows of each modality before each slice
} Batch;

Status batch_open(Batch *batch, int room, int modalities, int slices);
void batch_close(Batch *batch);

/// Fills in samples order[n] (n <= room). A sample that shows nothing under the protocol is left out, so rows <= n; with keep_empty it
/// stays as a row without modalities, so that every mask puts a sample into the same row.
void batch_make(Batch *batch, const Dataset *dataset, const MaskProtocol *protocol, const int64_t *order, int n, bool keep_empty);

#endif
