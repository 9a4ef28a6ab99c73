#ifndef DATA_MIMIC_H
#define DATA_MIMIC_H
/// Importer of MIMIC-IV (Johnson et al., Scientific Data 10, 2023): the cohort, labels and modalities of MUSE (Wu et al., ICLR 2024;
/// its preprocessing is public). Tables are read row by row, columns found by name; memory follows admissions, not events.
///
/// Samples: admissions in order of patient, admission time, hadm_id, without those of more than 10 days, with an age at admission
/// (anchor_age + year(admittime) - anchor_year) below 18 or above 89, or with death in hospital; ids: subject_id.
/// Tasks (binary, days floored, -1: unlabelled; next admissions are counted before the exclusions):
///   mortality    1: died within 90 days of discharge. 0: died later, or, with no death known, came back after day 90.
///   readmission  1: came back within 15 days. 0: came back later. Who never came back is unlabelled.
/// Modalities; one without any entry in the cohort is left out:
///   diagnoses, procedures  codes "ICD9:5723": the set of the admission's ICD codes
///   medication             codes: the set of prescribed drugs, in lower case
///   demographics           vector: age / 100, and gender, race and admission type one-hot
///   labs                   vector: 4 numbers an item: z of its last value, mean z, 1: some value flagged abnormal, 1: observed.
///                          Items are those whose label holds one of ten names (Hematocrit, …) and whose values in training
///                          admissions vary; z-values use mean and deviation of these. MUSE has a series and all admissions instead.
///   notes                  codes: the set of words of the brief hospital course, hashed into `note_words` buckets
/// Vocabularies and one-hot places are ordered by number of admissions, then by name. Procedures, prescriptions and laboratory
/// values after discharge do not count, nor does what has no time, but for diagnoses. A table without hadm_id is joined by time of stay.
/// The file holds beside the format's arrays: /modalities/NAME/words [vocabulary] and /modalities/NAME/columns [width], texts.
#include "base/status.h"

#include <stdint.h>

typedef enum MimicSplit { MIMIC_BY_ADMISSION, MIMIC_BY_PATIENT } MimicSplit;

/// All strings borrowed. Start from MIMIC_DEFAULTS.
typedef struct MimicOptions {
  const char *mimic;       // folder with hosp/NAME.csv.gz; also hosp/NAME.csv, NAME.csv.gz, NAME.csv
  const char *labevents;   // another file for that table; "none": no labs; NULL: the folder's, or, with a warning, none
  const char *notes;       // discharge.csv.gz of MIMIC-IV-Note; NULL: no notes
  int note_words;          // buckets of the notes' vocabulary
  MimicSplit split;        // by admission, as published: a patient may be in several splits; by patient: in one
  double validation, test; // shares, stratified by both labels
  uint64_t seed;
} MimicOptions;

#define MIMIC_DEFAULTS ((MimicOptions){.note_words = 4096, .validation = 0.1, .test = 0.2, .seed = 42})

/// Reads the tables and writes the container: a pure function of the files' contents and the options.
/// EXIT_USAGE: options. EXIT_NO_INPUT: a table is missing. EXIT_DATA ("FILE:LINE:COLUMN: …"), EXIT_IO; those of dataset_write.
Status mimic_write(const MimicOptions *options, const char *path);

#endif
