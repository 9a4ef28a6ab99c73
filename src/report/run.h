#ifndef REPORT_RUN_H
#define REPORT_RUN_H
/// What one run directory holds, as read from its files.
#include "base/status.h"
#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>

/// One number over the course of training, of one split: "loss.total" of "train".
typedef struct Track {
  char *split, *key;       // owned
  int count, room;
  double *step, *done, *value; // owned [count]; done: epochs, that of the line included; NaN where it had none
} Track;

enum { SCORE_ACCURACY, SCORE_AUROC, SCORE_AUPRC, SCORE_LOSS, SCORE_F1, SCORE_CALIBRATION, SCORES };
extern const char *const score_keys[SCORES];  // as in evaluation.json
extern const char *const score_names[SCORES]; // for people

/// One evaluated pattern, or one rate; numbers that the file does not have are NaN.
typedef struct Evaluated {
  char *name;   // owned: the modalities present, "image + audio"; of a rate: the modality withheld
  int present;  // modalities present (patterns)
  double rate;  // NaN for patterns
  int64_t n;    // samples, -1 if not said
  double value[SCORES], low[SCORES], high[SCORES];
  char mask[17];
} Evaluated;

/// A key and a value in words, as some file says them.
typedef struct Fact {
  char *key, *value; // owned
} Fact;

/// Singular values of one matrix and the ranks that follow from them (analysis/rank.json).
typedef struct Spectrum {
  char *name;    // owned
  double *value; // owned [count], descending
  int count;
  double numerical_rank, tolerance, effective_rank, stable_rank; // NaN if not said
} Spectrum;

typedef struct RunRecord {
  char *dir;      // owned
  Config *config; // owned
  int tracks, patterns, rates, facts, spectra;
  Track *track;                // owned
  Evaluated *pattern, *rate;   // owned
  Fact *fact;                  // owned
  Spectrum *spectrum;          // owned
  char *rank_about;            // owned: on which samples the spectra were taken, in words; NULL if not said
  bool has_metrics, has_evaluation, has_rank;
  int classes;                 // 0: not said
} RunRecord;

/// Reads `dir`. *record is to be freed with run_free also after a failure. EXIT_NO_INPUT without config.yaml, EXIT_DATA "FILE:LINE: …".
Status run_read(RunRecord *record, const char *dir);
void run_free(RunRecord *record);

/// NULL if the run has no such track.
const Track *run_track(const RunRecord *record, const char *split, const char *key);

#endif
