/// The cohort as a data set: labels, groups, the split, and what is known of a patient at admission.
#include "mimic_parts.h"

#include "base/memory.h"
#include "base/text.h"
#include "data/partition.h"

#include <stdlib.h>
#include <string.h>

/// Shares of admissions, stratified by both labels.
static void split_admissions(Dataset *dataset, int32_t *stratum, const PartitionRule *rule) {
  for (int64_t n = 0; n < dataset->samples; n++)
    stratum[n] = 3 * (dataset->task[0].labels[n] + 1) + dataset->task[1].labels[n] + 1;
  partition_split(dataset->split, stratum, dataset->samples, rule);
}

/// Shares of patients, stratified by whether any of their admissions is positive. Rows of a patient are neighbours.
static Status split_patients(Dataset *dataset, int32_t *stratum, const PartitionRule *rule) {
  uint8_t *split;
  int64_t patients = 0;
  TRY(memory_take((void **)&split, (size_t)dataset->samples, 1, "the split of patients"));
  for (int64_t n = 0; n < dataset->samples; n++) {
    if (n == 0 || strcmp(dataset->ids[n], dataset->ids[n - 1]) != 0)
      stratum[patients++] = 0;
    for (int t = 0; t < 2; t++)
      stratum[patients - 1] |= (dataset->task[t].labels[n] == 1) << t;
  }
  partition_split(split, stratum, patients, rule);
  for (int64_t n = 0, patient = -1; n < dataset->samples; n++) {
    patient += n == 0 || strcmp(dataset->ids[n], dataset->ids[n - 1]) != 0;
    dataset->split[n] = split[patient];
  }
  free(split);
  return STATUS_OK;
}

Status cohort_fill(const Cohort *cohort, Dataset *dataset, const MimicOptions *options) {
  PartitionRule rule = {.seed = options->seed, .validation = options->validation, .test = options->test};
  int32_t *stratum;
  TRY(partition_check(&rule));
  TRY(dataset_init(dataset, "mimic-iv", cohort->rows));
  TRY(dataset_add_task(dataset, "mortality", true, 2));
  TRY(dataset_add_task(dataset, "readmission", true, 2));
  TRY(memory_take((void **)&dataset->ids, (size_t)cohort->rows, sizeof *dataset->ids, "ids"));
  for (int64_t i = 0; i < cohort->admissions; i++) {
    const Admission *one = &cohort->admission[i];
    if (one->row < 0)
      continue;
    dataset->task[0].labels[one->row] = one->mortality;
    dataset->task[1].labels[one->row] = one->readmission;
    dataset->ids[one->row] = text_format("%lld", (long long)cohort->patient[one->patient].subject);
  }
  TRY(memory_take((void **)&stratum, (size_t)cohort->rows, sizeof *stratum, "strata"));
  Status status = STATUS_OK;
  if (options->split == MIMIC_BY_PATIENT)
    status = split_patients(dataset, stratum, &rule);
  else
    split_admissions(dataset, stratum, &rule);
  free(stratum);
  return status;
}

static int category_of(const Cohort *cohort, const Admission *one, Category category) {
  return category == CATEGORY_GENDER ? cohort->patient[one->patient].gender
         : category == CATEGORY_RACE ? one->race
                                     : one->type;
}

/// place[word] of each word of a category, by frequency in the cohort.
static Status place_category(int32_t **place, int *places, const Cohort *cohort, Category category) {
  const Words *words = &cohort->category[category];
  int64_t *count;
  TRY(memory_take((void **)place, (size_t)words->words, sizeof **place, "categories"));
  TRY(memory_take((void **)&count, (size_t)words->words, sizeof *count, "categories"));
  for (int64_t i = 0; i < cohort->admissions; i++)
    if (cohort->admission[i].row >= 0)
      count[category_of(cohort, &cohort->admission[i], category)]++;
  *places = words_rank(*place, words, count);
  free(count);
  return STATUS_OK;
}

static Status name_columns(Words *columns, const Words *words, const int32_t *place, int places, const char *category) {
  int number;
  for (int k = 0; k < places; k++)
    for (int i = 0; i < words->words; i++)
      if (place[i] == k) {
        char *name = text_format("%s=%s", category, words->word[i]);
        Status status = words_number(&number, columns, name);
        free(name);
        TRY(status);
      }
  return STATUS_OK;
}

static Status fill_demographics(const Cohort *cohort, Dataset *dataset, Words *columns, int32_t *place[CATEGORIES]) {
  static const char *const names[CATEGORIES] = {"gender", "race", "admission_type"};
  int number, places, first[CATEGORIES];
  TRY(words_number(&number, columns, "age"));
  for (int k = 0; k < CATEGORIES; k++) {
    TRY(place_category(&place[k], &places, cohort, (Category)k));
    first[k] = columns->words;
    TRY(name_columns(columns, &cohort->category[k], place[k], places, names[k]));
  }
  TRY(dataset_add_dense(dataset, "demographics", KIND_VECTOR, 1, (int[]){columns->words}));
  DatasetModality *m = &dataset->modality[dataset->modalities - 1];
  for (int64_t i = 0; i < cohort->admissions; i++) {
    const Admission *one = &cohort->admission[i];
    if (one->row < 0)
      continue;
    float *row = m->values + one->row * m->width;
    row[0] = (float)(one->age / 100.0);
    for (int k = 0; k < CATEGORIES; k++)
      row[first[k] + place[k][category_of(cohort, one, (Category)k)]] = 1;
  }
  return STATUS_OK;
}

Status cohort_demographics(const Cohort *cohort, Dataset *dataset, Words *columns) {
  int32_t *place[CATEGORIES] = {0};
  Status status = fill_demographics(cohort, dataset, columns, place);
  for (int k = 0; k < CATEGORIES; k++)
    free(place[k]);
  return status;
}
