// mean and Student's 95 % interval over the seeds of a group, of the score under every pattern; tests; best; failures; gaps; cost
#include "base/json.h"
#include "base/text.h"
#include "sweep/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *summary_json(const Summary *summary) {
  return json_pack("{s:i, s:o, s:o, s:o}", "n", summary->n, "mean", json_real_or_null(summary->mean), "low",
                   json_real_or_null(summary->n > 1 ? summary->interval.low : NAN), "high",
                   json_real_or_null(summary->n > 1 ? summary->interval.high : NAN));
}

// --- groups

typedef struct Members {
  int *run, *begin; // runs of group g: run[begin[g]] … run[begin[g + 1] - 1]
  double *value;    // [runs]
} Members;

static Members members_of(const Results *results) {
  int runs = results->space->runs, groups = results->groups;
  Members members = {malloc((size_t)(runs + 1) * sizeof(int)), calloc((size_t)groups + 2, sizeof(int)),
                     malloc((size_t)(runs + 1) * sizeof(double))};
  REQUIRE(members.run && members.begin && members.value, "out of memory for groups of runs");
  for (int i = 0; i < runs; i++)
    members.begin[results->group[i] + 2]++;
  for (int g = 0; g < groups; g++)
    members.begin[g + 2] += members.begin[g + 1];
  for (int i = 0; i < runs; i++)
    members.run[members.begin[results->group[i] + 1]++] = i;
  return members;
}

static void members_free(Members *members) {
  free(members->run);
  free(members->begin);
  free(members->value);
}

enum { OF_RATES = -1, OF_ALL = -2 }; // for a pattern: the mean over rates; that which shows all modalities of the run

static double score_of(const Results *results, int run, int pattern, int score) {
  return pattern == OF_RATES ? results_curve(results, run, score)
                             : results_score(results, run, pattern == OF_ALL ? results->complete[run] : pattern, score);
}

static Summary over_seeds(const Results *results, const Members *members, int group, int pattern, int score) {
  int n = 0;
  for (int k = members->begin[group]; k < members->begin[group + 1]; k++) {
    members->value[n] = score_of(results, members->run[k], pattern, score);
    n += isfinite(members->value[n]);
  }
  return summary_of(members->value, n, 0.95);
}

static json_t *values_json(const Results *results, int run) {
  const Space *space = results->space;
  json_t *values = json_object();
  for (int a = 0; a < space->axes; a++)
    json_object_set_new(values, space->axis[a].key, json_string(space_value(space, run, a)));
  return values;
}

static json_t *scores_json(const Results *results, const Members *members, int group, int score, bool rates) {
  json_t *list = json_array();
  for (int p = 0; p < results->patterns; p++) {
    const Pattern *pattern = &results->pattern[p];
    if (isnan(pattern->rate) == rates)
      continue;
    Summary summary = over_seeds(results, members, group, p, score);
    json_t *item = summary_json(&summary);
    json_object_set_new(item, rates ? "modality" : "pattern", json_string(pattern->name));
    if (rates)
      json_object_set_new(item, "rate", json_real(pattern->rate));
    json_array_append_new(list, item);
  }
  return list;
}

// "text, more"; frees text.
static char *longer(char *text, const char *more) {
  char *result = text_format("%s%s%s", text, *text ? ", " : "", more);
  free(text);
  return result;
}

// "ebr, 0.4"
static char *group_label(const Results *results, int group) {
  const Space *space = results->space;
  char *label = text_format("%s", "");
  for (int a = 0; a < space->axes && results->first[group] >= 0; a++)
    if (axis_names(space, a))
      label = longer(label, space_value(space, results->first[group], a));
  return *label ? label : longer(label, "all runs");
}

static json_t *group_json(const Results *results, const Members *members, int group, int score) {
  int done = 0;
  double seconds = 0;
  for (int k = members->begin[group]; k < members->begin[group + 1]; k++) {
    const RunState *state = &results->state[members->run[k]];
    done += state->kind == RUN_DONE;
    seconds += state->seconds;
  }
  json_t *values = values_json(results, results->first[group]);
  for (int a = 0; a < results->space->axes; a++)
    if (axis_is_seed(results->space, a))
      json_object_del(values, results->space->axis[a].key);
  Summary all = over_seeds(results, members, group, OF_ALL, score),
          curve = over_seeds(results, members, group, OF_RATES, score);
  char *label = group_label(results, group);
  json_t *object = json_pack("{s:s, s:o, s:i, s:i, s:f, s:o, s:o, s:o, s:o}", "label", label, "values", values, "runs",
                             members->begin[group + 1] - members->begin[group], "done", done, "seconds", seconds,
                             "complete", summary_json(&all), "curve", summary_json(&curve), "patterns",
                             scores_json(results, members, group, score, false), "rates",
                             scores_json(results, members, group, score, true));
  free(label);
  return object;
}

// --- tests, failures, gaps

// Whole, however long: labels that are cut may be the same, or no UTF-8.
static char *condition_label(const Results *results, const PairTests *tests, int group) {
  const Space *space = results->space;
  char *label = text_format("%s", "");
  for (int a = 0; a < space->axes && group >= 0; a++)
    if (axis_names(space, a) && space->axis[a].group != space->axis[tests->axis].group) {
      char *named = text_format("%s: %s", space->axis[a].key, space_value(space, results->first[group], a));
      label = longer(label, named);
      free(named);
    }
  return *label ? label : longer(label, "all together");
}

