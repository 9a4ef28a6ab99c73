#include "data/avmnist.h"

#include "base/hash.h"
#include "base/memory.h"
#include "data/audio.h"
#include "data/pairing.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGE_SIDE = 28, IMAGE_PIXELS = IMAGE_SIDE * IMAGE_SIDE };
static const char default_test_speakers[] = "theo,yweweler";

/// What audio values were shifted and scaled by: (v - mean) / deviation.
typedef struct Standard {
  double mean, deviation;
} Standard;

static Status options_check(const AvmnistOptions *options) {
  bool small = options->protocol == AVMNIST_SMALL;
  if (!options->mnist || !options->fsdd)
    return status_error(EXIT_USAGE, "data import avmnist needs %s; see --help",
                        options->mnist ? "--fsdd DIR" : "--mnist DIR");
  if (options->pairs < 0 || options->pairs > AVMNIST_PAIRS)
    return status_error(EXIT_USAGE, "--pairs %d: from 0 to %d training pairs a class can keep their audio",
                        options->pairs, AVMNIST_PAIRS);
  if (!small && options->pairs != AVMNIST_PAIRS)
    return status_error(EXIT_USAGE,
                        "--pairs belongs to --protocol small; with full, withhold audio by missingness.train");
  if (small && options->split != AVMNIST_OFFICIAL)
    return status_error(EXIT_USAGE, "--split speaker belongs to --protocol full; small has its own split by takes");
  if (options->test_speakers && options->split != AVMNIST_SPEAKER)
    return status_error(EXIT_USAGE, "--test-speakers belongs to --split speaker");
  if (!(options->validation < 1))
    return status_error(EXIT_USAGE, "--validation %g: a share from 0 to below 1", options->validation);
  return STATUS_OK;
}

static AvmnistOptions options_resolve(const AvmnistOptions *options) {
  AvmnistOptions resolved = *options;
  if (resolved.validation < 0)
    resolved.validation = resolved.protocol == AVMNIST_SMALL ? 0.1 : 1.0 / 12;
  if (resolved.split == AVMNIST_SPEAKER && !resolved.test_speakers)
    resolved.test_speakers = default_test_speakers;
  return resolved;
}

static Status sources_read(AvmnistSources *sources, const AvmnistOptions *options) {
  TRY(mnist_read(&sources->train, options->mnist, "train"));
  TRY(mnist_read(&sources->test, options->mnist, "t10k"));
  return recordings_read(&sources->recordings, options->fsdd);
}

static void sources_free(AvmnistSources *sources) {
  mnist_free(&sources->train);
  mnist_free(&sources->test);
  recordings_free(&sources->recordings);
}

static void images_fill(float *values, const Pairing *pairing) {
  for (int64_t n = 0; n < pairing->count; n++)
    for (int i = 0; i < IMAGE_PIXELS; i++)
      values[n * IMAGE_PIXELS + i] = (float)((pairing->pair[n].pixels[i] / 255.0 - 0.5) / 0.5);
}

static void mfcc_fill(float *values, uint8_t *present, Audio *audio, const Pairing *pairing) {
  for (int64_t n = 0; n < pairing->count; n++) {
    const Pair *pair = &pairing->pair[n];
    present[n] = pair->heard;
    if (pair->heard)
      audio_mfcc(values + n * MFCC_SIDE * MFCC_SIDE, audio, pair->recording->samples, pair->recording->count);
  }
}

/// Mean and deviation over the pictures picture[recordings, width] that training uses, each once.
static Standard standard_of(const float *picture, int width, const Pairing *pairing, const Recordings *recordings,
                            uint8_t *used) {
  for (int64_t n = 0; n < pairing->count; n++)
    if (pairing->pair[n].split == SPLIT_TRAIN)
      used[pairing->pair[n].recording - recordings->recording] = 1;
  double sum = 0, squares = 0, count = 0;
  for (int r = 0; r < recordings->count; r++)
    for (int i = 0; used[r] && i < width; i++, count++)
      sum += picture[r * (int64_t)width + i];
  double mean = sum / count;
  for (int r = 0; r < recordings->count; r++)
    for (int i = 0; used[r] && i < width; i++) {
      double d = picture[r * (int64_t)width + i] - mean;
      squares += d * d;
    }
  double deviation = sqrt(squares / count);
  return (Standard){mean, deviation > 0 ? deviation : 1};
}

