/// age = anchor_age + year(admitted) - anchor_year; days until death or the next admission = floor(difference / 1 day).
#include "mimic_parts.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY = 24 * 60 * 60, DAYS_MOST = 10, AGE_LEAST = 18, AGE_MOST = 89, MORTALITY_DAYS = 90, READMISSION_DAYS = 15 };

Status cohort_table(Sheet *sheet, const MimicOptions *options, const char *name, const char *path,
                    const char *const *column, int columns) {
  char *found = NULL;
  *sheet = (Sheet){0};
  if (!path)
    TRY(sheet_find(&found, options->mimic, name));
  Status status = sheet_open(sheet, path ? path : found, column, columns);
  free(found);
  return status;
}

void cohort_table_done(Cohort *cohort, Sheet *sheet, const char *name) {
  uint64_t xxh64, bytes = csv_stream_bytes(&sheet->csv, &xxh64);
  char hash[17];
  hash_text(hash, xxh64);
  log_info("%s: %lld rows, %lld used", sheet->path, (long long)sheet->rows, (long long)sheet->used);
  json_t *input = json_pack("{s:s, s:I, s:s, s:I, s:I}", "table", name, "bytes", (json_int_t)bytes, "xxh64", hash,
                            "rows", (json_int_t)sheet->rows, "used", (json_int_t)sheet->used);
  json_array_append_new(cohort->inputs, input);
  sheet_close(sheet);
}

/// Room for one more of `size` bytes behind `count`; rooms are powers of two.
static Status one_more(void **block, int64_t count, size_t size, const char *what) {
  if (count > 0 && (count & (count - 1)))
    return STATUS_OK;
  void *larger = realloc(*block, (count ? 2 * (size_t)count : 1) * size);
  if (!larger)
    return status_error(EXIT_INTERNAL, "out of memory: %lld %s", (long long)count, what);
  *block = larger;
  return STATUS_OK;
}

// --- patients ----------------------------------------------------------------------------------------------------------

static int compare_patients(const void *a, const void *b) {
  const Patient *x = a, *y = b;
  return (x->subject > y->subject) - (x->subject < y->subject);
}

static Status patient_take(Cohort *cohort, Sheet *sheet) {
  Patient one = {.death = MIMIC_NEVER};
  TRY(sheet_integer(&one.subject, sheet, 0));
  TRY(words_number(&one.gender, &cohort->category[CATEGORY_GENDER], sheet_text(sheet, 1)));
  TRY(sheet_integer(&one.anchor_age, sheet, 2));
  TRY(sheet_integer(&one.anchor_year, sheet, 3));
  if (sheet_has(sheet, 4))
    TRY(sheet_time(&one.death, sheet, 4));
  TRY(one_more((void **)&cohort->patient, cohort->patients, sizeof one, "patients"));
  cohort->patient[cohort->patients++] = one;
  sheet->used++;
  return STATUS_OK;
}

static Status patients_take(Cohort *cohort, Sheet *sheet) {
  for (bool more;;) {
    TRY(sheet_next(sheet, &more));
    if (!more)
      break;
    TRY(patient_take(cohort, sheet));
  }
  if (cohort->patients)
    qsort(cohort->patient, (size_t)cohort->patients, sizeof *cohort->patient, compare_patients);
  for (int64_t i = 1; i < cohort->patients; i++)
    if (cohort->patient[i].subject == cohort->patient[i - 1].subject)
      return status_error(EXIT_DATA, "%s: subject_id %lld is there twice", sheet->path,
                          (long long)cohort->patient[i].subject);
  return STATUS_OK;
}

static Patient *find_patient(const Cohort *cohort, int64_t subject) {
  Patient key = {.subject = subject};
  return cohort->patients
             ? bsearch(&key, cohort->patient, (size_t)cohort->patients, sizeof *cohort->patient, compare_patients)
             : NULL;
}

// --- admissions --------------------------------------------------------------------------------------------------------

enum {
  ADMISSION_SUBJECT,
  ADMISSION_ID,
  ADMISSION_IN,
  ADMISSION_OUT,
  ADMISSION_DIED,
  ADMISSION_TYPE,
  ADMISSION_RACE,
  ADMISSION_ETHNICITY,
  ADMISSION_COLUMNS
};

