#include "report/run.h"

#include "base/json.h"
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const score_keys[SCORES] = {"accuracy", "auroc", "auprc", "loss", "macro_f1", "calibration_error"};
const char *const score_names[SCORES] = {"Accuracy", "AUROC", "AUPRC", "Loss", "Macro F1", "Calibration error"};

// The list with one more object of `size` bytes, zeroed, at its end.
static void *grow(void *list, int *count, size_t size) {
  int n = *count;
  if ((n & (n - 1)) == 0) { // room is the next power of two
    list = realloc(list, (n ? 2 * (size_t)n : 1) * size);
    REQUIRE(list, "out of memory for %d records", n);
  }
  *count = n + 1;
  memset((char *)list + (size_t)n * size, 0, size);
  return list;
}

static char *words(const json_t *value) {
  if (json_is_string(value))
    return text_format("%s", json_string_value(value));
  if (json_is_integer(value))
    return text_format("%lld", (long long)json_integer_value(value));
  if (json_is_real(value))
    return text_format("%.6g", json_real_value(value));
  return text_format("%s", json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "–");
}

// --- metrics.jsonl ---

static Track *track_of(RunRecord *record, const char *split, const char *key) {
  for (int i = 0; i < record->tracks; i++)
    if (!strcmp(record->track[i].split, split) && !strcmp(record->track[i].key, key))
      return &record->track[i];
  record->track = grow(record->track, &record->tracks, sizeof *record->track);
  Track *track = &record->track[record->tracks - 1];
  track->split = text_format("%s", split);
  track->key = text_format("%s", key);
  return track;
}

const Track *run_track(const RunRecord *record, const char *split, const char *key) {
  for (int i = 0; i < record->tracks; i++)
    if (!strcmp(record->track[i].split, split) && !strcmp(record->track[i].key, key))
      return &record->track[i];
  return NULL;
}

static void track_add(Track *track, double step, double epoch, double value) {
  if (track->count == track->room) {
    track->room = track->room ? 2 * track->room : 64;
    size_t bytes = (size_t)track->room * sizeof(double);
    track->step = realloc(track->step, bytes);
    track->done = realloc(track->done, bytes);
    track->value = realloc(track->value, bytes);
    REQUIRE(track->step && track->done && track->value, "out of memory for %s", track->key);
  }
  track->step[track->count] = step;
  track->done[track->count] = epoch + 1;
  track->value[track->count++] = value;
}

// Every number of an object becomes a point; objects inside lengthen the key: {"loss": {"total": 1}} is "loss.total".
static void add_numbers(RunRecord *record, const char *split, const char *prefix, json_t *object, double step,
                        double epoch) {
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    if (!*prefix && (!strcmp(key, "step") || !strcmp(key, "epoch")))
      continue;
    char *whole = text_format("%s%s%s", prefix, *prefix ? "." : "", key);
    if (json_is_number(value) || json_is_null(value))
      track_add(track_of(record, split, whole), step, epoch, json_is_null(value) ? NAN : json_number_value(value));
    else if (json_is_object(value) && strlen(whole) < 200)
      add_numbers(record, split, whole, value, step, epoch);
    free(whole);
  }
}

static Status add_line(RunRecord *record, const char *path, int line, const char *text, size_t length, bool last) {
  json_error_t error;
  json_t *object = json_loadb(text, length, 0, &error);
  if (!object && last)
    return STATUS_OK; // torn: the run was cut while it wrote
  if (!json_is_object(object)) {
    json_decref(object);
    return status_error(EXIT_DATA, "%s:%d: %s; one JSON object a line is expected", path, line,
                        object ? "not an object" : error.text);
  }
  const char *split = json_string_value(json_object_get(object, "split"));
  double step = json_member_number(object, "step");
  if (isfinite(step))
    add_numbers(record, split ? split : "train", "", object, step, json_member_number(object, "epoch"));
  json_decref(object);
  return isfinite(step) ? STATUS_OK : status_error(EXIT_DATA, "%s:%d: no number \"step\"", path, line);
}

static Status read_lines(RunRecord *record, const char *path, FILE *file) {
  char *text = NULL;
  size_t room = 0;
  Status status = STATUS_OK;
  ssize_t length;
  for (int line = 1; !status.code && (length = getline(&text, &room, file)) > 0; line++)
    if (strspn(text, " \r\n") < (size_t)length)
      status = add_line(record, path, line, text, (size_t)length, text[length - 1] != '\n');
  if (!status.code && ferror(file))
    status = status_error(EXIT_IO, "%s: %s", path, strerror(errno));
  free(text);
  return status;
}

