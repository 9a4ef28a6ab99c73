#ifndef DATA_MIMIC_PARTS_H
#define DATA_MIMIC_PARTS_H
/// What the parts of the MIMIC-IV importer share: the cohort and the tables that were read. The rules stand in data/mimic.h.
#include "code_sets.h"
#include "data/dataset.h"
#include "data/mimic.h"
#include "sheet.h"

#include <jansson.h>

#define MIMIC_NEVER INT64_MIN

typedef struct Patient {
  int64_t subject;
  int64_t anchor_age, anchor_year;
  int64_t death; // midnight of the day, or MIMIC_NEVER
  int gender;    // in words of Cohort
  int64_t first; // admission
} Patient;

typedef struct Admission {
  int64_t id, admit, discharge; // seconds since 1970
  int64_t row;                  // of the data set; -1: excluded
  int64_t line;                 // in the table
  int patient, age, race, type;
  bool died;                  // in hospital
  int mortality, readmission; // labels
} Admission;

typedef enum Category { CATEGORY_GENDER, CATEGORY_RACE, CATEGORY_TYPE, CATEGORIES } Category;

typedef struct Cohort {
  Patient *patient;     // by subject
  Admission *admission; // by subject, admission time, id
  int64_t *by_id;       // admissions by id
  int64_t patients, admissions, rows;
  int64_t too_long, wrong_age, died; // excluded, each by the first rule that applies
  Words category[CATEGORIES];
  json_t *inputs; // what is known of each table read
} Cohort;

/// Reads patients and admissions, and applies the rules. cohort_free afterwards is allowed whatever the outcome.
Status cohort_read(Cohort *cohort, const MimicOptions *options);
void cohort_free(Cohort *cohort);
/// The admission with this hadm_id; NULL: none.
const Admission *cohort_admission(const Cohort *cohort, int64_t id);
/// The last begun of the patient's stays that include `time`; NULL: none.
const Admission *cohort_stay(const Cohort *cohort, int64_t subject, int64_t time);
/// Makes the data set: its labels, ids and split. EXIT_CONFIG: the shares.
Status cohort_fill(const Cohort *cohort, Dataset *dataset, const MimicOptions *options);
/// Adds the modality `demographics` with its column names.
Status cohort_demographics(const Cohort *cohort, Dataset *dataset, Words *columns);

/// Opens the table `name`, or the file `path` for it if not NULL. Close with table_done.
Status cohort_table(Sheet *sheet, const MimicOptions *options, const char *name, const char *path,
                    const char *const *column, int columns);
/// Tells about a table that was read to its end, keeps that for the provenance, and closes it.
void cohort_table_done(Cohort *cohort, Sheet *sheet, const char *name);

/// Adds the modalities of codes, and their words; each in its own sets.
typedef enum CodeKind { CODES_DIAGNOSES, CODES_PROCEDURES, CODES_MEDICATION, CODE_KINDS } CodeKind;
const char *code_kind_name(CodeKind kind);
Status mimic_codes(CodeSets sets[CODE_KINDS], Cohort *cohort, Dataset *dataset, const MimicOptions *options);
/// Adds the modality `notes`. `missing` counts notes of the cohort without the two headings.
Status mimic_notes(Cohort *cohort, Dataset *dataset, const MimicOptions *options, int64_t *missing);
/// Adds the modality `labs` with its column names. Reads dataset->split.
Status mimic_labs(Cohort *cohort, Dataset *dataset, const MimicOptions *options, Words *columns);

#endif
