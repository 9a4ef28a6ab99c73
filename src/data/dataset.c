/// A data set in memory: made, looked up, identified, checked, freed.
#include "data/dataset.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "container.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"vector", "image", "spectrogram", "codes", "series"};

const char *modality_kind_name(ModalityKind kind) { return kinds[kind]; }

bool modality_kind_dense(ModalityKind kind) {
  return kind == KIND_VECTOR || kind == KIND_IMAGE || kind == KIND_SPECTROGRAM;
}

const char *split_name(Split split) {
  static const char *const names[SPLITS] = {"train", "validation", "test"};
  return names[split];
}

int dataset_modality(const Dataset *dataset, const char *name) {
  for (int i = 0; i < dataset->modalities; i++)
    if (!strcmp(dataset->modality[i].name, name))
      return i;
  return -1;
}

int dataset_task(const Dataset *dataset, const char *name) {
  for (int i = 0; i < dataset->tasks; i++)
    if (!strcmp(dataset->task[i].name, name))
      return i;
  return -1;
}

/// Names become keys of a configuration ("modalities.image.encoder") and parts of option lists ("audio=0.5,image=0.2").
bool name_is_good(const char *name) {
  size_t length = strnlen(name, DATASET_NAME);
  if (length == 0 || length >= DATASET_NAME)
    return false;
  for (const unsigned char *c = (const unsigned char *)name; *c; c++)
    if (*c <= ' ' || *c == 0x7f || strchr("/.,=", *c))
      return false;
  return true;
}

void suggest(char *text, size_t size, const char *word, const char *const *candidates, int count) {
  const char *near = text_nearest(word, candidates, count);
  if (near) {
    text_print(text, size, "did you mean \"%s\"?", near);
    return;
  }
  text_print(text, size, "there is ");
  for (int i = 0; i < count; i++) {
    size_t at = strlen(text);
    text_print(text + at, size - at, "%s%s", i ? ", " : "", candidates[i]);
  }
  if (count == 0)
    text_print(text, size, "there is none");
}

Status dataset_init(Dataset *dataset, const char *name, int64_t samples) {
  *dataset = (Dataset){.samples = samples};
  if (samples < 1)
    return status_error(EXIT_CONFIG, "a data set of %lld samples; at least one is needed", (long long)samples);
  text_print(dataset->name, sizeof dataset->name, "%s", name);
  return memory_take((void **)&dataset->split, (size_t)samples, sizeof *dataset->split, "the split");
}

static Status check_new_name(const char *what, const char *name, int found, int count, int most) {
  if (!name_is_good(name))
    return status_error(
        EXIT_CONFIG, "%s \"%s\": a name has 1 to %d bytes, without '/', '.', ',', '=', spaces and control characters",
        what, name, DATASET_NAME - 1);
  if (found >= 0)
    return status_error(EXIT_CONFIG, "%s \"%s\" is there twice", what, name);
  if (count == most)
    return status_error(EXIT_CONFIG, "%s \"%s\" is one too many; at most %d are possible", what, name, most);
  return STATUS_OK;
}

Status dataset_add_task(Dataset *dataset, const char *name, bool binary, int classes) {
  TRY(check_new_name("task", name, dataset_task(dataset, name), dataset->tasks, DATASET_TASKS));
  if (classes < 2 || (binary && classes != 2))
    return status_error(EXIT_CONFIG, "task \"%s\" has %d classes; a %s task has %s", name, classes,
                        binary ? "binary" : "multiclass", binary ? "2" : "at least 2");
  DatasetTask *task = &dataset->task[dataset->tasks++];
  *task = (DatasetTask){.binary = binary, .classes = classes};
  text_print(task->name, sizeof task->name, "%s", name);
  TRY(memory_take((void **)&task->labels, (size_t)dataset->samples, sizeof *task->labels, "labels"));
  for (int64_t n = 0; n < dataset->samples; n++)
    task->labels[n] = -1;
  return STATUS_OK;
}

/// Adds a modality of known shape with its presence; the caller attaches the big arrays.
static Status add_modality(Dataset *dataset, const char *name, const DatasetModality *shape) {
  TRY(check_new_name("modality", name, dataset_modality(dataset, name), dataset->modalities, DATASET_MODALITIES));
  int index = dataset->modalities++;
  DatasetModality *modality = &dataset->modality[index];
  *modality = *shape;
  text_print(modality->name, sizeof modality->name, "%s", name);
  TRY(memory_take((void **)&modality->present, (size_t)dataset->samples, 1, "presence"));
  memset(modality->present, 1, (size_t)dataset->samples);
  return dataset_attach(dataset, index);
}

