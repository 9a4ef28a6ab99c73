// Any bytes are a table or a refusal in one line; what is imported is in range.
// sources: src/data/csv.c src/data/table.c src/data/views.c src/data/dataset.c src/data/partition.c src/data/source.c src/base/*.c
// packages: hdf5-openmpi
// seeds: tests/fuzz/seeds/csv
// options: -max_len=4096
#include "data/views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/// Two tables, parted by the first byte 0x01; the first byte chooses options.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size < 1)
    return 0;
  const uint8_t options = bytes[0], *second = memchr(bytes + 1, 1, size - 1);
  size_t first = second ? (size_t)(second - bytes) - 1 : size - 1;
  ViewsConfig config = {.views = second ? 2 : 1, .partition = {.test = 0.25}};
  config.view[0] = (ViewFile){.name = "a", .path = "a", .bytes = bytes + 1, .size = first};
  if (second)
    config.view[1] = (ViewFile){.name = "b", .path = "b", .bytes = second + 1, .size = size - first - 2};
  config.no_header = options & 1;
  config.impute_mean = options & 2;
  config.label = options & 4 ? "y" : options & 8 ? "1" : NULL;
  config.id = options & 16 ? "id" : NULL;
  config.split = options & 32 ? "s" : NULL;
  Dataset dataset;
  Status status = views_import(&dataset, &config);
  if ((status.code == 0) != (*status.text == 0) || strchr(status.text, '\n'))
    abort();
  for (int i = 0; !status.code && i < dataset.modalities; i++)
    for (int64_t k = 0; k < dataset.samples * dataset.modality[i].width; k++)
      if (!isfinite(dataset.modality[i].values[k]))
        abort();
  for (int64_t n = 0; !status.code && n < dataset.samples; n++)
    if (dataset.split[n] > SPLIT_TEST || dataset.task[0].labels[n] < -1 ||
        dataset.task[0].labels[n] >= dataset.task[0].classes)
      abort();
  dataset_free(&dataset);
  return 0;
}
