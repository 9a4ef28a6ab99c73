// A moved picture is the original with its edges repeated, every shift within reach comes up, and the draw depends on sample and epoch alone.
#include "base/random.h"
#include "check.h"
#include "train/gather.h"

#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 2, HEIGHT = 5, WIDTH = 4, ROWS = 300, MOST = 2, SIZE = CHANNELS * HEIGHT * WIDTH };

static int clamped(int value, int most) { return value < 0 ? 0 : value > most ? most : value; }

static bool moved(const float *got, const float *from, int down, int across) {
  for (int c = 0; c < CHANNELS; c++)
    for (int y = 0; y < HEIGHT; y++)
      for (int x = 0; x < WIDTH; x++)
        if (got[(c * HEIGHT + y) * WIDTH + x] !=
            from[(c * HEIGHT + clamped(y - down, HEIGHT - 1)) * WIDTH + clamped(x - across, WIDTH - 1)])
          return false;
  return true;
}

int main(void) {
  float *values = calloc(ROWS * SIZE, sizeof *values), *first = calloc(ROWS * SIZE, sizeof *first);
  CHECK(values && first, "out of memory");
  for (int k = 0; k < ROWS * SIZE; k++)
    values[k] = (float)k;
  DatasetModality modality = {.kind = KIND_IMAGE, .dimensions = 3, .dim = {CHANNELS, HEIGHT, WIDTH}, .width = SIZE};
  modality.values = values;
  Rows rows;
  Status status = rows_open(&rows, ROWS, &modality);
  CHECK(status.code == 0, "%s", status.text);
  int seen[2 * MOST + 1][2 * MOST + 1] = {0}, other = 0;
  for (uint32_t epoch = 0; epoch < 2; epoch++) {
    RandomStream stream = {3, RANDOM_CORRUPT, epoch, 1};
    rows.count = ROWS;
    for (int r = 0; r < ROWS; r++)
      rows.sample[r] = epoch == 0 ? r : ROWS - 1 - r; // another place in the batch changes nothing
    rows_inputs(&rows, &modality, NULL, NULL);
    rows_shift(&rows, &modality, MOST, &stream);
    for (int r = 0; r < ROWS; r++) {
      int sample = (int)rows.sample[r], found = 0;
      const float *got = rows.dense + r * SIZE, *from = values + sample * SIZE;
      for (int down = -MOST; down <= MOST; down++)
        for (int across = -MOST; across <= MOST; across++)
          if (moved(got, from, down, across)) {
            seen[down + MOST][across + MOST]++;
            found++;
          }
      CHECK(found == 1, "sample %d is moved in %d ways", sample, found);
      if (epoch == 0)
        memcpy(first + sample * SIZE, got, SIZE * sizeof *got);
      other += epoch == 1 && memcmp(first + sample * SIZE, got, SIZE * sizeof *got) != 0;
    }
    RandomStream again = stream;
    float *kept = malloc(ROWS * SIZE * sizeof *kept);
    CHECK(kept, "out of memory");
    memcpy(kept, rows.dense, ROWS * SIZE * sizeof *kept);
    rows_inputs(&rows, &modality, NULL, NULL);
    rows_shift(&rows, &modality, MOST, &again);
    CHECK(!memcmp(kept, rows.dense, ROWS * SIZE * sizeof *kept), "the same draw twice");
    free(kept);
  }
  for (int k = 0; k < (2 * MOST + 1) * (2 * MOST + 1); k++)
    CHECK(seen[k / (2 * MOST + 1)][k % (2 * MOST + 1)] > 5, "shift %d comes up %d times", k,
          seen[k / (2 * MOST + 1)][k % (2 * MOST + 1)]);
  CHECK(other > ROWS / 2, "only %d samples are moved differently in another epoch", other);
  rows_close(&rows);
  free(values);
  free(first);
  return 0;
}