static int year_of(int64_t seconds) {
  struct tm tm;
  time_t time = (time_t)seconds;
  return gmtime_r(&time, &tm) ? tm.tm_year + 1900 : 0;
}

static Status admission_take(Cohort *cohort, Sheet *sheet) {
  Admission one = {.row = -1, .line = sheet->csv.cell[0].line, .mortality = -1, .readmission = -1};
  int64_t subject, died;
  TRY(sheet_integer(&subject, sheet, ADMISSION_SUBJECT));
  TRY(sheet_integer(&one.id, sheet, ADMISSION_ID));
  TRY(sheet_time(&one.admit, sheet, ADMISSION_IN));
  TRY(sheet_time(&one.discharge, sheet, ADMISSION_OUT));
  TRY(sheet_integer(&died, sheet, ADMISSION_DIED));
  if (died != 0 && died != 1)
    return sheet_error(sheet, ADMISSION_DIED, "is not 0 or 1");
  one.died = died;
  const Patient *patient = find_patient(cohort, subject);
  if (!patient)
    return sheet_error(sheet, ADMISSION_SUBJECT, "is no subject_id of the table patients");
  int64_t age = patient->anchor_age + year_of(one.admit) - patient->anchor_year;
  one.age = age < -1 ? -1 : age > 1000 ? 1000 : (int)age;
  one.patient = (int)(patient - cohort->patient);
  TRY(words_number(&one.type, &cohort->category[CATEGORY_TYPE], sheet_text(sheet, ADMISSION_TYPE)));
  int race = sheet->column[ADMISSION_RACE] >= 0 ? ADMISSION_RACE : ADMISSION_ETHNICITY; // as MIMIC-IV 1.0 had it
  TRY(words_number(&one.race, &cohort->category[CATEGORY_RACE], sheet_text(sheet, race)));
  TRY(one_more((void **)&cohort->admission, cohort->admissions, sizeof one, "admissions"));
  cohort->admission[cohort->admissions++] = one;
  return STATUS_OK;
}

