// /run and /pattern are the two dimensions, /scores/NAME [runs, patterns] stand on them (HDF5 dimension scales), so that a reader of the file
// alone knows what is what. Strings are variable-length UTF-8, as h5py writes them.
#include "base/text.h"
#include "sweep/parts.h"

#include <hdf5.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool put_attribute(hid_t object, const char *name, const char *text) {
  return H5LTset_attribute_string(object, ".", name, text) >= 0;
}

static hid_t text_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

static bool put(hid_t file, const char *path, hid_t type, int dimensions, const hsize_t *size, const void *data,
                const char *units, const char *long_name) {
  hid_t space = H5Screate_simple(dimensions, size, NULL), chunked = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(chunked, 1);
  hid_t dataset = H5Dcreate2(file, path, type, space, chunked, H5P_DEFAULT, H5P_DEFAULT);
  bool empty = size[0] == 0 || (dimensions > 1 && size[1] == 0);
  bool good = dataset >= 0 && (empty || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0) &&
              (!units || put_attribute(dataset, "units", units)) && put_attribute(dataset, "long_name", long_name);
  if (dataset >= 0)
    H5Dclose(dataset);
  H5Pclose(chunked);
  H5Sclose(space);
  return good;
}

static bool put_texts(hid_t file, const char *path, const char *const *text, int count, const char *long_name) {
  hid_t type = text_type();
  bool good = put(file, path, type, 1, (hsize_t[]){(hsize_t)count}, text, NULL, long_name);
  H5Tclose(type);
  return good;
}

static bool put_numbers(hid_t file, const char *path, const double *value, int count, const char *units,
                        const char *long_name) {
  return put(file, path, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){(hsize_t)count}, value, units, long_name);
}

/// A key whose values are all numbers is an array of numbers.
static bool put_key(hid_t file, const Space *space, int axis, const char **text, double *value) {
  char path[400];
  bool numbers = true;
  for (int i = 0; i < space->runs; i++) {
    text[i] = space_value(space, i, axis);
    numbers &= text_to_double(text[i], &value[i]);
  }
  text_print(path, sizeof path, "/run/keys/%s", space->axis[axis].key);
  return numbers ? put_numbers(file, path, value, space->runs, "1", space->axis[axis].key)
                 : put_texts(file, path, text, space->runs, space->axis[axis].key);
}

static bool put_runs(hid_t file, const Results *results, const char **text, double *value) {
  const Space *space = results->space;
  bool good = true;
  for (int i = 0; i < space->runs; i++)
    text[i] = space->run[i].id;
  good &= put_texts(file, "/run/id", text, space->runs, "hash of the resolved configuration, name of the directory");
  for (int i = 0; i < space->runs; i++) {
    text[i] = run_kind_names[results->state[i].kind];
    value[i] = results->state[i].kind == RUN_DONE ? results->state[i].seconds : NAN;
  }
  good &= put_texts(file, "/run/state", text, space->runs, "state");
  good &= put_numbers(file, "/run/seconds", value, space->runs, "s", "time of training and scoring");
  for (int a = 0; a < space->axes; a++)
    good &= put_key(file, space, a, text, value);
  return good;
}

static bool put_patterns(hid_t file, const Results *results, const char **text, double *value) {
  bool good = true;
  for (int p = 0; p < results->patterns; p++)
    text[p] = results->pattern[p].name;
  good &= put_texts(file, "/pattern/name", text, results->patterns, "modalities shown, or the one withheld at a rate");
  for (int p = 0; p < results->patterns; p++) {
    text[p] = isnan(results->pattern[p].rate) ? "pattern" : "rate";
    value[p] = results->pattern[p].rate;
  }
  good &= put_texts(file, "/pattern/kind", text, results->patterns, "a set of modalities, or a rate of withholding");
  good &= put_numbers(file, "/pattern/rate", value, results->patterns, "1", "probability that a modality is withheld");
  return good;
}

static bool attach(hid_t file, hid_t scores, const char *scale, unsigned dimension, const char *label) {
  hid_t dataset = H5Dopen2(file, scale, H5P_DEFAULT);
  bool good = dataset >= 0 && (H5DSis_scale(dataset) > 0 || H5DSset_scale(dataset, label) >= 0) &&
              H5DSattach_scale(scores, dataset, dimension) >= 0 && H5DSset_label(scores, dimension, label) >= 0;
  if (dataset >= 0)
    H5Dclose(dataset);
  return good;
}

static bool put_scores(hid_t file, const Results *results) {
  const int runs = results->space->runs, patterns = results->patterns;
  double *value = malloc(((size_t)runs * (size_t)patterns + 1) * sizeof *value);
  REQUIRE(value, "out of memory for scores");
  bool good = true;
  for (int s = 0; s < SCORES && good; s++) {
    char path[80];
    text_print(path, sizeof path, "/scores/%s", score_columns[s]);
    for (int i = 0; i < runs; i++)
      for (int p = 0; p < patterns; p++)
        value[(size_t)i * (size_t)patterns + (size_t)p] = results_score(results, i, p, s);
    good = put(file, path, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){(hsize_t)runs, (hsize_t)patterns}, value,
               s == SCORE_N      ? "samples"
               : s == SCORE_LOSS ? "nat"
                                 : "1",
               score_long_names[s]);
    hid_t scores = good ? H5Dopen2(file, path, H5P_DEFAULT) : -1;
    good = good && attach(file, scores, "/run/id", 0, "run") && attach(file, scores, "/pattern/name", 1, "pattern");
    if (scores >= 0)
      H5Dclose(scores);
  }
  free(value);
  return good;
}

static bool write_file(const Results *results, const char *path) {
  int most = results->space->runs > results->patterns ? results->space->runs : results->patterns;
  const char **text = malloc((size_t)(most + 1) * sizeof *text);
  double *value = malloc((size_t)(most + 1) * sizeof *value);
  REQUIRE(text && value, "out of memory for results");
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  bool good = file >= 0 && put_attribute(file, "format", "rebasis-results") &&
              put_attribute(file, "sweep", results->space->name) && put_runs(file, results, text, value) &&
              put_patterns(file, results, text, value) && (results->patterns == 0 || put_scores(file, results));
  if (file >= 0)
    good = H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0 && H5Fclose(file) >= 0 && good;
  free(text);
  free(value);
  return good;
}

Status collect_h5(const Results *results, const char *dir) {
  char path[PATH_MOST + 32], draft[PATH_MOST + 64];
  H5E_auto2_t printer;
  void *user;
  text_print(path, sizeof path, "%s/results.h5", dir);
  text_print(draft, sizeof draft, "%s.%ld.tmp", path, (long)getpid());
  H5Eget_auto2(H5E_DEFAULT, &printer, &user);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  bool good = write_file(results, draft) && rename(draft, path) == 0;
  H5Eset_auto2(H5E_DEFAULT, printer, user);
  if (good)
    return STATUS_OK;
  unlink(draft);
  return status_error(EXIT_CANNOT_CREATE, "%s: cannot be written", path);
}
