/// Samples of a planted truth, and its container. Formulas: data/planted.h.
#include "base/memory.h"
#include "base/text.h"
#include "container.h"
#include "data/partition.h"
#include "data/planted.h"
#include "planted_streams.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void draw_within(double *within, const PlantedTruth *truth, int modality, int64_t sample) {
  RandomStream stream = {truth->config.seed, RANDOM_SYNTHETIC, DRAW_WITHIN, (uint32_t)modality};
  for (int k = 0; k < truth->modality[modality].predictive; k++)
    within[k] = (double)random_normal(&stream, (uint64_t)sample, (uint32_t)k);
}

void planted_latent(double *within, double *noise, const PlantedTruth *truth, int modality, int64_t sample) {
  const PlantedModality *m = &truth->modality[modality];
  RandomStream stream = {truth->config.seed, RANDOM_SYNTHETIC, DRAW_NOISE, (uint32_t)modality};
  double partner[4096], c = truth->config.coupling;
  int theirs = truth->modality[m->partner].predictive;
  if (within)
    draw_within(within, truth, modality, sample);
  if (m->entangled)
    draw_within(partner, truth, m->partner, sample);
  for (int k = 0; noise && k < m->noise; k++) {
    noise[k] = (double)random_normal(&stream, (uint64_t)sample, (uint32_t)k);
    if (k < m->entangled) {
      double mixed = 0;
      for (int l = 0; l < theirs; l++)
        mixed += m->mixture[k * theirs + l] * partner[l];
      noise[k] = c * mixed + sqrt(1 - c * c) * noise[k];
    }
    noise[k] *= m->scale * truth->config.sigma;
  }
}

typedef struct Scratch {
  double *within, *noise, *x;
} Scratch;

/// x[width] of one sample.
static void make_row(Scratch *scratch, const PlantedTruth *truth, int modality, int64_t sample, int label) {
  const PlantedModality *m = &truth->modality[modality];
  RandomStream stream = {truth->config.seed, RANDOM_SYNTHETIC, DRAW_REST, (uint32_t)modality};
  int d = m->width, p = m->predictive, q = m->noise;
  double sigma = truth->config.sigma, *within = scratch->within, *x = scratch->x;
  planted_latent(within, scratch->noise, truth, modality, sample);
  for (int t = 0; t < d; t++)
    x[t] = sigma * (double)random_normal(&stream, (uint64_t)sample, (uint32_t)t);
  for (int k = 0; k < p; k++) { // what A sees becomes s + sigma w, whatever was there
    double there = 0;
    for (int t = 0; t < d; t++)
      there += m->signal_basis[t * p + k] * x[t];
    within[k] = m->signal[label * p + k] + sigma * within[k] - there;
  }
  for (int t = 0; t < d; t++) {
    for (int k = 0; k < p; k++)
      x[t] += m->signal_basis[t * p + k] * within[k];
    for (int k = 0; k < q; k++)
      x[t] += m->noise_basis[t * q + k] * scratch->noise[k];
  }
}

static int observations(const PlantedTruth *truth, int modality, int64_t sample) {
  RandomStream stream = {truth->config.seed, RANDOM_SYNTHETIC, DRAW_OBSERVED, (uint32_t)modality};
  return 2 + (int)(random_bits(&stream, (uint64_t)sample) % 5);
}

/// Codes of a row: 2t above, 2t + 1 below, none between. codes NULL: counts only.
static int encode(int32_t *codes, const float *x, int width, double sigma) {
  int count = 0;
  for (int t = 0; t < width; t++)
    if (fabs((double)x[t]) > sigma / 2) {
      if (codes)
        codes[count] = 2 * t + (x[t] < 0);
      count++;
    }
  return count;
}

static Status add_codes(Dataset *dataset, const char *name, const uint8_t *present, const float *x, int width,
                        double sigma) {
  int64_t entries = 0, at = 0;
  for (int64_t n = 0; n < dataset->samples; n++)
    entries += present[n] ? encode(NULL, x + n * width, width, sigma) : 0;
  TRY(dataset_add_codes(dataset, name, entries, 2 * width));
  DatasetModality *m = &dataset->modality[dataset->modalities - 1];
  for (int64_t n = 0; n < dataset->samples; n++) {
    at += present[n] ? encode(m->codes + at, x + n * width, width, sigma) : 0;
    m->offsets[n + 1] = at;
  }
  return STATUS_OK;
}

