#include "cli/command.h"

#include "analyze/analyze.h"
#include "base/text.h"
#include "config/config.h"
#include "train/plan.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_SET = 1, OPTION_RANKS, MOST = 64 };

typedef struct PlanState {
  CommonOptions common;
  Config config;
  const char *set[MOST];
  int sets, ranks[MOST], count, json;
  Status probe;
} PlanState;

static Status take(void *user, int option, const char *text) {
  PlanState *state = user;
  if (option == OPTION_SET && state->sets < MOST) {
    state->set[state->sets++] = strdup(text);
    return STATUS_OK;
  }
  char copy[512], *rest = copy;
  text_print(copy, sizeof copy, "%s", text);
  for (char *word; (word = strsep(&rest, ",")) != NULL;) {
    int64_t ranks;
    if (!text_to_int64(word, &ranks) || ranks < 1 || ranks > 8192 || state->count == MOST)
      return status_error(EXIT_USAGE, "plan: --ranks %s; write rank counts as in --ranks 1,2,4", text);
    state->ranks[state->count++] = (int)ranks;
  }
  return STATUS_OK;
}

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  PlanState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  const struct poptOption table[] = {
      {"ranks", 0, POPT_ARG_STRING, NULL, OPTION_RANKS, "rank counts to predict (default: 1,2,4,8)", "N[,N]"},
      {"set", 0, POPT_ARG_STRING, NULL, OPTION_SET, "override one key", "KEY.PATH=VALUE"},
      {"json", 0, POPT_ARG_NONE, &state->json, 0, "print JSON", NULL},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(argc, argv, table, "CONFIG.yaml", "  rebasis plan configs/mfeat.yaml --ranks 1,2,3,6\n",
                    &state->common, take, state, &words, done));
  if (*done)
    return STATUS_OK;
  if (words_count(words) != 1)
    return status_error(EXIT_USAGE, "plan: name one configuration file; see rebasis plan --help");
  bool chosen = state->count > 0;
  for (int ranks = 1; !chosen && ranks <= 8; ranks *= 2)
    state->ranks[state->count++] = ranks;
  TRY(config_read(&state->config, words[0], state->set, state->sets));
  state->probe = data_probe(state->config.data.file);
  return STATUS_OK;
}

static Status run(const Comm *comm, void *user) {
  PlanState *state = user;
  TRY(comm_agree(comm, state->probe));
  return plan_table(comm, &state->config, state->ranks, state->count, analyze_bytes, state->json);
}

const Command command_plan = {"plan", "predict memory, communication and step time per rank count", prepare, run};
