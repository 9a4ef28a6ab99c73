#include "cli/command.h"

#include "analyze/analyze.h"
#include "base/log.h"
#include "sweep/run.h"
#include "sweep/state.h"
#include "train/interrupt.h"

#include <stdlib.h>
#include <string.h>

// The verdict on one data file, which can only be had before MPI starts.
typedef struct Probe {
  char file[PATH_MOST];
  Status status;
} Probe;

enum { OPTION_ONLY = 1, ONLY_MOST = 4096 };

typedef struct SweepRunState {
  CommonOptions common;
  Space space;
  char dir[PATH_MOST];
  char *out, *deadline;
  int team, retry, json, probes;
  double watchdog;
  Probe *probe;
  const char *only[ONLY_MOST];
  int chosen;
} SweepRunState;

static Status take(void *user, int option, const char *text) {
  SweepRunState *state = user;
  if (option == OPTION_ONLY) {
    if (state->chosen == ONLY_MOST)
      return status_error(EXIT_USAGE, "sweep run: more than %d --only; leave them out to run all", ONLY_MOST);
    state->only[state->chosen++] = strdup(text);
  }
  return STATUS_OK;
}

static Probe *find_probe(SweepRunState *state, const char *file) {
  for (int k = 0; k < state->probes; k++)
    if (!strcmp(state->probe[k].file, file))
      return &state->probe[k];
  return NULL;
}

static Status verdict(void *user, const char *file) {
  const Probe *probe = find_probe(user, file);
  return probe ? probe->status : STATUS_OK;
}

static Status probe_all(SweepRunState *state) {
  Config *config = malloc(sizeof *config);
  REQUIRE(config, "out of memory for a configuration");
  Status status = STATUS_OK;
  for (int i = 0; i < state->space.runs && !status.code; i++) {
    status = space_config(config, &state->space, i, state->dir);
    if (status.code || find_probe(state, config->data.file))
      continue;
    state->probe = realloc(state->probe, ((size_t)state->probes + 1) * sizeof *state->probe);
    REQUIRE(state->probe, "out of memory for data files");
    Probe *probe = &state->probe[state->probes++];
    memcpy(probe->file, config->data.file, sizeof probe->file);
    probe->status = data_probe(probe->file);
  }
  free(config);
  return status;
}

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  SweepRunState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  state->watchdog = 600;
  const struct poptOption table[] = {
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "sweep directory (default: sweeps/NAME)", "DIR"},
      {"ranks-per-run", 0, POPT_ARG_INT, &state->team, 0, "ranks that train one run (default: what is done soonest)",
       "N"},
      {"only", 0, POPT_ARG_STRING, NULL, OPTION_ONLY, "work on this run; may be given many times", "ID"},
      {"retry", 0, POPT_ARG_NONE, &state->retry, 0, "try runs again that have failed for good", NULL},
      {"deadline", 0, POPT_ARG_STRING, &state->deadline, 0,
       "save and end with 75 before this: 30min, 2h, 1-12:00:00, 2026-01-31T18:00, none (default: when the Slurm job "
       "ends, if known)",
       "WHEN"},
      {"watchdog", 0, POPT_ARG_DOUBLE, &state->watchdog, 0,
       "end the job when a rank shows no progress for this long (default 600; 0: never)", "SECONDS"},
      {"json", 0, POPT_ARG_NONE, &state->json, 0, "print the summary as JSON", NULL},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(
      argc, argv, table, "SWEEP.yaml|DIR",
      "  mpirun -np 4 rebasis sweep run configs/sweep-planted.yaml\n"
      "  mpirun -np 4 rebasis sweep run sweeps/sweep-planted      # goes on with what is there\n"
      "\nRuns that are done are passed over, interrupted ones are resumed. Several jobs may run on one directory.\n",
      &state->common, take, state, &words, done));
  if (*done)
    return STATUS_OK;
  if (words_count(words) != 1)
    return status_error(EXIT_USAGE, "sweep run: name one sweep file or sweep directory; see rebasis sweep run --help");
  TRY(watchdog_check(state->watchdog));
  if (state->team < 0)
    return status_error(EXIT_USAGE, "sweep run: --ranks-per-run %d; write 1 or more", state->team);
  interrupt_install();
  TRY(deadline_take(state->deadline));
  TRY(sweep_find(&state->space, state->dir, words[0], state->out));
  return probe_all(state);
}

static Status run(const Comm *comm, void *user) {
  SweepRunState *state = user;
  SweepOptions options = {.dir = state->dir,
                          .team = state->team,
                          .watchdog = state->watchdog,
                          .retry = state->retry,
                          .json = state->json,
                          .quiet = state->common.quiet,
                          .only = state->only,
                          .chosen = state->chosen,
                          .probe = verdict,
                          .observe = analyze_observe,
                          .user = state};
  Status status = sweep_run(comm, &state->space, &options);
  space_free(&state->space);
  free(state->probe);
  return status;
}

const SweepVerb sweep_verb_run = {"run", "train the runs that are not done, side by side in this job", prepare, run};
