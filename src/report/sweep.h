#ifndef REPORT_SWEEP_H
#define REPORT_SWEEP_H
/// The runs of a sweep directory, and what they have in common: runs that differ in nothing but the seed form a group.
#include "metrics/summary.h"
#include "report/run.h"
#include "report/settings.h"

enum { SWEEP_KEYS = 8 };

struct json_t;

typedef struct SweepRun {
  char *id;          // owned: name of the directory in runs/
  Status status;     // why it could not be read
  RunRecord record;
  Settings settings;
  int group;         // -1: could not be read
} SweepRun;

typedef struct SweepGroup {
  const char *value[SWEEP_KEYS]; // borrowed, of the sweep's keys; "–" where a run has no such key
  char *label;                   // owned: the values, joined
  int runs, evaluated;
} SweepGroup;

typedef struct Sweep {
  int runs, groups, keys, patterns;
  SweepRun *run;          // owned, by id
  SweepGroup *group;      // owned, by their values
  char *key[SWEEP_KEYS];  // owned: the keys that tell runs apart, run.seed aside, in the order of the configuration
  char *name[SWEEP_KEYS]; // owned: what people call the key: without the modality when all modalities have one value
  char *follower[SWEEP_KEYS]; // owned: keys that differ too, but are settled by those before them
  int followers;
  int keys_left_out;      // more keys differ than fit: groups tell them apart no longer
  struct json_t *summary; // owned: DIR/summary.json of `rebasis sweep collect`, or NULL: its order of values is that of sweep.yaml
  char **pattern;         // owned: names of all patterns evaluated, most modalities first
} Sweep;

/// Reads DIR/runs/*. Groups are ordered key by key: numbers by size, words as DIR/summary.json has them, or by letters. A run that cannot be read is listed with its reason and fails nothing. EXIT_NO_INPUT without a single run.
Status sweep_read(Sweep *sweep, const char *dir);
void sweep_free(Sweep *sweep);

/// The values of a group's keys, joined, that of `key` left out (-1: none is); numbers with the end of their key. Owned by the caller (free).
char *sweep_label_without(const Sweep *sweep, const SweepGroup *group, int key);

/// Mean of a score over the seeds of a group, with the 95 % interval of the mean by Student's t, cut to [0, 1] where the score is a share;
/// low and high are NaN below two seeds.
Summary sweep_pattern(const Sweep *sweep, int group, const char *pattern, int score);
Summary sweep_rate(const Sweep *sweep, int group, const char *withheld, double rate, int score);

/// The same of one number of every run, of_run[runs], NaN where a run has none.
Summary sweep_over_seeds(const Sweep *sweep, int group, const double *of_run);

#endif