static Status logmel_fill(float *values, Standard *standard, Audio *audio, const Pairing *pairing,
                          const Recordings *recordings) {
  enum { WIDTH = LOGMEL_SIDE * LOGMEL_SIDE };
  float *picture = NULL;
  uint8_t *used = NULL;
  Status status = memory_take((void **)&picture, (size_t)recordings->count * WIDTH, sizeof *picture, "spectrograms");
  if (!status.code)
    status = memory_take((void **)&used, (size_t)recordings->count, 1, "spectrograms");
  if (!status.code) {
    for (int r = 0; r < recordings->count; r++)
      audio_logmel(picture + r * (int64_t)WIDTH, audio, recordings->recording[r].samples,
                   recordings->recording[r].count);
    *standard = standard_of(picture, WIDTH, pairing, recordings, used);
    for (int64_t n = 0; n < pairing->count; n++) {
      const float *from = picture + (pairing->pair[n].recording - recordings->recording) * WIDTH;
      for (int i = 0; i < WIDTH; i++)
        values[n * WIDTH + i] = (float)((from[i] - standard->mean) / standard->deviation);
    }
  }
  free(picture);
  free(used);
  return status;
}

static Status labels_fill(Dataset *dataset, const Pairing *pairing) {
  int task = dataset_task(dataset, "digit");
  TRY(memory_take((void **)&dataset->ids, (size_t)pairing->count, sizeof *dataset->ids, "ids"));
  for (int64_t n = 0; n < pairing->count; n++) {
    dataset->split[n] = (uint8_t)pairing->pair[n].split;
    dataset->task[task].labels[n] = pairing->pair[n].digit;
    dataset->ids[n] = strdup(pairing->pair[n].recording->name);
    if (!dataset->ids[n])
      return status_error(EXIT_INTERNAL, "out of memory: ids");
  }
  return STATUS_OK;
}

static json_t *input_json(const char *file, int64_t bytes, uint64_t xxh64) {
  char hash[17];
  hash_text(hash, xxh64);
  return json_pack("{s:s, s:I, s:s}", "file", file, "bytes", (json_int_t)bytes, "xxh64", hash);
}

static json_t *parameters_json(const AvmnistOptions *options, Standard standard) {
  if (options->protocol == AVMNIST_SMALL)
    return json_pack(
        "{s:s, s:i, s:f, s:I, s:s}", "protocol", "small", "pairs", options->pairs, "validation", options->validation,
        "seed", (json_int_t)options->seed, "audio",
        "MFCC 20 x 20 of librosa 0.7: every third sample, window 2048, hop 512, reflected, 128 Slaney bands; "
        "(v - 0.5) / 0.5");
  return json_pack("{s:s, s:s, s:s*, s:f, s:I, s:s, s:f, s:f}", "protocol", "full", "split",
                   options->split == AVMNIST_SPEAKER ? "speaker" : "official", "test_speakers", options->test_speakers,
                   "validation", options->validation, "seed", (json_int_t)options->seed, "audio",
                   "log-mel 32 x 32: windows of 256 every 160 around the middle of the energy, 32 Slaney bands from 50 "
                   "Hz, dB below the "
                   "loudest, at least -60; (v - audio_mean) / audio_deviation",
                   "audio_mean", standard.mean, "audio_deviation", standard.deviation);
}

