#ifndef SWEEP_SPACE_H
#define SWEEP_SPACE_H
/// A sweep file, expanded: which runs there are, and the resolved configuration of each. Local; the same on every rank that sees the same
/// files. A run is what the hash of its configuration says, so the order of keys, names and directories do not enter.
///
///   name:    methods                          # default: the file's name without .yaml
///   base:    planted.yaml                     # a path, relative to this file, or the configuration itself as a map
///   sweep:   {method.type: [vanilla, ebr]}    # a grid: every value of each key with every value of the others
///   zip:                                      # keys that change together: lists of one length; one map, or a list of maps
///     - {missingness.fill: [zero, mean], fusion.type: [concat, sum]}
///   subsets: {modalities: {a: {}, b: {}}}     # every part of a map or list that is not empty, the whole first: {a, b}, {b}, {a}
///   sample:  {count: 20, seed: 1, optimizer.learning_rate: {loguniform: [1.0e-4, 1.0e-2]}}    # or uniform, or choice: [a, b]
///   repeats: 5                                # seeds 1 … 5, or a list of seeds
///   slurm:   {partition: cpu, time: "02:00:00", exclusive: true}                              # options of sbatch, as they are
///
/// All of these multiply. A draw is a pure function of (sample.seed, key, number of the draw): another key or a larger count changes none.
#include "config/config.h"
#include "config/tree.h"

#include <stdbool.h>
#include <stdint.h>

enum { SPACE_RUNS_MOST = 1000000, SPACE_NAME = 100 };

/// One swept key: value k of its group's `length`.
typedef struct SpaceAxis {
  const char *key;     // borrowed from the file: "missingness.train"
  int group;
  const Node **node;   // owned [length], nodes of the file
  char **text;         // owned [length]: the value as YAML on one line
} SpaceAxis;

/// Axes that change together. Runs are numbered with the last group changing fastest.
typedef struct SpaceGroup {
  const char *kind;    // "sweep", "zip", "subsets", "sample" or "repeats"
  int first, axes, length;
  int64_t stride;      // value k of a run numbered n: (n / stride) % length
} SpaceGroup;

typedef struct SpaceRun {
  int64_t number;      // in the product of all groups
  uint64_t hash;       // config_hash of its configuration
  char id[17];         // the same as 16 hexadecimal digits: its directory's name
} SpaceRun;

/// One option of sbatch: --KEY=VALUE, or --KEY where value is NULL (true in the file; false leaves it out). A list repeats the option.
typedef struct SpaceOption {
  const char *key, *value; // borrowed from the file
  int line;
} SpaceOption;

typedef struct Space {
  char file[PATH_MOST], name[SPACE_NAME];
  Tree *tree, *base;        // owned; base is tree when the configuration stands in the file itself
  const Node *base_map;     // of base
  int axes, groups, runs, options;
  SpaceAxis *axis;          // owned
  SpaceGroup *group;        // owned
  SpaceRun *run;            // owned, in order of their numbers; no two with the same hash
  SpaceOption *option;      // owned
  int64_t combinations;     // product of all lengths; what exceeds `runs` was the same run again
  int64_t twin[2];          // numbers of the first such pair
} Space;

/// Reads and expands a sweep file, and resolves every run. EXIT_CONFIG "FILE:LINE:COLUMN: …" for what is wrong in the file, in the base, or
/// in the configuration of the first run that does not resolve (with its values); EXIT_NO_INPUT, EXIT_IO. To be freed also after a failure.
Status space_read(Space *space, const char *path);
void space_free(Space *space);

/// The resolved configuration of a run. run.name becomes NAME-ID; run.out DIR/runs/ID, or the default where dir is NULL.
Status space_config(Config *config, const Space *space, int run, const char *dir);

/// Value of an axis in a run, as YAML on one line; borrowed.
const char *space_value(const Space *space, int run, int axis);

/// "method.type: ebr, run.seed: 3", cut to size.
void space_describe(char *text, int size, const Space *space, int run);

/// Says on the log when combinations were the same run again.
void space_warn(const Space *space);

/// Index of the run with this ID, or -1.
int space_find(const Space *space, const char *id);

#endif
