// rebasis sweep status, rebasis sweep collect: what run directories say, by one rank.
#include "cli/command.h"

#include "sweep/collect.h"

#include <stdlib.h>

typedef struct LookState {
  CommonOptions common;
  const char *path;
  char *out, *score;
  int json, list;
} LookState;

static Status look_prepare(int argc, const char **argv, const struct poptOption *own, LookState *state,
                           const char *example, bool *done) {
  const struct poptOption table[] = {
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "sweep directory (default: sweeps/NAME)", "DIR"},
      {"json", 0, POPT_ARG_NONE, &state->json, 0, "print JSON", NULL},
      {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)own, 0, NULL, NULL},
      POPT_TABLEEND};
  const char **words, *command = argv[0];
  TRY(options_parse(argc, argv, table, "DIR|SWEEP.yaml", example, &state->common, NULL, state, &words, done));
  if (!*done && words_count(words) != 1)
    return status_error(EXIT_USAGE, "%s: name one sweep directory or sweep file; see rebasis %s --help", command,
                        command);
  state->path = *done ? NULL : words[0];
  return STATUS_OK;
}

static LookState *make(void **result) {
  LookState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  return state;
}

// One rank's work on the sweep that the command line names.
static Status look(const LookState *state, Status (*at)(const Space *space, const char *dir, const LookState *state)) {
  Space space;
  char dir[PATH_MOST];
  Status status = sweep_find(&space, dir, state->path, state->out);
  if (!status.code)
    status = at(&space, dir, state);
  space_free(&space);
  return status;
}

// --- status

static Status status_prepare(int argc, const char **argv, void **result, bool *done) {
  LookState *state = make(result);
  const struct poptOption own[] = {
      {"list", 0, POPT_ARG_NONE, &state->list, 0, "list every run, not only those that run or failed", NULL},
      POPT_TABLEEND};
  return look_prepare(argc, argv, own, state,
                      "  rebasis sweep status sweeps/sweep-planted\n"
                      "  rebasis sweep status configs/sweep-planted.yaml --json\n",
                      done);
}

static Status status_of(const Space *space, const char *dir, const LookState *state) {
  return sweep_status(space, dir, state->list, state->json);
}

static Status status_run(const Comm *comm, void *user) {
  return comm_agree(comm, comm_is_root(comm) ? look(user, status_of) : STATUS_OK);
}

const SweepVerb sweep_verb_status = {"status", "how far the runs are, what failed, when all will be done",
                                     status_prepare, status_run};

// --- collect

static Status collect_prepare(int argc, const char **argv, void **result, bool *done) {
  LookState *state = make(result);
  const struct poptOption own[] = {
      {"score", 0, POPT_ARG_STRING, &state->score, 0,
       "what is summed up and tested (default accuracy): auroc, auprc, average_precision, macro_f1", "NAME"},
      POPT_TABLEEND};
  return look_prepare(argc, argv, own, state,
                      "  rebasis sweep collect sweeps/sweep-planted\n"
                      "  rebasis sweep collect configs/sweep-planted.yaml --score auroc --json\n",
                      done);
}

static Status collect_of(const Space *space, const char *dir, const LookState *state) {
  return sweep_collect(space, dir, &(CollectOptions){state->score, state->json, false});
}

static Status collect_run(const Comm *comm, void *user) {
  return comm_agree(comm, comm_is_root(comm) ? look(user, collect_of) : STATUS_OK);
}

const SweepVerb sweep_verb_collect = {"collect", "all scores as CSV and HDF5, means, intervals and tests",
                                      collect_prepare, collect_run};