/// Where the data come from, under which terms, and how to cite them.
static json_t *origins_json(void) {
  return json_pack(
      "[{s:s, s:s, s:s}, {s:s, s:s, s:s}]", "name", "MNIST", "licence", "CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)",
      "cite",
      "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, Proc. IEEE 86(11), "
      "1998",
      "name", "Free Spoken Digit Dataset", "licence", "CC BY-SA 4.0", "cite",
      "Jackson et al.: Free Spoken Digit Dataset, https://github.com/Jakobovski/free-spoken-digit-dataset");
}

static Status provenance_fill(Dataset *dataset, const AvmnistSources *sources, const AvmnistOptions *options,
                              Standard standard) {
  const Mnist *train = &sources->train, *test = &sources->test;
  const Recordings *recordings = &sources->recordings;
  json_t *inputs = json_pack("[o, o, o, o, o]", input_json(train->file[0], train->bytes[0], train->xxh64[0]),
                             input_json(train->file[1], train->bytes[1], train->xxh64[1]),
                             input_json(test->file[0], test->bytes[0], test->xxh64[0]),
                             input_json(test->file[1], test->bytes[1], test->xxh64[1]),
                             input_json(recordings->source, recordings->bytes, recordings->xxh64));
  json_t *all =
      json_pack("{s:s, s:s, s:o, s:o, s:o}", "program", "rebasis " REBASIS_VERSION, "command", "data import avmnist",
                "parameters", parameters_json(options, standard), "inputs", inputs, "origins", origins_json());
  dataset->provenance = all ? json_dumps(all, JSON_INDENT(2)) : NULL;
  json_decref(all);
  return dataset->provenance ? STATUS_OK : status_error(EXIT_INTERNAL, "out of memory: provenance");
}

static Status dataset_fill_pairs(Dataset *dataset, const AvmnistSources *sources, const AvmnistOptions *options,
                                 const Pairing *pairing, Audio *audio) {
  bool small = options->protocol == AVMNIST_SMALL;
  int side = small ? MFCC_SIDE : LOGMEL_SIDE;
  TRY(dataset_init(dataset, small ? "avmnist-small" : "avmnist-full", pairing->count));
  TRY(dataset_add_task(dataset, "digit", false, AVMNIST_CLASSES));
  TRY(dataset_add_dense(dataset, "image", KIND_IMAGE, 3, (int[]){1, IMAGE_SIDE, IMAGE_SIDE}));
  TRY(dataset_add_dense(dataset, "audio", KIND_SPECTROGRAM, 3, (int[]){1, side, side}));
  TRY(labels_fill(dataset, pairing));
  DatasetModality *sound = &dataset->modality[dataset_modality(dataset, "audio")];
  images_fill(dataset->modality[dataset_modality(dataset, "image")].values, pairing);
  Standard standard = {0, 1};
  if (small)
    mfcc_fill(sound->values, sound->present, audio, pairing);
  else
    TRY(logmel_fill(sound->values, &standard, audio, pairing, &sources->recordings));
  return provenance_fill(dataset, sources, options, standard);
}

static Status import_read(Dataset *dataset, AvmnistSources *sources, Pairing *pairing, Audio **audio,
                          const AvmnistOptions *options) {
  TRY(sources_read(sources, options));
  TRY(options->protocol == AVMNIST_SMALL ? pairing_small(pairing, sources, options)
                                         : pairing_full(pairing, sources, options));
  TRY(audio_open(audio));
  return dataset_fill_pairs(dataset, sources, options, pairing, *audio);
}

Status avmnist_import(const AvmnistOptions *options, Dataset *dataset) {
  *dataset = (Dataset){0};
  TRY(options_check(options));
  AvmnistOptions resolved = options_resolve(options);
  AvmnistSources sources = {0};
  Pairing pairing = {0};
  Audio *audio = NULL;
  Status status = import_read(dataset, &sources, &pairing, &audio, &resolved);
  audio_close(audio);
  free(pairing.pair);
  sources_free(&sources);
  if (status.code)
    dataset_free(dataset);
  return status;
}
