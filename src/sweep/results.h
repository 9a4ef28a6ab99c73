#ifndef SWEEP_RESULTS_H
#define SWEEP_RESULTS_H
/// Scores of all runs in memory, and the groups that they form.
#include "metrics/summary.h"
#include "sweep/state.h"

enum {
  SCORE_N,
  SCORE_ACCURACY,
  SCORE_ACCURACY_LOW,
  SCORE_ACCURACY_HIGH,
  SCORE_LOSS,
  SCORE_AUROC,
  SCORE_AUPRC,
  SCORE_AVERAGE_PRECISION,
  SCORE_F1,
  SCORE_CALIBRATION,
  SCORES
};
extern const char *const score_columns[SCORES];   // names in CSV and HDF5
extern const char *const score_long_names[SCORES];

/// One evaluated pattern: a set of modalities shown, or a rate at which one or all are withheld.
typedef struct Pattern {
  char *name;  // owned: "m0+m2"; of a rate: the modality withheld, or "all"
  double rate; // NaN: a set
} Pattern;

typedef struct Results {
  const Space *space;
  RunState *state;     // owned [runs]
  double **row;        // owned [runs]: NULL or [patterns known then, SCORES]
  int *known;          // owned [runs]: patterns of row
  int *complete;       // owned [runs]: the pattern that shows all modalities of the run, -1: not evaluated
  int patterns;
  Pattern *pattern;    // owned
  char **trouble;      // owned [runs]: why the scores of a run that is done cannot be read, or NULL
  int groups, *group;  // of each run; groups differ in more than the seed
  int *first;          // owned [groups]: a run of the group, -1: none
} Results;

/// Reads DIR/runs of every run of the space.
Status results_read(Results *results, const Space *space, const char *dir);
void results_free(Results *results);

/// NaN where there is none, and for pattern -1.
double results_score(const Results *results, int run, int pattern, int score);
/// Whether it is a rate for all modalities together.
bool results_is_curve(const Results *results, int pattern);
/// Mean of a score over the rates of all modalities together; NaN when one is missing.
double results_curve(const Results *results, int run, int score);

/// Whether an axis tells groups apart (all but run.seed); the axes that name a group: the first of each group of the space, and those that
/// tell apart what the axes before them in it do not.
bool axis_is_seed(const Space *space, int axis);
bool axis_names(const Space *space, int axis);

#endif
