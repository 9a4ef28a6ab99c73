// What is written is read back, in the order asked for, and what the file lacks is named.
#include "data/dataset.h"

#include "base/random.h"
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAMPLES = 137, VOCABULARY = 11 };

static const RandomStream stream = {.seed = 5, .purpose = RANDOM_FREE};

static void must(Status status, const char *what) { CHECK(status.code == 0, "%s: %s", what, status.text); }

static void make(Dataset *dataset) {
  int vector[1] = {9}, image[3] = {2, 70, 80};
  must(dataset_init(dataset, "round trip", SAMPLES), "init");
  must(dataset_add_task(dataset, "digit", false, 10), "task");
  must(dataset_add_task(dataset, "dies", true, 2), "task");
  must(dataset_add_dense(dataset, "audio", KIND_VECTOR, 1, vector), "vector");
  must(dataset_add_dense(dataset, "image", KIND_IMAGE, 3, image),
       "image"); // more than a megabyte: chunked and deflated
  int64_t entries = 0;
  for (int n = 0; n < SAMPLES; n++)
    entries += n % 5;
  must(dataset_add_codes(dataset, "visits", entries, VOCABULARY), "codes");
  must(dataset_add_series(dataset, "vitals", entries, 3), "series");
  dataset->provenance = strdup("{\"made by\": \"a test\"}");
  dataset->ids = calloc(SAMPLES, sizeof *dataset->ids);
  for (int n = 0; n < SAMPLES; n++) {
    char id[32];
    snprintf(id, sizeof id, "p\xc3\xa4tient %d", n / 2);
    dataset->ids[n] = strdup(id);
    dataset->split[n] = (uint8_t)(n % SPLITS);
    dataset->task[0].labels[n] = n % 11 - 1;
    dataset->task[1].labels[n] = n % 2;
    for (int m = 0; m < dataset->modalities; m++) {
      DatasetModality *modality = &dataset->modality[m];
      modality->present[n] = (n + m) % 4 > 0;
      if (modality->offsets)
        modality->offsets[n + 1] = modality->offsets[n] + n % 5;
      for (int64_t i = 0; modality_kind_dense(modality->kind) && i < modality->width && modality->present[n]; i++)
        modality->values[n * modality->width + i] = random_normal(&stream, (uint64_t)n, (uint32_t)i);
    }
  }
  for (int64_t i = 0; i < entries; i++) {
    dataset->modality[2].codes[i] = (int32_t)(i * 7 % VOCABULARY);
    dataset->modality[3].times[i] = (float)i / 4;
    for (int k = 0; k < 3; k++)
      dataset->modality[3].values[3 * i + k] = random_normal(&stream, (uint64_t)i, (uint32_t)(1000 + k));
  }
}

static void same(const void *a, const void *b, size_t bytes, const char *what) {
  CHECK((a == NULL) == (b == NULL) && (!a || !memcmp(a, b, bytes)), "%s differs", what);
}

static void same_modality(const DatasetModality *got, const DatasetModality *want) {
  bool dense = modality_kind_dense(want->kind);
  CHECK(!strcmp(got->name, want->name) && got->kind == want->kind && got->dimensions == want->dimensions &&
            got->width == want->width && got->entries == want->entries && got->vocabulary == want->vocabulary &&
            !memcmp(got->dim, want->dim, sizeof got->dim),
        "the shape of %s differs", want->name);
  same(got->present, want->present, SAMPLES, want->name);
  same(got->values, want->values, (size_t)(want->entries * want->width) * 4, want->name);
  same(got->offsets, want->offsets, dense ? 0 : (SAMPLES + 1) * sizeof(int64_t), want->name);
  same(got->codes, want->codes, dense ? 0 : (size_t)want->entries * 4, want->name);
  same(got->times, want->times, dense ? 0 : (size_t)want->entries * 4, want->name);
}

static void check_whole(const Dataset *want, const char *path) {
  Dataset got;
  must(dataset_open(&got, path, NULL), "open");
  CHECK(got.samples == SAMPLES && got.modalities == 4 && got.tasks == 2, "%lld samples", (long long)got.samples);
  CHECK(!strcmp(got.name, want->name) && !strcmp(got.provenance, want->provenance), "name and provenance");
  same(got.split, want->split, SAMPLES, "split");
  for (int n = 0; n < SAMPLES; n++)
    CHECK(!strcmp(got.ids[n], want->ids[n]), "id %d: got %s, not %s", n, got.ids[n], want->ids[n]);
  for (int i = 0; i < 2; i++) {
    int at = dataset_task(want, got.task[i].name);
    CHECK(at >= 0 && got.task[i].binary == want->task[at].binary && got.task[i].classes == want->task[at].classes,
          "task %d", i);
    same(got.task[i].labels, want->task[at].labels, SAMPLES * 4, "labels");
  }
  for (int i = 0; i < 4; i++) {
    CHECK(!got.modality[i].values && !got.modality[i].offsets && !got.modality[i].codes, "open does not load");
    must(dataset_load(&got, path, i), "load");
    same_modality(&got.modality[i], &want->modality[dataset_modality(want, got.modality[i].name)]);
  }
  dataset_free(&got);
}

