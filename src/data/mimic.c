/// Tables of MIMIC-IV become a data set: the cohort first, then its modalities one after another, then where all of it comes from.
#include "data/mimic.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "container.h"
#include "mimic_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// Everything that becomes the file.
typedef struct Mimic {
  Cohort cohort;
  Dataset dataset;
  CodeSets sets[CODE_KINDS];
  Words demographics, labs; // names of columns
  int64_t headless;         // notes without the two headings
} Mimic;

static Status options_check(const MimicOptions *options) {
  if (!options->mimic)
    return status_error(EXIT_USAGE, "data import mimic-iv needs --mimic DIR; see --help");
  if (options->note_words < 1 || options->note_words > 1 << 24)
    return status_error(EXIT_USAGE, "--note-words %d: from 1 to %d buckets make a vocabulary", options->note_words,
                        1 << 24);
  return STATUS_OK;
}

/// Whether there is a table of laboratory events. One that is not there is no error: it is large, and often not fetched.
static bool has_labs(const MimicOptions *options) {
  char *path;
  if (options->labevents)
    return strcmp(options->labevents, "none") != 0;
  bool found = !sheet_find(&path, options->mimic, "labevents").code;
  free(path);
  return found;
}

/// Every table is looked for before the first is read, which may take minutes.
static Status tables_check(const MimicOptions *options, bool labs) {
  static const char *const names[] = {"patients",       "admissions",    "diagnoses_icd",
                                      "procedures_icd", "prescriptions", "d_labitems"};
  const char *given[] = {labs ? options->labevents : NULL, options->notes};
  char *path;
  for (int i = 0; i < 5 + labs; i++) {
    TRY(sheet_find(&path, options->mimic, names[i]));
    free(path);
  }
  for (int i = 0; i < 2; i++)
    if (given[i] && access(given[i], R_OK))
      return status_error(EXIT_NO_INPUT, "%s: %s", given[i], strerror(errno));
  if (!labs && !options->labevents)
    log_warning("%s: holds no table labevents, so there will be no labs; --labevents FILE names one elsewhere",
                options->mimic);
  return STATUS_OK;
}

/// Patients with admissions both among the trained and among the tested.
static int64_t count_shared(const Dataset *dataset) {
  int64_t shared = 0;
  unsigned seen = 0;
  for (int64_t n = 0; n < dataset->samples; n++) {
    bool last = n + 1 == dataset->samples || strcmp(dataset->ids[n], dataset->ids[n + 1]) != 0;
    seen |= 1u << dataset->split[n];
    shared += last && (seen & 1u << SPLIT_TRAIN) && (seen & 1u << SPLIT_TEST);
    seen = last ? 0 : seen;
  }
  return shared;
}

static json_t *counts_json(const Mimic *mimic) {
  const Cohort *cohort = &mimic->cohort;
  int64_t patients = 0;
  for (int64_t n = 0; n < mimic->dataset.samples; n++)
    patients += n == 0 || strcmp(mimic->dataset.ids[n], mimic->dataset.ids[n - 1]) != 0;
  return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "admissions", (json_int_t)cohort->admissions,
                   "excluded_over_10_days", (json_int_t)cohort->too_long, "excluded_by_age",
                   (json_int_t)cohort->wrong_age, "excluded_died_in_hospital", (json_int_t)cohort->died, "samples",
                   (json_int_t)cohort->rows, "patients", (json_int_t)patients, "patients_in_training_and_test",
                   (json_int_t)count_shared(&mimic->dataset), "notes_without_headings", (json_int_t)mimic->headless);
}

static Status provenance_fill(Mimic *mimic, const MimicOptions *options) {
  json_t *parameters = json_pack(
      "{s:s, s:f, s:f, s:I, s:i}", "split", options->split == MIMIC_BY_PATIENT ? "patient" : "admission", "validation",
      options->validation, "test", options->test, "seed", (json_int_t)options->seed, "note_words", options->note_words);
  json_t *deviations = json_pack(
      "[s, s, s, s]", "one split for both tasks, stratified by both labels, in place of one for each",
      "codes are sets for each kind, in place of the last 50 of a common sequence",
      "labs are summaries of an admission, in place of its last 50 times; z-values by training admissions alone",
      "notes are hashed words, in place of embeddings");
  json_t *origins = json_pack(
      "[{s:s, s:s, s:s}]", "name", "MIMIC-IV", "licence",
      "PhysioNet Credentialed Health Data License 1.5.0; the demo: Open Data Commons Open Database License 1.0", "cite",
      "Johnson et al.: MIMIC-IV, a freely accessible electronic health record dataset, Scientific Data 10, 2023; "
      "cohort: "
      "Wu et al.: Multimodal Patient Representation Learning with Missing Modalities and Labels, ICLR 2024");
  json_t *all = json_pack("{s:s, s:s, s:o, s:o, s:O, s:o, s:o}", "program", "rebasis " REBASIS_VERSION, "command",
                          "data import mimic-iv", "parameters", parameters, "counts", counts_json(mimic), "inputs",
                          mimic->cohort.inputs, "deviations_from_muse", deviations, "origins", origins);
  mimic->dataset.provenance = all ? json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
  json_decref(all);
  return mimic->dataset.provenance ? STATUS_OK : status_error(EXIT_INTERNAL, "out of memory: provenance");
}

static Status mimic_read(Mimic *mimic, const MimicOptions *options) {
  Cohort *cohort = &mimic->cohort;
  Dataset *dataset = &mimic->dataset;
  TRY(options_check(options));
  bool labs = has_labs(options);
  TRY(tables_check(options, labs));
  TRY(cohort_read(cohort, options));
  TRY(cohort_fill(cohort, dataset, options));
  TRY(mimic_codes(mimic->sets, cohort, dataset, options));
  TRY(cohort_demographics(cohort, dataset, &mimic->demographics));
  if (labs)
    TRY(mimic_labs(cohort, dataset, options, &mimic->labs));
  if (options->notes)
    TRY(mimic_notes(cohort, dataset, options, &mimic->headless));
  return provenance_fill(mimic, options);
}

/// Texts beside the arrays of a modality, if the file has it.
static bool write_names(hid_t file, const char *modality, const char *array, const Words *words) {
  if (words->words == 0)
    return true;
  hid_t modalities = H5Gopen2(file, "modalities", H5P_DEFAULT), group = -1;
  if (modalities >= 0)
    group = H5Gopen2(modalities, modality, H5P_DEFAULT);
  bool done = group >= 0 && write_texts(group, array, words->word, words->words);
  if (group >= 0)
    done = H5Gclose(group) >= 0 && done;
  if (modalities >= 0)
    done = H5Gclose(modalities) >= 0 && done;
  return done;
}

static bool write_all_names(hid_t file, const void *user) {
  const Mimic *mimic = user;
  for (int k = 0; k < CODE_KINDS; k++)
    if (!write_names(file, code_kind_name((CodeKind)k), "words", &mimic->sets[k].words))
      return false;
  return write_names(file, "demographics", "columns", &mimic->demographics) &&
         write_names(file, "labs", "columns", &mimic->labs);
}

Status mimic_write(const MimicOptions *options, const char *path) {
  Mimic mimic = {0};
  Status status = mimic_read(&mimic, options);
  if (!status.code)
    status = container_write(&mimic.dataset, path, write_all_names, &mimic);
  dataset_free(&mimic.dataset);
  for (int k = 0; k < CODE_KINDS; k++)
    code_sets_free(&mimic.sets[k]);
  words_free(&mimic.demographics);
  words_free(&mimic.labs);
  cohort_free(&mimic.cohort);
  return status;
}
