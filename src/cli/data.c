#include "cli/command.h"

#include "base/text.h"
#include "data/avmnist.h"
#include "data/inspect.h"
#include "data/mimic.h"
#include "data/npy.h"
#include "data/planted.h"
#include "data/views.h"

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

static Status seed_check(long long seed) {
  return seed >= 0 ? STATUS_OK : status_error(EXIT_USAGE, "--seed %lld: write a whole number, 0 or more", seed);
}

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
  TRY(options_parse(argc, argv, table, "synth planted -o FILE.h5 [--set KEY=VALUE]...", example, &state->common,
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
      {"test-speakers", 0, POPT_ARG_STRING, &state->speakers, 0, "with --split speaker: who is held out",
       "NAME[,NAME]"},
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
  TRY(seed_check(state->seed));
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

// --- import views, import npy --------------------------------------------------------------------------------------------

enum { OPTION_VIEW = 2, FILES_MOST = DATASET_MODALITIES };

// NAME=FILE, or FILE alone.
typedef struct NamedFile {
  char *name, *path;
} NamedFile;

typedef struct TableState {
  CommonOptions common;
  NamedFile file[FILES_MOST];
  int files, impute, no_header, folds, fold, spectrogram;
  double validation, test;
  long long seed;
  char *out, *label, *id, *split, *task, *name;
} TableState;

static Status add_file(TableState *state, const char *text) {
  if (state->files == FILES_MOST)
    return status_error(EXIT_USAGE, "data import: more than %d tables", FILES_MOST);
  const char *equals = strchr(text, '=');
  NamedFile *file = &state->file[state->files++];
  file->name = equals ? strndup(text, (size_t)(equals - text)) : NULL;
  file->path = strdup(equals ? equals + 1 : text);
  return STATUS_OK;
}

static PartitionRule partition_of(const TableState *state) {
  return (PartitionRule){.seed = (uint64_t)state->seed,
                         .validation = state->validation,
                         .test = state->folds ? 0 : state->test,
                         .folds = state->folds,
                         .fold = state->fold};
}

static Status table_parse(int argc, const char **argv, void **result, bool *done, bool npy) {
  TableState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  state->validation = 0.1;
  state->test = 0.2;
  state->seed = 1;
  const struct poptOption shared[] = {
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "the container to write", "FILE.h5"},
      {"name", 0, POPT_ARG_STRING, &state->name, 0, "name of the data set", "NAME"},
      {"task", 0, POPT_ARG_STRING, &state->task, 0, "name of the task (default: label)", "NAME"},
      {"folds", 0, POPT_ARG_INT, &state->folds, 0, "stratified K-fold: one fold is the test split", "K"},
      {"fold", 0, POPT_ARG_INT, &state->fold, 0, "with --folds: which one, from 0", "k"},
      {"validation", 0, POPT_ARG_DOUBLE, &state->validation, 0, "share held out for validation (default 0.1)", "SHARE"},
      {"test", 0, POPT_ARG_DOUBLE, &state->test, 0, "share held out for testing, without --folds (default 0.2)",
       "SHARE"},
      {"seed", 0, POPT_ARG_LONGLONG, &state->seed, 0, "decides who is held out", "S"},
      POPT_TABLEEND};
  const struct poptOption views[] = {
      {"label", 0, POPT_ARG_STRING, &state->label, 0,
       "column of the label: its name, its number from 1, or last (default)", "COLUMN"},
      {"id", 0, POPT_ARG_STRING, &state->id, 0, "column of the sample's id", "COLUMN"},
      {"split", 0, POPT_ARG_STRING, &state->split, 0, "column that says train, validation or test", "COLUMN"},
      {"no-header", 0, POPT_ARG_NONE, &state->no_header, 0, "the first line is a row already", NULL},
      {"impute-mean", 0, POPT_ARG_NONE, &state->impute, 0,
       "an empty cell becomes the mean of its column over the training rows", NULL},
      {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)shared, 0, NULL, NULL},
      POPT_TABLEEND};
  const struct poptOption arrays[] = {
      {"labels", 0, POPT_ARG_STRING, &state->label, 0, "array of integers, -1: unlabelled", "FILE.npy"},
      {"split", 0, POPT_ARG_STRING, &state->split, 0, "array of 0 (train), 1 (validation), 2 (test)", "FILE.npy"},
      {"spectrogram", 0, POPT_ARG_NONE, &state->spectrogram, 0,
       "arrays of 3 or 4 dimensions are spectrograms, not images", NULL},
      {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)shared, 0, NULL, NULL},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(
      argc, argv, npy ? arrays : views,
      npy ? "import npy [NAME=]FILE.npy... --labels FILE.npy -o FILE.h5" : "import views [NAME=]FILE.csv... -o FILE.h5",
      npy ? "  rebasis data import npy image=images.npy text=embeddings.npy --labels labels.npy -o data.h5\n"
          : "  rebasis data import views fac=mfeat-fac.csv fou=mfeat-fou.csv --folds 5 --fold 0 -o mfeat.h5\n",
      &state->common, NULL, state, &words, done));
  if (*done)
    return STATUS_OK;
  TRY(seed_check(state->seed));
  for (int k = 0; k < words_count(words); k++)
    TRY(add_file(state, words[k]));
  if (!state->files || !state->out || (npy && !state->label))
    return status_error(EXIT_USAGE,
                        "data import %s: name the tables%s and -o FILE.h5; see rebasis data import %s --help",
                        npy ? "npy" : "views", npy ? ", --labels FILE.npy" : "", npy ? "npy" : "views");
  return STATUS_OK;
}

