// time left = (predicted seconds of what is left) * (seconds / predicted seconds of what is done) / runs at work now
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "sweep/collect.h"
#include "sweep/plan.h"
#include "sweep/view.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Standing {
  SweepCount count;
  RunState *state;    // owned [runs]
  double spent, left; // core-seconds
  double wait;        // seconds until all is done; NaN when nothing is at work
  int strangers;      // directories in runs/ that are of no run
  SlurmView slurm;
} Standing;

static double share_left(const RunState *state) {
  if (state->kind == RUN_DONE || (state->kind == RUN_FAILED && state->final))
    return 0;
  return isfinite(state->progress) ? 1 - state->progress : 1;
}

static void predict(Standing *standing, const Space *space, const SweepPlan *plan) {
  double done = 0, predicted = 0, longest = 0;
  for (int i = 0; i < space->runs; i++)
    if (standing->state[i].kind == RUN_DONE && standing->state[i].seconds > 0 && isfinite(plan->seconds[i])) {
      done += standing->state[i].seconds;
      predicted += plan->seconds[i];
    }
  double pace = predicted > 0 ? done / predicted : 1;
  for (int i = 0; i < space->runs; i++) {
    double seconds = isfinite(plan->seconds[i]) ? plan->seconds[i] * pace : 0,
           left = seconds * share_left(&standing->state[i]);
    standing->spent += standing->state[i].seconds;
    standing->left += left;
    longest = fmax(longest, left);
  }
  int at_work = standing->count.kind[RUN_RUNNING];
  standing->wait = at_work ? fmax(standing->left / at_work, longest) : NAN;
}

static int compare_ids(const void *a, const void *b) { return strcmp(a, *(const char *const *)b); }

