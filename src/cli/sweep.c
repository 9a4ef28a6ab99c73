// rebasis sweep VERB …: each verb has a file of its own, sweep_VERB.c.
#include "cli/command.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const SweepVerb *const verbs[] = {&sweep_verb_plan, &sweep_verb_run, &sweep_verb_submit, &sweep_verb_status,
                                         &sweep_verb_collect};
enum { VERBS = sizeof verbs / sizeof *verbs };

typedef struct SweepState {
  const SweepVerb *verb;
  void *state;
} SweepState;

static void print_usage(void) {
  if (launcher_rank() != 0)
    return;
  printf("Usage: rebasis sweep VERB SWEEP.yaml …\n\n");
  for (int k = 0; k < VERBS; k++)
    printf("  %-8s %s\n", verbs[k]->name, verbs[k]->summary);
  printf("\nEach verb has --help. A sweep file:\n\n"
         "  base:    planted.yaml                             # a configuration: a path beside this file, or a map\n"
         "  sweep:   {method.type: [vanilla, ebr], missingness.train: [0.0, 0.4, 0.8]}   # every combination\n"
         "  zip:     [{fusion.type: [sum, concat], fusion.dropout: [0.0, 0.1]}]          # these change together\n"
         "  sample:  {count: 20, optimizer.learning_rate: {loguniform: [1.0e-4, 1.0e-2]}}  # or uniform, or choice: "
         "[a, b]\n"
         "  repeats: 5                                        # seeds 1 to 5, or a list of seeds\n"
         "  slurm:   {partition: cpu, time: \"02:00:00\"}       # options of sbatch, as they are\n\n"
         "Example:\n  rebasis sweep plan configs/sweep-planted.yaml\n");
}

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  if (argc < 2)
    return status_error(EXIT_USAGE, "sweep: say what to do; see rebasis sweep --help");
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
    print_usage();
    *done = true;
    return STATUS_OK;
  }
  SweepState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  const char *names[VERBS];
  for (int k = 0; k < VERBS; k++) {
    names[k] = verbs[k]->name;
    if (strcmp(argv[1], names[k]) != 0)
      continue;
    state->verb = verbs[k];
    argv[1] = text_format("sweep %s", names[k]); // what messages and help call it
    return verbs[k]->prepare(argc - 1, argv + 1, &state->state, done);
  }
  const char *near = text_nearest(argv[1], names, VERBS);
  return status_error(EXIT_USAGE, "sweep: %s is not a verb%s%s; see rebasis sweep --help", argv[1],
                      near ? "; did you mean " : "", near ? near : "");
}

static Status run(const Comm *comm, void *user) {
  SweepState *state = user;
  Status status = state->verb->run(comm, state->state);
  free(state->state);
  return status;
}

const Command command_sweep = {"sweep", "many runs of one experiment: plan, run, watch, collect", prepare, run};