static Status views_parse(int argc, const char **argv, void **result, bool *done) {
  return table_parse(argc, argv, result, done, false);
}
static Status npy_parse_words(int argc, const char **argv, void **result, bool *done) {
  return table_parse(argc, argv, result, done, true);
}

static Status write_imported(Status status, Dataset *dataset, const char *path) {
  if (status.code == 0)
    status = dataset_write(dataset, path);
  dataset_free(dataset);
  return status;
}

static Status views_work(void *user) {
  TableState *state = user;
  ViewsConfig config = {.name = state->name,
                        .task = state->task,
                        .views = state->files,
                        .no_header = state->no_header,
                        .label = state->label,
                        .id = state->id,
                        .split = state->split,
                        .impute_mean = state->impute,
                        .partition = partition_of(state)};
  for (int k = 0; k < state->files; k++)
    config.view[k] = (ViewFile){.name = state->file[k].name, .path = state->file[k].path};
  Dataset dataset = {0};
  return write_imported(views_import(&dataset, &config), &dataset, state->out);
}

static Status npy_work(void *user) {
  TableState *state = user;
  NpyConfig config = {.name = state->name,
                      .task = state->task,
                      .files = state->files,
                      .labels = state->label,
                      .split = state->split,
                      .partition = partition_of(state)};
  for (int k = 0; k < state->files; k++)
    config.file[k] = (NpyFile){state->file[k].name, state->file[k].path, state->spectrogram};
  Dataset dataset = {0};
  return write_imported(npy_import(&dataset, &config), &dataset, state->out);
}

// --- import mimic-iv ---------------------------------------------------------------------------------------------------------

typedef struct MimicState {
  CommonOptions common;
  MimicOptions options;
  char *mimic, *labevents, *notes, *split, *out;
  long long seed;
} MimicState;

static Status mimic_parse(int argc, const char **argv, void **result, bool *done) {
  MimicState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  MimicOptions *options = &state->options;
  *options = MIMIC_DEFAULTS;
  state->seed = (long long)options->seed;
  const struct poptOption table[] = {
      {"mimic", 0, POPT_ARG_STRING, &state->mimic, 0, "directory of MIMIC-IV: hosp/admissions.csv.gz and so on", "DIR"},
      {"labevents", 0, POPT_ARG_STRING, &state->labevents, 0,
       "another table of laboratory events than hosp/labevents.csv.gz; none: do without", "FILE"},
      {"notes", 0, POPT_ARG_STRING, &state->notes, 0, "discharge.csv.gz of MIMIC-IV-Note; without it, no notes",
       "FILE"},
      {"note-words", 0, POPT_ARG_INT, &options->note_words, 0, "buckets that words of notes are hashed into (4096)",
       "N"},
      {"out", 'o', POPT_ARG_STRING, &state->out, 0, "the container to write", "FILE.h5"},
      {"split", 0, POPT_ARG_STRING, &state->split, 0,
       "admission (default, as published: patients recur) or patient (none is in two splits)", "NAME"},
      {"validation", 0, POPT_ARG_DOUBLE, &options->validation, 0, "share held out for validation (default 0.1)",
       "SHARE"},
      {"test", 0, POPT_ARG_DOUBLE, &options->test, 0, "share held out for testing (default 0.2)", "SHARE"},
      {"seed", 0, POPT_ARG_LONGLONG, &state->seed, 0, "decides who is held out (default 42)", "S"},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(argc, argv, table, "import mimic-iv --mimic DIR -o FILE.h5",
                    "  rebasis data import mimic-iv --mimic mimiciv/2.2 --notes discharge.csv.gz -o mimic-iv.h5\n",
                    &state->common, NULL, state, &words, done));
  if (*done)
    return STATUS_OK;
  TRY(seed_check(state->seed));
  if (words_count(words) != 0 || !state->mimic || !state->out)
    return status_error(
        EXIT_USAGE,
        "data import mimic-iv: --mimic DIR and -o FILE.h5 are needed; see rebasis data import mimic-iv --help");
  const char *split = state->split ? state->split : "admission";
  if (strcmp(split, "admission") && strcmp(split, "patient"))
    return status_error(EXIT_USAGE, "data import mimic-iv: --split %s; write admission or patient", split);
  options->mimic = state->mimic;
  options->labevents = state->labevents;
  options->notes = state->notes;
  options->split = strcmp(split, "patient") ? MIMIC_BY_ADMISSION : MIMIC_BY_PATIENT;
  options->seed = (uint64_t)state->seed;
  return STATUS_OK;
}