Status dataset_add_dense(Dataset *dataset, const char *name, ModalityKind kind, int dimensions, const int *dim) {
  REQUIRE(modality_kind_dense(kind), "%s is no dense kind", modality_kind_name(kind));
  REQUIRE(kind == KIND_VECTOR ? dimensions == 1 : dimensions == 2 || dimensions == 3, "%d dimensions", dimensions);
  DatasetModality shape = {.kind = kind, .dimensions = dimensions, .width = 1, .entries = dataset->samples};
  for (int i = 0; i < dimensions; i++) {
    if (dim[i] < 1 || __builtin_mul_overflow(shape.width, (int64_t)dim[i], &shape.width) || shape.width > INT32_MAX)
      return status_error(EXIT_CONFIG, "modality \"%s\": a row must have 1 to %d values", name, INT32_MAX);
    shape.dim[i] = dim[i];
  }
  return add_modality(dataset, name, &shape);
}

Status dataset_add_codes(Dataset *dataset, const char *name, int64_t entries, int vocabulary) {
  if (entries < 0 || vocabulary < 1)
    return status_error(EXIT_CONFIG, "modality \"%s\": a vocabulary of %d codes; at least one is needed", name,
                        vocabulary);
  return add_modality(dataset, name,
                      &(DatasetModality){.kind = KIND_CODES, .entries = entries, .vocabulary = vocabulary});
}

Status dataset_add_series(Dataset *dataset, const char *name, int64_t entries, int width) {
  if (entries < 0 || width < 1)
    return status_error(EXIT_CONFIG, "modality \"%s\": %d values per time; at least one is needed", name, width);
  return add_modality(
      dataset, name,
      &(DatasetModality){.kind = KIND_SERIES, .dimensions = 1, .dim = {width}, .width = width, .entries = entries});
}

size_t dataset_bytes(const Dataset *dataset, int modality, size_t block[4]) {
  const DatasetModality *m = &dataset->modality[modality];
  bool dense = modality_kind_dense(m->kind);
  size_t size[4] = {
      m->kind == KIND_CODES ? 0 : (size_t)m->entries * (size_t)m->width * sizeof(float),
      dense ? 0 : (size_t)(dataset->samples + 1) * sizeof(int64_t),
      m->kind == KIND_CODES ? (size_t)m->entries * sizeof(int32_t) : 0,
      m->kind == KIND_SERIES ? (size_t)m->entries * sizeof(float) : 0,
  };
  if (block)
    memcpy(block, size, sizeof size);
  return size[0] + size[1] + size[2] + size[3];
}

Status dataset_attach(Dataset *dataset, int modality) {
  DatasetModality *m = &dataset->modality[modality];
  uint64_t values;
  if (__builtin_mul_overflow((uint64_t)m->entries, (uint64_t)m->width, &values) || values > SIZE_MAX / 16)
    return status_error(EXIT_CONFIG, "modality \"%s\" is larger than a machine can address", m->name);
  size_t size[4];
  dataset_bytes(dataset, modality, size);
  void **block[4] = {(void **)&m->values, (void **)&m->offsets, (void **)&m->codes, (void **)&m->times};
  bool wanted[4] = {m->kind != KIND_CODES, !modality_kind_dense(m->kind), m->kind == KIND_CODES,
                    m->kind == KIND_SERIES};
  for (int i = 0; i < 4; i++)
    if (wanted[i])
      TRY(dataset->take ? dataset->take(dataset->user, block[i], size[i]) : memory_take(block[i], size[i], 1, m->name));
  return STATUS_OK;
}

void dataset_free(Dataset *dataset) {
  for (int i = 0; i < dataset->modalities; i++) {
    DatasetModality *m = &dataset->modality[i];
    free(m->present);
    if (dataset->take)
      continue;
    free(m->values);
    free(m->offsets);
    free(m->codes);
    free(m->times);
  }
  for (int i = 0; i < dataset->tasks; i++)
    free(dataset->task[i].labels);
  for (int64_t n = 0; dataset->ids && n < dataset->samples; n++)
    free(dataset->ids[n]);
  free(dataset->ids);
  free(dataset->split);
  free(dataset->provenance);
  *dataset = (Dataset){0};
}

