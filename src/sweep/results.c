#include "sweep/results.h"

#include "base/memory.h"
#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const score_columns[SCORES] = {
    "n",     "accuracy", "accuracy_low",      "accuracy_high", "loss",
    "auroc", "auprc",    "average_precision", "macro_f1",      "calibration_error"};
const char *const score_long_names[SCORES] = {"samples scored",
                                              "share of samples classified rightly",
                                              "lower end of Wilson's 95 % interval of the accuracy",
                                              "upper end of Wilson's 95 % interval of the accuracy",
                                              "mean cross-entropy",
                                              "area under the receiver operating characteristic, macro",
                                              "area under the precision-recall curve, macro",
                                              "average precision, macro",
                                              "F1, macro",
                                              "expected calibration error"};

// --- the patterns

/// Files of one sweep name the same patterns in the same order, so the one after the last found is looked at first.
static int find_pattern(Results *results, const char *name, double rate, int hint) {
  for (int k = 0; k < results->patterns; k++) {
    int p = (hint + k) % results->patterns;
    const Pattern *it = &results->pattern[p];
    bool same = isnan(rate) ? isnan(it->rate) : it->rate == rate;
    if (same && !strcmp(it->name, name))
      return p;
  }
  results->pattern = realloc(results->pattern, ((size_t)results->patterns + 1) * sizeof *results->pattern);
  REQUIRE(results->pattern, "out of memory for patterns");
  results->pattern[results->patterns] = (Pattern){text_format("%s", name), rate};
  return results->patterns++;
}

static char *join(const json_t *names) {
  char *joined = text_format("%s", "");
  size_t k;
  json_t *name;
  json_array_foreach((json_t *)names, k, name) {
    const char *word = json_string_value(name);
    char *longer = text_format("%s%s%s", joined, k ? "+" : "", word ? word : "?");
    free(joined);
    joined = longer;
  }
  return joined;
}

// --- one run

static double number(const json_t *value) { return json_is_number(value) ? json_number_value(value) : NAN; }

static void fill_scores(double *score, const json_t *item) {
  const json_t *interval = json_object_get(item, "accuracy_ci");
  for (int s = 0; s < SCORES; s++)
    score[s] = number(json_object_get(item, score_columns[s]));
  score[SCORE_ACCURACY_LOW] = number(json_array_get(interval, 0));
  score[SCORE_ACCURACY_HIGH] = number(json_array_get(interval, 1));
}

static double *score_at(Results *results, int run, int pattern) {
  if (pattern >= results->known[run]) {
    int known = results->patterns;
    double *row = realloc(results->row[run], (size_t)known * SCORES * sizeof *row);
    REQUIRE(row, "out of memory for scores");
    for (int k = results->known[run] * SCORES; k < known * SCORES; k++)
      row[k] = NAN;
    results->row[run] = row;
    results->known[run] = known;
  }
  return results->row[run] + (size_t)pattern * SCORES;
}

static void take_evaluation(Results *results, int run, const json_t *root) {
  size_t k;
  json_t *item;
  int hint = 0;
  json_array_foreach(json_object_get(root, "patterns"), k, item) {
    char *name = join(json_object_get(item, "present"));
    hint = find_pattern(results, name, NAN, hint);
    if (k == 0) // the first set of a file shows all
      results->complete[run] = hint;
    fill_scores(score_at(results, run, hint++), item);
    free(name);
  }
  json_array_foreach(json_object_get(root, "rates"), k, item) {
    const char *name = json_string_value(json_object_get(item, "modality"));
    hint = find_pattern(results, name ? name : "all", number(json_object_get(item, "rate")), hint);
    fill_scores(score_at(results, run, hint++), item);
  }
}

static void read_run(Results *results, int run, const char *dir) {
  char path[PATH_MOST + 80];
  json_error_t error;
  text_print(path, sizeof path, "%s/runs/%s", dir, results->space->run[run].id);
  results->complete[run] = -1;
  run_state_read(&results->state[run], path);
  if (results->state[run].kind != RUN_DONE)
    return;
  text_print(path, sizeof path, "%s/runs/%s/evaluation.json", dir, results->space->run[run].id);
  json_t *root = json_load_file(path, 0, &error);
  if (root)
    take_evaluation(results, run, root);
  else
    results->trouble[run] = text_format("%s:%d: %.200s", path, error.line, error.text);
  json_decref(root);
}

