#include "cli/command.h"

#include "base/text.h"
#include "report/report.h"
#include "sweep/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct ReportState {
  CommonOptions common;
  const char *dir;
} ReportState;

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  ReportState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  const struct poptOption table[] = {POPT_TABLEEND};
  const char **words;
  TRY(options_parse(
      argc, argv, table, "DIR",
      "  rebasis report runs/avmnist            # a run: runs/avmnist/report.html and report-*.csv beside it\n"
      "  rebasis report sweeps/avmnist          # a sweep: all runs in sweeps/avmnist/runs\n",
      &state->common, NULL, state, &words, done));
  if (!*done && words_count(words) != 1)
    return status_error(EXIT_USAGE, "report: name one run or sweep directory; see rebasis report --help");
  state->dir = *done ? NULL : words[0];
  return STATUS_OK;
}

/// The numbers of a sweep are those of now.
static Status collect(const char *path) {
  Space space;
  char file[PATH_MOST], dir[PATH_MOST];
  if (!text_print(file, sizeof file, "%s/sweep.yaml", path) || access(file, F_OK) != 0)
    return STATUS_OK;
  Status status = sweep_find(&space, dir, path, NULL);
  if (!status.code)
    status = sweep_collect(&space, dir, &(CollectOptions){.silent = true});
  space_free(&space);
  return status;
}

static Status draw(const char *dir) {
  TRY(collect(dir));
  TRY(report_write(dir));
  printf("%s/report.html\n", dir);
  return STATUS_OK;
}

static Status run(const Comm *comm, void *user) {
  const ReportState *state = user;
  return comm_agree(comm, comm_is_root(comm) ? draw(state->dir) : STATUS_OK);
}

const Command command_report = {"report", "draw a run or a sweep: one self-contained report.html", prepare, run};
