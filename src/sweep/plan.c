// core-hours = sum over runs of the predicted seconds on one rank / 3600
#include "sweep/plan.h"

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "sweep/state.h"
#include "train/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// One prediction for all runs that differ in nothing that costs time.
typedef struct Known {
  uint64_t hash;
  PlanRun run;
  Status status;
} Known;

typedef struct Memo {
  Known *known;
  int count;
} Memo;

static uint64_t cost_hash(const Config *config) {
  Config *plain = malloc(sizeof *plain);
  REQUIRE(plain, "out of memory for a configuration");
  *plain = *config;
  plain->run.seed = 0;
  plain->missingness.protocol = PROTOCOL_RATE;
  memset(&plain->missingness.train, 0, sizeof plain->missingness.train);
  memset(&plain->fusion.strength, 0, sizeof plain->fusion.strength);
  memset(&plain->noise, 0, sizeof plain->noise);
  plain->optimizer.learning_rate = plain->optimizer.weight_decay = plain->method.ebr.weight = 0;
  uint64_t hash = config_hash(plain);
  free(plain);
  return hash;
}

static const Known *look_up(Memo *memo, const Config *config, int ranks) {
  uint64_t hash = cost_hash(config);
  for (int k = memo->count - 1; k >= 0; k--)
    if (memo->known[k].hash == hash)
      return &memo->known[k];
  memo->known = realloc(memo->known, ((size_t)memo->count + 1) * sizeof *memo->known);
  REQUIRE(memo->known, "out of memory for predictions");
  Known *known = &memo->known[memo->count++];
  *known = (Known){.hash = hash};
  known->status = plan_run(&known->run, config, ranks);
  return known;
}

static Status predict_all(SweepPlan *plan, const Space *space, Config *config, Memo *memo) {
  for (int i = 0; i < space->runs; i++) {
    TRY(space_config(config, space, i, NULL));
    const Known *known = look_up(memo, config, 1);
    if (known->status.code && !plan->missing.code)
      plan->missing = known->status;
    plan->seconds[i] = known->status.code ? NAN : known->run.seconds;
    plan->steps[i] = known->status.code ? 0 : known->run.steps;
    plan->core_hours += plan->seconds[i] / 3600;
    plan->longest = fmax(plan->longest, plan->seconds[i]);
  }
  return STATUS_OK;
}

void sweep_predict(double *seconds, const Space *space, const bool *wanted, int ranks, Config *config) {
  Memo memo = {0};
  for (int i = 0; i < space->runs; i++) {
    seconds[i] = NAN;
    if ((wanted && !wanted[i]) || space_config(config, space, i, NULL).code)
      continue;
    const Known *known = look_up(&memo, config, ranks);
    if (known->status.code == EXIT_CONFIG)
      seconds[i] = INFINITY;
    else if (!known->status.code)
      seconds[i] = known->run.seconds;
  }
  free(memo.known);
}

void sweep_shape(int *elements, int *packed, const double *seconds, int runs, double element_seconds, int most) {
  double sum = 0;
  for (int i = 0; i < runs; i++)
    sum += isfinite(seconds[i]) ? seconds[i] : element_seconds;
  double mean = runs ? fmax(sum / runs, 1e-3) : 1;
  double fit = fmin(fmax(floor(element_seconds / mean), 1), fmax(runs, 1));
  *packed = (int)fmax(fit, most > 0 ? ceil((double)runs / most) : 1);
  *elements = runs ? (runs + *packed - 1) / *packed : 0;
}

Status sweep_plan(SweepPlan *plan, const Space *space) {
  enum {
    ELEMENT_SECONDS = 1800,
    ELEMENTS_MOST = 1000
  }; // half an hour is worth a place in a queue; MaxArraySize is 1001 as Slurm comes
  *plan = (SweepPlan){0};
  TRY(memory_take((void **)&plan->seconds, (size_t)space->runs, sizeof *plan->seconds, "predictions"));
  TRY(memory_take((void **)&plan->steps, (size_t)space->runs, sizeof *plan->steps, "predictions"));
  Config *config = malloc(sizeof *config);
  REQUIRE(config, "out of memory for a configuration");
  Memo memo = {0};
  Status status = predict_all(plan, space, config, &memo);
  free(memo.known);
  free(config);
  sweep_shape(&plan->elements, &plan->packed, plan->seconds, space->runs, ELEMENT_SECONDS, ELEMENTS_MOST);
  return status;
}

