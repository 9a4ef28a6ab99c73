#include "cli/command.h"

#include "base/text.h"
#include "sweep/state.h"
#include "sweep/submit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct SubmitState {
  CommonOptions common;
  char *out, self[PATH_MOST], dir[PATH_MOST];
  const char *path;
  SubmitOptions options;
  int test_only, dry_run, retry, json;
} SubmitState;

static void split(int argc, const char **argv, int *own, SubmitOptions *options) {
  *own = argc;
  for (int k = 1; k < argc; k++)
    if (!strcmp(argv[k], "--")) {
      *own = k;
      options->raw = argv + k + 1;
      options->raws = argc - k - 1;
      return;
    }
}

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  SubmitState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  SubmitOptions *options = &state->options;
  int own;
  split(argc, argv, &own, options);
  const struct poptOption table[] = {
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "sweep directory (default: sweeps/NAME)", "DIR"},
      {"runs-per-element", 0, POPT_ARG_INT, &options->packed, 0,
       "runs that an element of the array works on (default: what fills half of its time, up to half an hour)", "N"},
      {"at-once", 0, POPT_ARG_INT, &options->at_once, 0, "elements that may run at once (default: what Slurm lets)",
       "N"},
      {"retry", 0, POPT_ARG_NONE, &state->retry, 0, "runs that have failed for good, too", NULL},
      {"test-only", 0, POPT_ARG_NONE, &state->test_only, 0,
       "ask Slurm whether it would take the jobs and when it would start them; submit nothing", NULL},
      {"dry-run", 0, POPT_ARG_NONE, &state->dry_run, 0, "write the scripts, print the calls of sbatch, submit nothing",
       NULL},
      {"json", 0, POPT_ARG_NONE, &state->json, 0, "print JSON", NULL},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(
      own, argv, table, "SWEEP.yaml|DIR [-- OPTION OF SBATCH...]",
      "  rebasis sweep submit configs/sweep-planted.yaml --test-only\n"
      "  rebasis sweep submit configs/sweep-planted.yaml --at-once 20 -- --partition=cpu --ntasks=8\n"
      "  rebasis sweep submit sweeps/sweep-planted        # what is missing, once more\n"
      "\nOptions of sbatch may also stand in the sweep file, under slurm:. The scripts are left in DIR/jobs.\n",
      &state->common, NULL, state, &words, done));
  if (*done)
    return STATUS_OK;
  if (words_count(words) != 1)
    return status_error(EXIT_USAGE,
                        "sweep submit: name one sweep file or sweep directory; see rebasis sweep submit --help");
  if (options->packed < 0 || options->at_once < 0)
    return status_error(EXIT_USAGE, "sweep submit: --runs-per-element and --at-once are counts; write 1 or more");
  ssize_t length = readlink("/proc/self/exe", state->self, sizeof state->self - 1);
  text_print(state->self + (length > 0 ? length : 0), 16, "%s", length > 0 ? "" : "rebasis");
  state->path = words[0];
  options->program = state->self;
  options->test_only = state->test_only;
  options->dry_run = state->dry_run;
  options->retry = state->retry;
  options->json = state->json;
  return STATUS_OK;
}

static Status submit_here(SubmitState *state) {
  Space space;
  Status status = sweep_find(&space, state->dir, state->path, state->out);
  state->options.dir = state->dir;
  if (!status.code)
    status = sweep_submit(&space, &state->options);
  space_free(&space);
  return status;
}

static Status run(const Comm *comm, void *user) {
  return comm_agree(comm, comm_is_root(comm) ? submit_here(user) : STATUS_OK);
}

const SweepVerb sweep_verb_submit = {"submit", "give the runs that are missing to Slurm", prepare, run};