static Status add_series(Dataset *dataset, const char *name, const uint8_t *present, const float *x,
                         const PlantedTruth *truth, int index) {
  RandomStream stream = {truth->config.seed, RANDOM_SYNTHETIC, DRAW_OBSERVED, (uint32_t)index};
  int width = truth->modality[index].width;
  int64_t entries = 0, at = 0;
  for (int64_t n = 0; n < dataset->samples; n++)
    entries += present[n] ? observations(truth, index, n) : 0;
  TRY(dataset_add_series(dataset, name, entries, width));
  DatasetModality *m = &dataset->modality[dataset->modalities - 1];
  for (int64_t n = 0; n < dataset->samples; n++) {
    int count = present[n] ? observations(truth, index, n) : 0;
    for (int k = 0; k < count; k++, at++) {
      m->times[at] = 3.0f * (float)k;
      for (int t = 0; t < width; t++)
        m->values[at * width + t] =
            (float)((double)x[n * width + t] +
                    truth->config.sigma * (double)random_normal(&stream, (uint64_t)n, (uint32_t)(4 + k * width + t)));
    }
    m->offsets[n + 1] = at;
  }
  return STATUS_OK;
}

static Status add_dense(Dataset *dataset, const char *name, ModalityKind kind, const uint8_t *present, const float *x,
                        int width) {
  int height = 1;
  for (int h = 1; h <= width / h; h++)
    height = width % h ? height : h;
  int image[3] = {1, height, width / height};
  TRY(dataset_add_dense(dataset, name, kind, kind == KIND_VECTOR ? 1 : 3, kind == KIND_VECTOR ? &width : image));
  DatasetModality *m = &dataset->modality[dataset->modalities - 1];
  for (int64_t n = 0; n < dataset->samples; n++)
    if (present[n])
      memcpy(m->values + n * width, x + n * width, (size_t)width * sizeof *x);
  return STATUS_OK;
}

static Status fill_rows(float *x, const PlantedTruth *truth, int index, const int32_t *labels) {
  const PlantedModality *m = &truth->modality[index];
  double *block;
  TRY(memory_take((void **)&block, (size_t)m->predictive + (size_t)m->noise + (size_t)m->width, sizeof *block,
                  "a planted sample"));
  Scratch scratch = {block, block + m->predictive, block + m->predictive + m->noise};
  for (int64_t n = 0; n < truth->config.samples; n++) {
    make_row(&scratch, truth, index, n, labels[n]);
    for (int t = 0; t < m->width; t++)
      x[n * m->width + t] = (float)scratch.x[t];
  }
  free(block);
  return STATUS_OK;
}

static Status add_modality(Dataset *dataset, const PlantedTruth *truth, int index, const uint8_t *present) {
  const PlantedConfig *config = &truth->config;
  ModalityKind kind = config->kinds == 0 ? KIND_VECTOR : config->kind[config->kinds == 1 ? 0 : index];
  int width = truth->modality[index].width;
  char name[DATASET_NAME];
  float *x;
  if (config->names)
    text_print(name, sizeof name, "%s", config->name[index]);
  else
    text_print(name, sizeof name, "m%d", index);
  TRY(memory_take((void **)&x, (size_t)dataset->samples * (size_t)width, sizeof *x, "planted samples"));
  Status status = fill_rows(x, truth, index, dataset->task[0].labels);
  if (!status.code && modality_kind_dense(kind))
    status = add_dense(dataset, name, kind, present, x, width);
  else if (!status.code && kind == KIND_CODES)
    status = add_codes(dataset, name, present, x, width, config->sigma);
  else if (!status.code)
    status = add_series(dataset, name, present, x, truth, index);
  if (!status.code)
    memcpy(dataset->modality[index].present, present, (size_t)dataset->samples);
  free(x);
  return status;
}

