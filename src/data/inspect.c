/// A container described: the JSON object is made first, the text from the same object.
#include "data/inspect.h"

#include "base/hash.h"
#include "base/text.h"
#include "container.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERNS_SHOWN = 16, CLASSES_SHOWN = 12 };

/// Text of a file as JSON; U+FFFD where it is not UTF-8.
static json_t *text_json(const char *text) {
  json_t *value = json_string(text);
  return value ? value : json_string("\xef\xbf\xbd");
}

static json_t *splits_json(const Dataset *dataset) {
  int64_t count[SPLITS] = {0};
  json_t *splits = json_object();
  for (int64_t n = 0; n < dataset->samples; n++)
    count[dataset->split[n]]++;
  for (int s = 0; s < SPLITS; s++)
    json_object_set_new(splits, split_name((Split)s), json_integer(count[s]));
  return splits;
}

static json_t *task_json(const Dataset *dataset, const DatasetTask *task) {
  int64_t *count = calloc((size_t)task->classes * SPLITS, sizeof *count), unlabelled = 0;
  REQUIRE(count, "out of memory for %d classes", task->classes);
  for (int64_t n = 0; n < dataset->samples; n++)
    if (task->labels[n] >= 0)
      count[dataset->split[n] * (int64_t)task->classes + task->labels[n]]++;
    else
      unlabelled++;
  json_t *labels = json_object();
  for (int s = 0; s < SPLITS; s++) {
    json_t *list = json_array();
    for (int c = 0; c < task->classes; c++)
      json_array_append_new(list, json_integer(count[s * (int64_t)task->classes + c]));
    json_object_set_new(labels, split_name((Split)s), list);
  }
  free(count);
  return json_pack("{s:o, s:s, s:i, s:I, s:o}", "name", text_json(task->name), "kind",
                   task->binary ? "binary" : "multiclass", "classes", task->classes, "unlabelled",
                   (json_int_t)unlabelled, "labels", labels);
}

/// Share of samples of each split that have the modality; null where the split is empty.
static json_t *presence_json(const Dataset *dataset, const DatasetModality *m) {
  int64_t count[SPLITS] = {0}, present[SPLITS] = {0};
  json_t *rates = json_object();
  for (int64_t n = 0; n < dataset->samples; n++) {
    count[dataset->split[n]]++;
    present[dataset->split[n]] += m->present[n];
  }
  for (int s = 0; s < SPLITS; s++)
    json_object_set_new(rates, split_name((Split)s),
                        count[s] ? json_real((double)present[s] / (double)count[s]) : json_null());
  return rates;
}

static json_t *modality_json(const Dataset *dataset, int index) {
  const DatasetModality *m = &dataset->modality[index];
  json_t *shape = json_array();
  for (int i = 0; i < m->dimensions; i++)
    json_array_append_new(shape, json_integer(m->dim[i]));
  json_t *root = json_pack("{s:o, s:s, s:o, s:I, s:I, s:o}", "name", text_json(m->name), "kind",
                           modality_kind_name(m->kind), "shape", shape, "entries", (json_int_t)m->entries, "bytes",
                           (json_int_t)dataset_bytes(dataset, index, NULL), "present", presence_json(dataset, m));
  json_object_set_new(root, "vocabulary", m->kind == KIND_CODES ? json_integer(m->vocabulary) : json_null());
  return root;
}

typedef struct Pattern {
  uint32_t mask; // bit i: modality i is present
  int64_t samples;
} Pattern;

