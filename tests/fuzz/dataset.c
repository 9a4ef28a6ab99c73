// Any bytes are a container with everything in range, or a refusal in one line; what crashes HDF5 itself is found here too.
// sources: src/data/container_file.c src/data/container_array.c src/data/container_read.c src/data/dataset.c src/base/*.c
// packages: hdf5-openmpi
// seeds: tests/fuzz/seeds/dataset
// options: -max_len=65536 -timeout=10 -rss_limit_mb=2048
#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const Dataset *dataset, int modality) {
  const DatasetModality *m = &dataset->modality[modality];
  for (int64_t i = 0; m->values && i < m->entries * m->width; i++)
    if (!isfinite(m->values[i]))
      abort();
  for (int64_t i = 0; m->codes && i < m->entries; i++)
    if (m->codes[i] < 0 || m->codes[i] >= m->vocabulary)
      abort();
  for (int64_t n = 0; m->offsets && n < dataset->samples; n++)
    if (m->offsets[n] > m->offsets[n + 1] || m->offsets[n + 1] > m->entries)
      abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char path[64];
  int fd = memfd_create("container", 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
    abort();
  Dataset dataset;
  Status status = dataset_open(&dataset, path, NULL);
  for (int i = 0; !status.code && i < dataset.modalities; i++) {
    status = dataset_load(&dataset, path, i);
    if (!status.code)
      check(&dataset, i);
  }
  if ((status.code == 0) != (*status.text == 0) || strchr(status.text, '\n') || status.code == EXIT_CONFIG)
    abort();
  dataset_free(&dataset);
  close(fd);
  return 0;
}
