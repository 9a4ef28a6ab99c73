#include "cli/command.h"

#include "analyze/analyze.h"
#include "base/log.h"
#include "config/config.h"
#include "train/interrupt.h"
#include "train/plan.h"
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_SET = 1, SETS_MOST = 256 };

typedef struct TrainState {
  CommonOptions common;
  Config config;
  const char *set[SETS_MOST];
  int sets, dry_run, print_config, config_help, resume, json;
  char *out, *dump, *deadline;
  double watchdog;
  Status probe;
} TrainState;

static Status take(void *user, int option, const char *text) {
  TrainState *state = user;
  if (option == OPTION_SET) {
    if (state->sets == SETS_MOST)
      return status_error(EXIT_USAGE, "train: more than %d --set; write them into the configuration", SETS_MOST);
    state->set[state->sets++] = strdup(text);
  }
  return STATUS_OK;
}

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  TrainState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  state->watchdog = 600;
  const struct poptOption table[] = {
      {"set", 0, POPT_ARG_STRING, NULL, OPTION_SET, "override one key, as in --set optimizer.learning_rate=0.01",
       "KEY.PATH=VALUE"},
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "run directory (default: run.out of the configuration)", "DIR"},
      {"resume", 0, POPT_ARG_NONE, &state->resume, 0, "go on from the newest good checkpoint, if there is one", NULL},
      {"dry-run", 0, POPT_ARG_NONE, &state->dry_run, 0, "print the rank map, parameters and memory, and stop", NULL},
      {"print-config", 0, POPT_ARG_NONE, &state->print_config, 0, "print the resolved configuration and stop", NULL},
      {"config-help", 0, POPT_ARG_NONE, &state->config_help, 0,
       "list every key with its type, default and meaning, and stop", NULL},
      {"dump-gradients", 0, POPT_ARG_STRING, &state->dump, 0,
       "write the gradients of this process's first step to an HDF5 file (one rank)", "FILE.h5"},
      {"watchdog", 0, POPT_ARG_DOUBLE, &state->watchdog, 0,
       "end the job when a rank shows no progress for this long (default 600; 0: never)", "SECONDS"},
      {"deadline", 0, POPT_ARG_STRING, &state->deadline, 0,
       "save and end with 75 before this: 30min, 2h, 1-12:00:00, 2026-01-31T18:00, none (default: when the Slurm job "
       "ends, if known)",
       "WHEN"},
      {"json", 0, POPT_ARG_NONE, &state->json, 0, "print the summary as JSON", NULL},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(argc, argv, table, "CONFIG.yaml",
                    "  mpirun -np 4 rebasis train configs/avmnist.yaml --set run.seed=2 --out runs/seed2\n"
                    "  rebasis train configs/avmnist.yaml --out runs/seed2 --resume\n",
                    &state->common, take, state, &words, done));
  if (*done)
    return STATUS_OK;
  if (state->config_help) {
    char *text = config_help();
    if (launcher_rank() == 0)
      printf("%s", text);
    free(text);
    *done = true;
    return STATUS_OK;
  }
  TRY(watchdog_check(state->watchdog));
  if (words_count(words) != 1)
    return status_error(EXIT_USAGE, "train: name one configuration file; see rebasis train --help");
  TRY(config_read(&state->config, words[0], state->set, state->sets));
  if (state->print_config) {
    char *text = config_print(&state->config);
    if (launcher_rank() == 0)
      printf("%s", text);
    free(text);
    *done = true;
    return STATUS_OK;
  }
  interrupt_install(); // before the long things begin
  TRY(deadline_take(state->deadline));
  state->probe = data_probe(state->config.data.file);
  return STATUS_OK;
}

static Status run(const Comm *comm, void *user) {
  TrainState *state = user;
  TRY(comm_agree(comm, state->probe));
  if (state->dry_run)
    return plan_print(comm, &state->config, comm->ranks, analyze_bytes, state->json);
  RunOptions options = {.out = state->out,
                        .dump_gradients = state->dump,
                        .resume = state->resume,
                        .json = state->json,
                        .quiet = state->common.quiet,
                        .watchdog = state->watchdog,
                        .observe = analyze_observe};
  return run_train(comm, &state->config, &options);
}

const Command command_train = {"train", "train one run", prepare, run};