// "ebr", or "ebr, [mor]" where the key alone does not tell the values that change together apart.
static char *level_label(const Space *space, int axis, int level) {
  char *label = text_format("%s", space->axis[axis].text[level]);
  for (int a = 0; a < space->axes; a++)
    if (a != axis && space->axis[a].group == space->axis[axis].group && axis_names(space, a))
      label = longer(label, space->axis[a].text[level]);
  return label;
}

static json_t *tests_json(const Results *results, const PairTests *tests) {
  json_t *list = json_array();
  for (int k = 0; k < tests->count; k++) {
    const PairTest *test = &tests->test[k];
    char *condition = condition_label(results, tests, test->condition),
         *a = level_label(results->space, tests->axis, test->a), *b = level_label(results->space, tests->axis, test->b);
    json_t *difference = summary_json(&test->difference);
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:o, s:o}", "a", a, "b", b, "of",
                                          test->curve ? "mean over rates" : "nothing withheld", "where", condition,
                                          "difference", difference, "pairs", test->pairs, "p",
                                          json_real_or_null(test->p), "p_holm", json_real_or_null(test->adjusted)));
    free(condition);
    free(a);
    free(b);
  }
  return list;
}

static json_t *gaps_json(const Results *results, json_t *failures) {
  json_t *gaps = json_array();
  for (int i = 0; i < results->space->runs; i++) {
    const RunState *state = &results->state[i];
    const char *id = results->space->run[i].id;
    if (state->kind == RUN_FAILED)
      json_array_append_new(failures,
                            json_pack("{s:s, s:o, s:s, s:i, s:I, s:i, s:b}", "id", id, "values",
                                      values_json(results, i), "cause", state->cause, "code", state->code, "step",
                                      (json_int_t)state->step, "attempts", state->attempts, "final", state->final));
    if (state->kind != RUN_DONE || results->trouble[i])
      json_array_append_new(gaps, json_pack("{s:s, s:s, s:o, s:s?}", "id", id, "state", run_kind_names[state->kind],
                                            "values", values_json(results, i), "trouble", results->trouble[i]));
  }
  return gaps;
}

// --- the best groups, first by the mean over rates, else by nothing withheld

typedef struct Ranked {
  double value;
  int place;
} Ranked;

static int better_first(const void *a, const void *b) {
  const Ranked *x = a, *y = b;
  if (x->value != y->value)
    return x->value > y->value ? -1 : 1;
  return (x->place > y->place) - (x->place < y->place);
}

static json_t *best_json(const json_t *groups, const char *by) {
  enum { SHOWN = 5 };
  size_t count = json_array_size(groups), kept = 0;
  Ranked *ranked = malloc((count + 1) * sizeof *ranked);
  REQUIRE(ranked, "out of memory for the best groups");
  for (size_t g = 0; g < count; g++) {
    const json_t *mean = json_object_get(json_object_get(json_array_get(groups, g), by), "mean");
    if (json_is_number(mean))
      ranked[kept++] = (Ranked){json_number_value(mean), (int)g};
  }
  qsort(ranked, kept, sizeof *ranked, better_first);
  json_t *best = json_array();
  for (size_t k = 0; k < kept && k < SHOWN; k++)
    json_array_append_new(best, json_integer(ranked[k].place));
  free(ranked);
  return best;
}

json_t *summary_make(const Results *results, const PairTests *tests, int score) {
  const Space *space = results->space;
  json_t *groups = json_array(), *failures = json_array(), *counts = json_object(), *keys = json_array();
  Members members = members_of(results);
  int count[RUN_KINDS] = {0};
  double seconds = 0;
  for (int i = 0; i < space->runs; i++) {
    count[results->state[i].kind]++;
    seconds += results->state[i].seconds;
  }
  for (int k = 0; k < RUN_KINDS; k++)
    json_object_set_new(counts, run_kind_names[k], json_integer(count[k]));
  for (int a = 0; a < space->axes; a++)
    json_array_append_new(keys, json_pack("{s:s, s:i, s:b, s:b, s:i}", "key", space->axis[a].key, "group",
                                          space->axis[a].group, "seed", axis_is_seed(space, a), "names",
                                          axis_names(space, a), "values", space->group[space->axis[a].group].length));
  for (int g = 0; g < results->groups; g++)
    if (results->first[g] >= 0)
      json_array_append_new(groups, group_json(results, &members, g, score));
  members_free(&members);
  json_t *gaps = gaps_json(results, failures), *curve = best_json(groups, "curve"),
         *complete = best_json(groups, "complete");
  json_t *root = json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:f, s:o, s:s, s:o, s:{s:o, s:o}, s:o, s:o}", "name",
                           space->name, "version", REBASIS_VERSION, "score", score_columns[score], "runs", space->runs,
                           "states", counts, "keys", keys, "core_seconds", seconds, "groups", groups, "compared",
                           tests->axis >= 0 ? space->axis[tests->axis].key : "", "tests", tests_json(results, tests),
                           "best", "curve", curve, "complete", complete, "failures", failures, "gaps", gaps);
  REQUIRE(root, "the summary cannot be made");
  return root;
}
