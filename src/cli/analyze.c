#include "cli/command.h"

#include "analyze/analyze.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_SET = 1, WORDS_MOST = 64 };

typedef struct AnalyzeState {
  CommonOptions common;
  AnalyzeRequest request;
  const char *run, *set[WORDS_MOST];
  char *only, *data, *split, *targets;
  long long samples;
  int json;
  Status probe;
} AnalyzeState;

static Status take(void *user, int option, const char *text) {
  AnalyzeState *state = user;
  (void)option;
  if (state->request.sets == WORDS_MOST)
    return status_error(EXIT_USAGE, "analyze: more than %d options of one kind", WORDS_MOST);
  state->set[state->request.sets++] = strdup(text);
  return STATUS_OK;
}

static Status read_split(AnalyzeState *state) {
  state->request.split = SPLIT_TEST;
  for (int split = 0; state->split; split++) {
    if (split == SPLITS)
      return status_error(EXIT_USAGE, "analyze: --split %s; write train, validation or test", state->split);
    if (!strcmp(state->split, split_name((Split)split))) {
      state->request.split = (Split)split;
      break;
    }
  }
  return STATUS_OK;
}

static void list_measures(void) {
  if (launcher_rank() != 0)
    return;
  printf("\nMeasures:\n");
  for (int k = 0; k < analyze_measures_count; k++)
    printf("  %-16s %s\n", analyze_measures[k].name, analyze_measures[k].summary);
}

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  AnalyzeState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  const struct poptOption table[] = {
      {"only", 0, POPT_ARG_STRING, &state->only, 0, "these measures (default: all)", "NAME[,NAME]"},
      {"data", 0, POPT_ARG_STRING, &state->data, 0, "another data set than the run's own", "FILE.h5"},
      {"targets", 0, POPT_ARG_STRING, &state->targets, 0,
       "substitutability: beside models trained for each set of modalities, runs of this sweep", "SWEEP_DIR"},
      {"split", 0, POPT_ARG_STRING, &state->split, 0, "train, validation or test (default: test)", "NAME"},
      {"samples", 0, POPT_ARG_LONGLONG, &state->samples, 0, "at most so many, evenly spaced (default: all)", "N"},
      {"set", 0, POPT_ARG_STRING, NULL, OPTION_SET, "override a key of the run's configuration", "KEY.PATH=VALUE"},
      {"json", 0, POPT_ARG_NONE, &state->json, 0, "print JSON instead of a table", NULL},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(
      argc, argv, table, "RUN_DIR | SWEEP_DIR",
      "  rebasis analyze runs/avmnist                    # runs/avmnist/analysis/NAME.json for every measure\n"
      "  mpirun -np 4 rebasis analyze runs/avmnist --only rank --split validation\n"
      "  rebasis analyze sweeps/sweep-planted --only similarity      # every run of the sweep\n"
      "  rebasis analyze sweeps/table-6-mfeat --only substitutability --targets sweeps/table-6-target-mfeat\n",
      &state->common, take, state, &words, done));
  if (*done) {
    list_measures();
    return STATUS_OK;
  }
  if (words_count(words) != 1)
    return status_error(EXIT_USAGE, "analyze: name one run directory or sweep directory; see rebasis analyze --help");
  if (state->samples < 0)
    return status_error(EXIT_USAGE, "analyze: --samples %lld; write a number of samples, or 0 for all", state->samples);
  state->run = words[0];
  TRY(analyze_check(state->only));
  if (state->targets && state->only && !strstr(state->only, "substitutability"))
    return status_error(EXIT_USAGE, "analyze: --targets is for the measure substitutability; --only leaves that out");
  TRY(read_split(state));
  if (state->data)
    state->probe = data_probe(state->data);
  return STATUS_OK;
}

static Status run(const Comm *comm, void *user) {
  AnalyzeState *state = user;
  TRY(comm_agree(comm, state->probe));
  state->request.only = state->only;
  state->request.targets = state->targets;
  state->request.data = state->data;
  state->request.set = state->set;
  state->request.samples = state->samples;
  state->request.table = !state->json;
  state->request.json = state->json;
  return analyze_folder(comm, state->run, &state->request);
}

const Command command_analyze = {"analyze", "measure what a trained model has become", prepare, run};