static int compare_masks(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static int compare_patterns(const void *a, const void *b) {
  const Pattern *x = a, *y = b;
  return x->samples != y->samples ? (x->samples < y->samples ? 1 : -1) : compare_masks(&y->mask, &x->mask);
}

/// The most frequent first.
static json_t *patterns_json(const Dataset *dataset) {
  size_t samples = (size_t)dataset->samples, count = 0;
  uint32_t *mask = calloc(samples, sizeof *mask);
  Pattern *pattern = calloc(samples, sizeof *pattern);
  REQUIRE(mask && pattern, "out of memory for patterns of %zu samples", samples);
  for (int i = 0; i < dataset->modalities; i++)
    for (size_t n = 0; n < samples; n++)
      mask[n] |= (uint32_t)dataset->modality[i].present[n] << i;
  qsort(mask, samples, sizeof *mask, compare_masks);
  for (size_t n = 0; n < samples; n++) {
    if (n == 0 || mask[n] != mask[n - 1])
      pattern[count++].mask = mask[n];
    pattern[count - 1].samples++;
  }
  qsort(pattern, count, sizeof *pattern, compare_patterns);
  json_t *list = json_array();
  for (size_t k = 0; k < count && k < PATTERNS_SHOWN; k++) {
    json_t *names = json_array();
    for (int i = 0; i < dataset->modalities; i++)
      if (pattern[k].mask >> i & 1)
        json_array_append_new(names, text_json(dataset->modality[i].name));
    json_array_append_new(list, json_pack("{s:o, s:I}", "present", names, "samples", (json_int_t)pattern[k].samples));
  }
  free(mask);
  free(pattern);
  return list;
}

static json_t *describe(const Dataset *dataset, const char *path) {
  char identity[17];
  hash_text(identity, dataset_identity(dataset));
  json_t *root =
      json_pack("{s:o, s:o, s:I, s:s, s:o, s:n}", "file", text_json(path), "name", text_json(dataset->name), "samples",
                (json_int_t)dataset->samples, "identity", identity, "splits", splits_json(dataset), "verified");
  json_t *provenance = dataset->provenance ? json_loads(dataset->provenance, JSON_REJECT_DUPLICATES, NULL) : NULL;
  if (!provenance && dataset->provenance)
    provenance = text_json(dataset->provenance);
  json_object_set_new(root, "provenance", provenance ? provenance : json_null());
  json_t *tasks = json_array(), *modalities = json_array();
  for (int i = 0; i < dataset->tasks; i++)
    json_array_append_new(tasks, task_json(dataset, &dataset->task[i]));
  for (int i = 0; i < dataset->modalities; i++)
    json_array_append_new(modalities, modality_json(dataset, i));
  json_object_set_new(root, "tasks", tasks);
  json_object_set_new(root, "modalities", modalities);
  json_object_set_new(root, "patterns", patterns_json(dataset));
  return root;
}

static const char *get_text(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

static long long get_integer(const json_t *object, const char *key) {
  return json_integer_value(json_object_get(object, key));
}

static void print_task(FILE *out, const json_t *task) {
  fprintf(out, "task       %s: %s, %lld classes, %lld unlabelled\n", get_text(task, "name"), get_text(task, "kind"),
          get_integer(task, "classes"), get_integer(task, "unlabelled"));
  for (int s = 0; s < SPLITS; s++) {
    const json_t *list = json_object_get(json_object_get(task, "labels"), split_name((Split)s));
    fprintf(out, "  %-11s", split_name((Split)s));
    for (size_t c = 0; c < json_array_size(list) && c < CLASSES_SHOWN; c++)
      fprintf(out, " %lld", (long long)json_integer_value(json_array_get(list, c)));
    fprintf(out, json_array_size(list) > CLASSES_SHOWN ? " …\n" : "\n");
  }
}

static void print_modality(FILE *out, const json_t *m) {
  const json_t *shape = json_object_get(m, "shape"), *present = json_object_get(m, "present");
  fprintf(out, "modality   %s: %s", get_text(m, "name"), get_text(m, "kind"));
  for (size_t i = 0; i < json_array_size(shape); i++)
    fprintf(out, "%s%lld", i ? " x " : " ", (long long)json_integer_value(json_array_get(shape, i)));
  if (json_is_integer(json_object_get(m, "vocabulary")))
    fprintf(out, ", vocabulary %lld, %lld codes", get_integer(m, "vocabulary"), get_integer(m, "entries"));
  fprintf(out, ", %.1f MiB; present", (double)get_integer(m, "bytes") / (1 << 20));
  for (int s = 0; s < SPLITS; s++) {
    const json_t *rate = json_object_get(present, split_name((Split)s));
    if (json_is_real(rate))
      fprintf(out, " %s %.3f", split_name((Split)s), json_real_value(rate));
  }
  fprintf(out, "\n");
}

static void print_patterns(FILE *out, const json_t *patterns) {
  for (size_t k = 0; k < json_array_size(patterns); k++) {
    const json_t *pattern = json_array_get(patterns, k), *names = json_object_get(pattern, "present");
    fprintf(out, "%-11s%lld samples have", k ? "" : "patterns", get_integer(pattern, "samples"));
    for (size_t i = 0; i < json_array_size(names); i++)
      fprintf(out, "%s %s", i ? "," : "", json_string_value(json_array_get(names, i)));
    fprintf(out, "%s\n", json_array_size(names) ? "" : " nothing");
  }
}

static char *print(const json_t *root) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  REQUIRE(out, "out of memory for a description");
  const json_t *splits = json_object_get(root, "splits"), *item;
  size_t i;
  char name[4 * DATASET_NAME]; // a name of somebody else's may hold what a terminal obeys
  text_escape(name, sizeof name, get_text(root, "name"));
  fprintf(out, "data set   %s\nfile       %s\nidentity   %s\nsamples    %lld: train %lld, validation %lld, test %lld\n",
          name, get_text(root, "file"), get_text(root, "identity"), get_integer(root, "samples"),
          get_integer(splits, "train"), get_integer(splits, "validation"), get_integer(splits, "test"));
  json_array_foreach(json_object_get(root, "tasks"), i, item) print_task(out, item);
  json_array_foreach(json_object_get(root, "modalities"), i, item) print_modality(out, item);
  print_patterns(out, json_object_get(root, "patterns"));
  const json_t *verified = json_object_get(root, "verified");
  if (json_is_object(verified))
    fprintf(out, "verified   %lld arrays, of which %lld carry a checksum\n", get_integer(verified, "arrays"),
            get_integer(verified, "checksums"));
  char *provenance =
      json_dumps(json_object_get(root, "provenance"), JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
  fprintf(out, "made by    %s\n", provenance ? provenance : "");
  free(provenance);
  fclose(out);
  return text;
}

static Status check_contents(json_t *root, Dataset *dataset, const char *path) {
  int arrays, checksums;
  TRY(dataset_verify(path, &arrays, &checksums));
  for (int i = 0; i < dataset->modalities; i++)
    TRY(dataset_load(dataset, path, i));
  json_object_set_new(root, "verified", json_pack("{s:i, s:i}", "arrays", arrays, "checksums", checksums));
  return STATUS_OK;
}

static Status has_truth(bool *truth, const char *path) {
  Container container;
  Status status = container_open(&container, path);
  if (!status.code)
    status = container_exists(truth, &container, "/truth");
  container_close(&container);
  return status;
}

Status dataset_describe(char **text, const char *path, bool json, bool verify) {
  Dataset dataset;
  bool truth = false;
  *text = NULL;
  Status status = dataset_open(&dataset, path, NULL);
  json_t *root = status.code ? NULL : describe(&dataset, path);
  if (!status.code)
    status = has_truth(&truth, path);
  if (!status.code && verify)
    status = check_contents(root, &dataset, path);
  if (!status.code) {
    json_object_set_new(root, "truth", json_boolean(truth));
    *text = json ? json_dumps(root, JSON_SORT_KEYS | JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : print(root);
  }
  json_decref(root);
  dataset_free(&dataset);
  return status;
}