static int compare_admissions(const void *a, const void *b) {
  const Admission *x = a, *y = b;
  if (x->patient != y->patient)
    return x->patient < y->patient ? -1 : 1;
  if (x->admit != y->admit)
    return x->admit < y->admit ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

static int compare_ids(const void *a, const void *b, void *cohort) {
  const Admission *admission = ((const Cohort *)cohort)->admission;
  int64_t x = admission[*(const int64_t *)a].id, y = admission[*(const int64_t *)b].id;
  return (x > y) - (x < y);
}

static Status order_admissions(Cohort *cohort, const char *path) {
  size_t n = (size_t)cohort->admissions;
  qsort(cohort->admission, n, sizeof *cohort->admission, compare_admissions);
  for (int64_t i = cohort->admissions - 1; i >= 0; i--)
    cohort->patient[cohort->admission[i].patient].first = i;
  TRY(memory_take((void **)&cohort->by_id, n, sizeof *cohort->by_id, "admissions"));
  for (int64_t i = 0; i < cohort->admissions; i++)
    cohort->by_id[i] = i;
  qsort_r(cohort->by_id, n, sizeof *cohort->by_id, compare_ids, cohort);
  for (int64_t i = 1; i < cohort->admissions; i++) {
    const Admission *x = &cohort->admission[cohort->by_id[i - 1]], *y = &cohort->admission[cohort->by_id[i]];
    if (x->id == y->id)
      return status_error(EXIT_DATA, "%s:%lld: hadm_id %lld stands in line %lld too", path,
                          (long long)(x->line > y->line ? x->line : y->line), (long long)x->id,
                          (long long)(x->line > y->line ? y->line : x->line));
  }
  return STATUS_OK;
}

static Status admissions_take(Cohort *cohort, Sheet *sheet) {
  for (bool more;;) {
    TRY(sheet_next(sheet, &more));
    if (!more)
      break;
    TRY(admission_take(cohort, sheet));
  }
  if (cohort->admissions == 0)
    return status_error(EXIT_DATA, "%s:2:1: no row behind the header", sheet->path);
  return order_admissions(cohort, sheet->path);
}

// --- rules -------------------------------------------------------------------------------------------------------------

static int64_t floor_days(int64_t from, int64_t to) {
  int64_t seconds = to - from;
  return seconds / DAY - (seconds % DAY < 0);
}

/// What the time of death and the next admission say about both tasks.
static void label(Admission *one, int64_t death, int64_t next) {
  int64_t back = next == MIMIC_NEVER ? 0 : floor_days(one->discharge, next);
  if (death != MIMIC_NEVER)
    one->mortality = floor_days(one->discharge, death) <= MORTALITY_DAYS;
  else if (next != MIMIC_NEVER && back > MORTALITY_DAYS)
    one->mortality = 0; // seen alive behind the horizon
  if (next != MIMIC_NEVER)
    one->readmission = back <= READMISSION_DAYS;
}

static Status select_rows(Cohort *cohort, const char *path) {
  for (int64_t i = 0; i < cohort->admissions; i++) {
    Admission *one = &cohort->admission[i];
    bool last = i + 1 == cohort->admissions || cohort->admission[i + 1].patient != one->patient;
    if (one->discharge - one->admit > DAYS_MOST * DAY)
      cohort->too_long++;
    else if (one->age < AGE_LEAST || one->age > AGE_MOST)
      cohort->wrong_age++;
    else if (one->died)
      cohort->died++;
    else {
      one->row = cohort->rows++;
      label(one, cohort->patient[one->patient].death, last ? MIMIC_NEVER : cohort->admission[i + 1].admit);
    }
  }
  return cohort->rows
             ? STATUS_OK
             : status_error(EXIT_DATA,
                            "%s: none of %lld admissions is of an adult up to %d who left alive within %d days", path,
                            (long long)cohort->admissions, AGE_MOST, DAYS_MOST);
}

Status cohort_read(Cohort *cohort, const MimicOptions *options) {
  static const char *const patients[] = {"subject_id", "gender", "anchor_age", "anchor_year", "dod"};
  static const char *const admissions[] = {"subject_id",           "hadm_id",        "admittime", "dischtime",
                                           "hospital_expire_flag", "admission_type", "?race",     "?ethnicity"};
  Sheet sheet;
  *cohort = (Cohort){.inputs = json_array()};
  Status status = cohort_table(&sheet, options, "patients", NULL, patients, 5);
  if (!status.code)
    status = patients_take(cohort, &sheet);
  if (!status.code)
    cohort_table_done(cohort, &sheet, "patients");
  sheet_close(&sheet);
  TRY(status);
  status = cohort_table(&sheet, options, "admissions", NULL, admissions, ADMISSION_COLUMNS);
  if (!status.code)
    status = admissions_take(cohort, &sheet);
  if (!status.code)
    status = select_rows(cohort, sheet.path);
  sheet.used = cohort->rows;
  if (!status.code)
    cohort_table_done(cohort, &sheet, "admissions");
  sheet_close(&sheet);
  return status;
}

void cohort_free(Cohort *cohort) {
  for (int k = 0; k < CATEGORIES; k++)
    words_free(&cohort->category[k]);
  free(cohort->patient);
  free(cohort->admission);
  free(cohort->by_id);
  json_decref(cohort->inputs);
  *cohort = (Cohort){0};
}

const Admission *cohort_admission(const Cohort *cohort, int64_t id) {
  int64_t low = 0, high = cohort->admissions;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    const Admission *one = &cohort->admission[cohort->by_id[middle]];
    if (one->id == id)
      return one;
    if (one->id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

const Admission *cohort_stay(const Cohort *cohort, int64_t subject, int64_t time) {
  const Patient *patient = find_patient(cohort, subject);
  const Admission *found = NULL;
  if (!patient)
    return NULL;
  for (int64_t i = patient->first; i < cohort->admissions; i++) {
    const Admission *one = &cohort->admission[i];
    if (one->patient != patient - cohort->patient || one->admit > time)
      break;
    if (time <= one->discharge)
      found = one;
  }
  return found;
}
