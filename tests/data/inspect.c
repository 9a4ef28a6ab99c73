// A description counts what is there, as JSON and as text, and sees damage when it is asked to verify.
#include "data/inspect.h"

#include "check.h"
#include "data/dataset.h"
#include "data/planted.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *describe(const char *path, bool verify) {
  char *text;
  Status status = dataset_describe(&text, path, true, verify);
  CHECK(status.code == 0, "%s", status.text);
  json_t *root = json_loads(text, 0, NULL);
  CHECK(root, "not JSON: %s", text);
  free(text);
  return root;
}

static long long integer(const json_t *root, const char *key) {
  CHECK(json_is_integer(json_object_get(root, key)), "%s is no integer", key);
  return json_integer_value(json_object_get(root, key));
}

static void check_counts(const char *path, const Dataset *dataset) {
  json_t *root = describe(path, true);
  CHECK(integer(root, "samples") == dataset->samples && json_is_true(json_object_get(root, "truth")),
        "samples and truth");
  const json_t *verified = json_object_get(root, "verified");
  CHECK(integer(verified, "arrays") == integer(verified, "checksums") && integer(verified, "arrays") > 10,
        "every array has a checksum");
  const json_t *task = json_array_get(json_object_get(root, "tasks"), 0);
  long long total = 0;
  for (int s = 0; s < SPLITS; s++) {
    long long seen = 0, want = 0;
    const json_t *list = json_object_get(json_object_get(task, "labels"), split_name((Split)s));
    CHECK(json_array_size(list) == 4, "four classes");
    for (size_t c = 0; c < 4; c++)
      seen += json_integer_value(json_array_get(list, c));
    for (int64_t n = 0; n < dataset->samples; n++)
      want += dataset->split[n] == s;
    CHECK(seen == want && integer(json_object_get(root, "splits"), split_name((Split)s)) == want, "%s: %lld, not %lld",
          split_name((Split)s), seen, want);
    total += seen;
  }
  CHECK(total == dataset->samples, "all labels are counted");
  double present = 0, count = 0;
  for (int64_t n = 0; n < dataset->samples; n++)
    if (dataset->split[n] == SPLIT_TEST) {
      present += dataset->modality[1].present[n];
      count++;
    }
  const json_t *modality = json_array_get(json_object_get(root, "modalities"), 1);
  CHECK(!strcmp(json_string_value(json_object_get(modality, "name")), "m1"), "m1");
  double rate = json_real_value(json_object_get(json_object_get(modality, "present"), "test"));
  CHECK(fabs(rate - present / count) < 1e-12, "rate %g, not %g", rate, present / count);
  long long patterns = 0, before = dataset->samples;
  for (size_t k = 0; k < json_array_size(json_object_get(root, "patterns")); k++) {
    long long samples = integer(json_array_get(json_object_get(root, "patterns"), k), "samples");
    CHECK(samples <= before, "the most frequent pattern comes first");
    patterns += before = samples;
  }
  CHECK(patterns == dataset->samples, "every sample has one pattern");
  json_decref(root);
}

static void check_damage(const char *path) {
  char *text;
  Status status = dataset_describe(&text, path, false, false);
  CHECK(status.code == 0 && strstr(text, "planted") && strstr(text, "task       class: multiclass, 4 classes") &&
            !strstr(text, "verified"),
        "%s", status.code ? status.text : text);
  free(text);
  FILE *file = fopen(path, "r+");
  static unsigned char bytes[1 << 20];
  size_t size = fread(bytes, 1, sizeof bytes, file), at = 0;
  Dataset dataset;
  CHECK(dataset_open(&dataset, path, NULL).code == 0 && dataset_load(&dataset, path, 0).code == 0, "load");
  const float *row = dataset.modality[0].values;
  for (const uint8_t *present = dataset.modality[0].present; !*present; present++)
    row += dataset.modality[0].width;
  while (at < size && memcmp(bytes + at, row, 64))
    at++;
  CHECK(at < size, "the values stand in the file as they are");
  dataset_free(&dataset);
  fseek(file, (long)at, SEEK_SET);
  fputc(bytes[at] ^ 1, file);
  fclose(file);
  status = dataset_describe(&text, path, true, false);
  CHECK(status.code == 0, "without verifying, values are not looked at: %s", status.text);
  free(text);
  status = dataset_describe(&text, path, true, true);
  CHECK(status.code == EXIT_DATA && !text && strstr(status.text, "/modalities/m0/values"), "%d %s", status.code,
        status.text);
}

int main(void) {
  char directory[] = "/tmp/rebasis-inspect-XXXXXX", path[128];
  CHECK(mkdtemp(directory), "a scratch folder");
  snprintf(path, sizeof path, "%s/a.h5", directory);
  PlantedConfig config;
  Dataset dataset;
  planted_default(&config);
  CHECK(!planted_set(&config, "samples=300").code && !planted_set(&config, "classes=4").code &&
            !planted_set(&config, "missing=0.3").code,
        "set");
  CHECK(planted_write(&config, path).code == 0, "write");
  CHECK(dataset_open(&dataset, path, NULL).code == 0, "open");
  check_counts(path, &dataset);
  dataset_free(&dataset);
  check_damage(path);
  unlink(path);
  rmdir(directory);
  return 0;
}
