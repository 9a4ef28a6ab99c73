// What we write is read by h5py, and hashes to the same xxh64.
#include "data/dataset.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES = 40 };

static void must(Status status) { CHECK(status.code == 0, "%s", status.text); }

static void make(Dataset *dataset) {
  int image[3] = {1, 100, 100};
  must(dataset_init(dataset, "interop", SAMPLES));
  dataset->provenance = strdup("{\"a\": 1}");
  must(dataset_add_task(dataset, "digit", false, 4));
  must(dataset_add_task(dataset, "dies", true, 2));
  must(dataset_add_dense(dataset, "image", KIND_IMAGE, 3, image));
  must(dataset_add_codes(dataset, "codes", 2 * SAMPLES, 7));
  must(dataset_add_series(dataset, "series", SAMPLES, 3));
  dataset->ids = calloc(SAMPLES, sizeof *dataset->ids);
  for (int n = 0; n < SAMPLES; n++) {
    char id[32];
    snprintf(id, sizeof id, "person %d", n);
    dataset->ids[n] = strdup(id);
    dataset->split[n] = (uint8_t)(n % 3);
    dataset->task[0].labels[n] = n % 5 - 1;
    dataset->modality[1].offsets[n + 1] = 2 * (n + 1);
    dataset->modality[2].offsets[n + 1] = n + 1;
    dataset->modality[2].times[n] = (float)n / 2;
  }
  for (int i = 0; i < SAMPLES * 100 * 100; i++)
    dataset->modality[0].values[i] = (float)(i % 251) / 4;
  for (int i = 0; i < 2 * SAMPLES; i++)
    dataset->modality[1].codes[i] = i % 7;
  for (int i = 0; i < 3 * SAMPLES; i++)
    dataset->modality[2].values[i] = (float)i;
}

int main(void) {
  if (system("/usr/bin/python3 -c 'import h5py' 2>/dev/null")) {
    printf("skipped: /usr/bin/python3 has no h5py\n");
    return 77;
  }
  char directory[] = "/tmp/rebasis-h5py-XXXXXX", path[128], command[1024], *folder = strdup(__FILE__);
  CHECK(mkdtemp(directory), "a scratch directory");
  snprintf(path, sizeof path, "%s/a.h5", directory);
  *strrchr(folder, '/') = 0;
  Dataset dataset;
  make(&dataset);
  must(dataset_write(&dataset, path));
  snprintf(command, sizeof command, "/usr/bin/python3 '%s/h5py_read.py' '%s'", folder, path);
  CHECK(system(command) == 0, "h5py reads something else");
  unlink(path);
  rmdir(directory);
  dataset_free(&dataset);
  free(folder);
  return 0;
}
