/// Arrays side by side: axis 0 is the sample; a row of NaN is an absent sample.
#include "data/npy.h"

#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double element(const Npy *npy, int64_t i) {
  switch (npy->type) {
  case NPY_F4:
    return (double)((const float *)npy->bytes)[i];
  case NPY_F8:
    return ((const double *)npy->bytes)[i];
  case NPY_I4:
    return ((const int32_t *)npy->bytes)[i];
  case NPY_I8:
    return (double)((const int64_t *)npy->bytes)[i];
  case NPY_U1:
    return ((const uint8_t *)npy->bytes)[i];
  }
  return NAN;
}

/// A column of integers in [least, most], one per sample; `samples` < 0: as many as there are.
static Status open_integers(Npy *npy, const char *path, int64_t samples, double least, double most) {
  TRY(npy_open(npy, path));
  if (npy->dimensions != 1 || npy->type == NPY_F4 || npy->type == NPY_F8)
    return status_error(EXIT_DATA, "%s: integers of one dimension would be right", path);
  if (samples >= 0 && npy->count != samples)
    return status_error(EXIT_DATA, "%s: has %lld rows; one per sample, %lld, would be right", path,
                        (long long)npy->count, (long long)samples);
  for (int64_t i = 0; i < npy->count; i++)
    if (element(npy, i) < least || element(npy, i) > most)
      return status_error(EXIT_DATA, "%s: row %lld is %.0f; %.0f to %.0f would be right", path, (long long)i,
                          element(npy, i), least, most);
  return STATUS_OK;
}

static Status add_labels(Dataset *dataset, const NpyConfig *config) {
  Npy npy;
  double classes = 0;
  Status status = open_integers(&npy, config->labels, -1, -1, 65535);
  if (!status.code)
    status = dataset_init(dataset, config->name ? config->name : "npy", npy.count);
  for (int64_t i = 0; !status.code && i < npy.count; i++)
    classes = element(&npy, i) + 1 > classes ? element(&npy, i) + 1 : classes;
  if (!status.code && classes < 2)
    status = status_error(EXIT_DATA, "%s: has %.0f classes; at least 2 would be right", config->labels, classes);
  if (!status.code)
    status = dataset_add_task(dataset, config->task ? config->task : "label", classes == 2, (int)classes);
  for (int64_t i = 0; !status.code && i < npy.count; i++)
    dataset->task[0].labels[i] = (int32_t)element(&npy, i);
  npy_close(&npy);
  return status;
}

static Status add_split(Dataset *dataset, const NpyConfig *config) {
  Npy npy;
  if (!config->split) {
    TRY(partition_check(&config->partition));
    partition_split(dataset->split, dataset->task[0].labels, dataset->samples, &config->partition);
    return STATUS_OK;
  }
  Status status = open_integers(&npy, config->split, dataset->samples, SPLIT_TRAIN, SPLIT_TEST);
  for (int64_t i = 0; !status.code && i < dataset->samples; i++)
    dataset->split[i] = (uint8_t)element(&npy, i);
  npy_close(&npy);
  return status;
}

static Status copy_values(DatasetModality *m, const Npy *npy, const char *path) {
  for (int64_t n = 0; n < npy->dim[0]; n++) {
    int64_t unknown = 0;
    for (int64_t i = 0; i < m->width; i++) {
      double value = element(npy, n * m->width + i);
      unknown += isnan(value);
      m->values[n * m->width + i] = isnan(value) ? 0 : (float)value;
      if (isinf(m->values[n * m->width + i]))
        return status_error(EXIT_DATA, "%s: row %lld, value %lld is %g, which float32 does not hold", path,
                            (long long)n, (long long)i, value);
    }
    if (unknown && unknown < m->width)
      return status_error(EXIT_DATA,
                          "%s: row %lld has %lld NaN among %lld values; all (an absent sample) or none would be right",
                          path, (long long)n, (long long)unknown, (long long)m->width);
    m->present[n] = !unknown;
  }
  return STATUS_OK;
}

static Status add_array(Dataset *dataset, const NpyFile *file, const Npy *npy) {
  const char *slash = strrchr(file->path, '/'), *stem = file->name ? file->name : slash ? slash + 1 : file->path;
  char name[DATASET_NAME];
  size_t length = strlen(stem), tail = strlen(".npy");
  int dim[DATASET_DIMENSIONS] = {1};
  if (!file->name && length > tail && !strcmp(stem + length - tail, ".npy"))
    length -= tail;
  if (!text_print(name, sizeof name, "%.*s", (int)length, stem))
    return status_error(EXIT_CONFIG, "modality \"%s\": a name has at most %d bytes", stem, DATASET_NAME - 1);
  if (npy->dim[0] != dataset->samples)
    return status_error(EXIT_DATA, "%s: has %lld rows; one per sample, %lld, would be right", file->path,
                        (long long)npy->dim[0], (long long)dataset->samples);
  for (int i = 1; i < npy->dimensions; i++) {
    if (npy->dim[i] > INT32_MAX)
      return status_error(EXIT_DATA, "%s: a dimension of %lld is too large", file->path, (long long)npy->dim[i]);
    dim[i - 1] = (int)npy->dim[i];
  }
  ModalityKind kind = npy->dimensions <= 2 ? KIND_VECTOR : file->spectrogram ? KIND_SPECTROGRAM : KIND_IMAGE;
  TRY(dataset_add_dense(dataset, name, kind, npy->dimensions > 1 ? npy->dimensions - 1 : 1, dim));
  return copy_values(&dataset->modality[dataset->modalities - 1], npy, file->path);
}

static char *provenance(const NpyConfig *config) {
  json_t *root = json_pack("{s:s, s:i}", "command", "data import npy", "version", 1);
  if (!config->split)
    json_object_set_new(root, "partition", partition_json(&config->partition));
  char *text = json_dumps(root, JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
  json_decref(root);
  return text;
}

Status npy_import(Dataset *dataset, const NpyConfig *config) {
  *dataset = (Dataset){0};
  if (config->files < 1 || config->files > DATASET_MODALITIES || !config->labels)
    return status_error(EXIT_CONFIG, "%d arrays; 1 to %d, and one of labels, would be right", config->files,
                        DATASET_MODALITIES);
  TRY(add_labels(dataset, config));
  TRY(add_split(dataset, config));
  for (int i = 0; i < config->files; i++) {
    Npy npy;
    Status status = npy_open(&npy, config->file[i].path);
    if (!status.code)
      status = add_array(dataset, &config->file[i], &npy);
    npy_close(&npy);
    TRY(status);
  }
  dataset->provenance = provenance(config);
  return STATUS_OK;
}