static Status mimic_work(void *user) {
  MimicState *state = user;
  return mimic_write(&state->options, state->out);
}

// --- inspect -----------------------------------------------------------------------------------------------------------------

typedef struct InspectState {
  CommonOptions common;
  const char *path;
  int verify, json;
  Status probe;
} InspectState;

static Status inspect_parse(int argc, const char **argv, void **result, bool *done) {
  InspectState *state = calloc(1, sizeof *state);
  REQUIRE(state, "out of memory");
  *result = state;
  const struct poptOption table[] = {
      {"verify", 0, POPT_ARG_NONE, &state->verify, 0, "recompute every checksum and check all contents", NULL},
      {"json", 0, POPT_ARG_NONE, &state->json, 0, "print JSON", NULL},
      POPT_TABLEEND};
  const char **words;
  TRY(options_parse(argc, argv, table, "inspect FILE.h5 [--verify] [--json]",
                    "  rebasis data inspect planted.h5 --verify\n", &state->common, NULL, state, &words, done));
  if (*done)
    return STATUS_OK;
  if (words_count(words) != 1)
    return status_error(EXIT_USAGE, "data inspect: name one container; see rebasis data inspect --help");
  state->path = words[0];
  state->probe = data_probe(state->path);
  return STATUS_OK;
}

static Status inspect_work(void *user) {
  InspectState *state = user;
  char *text;
  TRY(state->probe);
  TRY(dataset_describe(&text, state->path, state->json, state->verify));
  printf("%s%s", text, text[0] && text[strlen(text) - 1] == '\n' ? "" : "\n");
  free(text);
  return STATUS_OK;
}

// --- the verbs ---------------------------------------------------------------------------------------------------------------

static const Verb verbs[] = {
    {"import", "avmnist", "MNIST and the Free Spoken Digit Dataset", avmnist_parse, avmnist_work},
    {"import", "mimic-iv", "admissions of MIMIC-IV: codes, drugs, labs, notes", mimic_parse, mimic_work},
    {"import", "views", "CSV tables, one per modality", views_parse, views_work},
    {"import", "npy", "NumPy arrays, one per modality", npy_parse_words, npy_work},
    {"inspect", NULL, "describe a container", inspect_parse, inspect_work},
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

static bool asks_for_help(const char *word) { return !strcmp(word, "--help") || !strcmp(word, "-h"); }

static Status no_verb(int argc, const char **argv) {
  char *names[VERBS], *said = text_format("%s%s%s", argv[1], argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
  for (int k = 0; k < VERBS; k++)
    names[k] =
        text_format("%s%s%s", verbs[k].first, verbs[k].second ? " " : "", verbs[k].second ? verbs[k].second : "");
  const char *near = text_nearest(said, (const char *const *)names, VERBS);
  if (!near)
    near = text_nearest(argv[1], (const char *const *)names, VERBS);
  Status status = status_error(EXIT_USAGE, "data: %s is not a verb%s%s; see rebasis data --help", said,
                               near ? "; did you mean " : "", near ? near : "");
  for (int k = 0; k < VERBS; k++)
    free(names[k]);
  free(said);
  return status;
}

static Status prepare(int argc, const char **argv, void **result, bool *done) {
  if (argc < 2)
    return status_error(EXIT_USAGE, "data: say what to do; see rebasis data --help");
  bool group = !strcmp(argv[1], "import") || !strcmp(argv[1], "synth");
  if (asks_for_help(argv[1]) || (group && argc > 2 && asks_for_help(argv[2]))) {
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
  return no_verb(argc, argv);
}

static Status run(const Comm *comm, void *user) {
  DataState *state = user;
  Status status = comm_agree(comm, comm_is_root(comm) ? state->verb->work(state->state) : STATUS_OK);
  free(state->state);
  return status;
}

const Command command_data = {"data", "import, make and inspect data sets", prepare, run};