static int order_ids(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/// Run directories that are of no run of this sweep: of an edited sweep file, or of a version whose configurations have other keys.
static int count_strangers(const Space *space, const char *dir) {
  char path[PATH_MOST + 64];
  text_print(path, sizeof path, "%s/runs", dir);
  DIR *folder = opendir(path);
  const char **id = malloc(((size_t)space->runs + 1) * sizeof *id);
  REQUIRE(id, "out of memory for IDs");
  for (int i = 0; i < space->runs; i++)
    id[i] = space->run[i].id;
  qsort(id, (size_t)space->runs, sizeof *id, order_ids);
  int strangers = 0;
  for (const struct dirent *entry; folder && (entry = readdir(folder));)
    strangers += *entry->d_name != '.' && !bsearch(entry->d_name, id, (size_t)space->runs, sizeof *id, compare_ids);
  if (folder)
    closedir(folder);
  free(id);
  return strangers;
}

static Status look(Standing *standing, const Space *space, const char *dir) {
  char path[PATH_MOST + 64];
  SweepPlan plan;
  TRY(memory_take((void **)&standing->state, (size_t)space->runs, sizeof *standing->state, "the states of runs"));
  Config *config;
  TRY(memory_take((void **)&config, 1, sizeof *config, "a configuration"));
  for (int i = 0; i < space->runs; i++) {
    RunState *state = &standing->state[i];
    text_print(path, sizeof path, "%s/runs/%s", dir, space->run[i].id);
    run_state_read(state, path);
    if (state->kind == RUN_RUNNING || state->kind == RUN_INTERRUPTED)
      run_state_look(state, path, space_config(config, space, i, NULL).code ? 0 : config->train.epochs);
    if (state->kind == RUN_FAILED && !state->final)
      standing->count.retry++;
    else
      standing->count.kind[state->kind]++;
  }
  free(config);
  standing->strangers = count_strangers(space, dir);
  slurm_view(&standing->slurm, space, dir, standing->state);
  Status status = sweep_plan(&plan, space);
  if (!status.code)
    predict(standing, space, &plan);
  sweep_plan_free(&plan);
  return status;
}

static json_t *slurm_json(const SlurmView *view) {
  json_t *lines = json_array();
  for (int k = 0; k < view->lines; k++)
    json_array_append_new(lines, json_string(view->line[k]));
  if (!view->asked || view->failure.code) {
    json_decref(lines);
    return json_null();
  }
  return json_pack("{s:i, s:i, s:s, s:i, s:o}", "running", view->running, "pending", view->pending, "reason",
                   view->reason, "unqueued", view->unqueued, "disagreements", lines);
}

static void print_json(const Standing *standing, const Space *space, const char *dir) {
  json_t *runs = json_array(), *states = json_object();
  for (int k = 0; k < RUN_KINDS; k++)
    json_object_set_new(states, run_kind_names[k],
                        json_integer(standing->count.kind[k] + (k == RUN_FAILED ? standing->count.retry : 0)));
  for (int i = 0; i < space->runs; i++) {
    const RunState *state = &standing->state[i];
    json_t *values = json_object();
    for (int a = 0; a < space->axes; a++)
      json_object_set_new(values, space->axis[a].key, json_string(space_value(space, i, a)));
    json_array_append_new(runs,
                          json_pack("{s:s, s:s, s:o, s:o, s:I, s:i, s:i, s:s, s:b, s:s, s:s, s:f}", "id",
                                    space->run[i].id, "state", run_kind_names[state->kind], "values", values,
                                    "progress", json_real_or_null(state->progress), "step", (json_int_t)state->step,
                                    "attempts", state->attempts, "code", state->code, "cause", state->cause, "final",
                                    state->final, "host", state->host, "job", state->job, "seconds", state->seconds));
  }
  json_t *root = json_pack("{s:s, s:s, s:i, s:i, s:o, s:f, s:o, s:o, s:o}", "name", space->name, "directory", dir,
                           "runs", space->runs, "strangers", standing->strangers, "states", states, "core_seconds",
                           standing->spent, "core_seconds_left", json_real_or_null(standing->left), "seconds_left",
                           json_real_or_null(standing->wait), "run", runs);
  REQUIRE(root, "the status cannot be made");
  json_object_set_new(root, "slurm", slurm_json(&standing->slurm));
  json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
  printf("\n");
  json_decref(root);
}

static void print_span(const char *before, double seconds) {
  if (seconds < 90)
    printf("%s%.0f s", before, ceil(seconds));
  else if (seconds < 5400)
    printf("%s%.0f min", before, seconds / 60);
  else
    printf("%s%.1f h", before, seconds / 3600);
}

static void print_run(const Space *space, int run, const RunState *state) {
  char values[300], progress[16] = "";
  space_describe(values, sizeof values, space, run);
  if (isfinite(state->progress) && state->kind != RUN_DONE)
    snprintf(progress, sizeof progress, "%.0f %%", 100 * state->progress);
  printf("%s  %-11s %5s  %s\n", space->run[run].id, run_kind_names[state->kind], progress, values);
  if (state->kind == RUN_RUNNING && *state->host)
    printf("%16s  on %s%s%s\n", "", state->host, *state->job ? ", job " : "", state->job);
  if (state->kind == RUN_FAILED)
    printf("%16s  %s (exit code %d at step %lld, begun %d times%s)\n", "", state->cause, state->code,
           (long long)state->step, state->attempts, state->final ? "" : ", to be tried again");
}

static void print_slurm(const SlurmView *view, const char *dir) {
  if (!view->asked)
    return;
  if (view->failure.code) {
    printf("Slurm does not answer: %s\n", view->failure.text);
    return;
  }
  printf("Slurm: %d elements running, %d pending%s%s%s\n", view->running, view->pending, view->pending ? " (" : "",
         view->pending ? view->reason : "", view->pending ? ")" : "");
  if (view->unqueued)
    printf("%d runs are neither done nor in the queue: rebasis sweep submit %s\n", view->unqueued, dir);
  for (int k = 0; k < view->lines; k++)
    printf("! %s\n", view->line[k]);
}

static void print_standing(const Standing *standing, const Space *space, const char *dir, bool list) {
  enum { WIDTH = 40 };
  char bar[WIDTH + 1];
  const int *kind = standing->count.kind;
  int filled = space->runs ? (int)((int64_t)WIDTH * kind[RUN_DONE] / space->runs) : 0;
  for (int i = 0; i < WIDTH; i++)
    bar[i] = i < filled ? '#' : '.';
  bar[WIDTH] = 0;
  printf("%s\n[%s] %d of %d done\n", dir, bar, kind[RUN_DONE], space->runs);
  printf("%d running, %d interrupted, %d missing, %d failed for good, %d failed once\n", kind[RUN_RUNNING],
         kind[RUN_INTERRUPTED], kind[RUN_MISSING], kind[RUN_FAILED], standing->count.retry);
  print_span("spent ", standing->spent);
  if (standing->left > 0)
    print_span(" of core time, left about ", standing->left);
  if (isfinite(standing->wait))
    print_span("; done in about ", standing->wait);
  else if (standing->left > 0)
    printf("; nothing is at work now");
  printf("\n");
  print_slurm(&standing->slurm, dir);
  if (standing->strangers)
    printf("%d directories in %s/runs are of no run of this sweep: of another sweep file, or of another version\n",
           standing->strangers, dir);
  bool first = true;
  for (int i = 0; i < space->runs; i++) {
    const RunState *state = &standing->state[i];
    if (!list && state->kind != RUN_FAILED && state->kind != RUN_RUNNING)
      continue;
    printf("%s", first ? "\n" : "");
    first = false;
    print_run(space, i, state);
  }
}

Status sweep_status(const Space *space, const char *dir, bool list, bool json) {
  Standing standing = {0};
  Status status = look(&standing, space, dir);
  if (!status.code && json)
    print_json(&standing, space, dir);
  else if (!status.code)
    print_standing(&standing, space, dir, list);
  free(standing.state);
  slurm_view_free(&standing.slurm);
  return status;
}