// --- groups: the number of a run without its seed

bool axis_is_seed(const Space *space, int axis) {
  return !strcmp(space->axis[axis].key, "run.seed") && space->group[space->axis[axis].group].axes == 1;
}

// Whether values i and j of a group are the same in its axes from first to last.
static bool alike(const Space *space, int first, int last, int i, int j) {
  for (int a = first; a <= last; a++)
    if (strcmp(space->axis[a].text[i], space->axis[a].text[j]) != 0)
      return false;
  return true;
}

bool axis_names(const Space *space, int axis) {
  const SpaceGroup *group = &space->group[space->axis[axis].group];
  if (axis_is_seed(space, axis) || group->length < 2)
    return false;
  if (group->first == axis)
    return true;
  for (int i = 0; i < group->length; i++)
    for (int j = 0; j < i; j++)
      if (alike(space, group->first, axis - 1, i, j) && !alike(space, axis, axis, i, j))
        return true;
  return false;
}

static Status find_groups(Results *results) {
  const Space *space = results->space;
  int64_t groups = 1;
  for (int g = 0; g < space->groups; g++)
    groups *= axis_is_seed(space, space->group[g].first) ? 1 : space->group[g].length;
  results->groups = (int)groups;
  TRY(memory_take((void **)&results->group, (size_t)space->runs, sizeof *results->group, "groups of runs"));
  TRY(memory_take((void **)&results->first, (size_t)groups, sizeof *results->first, "groups of runs"));
  for (int g = 0; g < groups; g++)
    results->first[g] = -1;
  for (int i = 0; i < space->runs; i++) {
    int group = 0;
    for (int g = 0; g < space->groups; g++)
      if (!axis_is_seed(space, space->group[g].first))
        group = group * space->group[g].length +
                (int)(space->run[i].number / space->group[g].stride % space->group[g].length);
    results->group[i] = group;
    if (results->first[group] < 0)
      results->first[group] = i;
  }
  return STATUS_OK;
}

// --- all

Status results_read(Results *results, const Space *space, const char *dir) {
  size_t runs = (size_t)space->runs;
  *results = (Results){.space = space};
  TRY(memory_take((void **)&results->state, runs, sizeof *results->state, "the states of runs"));
  TRY(memory_take((void **)&results->row, runs, sizeof *results->row, "scores"));
  TRY(memory_take((void **)&results->known, runs, sizeof *results->known, "scores"));
  TRY(memory_take((void **)&results->complete, runs, sizeof *results->complete, "scores"));
  TRY(memory_take((void **)&results->trouble, runs, sizeof *results->trouble, "scores"));
  TRY(find_groups(results));
  for (int i = 0; i < space->runs; i++)
    read_run(results, i, dir);
  return STATUS_OK;
}

void results_free(Results *results) {
  for (int i = 0; results->space && i < results->space->runs; i++) {
    free(results->row ? results->row[i] : NULL);
    free(results->trouble ? results->trouble[i] : NULL);
  }
  for (int p = 0; p < results->patterns; p++)
    free(results->pattern[p].name);
  free(results->state);
  free(results->row);
  free(results->known);
  free(results->complete);
  free(results->trouble);
  free(results->pattern);
  free(results->group);
  free(results->first);
  *results = (Results){0};
}

double results_score(const Results *results, int run, int pattern, int score) {
  return pattern >= 0 && pattern < results->known[run] ? results->row[run][(size_t)pattern * SCORES + (size_t)score]
                                                       : NAN;
}

bool results_is_curve(const Results *results, int pattern) {
  return !isnan(results->pattern[pattern].rate) && !strcmp(results->pattern[pattern].name, "all");
}

double results_curve(const Results *results, int run, int score) {
  double sum = 0;
  int rates = 0;
  for (int p = 0; p < results->patterns; p++)
    if (results_is_curve(results, p)) {
      sum += results_score(results, run, p, score);
      rates++;
    }
  return rates ? sum / rates : NAN;
}