uint64_t dataset_identity(const Dataset *dataset) {
  size_t samples = (size_t)dataset->samples;
  Hash hash;
  hash_init(&hash);
  hash_add(&hash, dataset->name, strlen(dataset->name) + 1);
  hash_add(&hash, &dataset->samples, sizeof dataset->samples);
  hash_add(&hash, dataset->split, samples);
  for (int i = 0; i < dataset->tasks; i++) {
    const DatasetTask *task = &dataset->task[i];
    int32_t shape[2] = {task->binary, task->classes};
    hash_add(&hash, task->name, strlen(task->name) + 1);
    hash_add(&hash, shape, sizeof shape);
    hash_add(&hash, task->labels, samples * sizeof *task->labels);
  }
  for (int i = 0; i < dataset->modalities; i++) {
    const DatasetModality *m = &dataset->modality[i];
    int64_t shape[4 + DATASET_DIMENSIONS] = {m->kind, m->vocabulary, m->entries, m->dimensions};
    for (int k = 0; k < m->dimensions; k++)
      shape[4 + k] = m->dim[k];
    hash_add(&hash, m->name, strlen(m->name) + 1);
    hash_add(&hash, shape, sizeof shape);
    hash_add(&hash, m->present, samples);
    if (m->contents)
      hash_add(&hash, &m->contents, sizeof m->contents);
  }
  return hash_value(&hash);
}

static Status wrong(const char *path, const char *group, const char *name, const char *array, const char *text) {
  return status_error(EXIT_DATA, "%s:/%s/%s/%s: %s", path, group, name, array, text);
}

Status check_bytes(const uint8_t *value, int64_t samples, int most, const char *path, const char *where) {
  for (int64_t n = 0; n < samples; n++)
    if (value[n] > most)
      return status_error(EXIT_DATA, "%s:%s: sample %lld has %d; %s", path, where, (long long)n, value[n],
                          most == 1 ? "0 or 1 would be right" : "0 (train), 1 (validation) or 2 (test) would be right");
  return STATUS_OK;
}

Status check_labels(const DatasetTask *task, int64_t samples, const char *path) {
  for (int64_t n = 0; n < samples; n++)
    if (task->labels[n] < -1 || task->labels[n] >= task->classes)
      return status_error(EXIT_DATA,
                          "%s:/tasks/%s/labels: sample %lld has label %d; 0 to %d, or -1 (unlabelled), would be right",
                          path, task->name, (long long)n, task->labels[n], task->classes - 1);
  return STATUS_OK;
}

static Status check_finite(const float *values, int64_t count, const char *path, const char *name, const char *array) {
  for (int64_t i = 0; i < count; i++)
    if (!isfinite(values[i]))
      return status_error(EXIT_DATA, "%s:/modalities/%s/%s: entry %lld is %s; finite numbers would be right", path,
                          name, array, (long long)i, isnan(values[i]) ? "NaN" : "infinite");
  return STATUS_OK;
}

static Status check_dense(const DatasetModality *m, int64_t samples, const char *path) {
  for (int64_t n = 0; n < samples; n++)
    for (int64_t i = 0; m->present[n] && i < m->width; i++) {
      float value = m->values[n * m->width + i];
      if (!isfinite(value))
        return status_error(
            EXIT_DATA,
            "%s:/modalities/%s/values: sample %lld, value %lld is %s; finite numbers, or present = 0, would be right",
            path, m->name, (long long)n, (long long)i, isnan(value) ? "NaN" : "infinite");
    }
  return STATUS_OK;
}

Status check_modality(const Dataset *dataset, int modality, const char *path) {
  const DatasetModality *m = &dataset->modality[modality];
  if (modality_kind_dense(m->kind))
    return check_dense(m, dataset->samples, path);
  if (m->offsets[0] != 0)
    return wrong(path, "modalities", m->name, "offsets", "does not begin with 0");
  for (int64_t n = 0; n < dataset->samples; n++)
    if (m->offsets[n + 1] < m->offsets[n])
      return status_error(EXIT_DATA,
                          "%s:/modalities/%s/offsets: falls from %lld to %lld at sample %lld; it must not fall", path,
                          m->name, (long long)m->offsets[n], (long long)m->offsets[n + 1], (long long)n);
  if (m->offsets[dataset->samples] != m->entries)
    return status_error(EXIT_DATA,
                        "%s:/modalities/%s/offsets: ends with %lld; the number of entries, %lld, would be right", path,
                        m->name, (long long)m->offsets[dataset->samples], (long long)m->entries);
  if (m->kind == KIND_SERIES) {
    TRY(check_finite(m->times, m->entries, path, m->name, "times"));
    return check_finite(m->values, m->entries * m->width, path, m->name, "values");
  }
  for (int64_t i = 0; i < m->entries; i++)
    if (m->codes[i] < 0 || m->codes[i] >= m->vocabulary)
      return status_error(EXIT_DATA,
                          "%s:/modalities/%s/codes: entry %lld is %d; 0 to %d would be right (vocabulary %d)", path,
                          m->name, (long long)i, m->codes[i], m->vocabulary - 1, m->vocabulary);
  return STATUS_OK;
}