void sweep_plan_free(SweepPlan *plan) {
  free(plan->seconds);
  free(plan->steps);
  *plan = (SweepPlan){0};
}

// --- what people and programs see

static void print_json(const Space *space, const SweepPlan *plan, const SweepCount *count, bool list) {
  json_t *axes = json_array(), *runs = json_array();
  for (int a = 0; a < space->axes; a++) {
    const SpaceAxis *axis = &space->axis[a];
    json_t *values = json_array();
    for (int k = 0; k < space->group[axis->group].length; k++)
      json_array_append_new(values, json_string(axis->text[k]));
    json_array_append_new(axes, json_pack("{s:s, s:s, s:i, s:o}", "key", axis->key, "kind",
                                          space->group[axis->group].kind, "group", axis->group, "values", values));
  }
  for (int i = 0; i < space->runs && list; i++) {
    json_t *values = json_object();
    for (int a = 0; a < space->axes; a++)
      json_object_set_new(values, space->axis[a].key, json_string(space_value(space, i, a)));
    json_array_append_new(runs, json_pack("{s:s, s:o, s:o, s:I}", "id", space->run[i].id, "values", values, "seconds",
                                          json_real_or_null(plan->seconds[i]), "steps", (json_int_t)plan->steps[i]));
  }
  json_t *root =
      json_pack("{s:s, s:i, s:i, s:I, s:o, s:o, s:o, s:{s:i, s:i}}", "name", space->name, "runs", space->runs, "done",
                count->kind[RUN_DONE], "combinations", (json_int_t)space->combinations, "core_hours",
                json_real_or_null(plan->core_hours), "longest_seconds", json_real_or_null(plan->longest), "axes", axes,
                "array", "elements", plan->elements, "runs_per_element", plan->packed);
  REQUIRE(root, "the plan cannot be made");
  if (list)
    json_object_set(root, "run", runs);
  json_decref(runs);
  json_dumpf(root, stdout, JSON_INDENT(1));
  printf("\n");
  json_decref(root);
}

static void print_axis(const Space *space, const SpaceAxis *axis) {
  enum { SHOWN = 72 };
  char values[SHOWN + 8] = "";
  const SpaceGroup *group = &space->group[axis->group];
  for (int k = 0, at = 0; k < group->length; k++) {
    if (at + (int)strlen(axis->text[k]) + 2 > SHOWN) {
      snprintf(values + at, sizeof values - (size_t)at, ", …");
      break;
    }
    at += snprintf(values + at, sizeof values - (size_t)at, "%s%s", k ? ", " : "", axis->text[k]);
  }
  printf("%-8s %-36s %6d  %s\n", group->kind, axis->key, group->length, values);
}

void sweep_plan_print(const Space *space, const SweepPlan *plan, const SweepCount *count, bool list, bool json) {
  if (plan->missing.code)
    log_warning("no prediction: %s", plan->missing.text);
  if (json) {
    print_json(space, plan, count, list);
    return;
  }
  if (space->axes)
    printf("%-8s %-36s %6s  %s\n", "kind", "key", "values", "");
  for (int a = 0; a < space->axes; a++)
    print_axis(space, &space->axis[a]);
  printf("%s%d runs", space->axes ? "\n" : "", space->runs);
  if (space->combinations > space->runs)
    printf(" (%lld combinations, of which %lld repeat another)", (long long)space->combinations,
           (long long)(space->combinations - space->runs));
  if (isfinite(plan->core_hours))
    printf(", about %.3g core-hours, the longest run %.3g minutes on one core", plan->core_hours, plan->longest / 60);
  if (count->kind[RUN_DONE])
    printf("; %d of them are done already", count->kind[RUN_DONE]);
  printf("\nas a Slurm array: %d elements of up to %d runs\n", plan->elements, plan->packed);
  for (int i = 0; i < space->runs && list; i++) {
    char values[400];
    space_describe(values, sizeof values, space, i);
    printf("%s%s  %s\n", i ? "" : "\n", space->run[i].id, values);
  }
}
