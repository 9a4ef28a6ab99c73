#include "train/gather.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

Status rows_open(Rows *rows, int room, const DatasetModality *modality) {
  *rows = (Rows){.room = room};
  TRY(memory_take((void **)&rows->sample, (size_t)room, sizeof(int64_t), "row numbers"));
  TRY(memory_take((void **)&rows->label, (size_t)room, sizeof(int32_t), "row labels"));
  TRY(memory_take((void **)&rows->index, (size_t)room, sizeof(int32_t), "row labels"));
  if (!modality)
    return STATUS_OK;
  if (modality->kind == KIND_CODES)
    return memory_take((void **)&rows->offset, (size_t)room + 1, sizeof(int64_t), "bag offsets");
  return memory_take((void **)&rows->dense, (size_t)room * (size_t)modality->width, sizeof(float), "input rows");
}

void rows_close(Rows *rows) {
  void *owned[] = {rows->sample, rows->label, rows->index, rows->dense, rows->offset, rows->code};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
    free(owned[i]);
}

size_t rows_bytes(int room, const DatasetModality *modality) {
  size_t row = sizeof(int64_t) + 2 * sizeof(int32_t);
  if (modality)
    row +=
        modality->kind == KIND_CODES ? sizeof(int64_t) + 64 * sizeof(int32_t) : (size_t)modality->width * sizeof(float);
  return (size_t)room * row;
}

void rows_select(Rows *rows, const Batch *batch, int modality, int first, int end) {
  rows->slices.total = batch->slices;
  rows->slices.first = first;
  rows->slices.count = end - first;
  rows->first = batch->slice_row[first];
  rows->count = 0;
  for (int s = first; s < end; s++) {
    rows->slices.row[s - first] = rows->count;
    for (int r = batch->slice_row[s]; r < batch->slice_row[s + 1]; r++)
      if (modality < 0 || batch->keep[(size_t)r * (size_t)batch->modalities + (size_t)modality])
        rows->sample[rows->count++] = batch->sample[r];
  }
  rows->slices.row[end - first] = rows->count;
  REQUIRE(rows->count <= rows->room, "%d rows in a stage planned for %d", rows->count, rows->room);
}

void rows_labels(Rows *rows, const int32_t *labels, int index) {
  for (int r = 0; r < rows->count; r++) {
    rows->label[r] = labels[rows->sample[r]];
    rows->index[r] = index;
  }
}

static const Bags *gather_bags(Rows *rows, const DatasetModality *modality) {
  int64_t codes = 0;
  for (int r = 0; r < rows->count; r++) {
    rows->offset[r] = codes;
    codes += modality->offsets[rows->sample[r] + 1] - modality->offsets[rows->sample[r]];
  }
  rows->offset[rows->count] = codes;
  if (codes > rows->codes_room) { // the one place where a step may allocate: bags are as long as they are
    free(rows->code);
    rows->codes_room = codes + codes / 2;
    rows->code = malloc((size_t)rows->codes_room * sizeof *rows->code);
    REQUIRE(rows->code, "out of memory for %lld codes", (long long)rows->codes_room);
  }
  for (int r = 0; r < rows->count; r++)
    memcpy(rows->code + rows->offset[r], modality->codes + modality->offsets[rows->sample[r]],
           (size_t)(rows->offset[r + 1] - rows->offset[r]) * sizeof *rows->code);
  rows->bags = (Bags){rows->offset, rows->code};
  return &rows->bags;
}

const void *rows_inputs(Rows *rows, const DatasetModality *modality, const float *mean, const float *deviation) {
  if (modality->kind == KIND_CODES)
    return gather_bags(rows, modality);
  size_t width = (size_t)modality->width;
  for (int r = 0; r < rows->count; r++) {
    const float *from = modality->values + (size_t)rows->sample[r] * width;
    float *to = rows->dense + (size_t)r * width;
    if (!mean)
      memcpy(to, from, width * sizeof(float));
    else
      for (size_t j = 0; j < width; j++)
        to[j] = (from[j] - mean[j]) / deviation[j];
  }
  return rows->dense;
}

void rows_noise(Rows *rows, const DatasetModality *modality, double rate, bool entries, const float *deviation,
                const RandomStream *stream) {
  for (int r = 0; r < rows->count; r++) {
    float *row = rows->dense + (size_t)r * (size_t)modality->width;
    for (int64_t j = 0; j < modality->width; j += 2) {
      uint32_t word[4]; // two values a block: whether, and how much
      random_block(word, stream, (uint64_t)rows->sample[r], (uint32_t)(j / 2));
      for (int64_t k = j; k < j + 2 && k < modality->width; k++) {
        const uint32_t *pair = word + 2 * (k - j);
        double amplitude = entries ? (double)pair[0] * 0x1p-32 < rate : rate,
               scale = deviation ? (double)deviation[k] : 1;
        row[k] += (float)(amplitude * scale * ((double)pair[1] * 0x1p-31 - 1));
      }
    }
  }
}

static int clamped(int value, int most) { return value < 0 ? 0 : value > most ? most : value; }

// picture[h, w] in place: lines in the order that reads each before it is written over, then the values of every line.
static void shift_picture(float *picture, int h, int w, int down, int across) {
  for (int k = 0; k < h && down != 0; k++) {
    int to = down > 0 ? h - 1 - k : k, from = clamped(to - down, h - 1);
    memmove(picture + (size_t)to * (size_t)w, picture + (size_t)from * (size_t)w, (size_t)w * sizeof(float));
  }
  for (int y = 0; y < h && across != 0; y++)
    for (int k = 0; k < w; k++) {
      int to = across > 0 ? w - 1 - k : k;
      picture[(size_t)y * (size_t)w + (size_t)to] =
          picture[(size_t)y * (size_t)w + (size_t)clamped(to - across, w - 1)];
    }
}

void rows_shift(Rows *rows, const DatasetModality *modality, int most, const RandomStream *stream) {
  int h = modality->dim[modality->dimensions - 2], w = modality->dim[modality->dimensions - 1];
  int64_t pictures = modality->width / ((int64_t)h * w);
  for (int r = 0; r < rows->count; r++) {
    uint32_t word[4];
    random_block(word, stream, (uint64_t)rows->sample[r], UINT32_MAX); // behind every block of rows_noise
    int down = (int)((uint64_t)word[0] * (uint64_t)(2 * most + 1) >> 32) - most,
        across = (int)((uint64_t)word[1] * (uint64_t)(2 * most + 1) >> 32) - most;
    for (int64_t k = 0; k < pictures; k++)
      shift_picture(rows->dense + ((int64_t)r * pictures + k) * h * w, h, w, down, across);
  }
}
