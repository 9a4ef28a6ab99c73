#include "cli/command.h"

#include "base/text.h"
#include "data/avmnist.h"
#include "data/planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// rebasis data VERB …: each verb parses its own words, and works on one rank.
typedef struct Verb {
  const char *first, *second; // "import" "avmnist"
  const char *summary;
  Status (*parse)(int argc, const char **argv, void **state, bool *done);
  Status (*work)(void *state);
} Verb;

enum { OPTION_SET = 1 };

// --- synth planted ---------------------------------------------------------------------------------------------------------

typedef struct SynthState {
  CommonOptions common;
  PlantedConfig planted;
  char *out;
} SynthState;

static Status synth_take(void *user, int option, const char *text) {
  (void)option;
  return planted_set(&((SynthState *)user)->planted, text);
}

static Status synth_parse(int argc, const char **argv, void **result, bool *done) {
  SynthState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  planted_default(&state->planted);
  const struct poptOption table[] = {
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "the container to write", "FILE.h5"},
      {"set", 0, POPT_ARG_STRING, NULL, OPTION_SET, "set one property of the data; see below", "KEY=VALUE"},
      POPT_TABLEEND};
  const char **words;
  char *example = text_format("  rebasis data synth planted -o planted.h5 --set snr=2,0.5 --set modalities=2 --set "
                              "entanglement=0.8\n\nKeys of --set:\n%s",
                              planted_help());
  TRY(options_parse(argc, argv, table, "synth planted -o FILE.h5 [--set KEY=VALUE]…", example, &state->common,
                    synth_take, state, &words, done));
  free(example);
  if (!*done && (words_count(words) != 0 || !state->out))
    return status_error(
        EXIT_USAGE,
        "data synth planted: name the file to write with -o FILE.h5; see rebasis data synth planted --help");
  return STATUS_OK;
}

static Status synth_work(void *user) {
  SynthState *state = user;
  return planted_write(&state->planted, state->out);
}

// --- import avmnist ----------------------------------------------------------------------------------------------------------

typedef struct AvmnistState {
  CommonOptions common;
  AvmnistOptions options;
  char *mnist, *fsdd, *out, *protocol, *split, *speakers;
  int pairs;
  double validation;
  long long seed;
} AvmnistState;

static Status avmnist_parse(int argc, const char **argv, void **result, bool *done) {
  AvmnistState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  state->options = AVMNIST_DEFAULTS;
  state->pairs = state->options.pairs;
  state->validation = state->options.validation;
  state->seed = (long long)state->options.seed;
  const struct poptOption table[] = {
      {"mnist", 0, POPT_ARG_STRING, &state->mnist, 0, "directory with the four IDX files of MNIST, plain or .gz",
       "DIR"},
      {"fsdd", 0, POPT_ARG_STRING, &state->fsdd, 0,
       "directory with the recordings: *.wav, recordings/*.wav or recordings.tar.gz", "DIR"},
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "the container to write", "FILE.h5"},
      {"protocol", 0, POPT_ARG_STRING, &state->protocol, 0,
       "full (70,000 images, default) or small (1,050 + 450 pairs)", "NAME"},
      {"split", 0, POPT_ARG_STRING, &state->split, 0, "full: recordings split officially (default) or by speaker",
       "NAME"},
      {"test-speakers", 0, POPT_ARG_STRING, &state->speakers, 0, "with --split speaker: who is held out", "NAME,…"},
      {"pairs", 0, POPT_ARG_INT, &state->pairs, 0,
       "small: training pairs a class that keep their audio (default 105: all)", "P"},
      {"validation", 0, POPT_ARG_DOUBLE, &state->validation, 0,
       "share of the training set held out (default: small 0.1, full 1/12)", "SHARE"},
      {"seed", 0, POPT_ARG_LONGLONG, &state->seed, 0, "decides who is held out and who is paired with whom", "S"},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(argc, argv, table, "import avmnist --mnist DIR --fsdd DIR -o FILE.h5",
                    "  rebasis data import avmnist --mnist mnist --fsdd fsdd --protocol small -o avmnist-small.h5\n",
                    &state->common, NULL, state, &words, done));
  if (*done)
    return STATUS_OK;
  if (words_count(words) != 0 || !state->mnist || !state->fsdd || !state->out)
    return status_error(EXIT_USAGE, "data import avmnist: --mnist DIR, --fsdd DIR and -o FILE.h5 are needed; see "
                                    "rebasis data import avmnist --help");
  const char *protocol = state->protocol ? state->protocol : "full", *split = state->split ? state->split : "official";
  if (strcmp(protocol, "small") && strcmp(protocol, "full"))
    return status_error(EXIT_USAGE, "data import avmnist: --protocol %s; write small or full", protocol);
  if (strcmp(split, "official") && strcmp(split, "speaker"))
    return status_error(EXIT_USAGE, "data import avmnist: --split %s; write official or speaker", split);
  state->options.mnist = state->mnist;
  state->options.fsdd = state->fsdd;
  state->options.protocol = strcmp(protocol, "small") ? AVMNIST_FULL : AVMNIST_SMALL;
  state->options.split = strcmp(split, "speaker") ? AVMNIST_OFFICIAL : AVMNIST_SPEAKER;
  state->options.test_speakers = state->speakers;
  state->options.pairs = state->pairs;
  state->options.validation = state->validation;
  state->options.seed = (uint64_t)state->seed;
  return STATUS_OK;
}