/// present[M, N]
static void draw_presence(uint8_t *present, const PlantedTruth *truth) {
  int64_t samples = truth->config.samples;
  for (int64_t n = 0; n < samples; n++) {
    int best = 0, any = 0;
    double largest = -2;
    for (int i = 0; i < truth->config.modalities; i++) {
      RandomStream stream = {truth->config.seed, RANDOM_SYNTHETIC, DRAW_PRESENCE, (uint32_t)i};
      double margin = (double)random_uniform(&stream, (uint64_t)n, 0) - truth->modality[i].missing;
      present[i * samples + n] = margin >= 0;
      any |= margin >= 0;
      if (margin > largest) {
        largest = margin;
        best = i;
      }
    }
    if (!any)
      present[best * samples + n] = 1;
  }
}

static Status draw_labels(int32_t *labels, const PlantedConfig *config) {
  RandomStream stream = {config->seed, RANDOM_SYNTHETIC, DRAW_LABEL, 0};
  int64_t *order;
  TRY(memory_take((void **)&order, (size_t)config->samples, sizeof *order, "an order of samples"));
  random_permutation(order, config->samples, &stream);
  for (int64_t r = 0; r < config->samples; r++)
    labels[order[r]] = (int32_t)(r % config->classes);
  free(order);
  return STATUS_OK;
}

static json_t *numbers_json(const PlantedTruth *truth, size_t offset, bool whole) {
  json_t *list = json_array();
  for (int i = 0; i < truth->config.modalities; i++) {
    const void *field = (const char *)&truth->modality[i] + offset;
    json_array_append_new(list, whole ? json_integer(*(const int *)field) : json_real(*(const double *)field));
  }
  return list;
}

