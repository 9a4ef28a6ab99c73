#include "cli/command.h"

#include "sweep/plan.h"
#include "sweep/state.h"

#include <stdlib.h>

typedef struct PlanState {
  CommonOptions common;
  const char *file;
  char *out;
  int dry_run, json;
} PlanState;

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  PlanState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  const struct poptOption table[] = {
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "sweep directory (default: sweeps/NAME)", "DIR"},
      {"dry-run", 0, POPT_ARG_NONE, &state->dry_run, 0,
       "list every run, with its ID and values (nothing is ever written)", NULL},
      {"json", 0, POPT_ARG_NONE, &state->json, 0, "print JSON", NULL},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(argc, argv, table, "SWEEP.yaml|DIR",
                    "  rebasis sweep plan configs/sweep-planted.yaml\n"
                    "  rebasis sweep plan configs/sweep-planted.yaml --dry-run\n",
                    &state->common, NULL, state, &words, done));
  if (!*done && words_count(words) != 1)
    return status_error(EXIT_USAGE,
                        "sweep plan: name one sweep file or sweep directory; see rebasis sweep plan --help");
  state->file = *done ? NULL : words[0];
  return STATUS_OK;
}

static Status plan_here(const PlanState *state) {
  Space space;
  char dir[PATH_MOST];
  SweepPlan plan = {0};
  SweepCount count = {0};
  Status status = sweep_find(&space, dir, state->file, state->out);
  if (!status.code)
    status = sweep_plan(&plan, &space);
  if (!status.code) {
    sweep_states(NULL, &count, &space, dir);
    space_warn(&space);
    sweep_plan_print(&space, &plan, &count, state->dry_run, state->json);
  }
  sweep_plan_free(&plan);
  space_free(&space);
  return status;
}

static Status run(const Comm *comm, void *user) {
  return comm_agree(comm, comm_is_root(comm) ? plan_here(user) : STATUS_OK);
}

const SweepVerb sweep_verb_plan = {"plan", "count the runs, predict core-hours, show the axes", prepare, run};
