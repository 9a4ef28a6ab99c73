// A damaged container is refused, or what is read is what was written: bits flipped and bytes cut off all over a small file.
// timeout: 180
#include "data/dataset.h"

#include "base/random.h"
#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES = 30, FLIPS = 320, CUTS = 60 };

static void must(Status status) { CHECK(status.code == 0, "%s", status.text); }

static void make(Dataset *dataset) {
  int width = 6;
  must(dataset_init(dataset, "flips", SAMPLES));
  must(dataset_add_task(dataset, "class", false, 3));
  must(dataset_add_dense(dataset, "a", KIND_VECTOR, 1, &width));
  must(dataset_add_codes(dataset, "b", 2 * SAMPLES, 9));
  for (int n = 0; n < SAMPLES; n++) {
    dataset->split[n] = (uint8_t)(n % 3);
    dataset->task[0].labels[n] = n % 3;
    dataset->modality[1].offsets[n + 1] = 2 * (n + 1);
  }
  for (int i = 0; i < SAMPLES * width; i++)
    dataset->modality[0].values[i] = (float)i;
  for (int i = 0; i < 2 * SAMPLES; i++)
    dataset->modality[1].codes[i] = i % 9;
}

static void spill(const char *path, const unsigned char *bytes, size_t size) {
  FILE *file = fopen(path, "w");
  CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, "write %s", path);
}

static bool equal(const void *a, const void *b, size_t bytes) { return a && b && !memcmp(a, b, bytes); }

/// Names and the like carry no checksum: what is compared is every array that is still there under its name.
static void compare(const char *path, const Dataset *want, size_t at) {
  Dataset got;
  Status status = dataset_open(&got, path, NULL);
  for (int i = 0; !status.code && i < got.modalities; i++)
    status = dataset_load(&got, path, i);
  CHECK(status.code == 0, "byte %zu: the probe accepts, the reader does not: %s", at, status.text);
  CHECK(got.samples == SAMPLES && equal(got.split, want->split, SAMPLES), "byte %zu: the split differs", at);
  for (int i = 0; i < got.tasks; i++)
    CHECK(equal(got.task[i].labels, want->task[0].labels, SAMPLES * 4), "byte %zu: labels differ", at);
  for (int i = 0; i < got.modalities; i++) {
    const DatasetModality *m = &got.modality[i], *w = &want->modality[m->kind == KIND_CODES];
    CHECK(m->kind == w->kind && equal(m->present, w->present, SAMPLES), "byte %zu: presence of %s differs", at,
          m->name);
    CHECK(m->kind == KIND_CODES
              ? equal(m->codes, w->codes, 2 * SAMPLES * 4) && equal(m->offsets, w->offsets, (SAMPLES + 1) * 8)
              : equal(m->values, w->values, SAMPLES * 6 * 4),
          "byte %zu: contents of %s differ", at, m->name);
  }
  dataset_free(&got);
}

int main(void) {
  char directory[] = "/tmp/rebasis-flips-XXXXXX", path[128];
  CHECK(mkdtemp(directory), "a scratch directory");
  snprintf(path, sizeof path, "%s/a.h5", directory);
  Dataset dataset;
  make(&dataset);
  must(dataset_write(&dataset, path));
  static unsigned char bytes[1 << 20];
  FILE *file = fopen(path, "r");
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  CHECK(size > 1000 && size < sizeof bytes, "%zu bytes", size);
  RandomStream stream = {.seed = 2, .purpose = RANDOM_FREE};
  int refused = 0, accepted = 0;
  for (int i = 0; i < FLIPS; i++) {
    uint64_t draw = random_bits(&stream, (uint64_t)i);
    // Every eighth in the superblock and the root group, where all else hangs.
    size_t at = (draw >> 8) % (i % 8 ? size : 1024);
    bytes[at] ^= (unsigned char)(1u << draw % 8);
    spill(path, bytes, size);
    Status status = dataset_probe(path);
    CHECK(status.code == 0 || status.code == EXIT_DATA, "byte %zu: %d %s", at, status.code, status.text);
    if (!status.code)
      compare(path, &dataset, at);
    refused += status.code != 0;
    accepted += status.code == 0;
    bytes[at] ^= (unsigned char)(1u << draw % 8);
  }
  for (int i = 0; i < CUTS; i++) {
    spill(path, bytes, size * (size_t)i / CUTS);
    Status status = dataset_probe(path);
    CHECK(status.code == EXIT_DATA, "cut at %zu of %zu: %d %s", size * (size_t)i / CUTS, size, status.code,
          status.text);
  }
  CHECK(refused > 0 && accepted > 0, "%d refused, %d harmless", refused, accepted);
  if (getenv("REBASIS_TEST_VERBOSE"))
    printf("%zu bytes: %d flips refused, %d harmless\n", size, refused, accepted);
  unlink(path);
  rmdir(directory);
  dataset_free(&dataset);
  return 0;
}