/// What made the data set: the command and every resolved parameter.
static char *provenance(const PlantedTruth *truth) {
  const PlantedConfig *c = &truth->config;
  json_t *root = json_pack("{s:s, s:i, s:I, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:I}", "command", "data synth planted",
                           "version", 1, "samples", (json_int_t)c->samples, "classes", c->classes, "modalities",
                           c->modalities, "coupling", c->coupling, "sigma", c->sigma, "shared", c->shared, "validation",
                           c->validation, "test", c->test, "seed", (json_int_t)c->seed);
  json_object_set_new(root, "width", numbers_json(truth, offsetof(PlantedModality, width), true));
  json_object_set_new(root, "predictive", numbers_json(truth, offsetof(PlantedModality, predictive), true));
  json_object_set_new(root, "noise", numbers_json(truth, offsetof(PlantedModality, noise), true));
  json_object_set_new(root, "entangled", numbers_json(truth, offsetof(PlantedModality, entangled), true));
  json_object_set_new(root, "snr", numbers_json(truth, offsetof(PlantedModality, snr), false));
  json_object_set_new(root, "scale", numbers_json(truth, offsetof(PlantedModality, scale), false));
  json_object_set_new(root, "missing", numbers_json(truth, offsetof(PlantedModality, missing), false));
  char *text = json_dumps(root, JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
  json_decref(root);
  return text;
}

Status planted_make(Dataset *dataset, const PlantedTruth *truth) {
  const PlantedConfig *config = &truth->config;
  uint8_t *present;
  TRY(dataset_init(dataset, "planted", config->samples));
  TRY(dataset_add_task(dataset, "class", false, config->classes));
  TRY(draw_labels(dataset->task[0].labels, config));
  partition_split(dataset->split, dataset->task[0].labels, config->samples,
                  &(PartitionRule){.seed = config->seed, .validation = config->validation, .test = config->test});
  dataset->provenance = provenance(truth);
  TRY(memory_take((void **)&present, (size_t)config->samples * (size_t)config->modalities, 1, "presence"));
  draw_presence(present, truth);
  Status status = STATUS_OK;
  for (int i = 0; !status.code && i < config->modalities; i++)
    status = add_modality(dataset, truth, i, present + i * config->samples);
  free(present);
  return status;
}

typedef struct Written {
  const PlantedTruth *truth;
  const Dataset *dataset;
  double alone[DATASET_MODALITIES], all; // accuracies of planted_bayes on the test split; NaN: unknown
} Written;

static bool write_known(hid_t group, double accuracy) {
  return isnan(accuracy) || write_number(group, "bayes_test", accuracy);
}

static bool write_matrix(hid_t group, const char *name, const double *matrix, int rows, int columns) {
  uint64_t dim[2] = {(uint64_t)rows, (uint64_t)columns};
  return rows == 0 || columns == 0 || write_array(group, name, ELEMENT_F64, 2, dim, matrix);
}

static bool write_modality(hid_t group, const Written *w, int index) {
  const PlantedModality *m = &w->truth->modality[index];
  int classes = w->truth->config.classes, theirs = w->truth->modality[m->partner].predictive;
  uint64_t seen[1] = {(uint64_t)classes};
  return write_matrix(group, "signal_basis", m->signal_basis, m->width, m->predictive) &&
         write_matrix(group, "noise_basis", m->noise_basis, m->width, m->noise) &&
         write_matrix(group, "signal", m->signal, classes, m->predictive) &&
         write_matrix(group, "mixture", m->mixture, m->entangled, theirs) &&
         write_array(group, "sees", ELEMENT_U8, 1, seen, m->sees) &&
         write_integer(group, "predictive", m->predictive) && write_integer(group, "noise", m->noise) &&
         write_integer(group, "entangled", m->entangled) && write_integer(group, "seen", m->seen) &&
         write_text(group, "partner", w->dataset->modality[m->partner].name) && write_number(group, "snr", m->snr) &&
         write_number(group, "scale", m->scale) && write_number(group, "missing", m->missing) &&
         write_known(group, w->alone[index]);
}

static bool write_truth(hid_t file, const void *user) {
  const Written *w = user;
  const PlantedConfig *c = &w->truth->config;
  hid_t truth = write_group(file, "truth");
  bool done = truth >= 0 && write_integer(truth, "samples", c->samples) &&
              write_integer(truth, "classes", c->classes) && write_integer(truth, "modalities", c->modalities) &&
              write_number(truth, "coupling", c->coupling) && write_number(truth, "sigma", c->sigma) &&
              write_number(truth, "shared", c->shared) && write_number(truth, "validation", c->validation) &&
              write_number(truth, "test", c->test) && write_integer(truth, "seed", (int64_t)c->seed) &&
              write_known(truth, w->all);
  for (int i = 0; done && i < c->modalities; i++) {
    hid_t group = write_group(truth, w->dataset->modality[i].name);
    done = group >= 0 && write_modality(group, w, i);
    done = (group < 0 || H5Gclose(group) >= 0) && done;
  }
  return (truth < 0 || H5Gclose(truth) >= 0) && done;
}

/// Whether the best accuracy is known (dense kinds) and worth its time: size^3 / 3 for each pattern of presence.
static bool is_measurable(const Written *w) {
  const PlantedConfig *c = &w->truth->config;
  double size = 0, patterns = fmin(ldexp(1, c->modalities), c->test * (double)c->samples);
  bool complete = true, dense = true;
  for (int i = 0; i < c->modalities; i++) {
    size += w->truth->modality[i].predictive + w->truth->modality[i].noise;
    complete &= w->truth->modality[i].missing == 0;
    dense &= modality_kind_dense(w->dataset->modality[i].kind);
  }
  return dense && size < 4096 && size * size * size / 3 * (complete ? 1 : patterns) < 1e10;
}

static Status measure_best(Written *w) {
  int modalities = w->truth->config.modalities;
  bool measurable = is_measurable(w);
  w->all = NAN;
  for (int i = 0; i < modalities; i++) {
    w->alone[i] = NAN;
    if (measurable)
      TRY(planted_bayes(&w->alone[i], w->truth, w->dataset, SPLIT_TEST, 1u << i));
  }
  return measurable ? planted_bayes(&w->all, w->truth, w->dataset, SPLIT_TEST, UINT32_MAX) : STATUS_OK;
}

Status planted_write(const PlantedConfig *config, const char *path) {
  PlantedTruth truth;
  Dataset dataset = {0};
  Written written = {.truth = &truth, .dataset = &dataset};
  Status status = planted_draw(&truth, config);
  if (!status.code)
    status = planted_make(&dataset, &truth);
  if (!status.code)
    status = measure_best(&written);
  if (!status.code)
    status = container_write(&dataset, path, write_truth, &written);
  dataset_free(&dataset);
  planted_free(&truth);
  return status;
}