static Status read_metrics(RunRecord *record, const char *path) {
  FILE *file = fopen(path, "re");
  if (!file)
    return errno == ENOENT ? STATUS_OK : status_error(EXIT_IO, "%s: %s", path, strerror(errno));
  record->has_metrics = true;
  Status status = read_lines(record, path, file);
  fclose(file);
  return status;
}

// --- evaluation.json ---

static char *join(const json_t *list) {
  char *text = text_format("%s", "");
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    const char *name = json_string_value(item);
    char *longer = text_format("%s%s%s", text, i ? " + " : "", name ? name : "?");
    free(text);
    text = longer;
  }
  return text;
}

static void read_scores(Evaluated *to, const json_t *from) {
  to->n = json_is_integer(json_object_get(from, "n")) ? json_integer_value(json_object_get(from, "n")) : -1;
  const char *mask = json_string_value(json_object_get(from, "mask_xxh64"));
  text_print(to->mask, sizeof to->mask, "%s", mask ? mask : "");
  for (int s = 0; s < SCORES; s++) {
    char key[32];
    text_print(key, sizeof key, "%s_ci", score_keys[s]);
    const json_t *ends = json_object_get(from, key);
    const json_t *low = json_array_get(ends, 0), *high = json_array_get(ends, 1);
    to->value[s] = json_member_number(from, score_keys[s]);
    to->low[s] = json_is_number(low) ? json_number_value(low) : NAN;
    to->high[s] = json_is_number(high) ? json_number_value(high) : NAN;
  }
}

static void read_patterns(RunRecord *record, const json_t *list) {
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    record->pattern = grow(record->pattern, &record->patterns, sizeof *record->pattern);
    Evaluated *pattern = &record->pattern[record->patterns - 1];
    const json_t *present = json_object_get(item, "present");
    pattern->present = (int)json_array_size(present);
    pattern->name = join(present);
    pattern->rate = NAN;
    read_scores(pattern, item);
  }
}

// Most modalities first, else as they came.
static void sort_patterns(RunRecord *record) {
  for (int i = 1; i < record->patterns; i++)
    for (int k = i; k > 0 && record->pattern[k - 1].present < record->pattern[k].present; k--) {
      Evaluated moved = record->pattern[k];
      record->pattern[k] = record->pattern[k - 1];
      record->pattern[k - 1] = moved;
    }
}

static void read_rates(RunRecord *record, const json_t *list) {
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    record->rate = grow(record->rate, &record->rates, sizeof *record->rate);
    Evaluated *rate = &record->rate[record->rates - 1];
    const char *modality = json_string_value(json_object_get(item, "modality"));
    rate->name = text_format("%s", modality ? modality : "all");
    rate->rate = json_member_number(item, "rate");
    read_scores(rate, item);
  }
}

static void read_facts(RunRecord *record, const char *prefix, json_t *object) {
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    if (json_is_array(value) || json_is_object(value))
      continue;
    record->fact = grow(record->fact, &record->facts, sizeof *record->fact);
    Fact *fact = &record->fact[record->facts - 1];
    fact->key = text_format("%s%s", prefix, key);
    fact->value = words(value);
  }
}

// *object stays NULL when there is no such file; owned by the caller (json_decref).
static Status load(json_t **object, const char *path) {
  *object = NULL;
  FILE *file = fopen(path, "re");
  if (!file)
    return errno == ENOENT ? STATUS_OK : status_error(EXIT_IO, "%s: %s", path, strerror(errno));
  json_error_t error;
  *object = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
  fclose(file);
  if (json_is_object(*object))
    return STATUS_OK;
  Status status = status_error(EXIT_DATA, "%s:%d: %s; an object is expected", path, *object ? 1 : error.line,
                               *object ? "not an object" : error.text);
  json_decref(*object);
  *object = NULL;
  return status;
}

static Status read_evaluation(RunRecord *record, const char *path) {
  json_t *object;
  TRY(load(&object, path));
  if (!object)
    return STATUS_OK;
  record->has_evaluation = true;
  double classes = json_member_number(object, "classes");
  record->classes = classes > 0 && classes < 1e6 ? (int)classes : 0;
  read_patterns(record, json_object_get(object, "patterns"));
  sort_patterns(record);
  read_rates(record, json_object_get(object, "rates"));
  read_facts(record, "evaluated: ", object);
  json_decref(object);
  return STATUS_OK;
}