static Status avmnist_work(void *user) {
  AvmnistState *state = user;
  Dataset dataset = {0};
  Status status = avmnist_import(&state->options, &dataset);
  if (status.code == 0)
    status = dataset_write(&dataset, state->out);
  dataset_free(&dataset);
  return status;
}

// --- the verbs ---------------------------------------------------------------------------------------------------------------

static const Verb verbs[] = {
    {"import", "avmnist", "MNIST and the Free Spoken Digit Dataset", avmnist_parse, avmnist_work},
    {"synth", "planted", "data with known predictive rank, noise rank and entanglement", synth_parse, synth_work},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

typedef struct DataState {
  const Verb *verb;
  void *state;
} DataState;

static void print_usage(void) {
  if (launcher_rank() != 0)
    return;
  printf("Usage: rebasis data VERB …\n\n");
  for (int k = 0; k < VERBS; k++)
    printf("  %-7s %-9s %s\n", verbs[k].first, verbs[k].second ? verbs[k].second : "", verbs[k].summary);
  printf("\nEach verb has --help.\n\nExample:\n  rebasis data synth planted -o planted.h5\n");
}

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
    if (argc < 2)
      return status_error(EXIT_USAGE, "data: say what to do; see rebasis data --help");
    print_usage();
    *done = true;
    return STATUS_OK;
  }
  DataState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  for (int k = 0; k < VERBS; k++) {
    int words = verbs[k].second ? 2 : 1;
    if (strcmp(argv[1], verbs[k].first) || (verbs[k].second && (argc < 3 || strcmp(argv[2], verbs[k].second))))
      continue;
    state->verb = &verbs[k];
    argv[words] = "data"; // the verb's words go; the program's name comes before the options
    return verbs[k].parse(argc - words, argv + words, &state->state, done);
  }
  return status_error(EXIT_USAGE, "data: %s%s%s is not a verb; see rebasis data --help", argv[1], argc > 2 ? " " : "",
                      argc > 2 ? argv[2] : "");
}

static Status run(const Comm *comm, void *user) {
  DataState *state = user;
  Status status = comm_agree(comm, comm_is_root(comm) ? state->verb->work(state->state) : STATUS_OK);
  free(state->state);
  return status;
}

const Command command_data = {"data", "import, make and inspect data sets", prepare, run};
