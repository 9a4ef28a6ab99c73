#include "cli/command.h"

#include "base/random.h"
#include "base/text.h"
#include "config/config.h"
#include "train/evaluate.h"
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_SET = 1, OPTION_MISSING, OPTION_DROP, OPTION_NOISE, WORDS_MOST = 64 };

typedef struct EvaluateState {
  CommonOptions common;
  const char *run, *set[WORDS_MOST], *missing[WORDS_MOST], *drop[WORDS_MOST], *noise[WORDS_MOST];
  int sets, missings, drops, noises, json;
  char *data, *split, *out;
  Status probe;
} EvaluateState;

static Status keep_word(const char **list, int *count, const char *text) {
  if (*count == WORDS_MOST)
    return status_error(EXIT_USAGE, "evaluate: more than %d options of one kind", WORDS_MOST);
  list[(*count)++] = strdup(text);
  return STATUS_OK;
}

static Status take(void *user, int option, const char *text) {
  EvaluateState *state = user;
  if (option == OPTION_SET)
    return keep_word(state->set, &state->sets, text);
  if (option == OPTION_MISSING)
    return keep_word(state->missing, &state->missings, text);
  if (option == OPTION_NOISE)
    return keep_word(state->noise, &state->noises, text);
  return keep_word(state->drop, &state->drops, text);
}

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  EvaluateState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  const struct poptOption table[] = {
      {"data", 0, POPT_ARG_STRING, &state->data, 0, "another data set than the run's own", "FILE.h5"},
      {"split", 0, POPT_ARG_STRING, &state->split, 0, "train, validation or test (default: test)", "NAME"},
      {"missing", 0, POPT_ARG_STRING, NULL, OPTION_MISSING, "withhold a modality with a probability; may be repeated",
       "NAME=RATE"},
      {"noise", 0, POPT_ARG_STRING, NULL, OPTION_NOISE,
       "uniform noise on a modality's inputs, in deviations (noise.kind)", "NAME=RATE"},
      {"drop", 0, POPT_ARG_STRING, NULL, OPTION_DROP, "withhold these modalities from every sample", "NAME[,NAME]"},
      {"set", 0, POPT_ARG_STRING, NULL, OPTION_SET, "override a key of the run's configuration", "KEY.PATH=VALUE"},
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "write the scores to this file as JSON; - is standard output",
       "FILE.json"},
      {"json", 0, POPT_ARG_NONE, &state->json, 0, "print JSON instead of a table", NULL},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(
      argc, argv, table, "RUN_DIR",
      "  rebasis evaluate runs/avmnist                          # every pattern and rate of the configuration\n"
      "  rebasis evaluate runs/avmnist --drop audio --json\n"
      "  rebasis evaluate runs/avmnist --missing audio=0.8\n",
      &state->common, take, state, &words, done));
  if (*done)
    return STATUS_OK;
  if (words_count(words) != 1)
    return status_error(EXIT_USAGE, "evaluate: name one run directory; see rebasis evaluate --help");
  state->run = words[0];
  if (state->out && !strcmp(state->out, "-")) {
    state->json = 1;
    state->out = NULL;
  }
  char *named = state->out ? realpath(state->out, NULL) : NULL; // a link such as /dev/stdout is followed, not replaced
  state->out = named ? named : state->out;
  if (state->data)
    state->probe = data_probe(state->data);
  return STATUS_OK;
}

static Status known(const Config *config, const char *name, int *modality) {
  const char *names[MODALITIES_MOST];
  *modality = config_modality(config, name);
  if (*modality >= 0)
    return STATUS_OK;
  for (int i = 0; i < config->modalities; i++)
    names[i] = config->modality[i].name;
  const char *nearest = text_nearest(name, names, config->modalities);
  return status_error(EXIT_USAGE, "evaluate: there is no modality %s%s%s", name, nearest ? "; did you mean " : "",
                      nearest ? nearest : "");
}

static Status parse_rate(const Config *config, const char *option, const char *word, double most, int *modality,
                         double *rate) {
  char name[NAME_MOST * 2];
  const char *equals = strchr(word, '=');
  if (!equals || !text_to_double(equals + 1, rate) || *rate < 0 || *rate > most)
    return status_error(EXIT_USAGE, "evaluate: %s %s; write NAME=RATE with a rate from 0 to %g", option, word, most);
  text_print(name, sizeof name, "%.*s", (int)(equals - word), word);
  return known(config, name, modality);
}

static Status parse_missing(MaskProtocol *mask, const Config *config, const char *word) {
  int modality;
  double rate;
  TRY(parse_rate(config, "--missing", word, 1, &modality, &rate));
  mask->rate[modality] = rate;
  return STATUS_OK;
}

static Status add_noise(Session *session, const char *word) {
  int modality;
  double rate;
  TRY(comm_agree(session->comm, parse_rate(&session->config, "--noise", word, 1000, &modality, &rate)));
  return session_noise(session, modality, rate);
}

// A modality that is dropped is withheld at rate 1; the pattern protocol says it more directly when nothing else is asked.
static Status parse_drop(MaskProtocol *mask, const Config *config, const char *word) {
  char copy[1024], *rest = copy;
  text_print(copy, sizeof copy, "%s", word);
  for (char *name; (name = strsep(&rest, ",")) != NULL;) {
    int modality;
    TRY(known(config, name, &modality));
    mask->withheld[modality] = true;
    mask->rate[modality] = 1;
  }
  return STATUS_OK;
}

static Status make_plan(EvaluationPlan *plan, const EvaluateState *state, const Config *config) {
  *plan = (EvaluationPlan){.split = SPLIT_TEST, .patterns = true, .rates = config->missingness.evaluate};
  const char *split = state->split ? state->split : "test";
  if (!strcmp(split, "train"))
    plan->split = SPLIT_TRAIN;
  else if (!strcmp(split, "validation"))
    plan->split = SPLIT_VALIDATION;
  else if (strcmp(split, "test") != 0)
    return status_error(EXIT_USAGE, "evaluate: --split %s; write train, validation or test", split);
  plan->extra = state->missings + state->drops > 0;
  plan->mask = (MaskProtocol){
      .kind = state->missings ? MASK_RATE : MASK_PATTERN, .seed = config->run.seed, .epoch = RANDOM_EVALUATION};
  for (int k = 0; k < state->missings; k++)
    TRY(parse_missing(&plan->mask, config, state->missing[k]));
  for (int k = 0; k < state->drops; k++)
    TRY(parse_drop(&plan->mask, config, state->drop[k]));
  int dropped = 0;
  for (int i = 0; i < config->modalities; i++)
    dropped += plan->mask.withheld[i];
  if (dropped == config->modalities)
    return status_error(EXIT_USAGE, "evaluate: --drop leaves no modality; keep at least one");
  return STATUS_OK;
}

static Status evaluate(const Comm *comm, const EvaluateState *state, Session *session) {
  EvaluationPlan plan;
  TRY(run_open(session, comm, state->run, state->data, state->set, state->sets));
  TRY(comm_agree(comm, make_plan(&plan, state, &session->config)));
  for (int k = 0; k < state->noises; k++)
    TRY(add_noise(session, state->noise[k]));
  return evaluate_run(session, &plan, state->out, !state->json, state->json);
}

static Status run(const Comm *comm, void *user) {
  EvaluateState *state = user;
  Session session = {0};
  TRY(comm_agree(comm, state->probe));
  Status status = evaluate(comm, state, &session);
  session_close(&session);
  return status;
}

const Command command_evaluate = {"evaluate", "score a trained run under missingness", prepare, run};