static Status read_summary(RunRecord *record, const char *path) {
  json_t *object;
  TRY(load(&object, path));
  read_facts(record, "", object);
  json_decref(object);
  return STATUS_OK;
}

// --- analysis/rank.json ---

static void add_spectrum(RunRecord *record, const char *name, const json_t *from) {
  const json_t *values = json_object_get(from, "singular_values");
  record->spectrum = grow(record->spectrum, &record->spectra, sizeof *record->spectrum);
  Spectrum *spectrum = &record->spectrum[record->spectra - 1];
  spectrum->name = text_format("%s", name);
  spectrum->count = (int)json_array_size(values);
  spectrum->value = malloc(sizeof(double) * (size_t)(spectrum->count + 1));
  REQUIRE(spectrum->value, "out of memory for the spectrum of %s", name);
  for (int i = 0; i < spectrum->count; i++) {
    const json_t *value = json_array_get(values, (size_t)i);
    spectrum->value[i] = json_is_number(value) ? json_number_value(value) : NAN;
  }
  spectrum->numerical_rank = json_member_number(from, "numerical_rank");
  spectrum->tolerance = json_member_number(from, "tolerance");
  spectrum->effective_rank = json_member_number(from, "effective_rank");
  spectrum->stable_rank = json_member_number(from, "stable_rank");
}

// An object that has singular values is a matrix, called by the keys that lead to it or by its own "matrix" or "name".
static void find_spectra(RunRecord *record, const char *name, json_t *value, int depth) {
  const char *key;
  json_t *inner;
  size_t i;
  if (json_is_array(json_object_get(value, "singular_values"))) {
    const char *own = json_string_value(json_object_get(value, "matrix"));
    own = own ? own : json_string_value(json_object_get(value, "name"));
    add_spectrum(record, own ? own : name, value);
  } else if (depth < 6) {
    json_object_foreach(value, key, inner) {
      char *path = text_format("%s%s%s", name, *name ? "/" : "", key);
      find_spectra(record, path, inner, depth + 1);
      free(path);
    }
    json_array_foreach(value, i, inner) find_spectra(record, name, inner, depth + 1);
  }
}

static Status read_rank(RunRecord *record, const char *path) {
  json_t *object;
  TRY(load(&object, path));
  record->has_rank = object != NULL;
  find_spectra(record, "", object, 0);
  const json_t *about = json_object_get(object, "about");
  const char *split = json_string_value(json_object_get(about, "split"));
  if (split)
    record->rank_about = text_format("Step %lld; representations and gradients of the %s split, n = %lld.",
                                     (long long)json_integer_value(json_object_get(about, "step")), split,
                                     (long long)json_integer_value(json_object_get(about, "n")));
  json_decref(object);
  return STATUS_OK;
}

// --- the whole run ---

static Status read_file(RunRecord *record, Status (*read)(RunRecord *, const char *), const char *name) {
  char *path = text_format("%s/%s", record->dir, name);
  Status status = read(record, path);
  free(path);
  return status;
}

static Status read_config(RunRecord *record, const char *path) {
  record->config = calloc(1, sizeof *record->config);
  REQUIRE(record->config, "out of memory for a configuration");
  return config_read(record->config, path, NULL, 0);
}

Status run_read(RunRecord *record, const char *dir) {
  *record = (RunRecord){.dir = text_format("%s", dir)};
  TRY(read_file(record, read_config, "config.yaml"));
  TRY(read_file(record, read_metrics, "metrics.jsonl"));
  TRY(read_file(record, read_summary, "run.json"));
  TRY(read_file(record, read_evaluation, "evaluation.json"));
  return read_file(record, read_rank, "analysis/rank.json");
}

static void free_evaluated(Evaluated *list, int count) {
  for (int i = 0; i < count; i++)
    free(list[i].name);
  free(list);
}

void run_free(RunRecord *record) {
  for (int i = 0; i < record->tracks; i++) {
    Track *track = &record->track[i];
    free(track->split);
    free(track->key);
    free(track->step);
    free(track->done);
    free(track->value);
  }
  for (int i = 0; i < record->facts; i++) {
    free(record->fact[i].key);
    free(record->fact[i].value);
  }
  for (int i = 0; i < record->spectra; i++) {
    free(record->spectrum[i].name);
    free(record->spectrum[i].value);
  }
  free_evaluated(record->pattern, record->patterns);
  free_evaluated(record->rate, record->rates);
  free(record->track);
  free(record->fact);
  free(record->spectrum);
  free(record->rank_about);
  free(record->config);
  free(record->dir);
  *record = (RunRecord){0};
}