static void check_wanted(const Dataset *want, const char *path) {
  const char *modality[] = {"visits", "audio"}, *task[] = {"dies"};
  DatasetWanted wanted = {.modalities = 2, .modality = modality, .tasks = 1, .task = task};
  Dataset got;
  must(dataset_open(&got, path, &wanted), "open some");
  CHECK(got.modalities == 2 && got.tasks == 1 && dataset_modality(&got, "visits") == 0 &&
            dataset_modality(&got, "audio") == 1 && dataset_modality(&got, "image") == -1,
        "the order asked for");
  uint64_t identity = dataset_identity(&got);
  got.modality[1].present[3] ^= 1;
  CHECK(dataset_identity(&got) != identity, "presence is part of the identity");
  dataset_free(&got);
  modality[1] = "adio";
  Status status = dataset_open(&got, path, &wanted);
  CHECK(status.code == EXIT_CONFIG && strstr(status.text, "did you mean \"audio\""), "%d %s", status.code, status.text);
  dataset_free(&got);
  modality[1] = "../split";
  status = dataset_open(&got, path, &wanted);
  CHECK(status.code == EXIT_CONFIG, "%d %s", status.code, status.text);
  dataset_free(&got);
  (void)want;
}

typedef struct Window {
  char *memory;
  size_t at;
  int calls;
} Window;

static Status take_window(void *user, void **block, size_t bytes) {
  Window *window = user;
  *block = window->memory + window->at;
  window->at += (bytes + 63) / 64 * 64;
  window->calls++;
  return STATUS_OK;
}

static void check_take(const Dataset *want, const char *path) {
  Dataset got;
  Window window = {.memory = calloc(1, 1 << 24)};
  must(dataset_open(&got, path, NULL), "open");
  got.take = take_window;
  got.user = &window;
  int vitals = dataset_modality(&got, "vitals");
  size_t block[4], total = dataset_bytes(&got, vitals, block);
  CHECK(total == block[0] + block[1] + block[2] + block[3] && block[0] == 3 * block[3] && block[2] == 0, "bytes");
  must(dataset_load(&got, path, vitals), "load into a window");
  CHECK(window.calls == 3, "%d blocks", window.calls);
  same_modality(&got.modality[vitals], &want->modality[3]);
  dataset_free(&got);
  free(window.memory);
}

static void check_writing(Dataset *dataset, const char *directory) {
  char path[256];
  snprintf(path, sizeof path, "%s/no/such/place.h5", directory);
  Status status = dataset_write(dataset, path);
  CHECK(status.code == EXIT_CANNOT_CREATE && strstr(status.text, "place.h5"), "%d %s", status.code, status.text);
  status = dataset_write(dataset, directory);
  CHECK(status.code == EXIT_CANNOT_CREATE, "%d %s", status.code, status.text);
  status = dataset_write(dataset, "/dev/null");
  CHECK(status.code == EXIT_CANNOT_CREATE, "%d %s", status.code, status.text);
  snprintf(path, sizeof path, "%s/bad.h5", directory);
  dataset->modality[0].present[1] = 1;
  dataset->modality[0].values[9] = NAN;
  status = dataset_write(dataset, path);
  CHECK(status.code == EXIT_DATA && strstr(status.text, "sample 1, value 0"), "%d %s", status.code, status.text);
  CHECK(access(path, F_OK), "nothing is left behind");
}

int main(void) {
  char directory[] = "/tmp/rebasis-container-XXXXXX", path[256], again[256];
  CHECK(mkdtemp(directory), "a scratch directory");
  snprintf(path, sizeof path, "%s/a.h5", directory);
  snprintf(again, sizeof again, "%s/a.h5.tmp", directory);
  Dataset dataset;
  make(&dataset);
  must(dataset_write(&dataset, path), "write");
  must(dataset_write(&dataset, path), "write over");
  CHECK(access(again, F_OK), "the temporary file is gone");
  struct stat stat_of;
  CHECK(!stat(path, &stat_of) && stat_of.st_size > 0, "the file is there");
  int arrays, checked;
  must(dataset_verify(path, &arrays, &checked), "verify");
  CHECK(arrays == 15 && checked == 15, "%d arrays, %d with a checksum", arrays, checked);
  must(dataset_probe(path), "probe");
  check_whole(&dataset, path);
  check_wanted(&dataset, path);
  check_take(&dataset, path);
  check_writing(&dataset, directory);
  unlink(path);
  CHECK(rmdir(directory) == 0, "nothing else is left behind");
  dataset_free(&dataset);
  return 0;
}
