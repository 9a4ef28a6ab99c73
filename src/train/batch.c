#include "train/batch.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

Status batch_open(Batch *batch, int room, int modalities, int slices) {
  *batch = (Batch){.room = room, .modalities = modalities, .slices = slices};
  TRY(memory_take((void **)&batch->sample, (size_t)room, sizeof(int64_t), "the batch"));
  return memory_take((void **)&batch->keep, (size_t)room * (size_t)modalities, 1, "the batch");
}

void batch_close(Batch *batch) {
  free(batch->sample);
  free(batch->keep);
}

void batch_make(Batch *batch, const Dataset *dataset, const MaskProtocol *protocol, const int64_t *order, int n,
                bool keep_empty) {
  REQUIRE(n <= batch->room, "%d samples in a batch for %d", n, batch->room);
  batch->rows = 0;
  for (int k = 0; k < n; k++) {
    uint8_t *keep = batch->keep + (size_t)batch->rows * (size_t)batch->modalities;
    bool shows = mask_sample(keep, dataset, protocol, order[k]);
    if (!shows)
      memset(keep, 0, (size_t)batch->modalities);
    if (shows || keep_empty)
      batch->sample[batch->rows++] = order[k];
  }
  int count[DATASET_MODALITIES] = {0};
  for (int s = 0; s <= batch->slices; s++) {
    batch->slice_row[s] = slice_begin(s, batch->rows, batch->slices);
    for (int row = s ? batch->slice_row[s - 1] : 0; row < batch->slice_row[s]; row++)
      for (int i = 0; i < batch->modalities; i++)
        count[i] += batch->keep[(size_t)row * (size_t)batch->modalities + (size_t)i];
    for (int i = 0; i < batch->modalities; i++)
      batch->table.begin[i][s] = count[i];
  }
}
