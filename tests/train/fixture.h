#ifndef TRAIN_FIXTURE_H
#define TRAIN_FIXTURE_H
/// What the tests of whole runs share: a folder for scratch files, small data sets, runs on the first k ranks, and what a
/// run leaves behind without its times.
#include "base/log.h"
#include "base/text.h"
#include "check.h"
#include "comm/comm.h"
#include "config/config.h"
#include "data/planted.h"
#include "train/run.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIXTURE_PATH = 512 };

/// At the start of main of a test with threads: more of them than cores must not wait by spinning, and the library reads how to
/// wait when it is loaded. Then starts the ranks; results go nowhere, the log is silent.
static inline void fixture_begin(Comm *world, int *argc, char ***argv) {
  if (!getenv("OMP_WAIT_POLICY")) {
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", *argv);
  }
  comm_init(world, argc, argv);
  log_init(world->rank, LOG_QUIET);
  CHECK(freopen("/dev/null", "w", stdout), "no /dev/null");
}

/// A model under test: what follows `data:` and `modalities:` of a configuration, and the data set it needs.
typedef struct Model {
  const char *name, *data, *yaml;
} Model;

/// What a run leaves behind, without times.
typedef struct Trace {
  char *metrics, *evaluation, hash[17];
} Trace;

static inline int fixture_remove(const char *path, const struct stat *info, int type, struct FTW *ftw) {
  (void)info, (void)type, (void)ftw;
  return remove(path);
}

static inline void fixture_clear(const char *path) { nftw(path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS); }

/// Collective. A new folder, the same name on all ranks.
static inline void fixture_folder(const Comm *comm, char folder[FIXTURE_PATH]) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, FIXTURE_PATH, "%s/rebasis-train-XXXXXX", base ? base : P_tmpdir);
  if (comm_is_root(comm))
    CHECK(mkdtemp(folder), "no scratch folder %s", folder);
  comm_share(comm, folder, FIXTURE_PATH, 0);
}

/// Planted data with a second task `late` (binary, some labels missing): settings as in `rebasis data synth planted --set`.
static inline void fixture_data(const char *path, const char *const *settings) {
  PlantedConfig config;
  PlantedTruth truth;
  Dataset dataset;
  planted_default(&config);
  for (; *settings; settings++)
    CHECK(planted_set(&config, *settings).code == 0, "%s", *settings);
  CHECK(planted_draw(&truth, &config).code == 0 && planted_make(&dataset, &truth).code == 0, "planted data");
  CHECK(dataset_add_task(&dataset, "late", true, 2).code == 0, "a second task");
  for (int64_t n = 0; n < dataset.samples; n++)
    dataset.task[1].labels[n] = n % 11 == 3 ? -1 : dataset.task[0].labels[n] >= config.classes / 2;
  Status status = dataset_write(&dataset, path);
  CHECK(status.code == 0, "%s", status.text);
  dataset_free(&dataset);
  planted_free(&truth);
}

/// Collective over the first `ranks` of world, the others wait without burning time. Trains model into out; returns the exit code.
static inline int fixture_train(const Comm *world, int ranks, const Model *model, const char *folder, const char *out,
                                const char *grid, bool resume) {
  Status status = STATUS_OK;
  Comm comm;
  MPI_Comm_split(world->world, world->rank < ranks ? 0 : MPI_UNDEFINED, world->rank, &comm.world);
  if (comm.world != MPI_COMM_NULL) {
    char yaml[4096];
    Config config;
    MPI_Comm_rank(comm.world, &comm.rank);
    MPI_Comm_size(comm.world, &comm.ranks);
    int length =
        snprintf(yaml, sizeof yaml, "run: {name: %s, seed: 5}\n%s\ngrid: {%s}\n", model->name, model->yaml, grid);
    char file[FIXTURE_PATH + 64], set[FIXTURE_PATH + 80];
    snprintf(file, sizeof file, "%s/%s.h5", folder, model->data);
    snprintf(set, sizeof set, "data.file=%s", file);
    status = config_parse(&config, model->name, yaml, length, (const char *const[]){set}, 1);
    CHECK(status.code == 0, "%s", status.text);
    status = run_train(&comm, &config, &(RunOptions){.out = out, .resume = resume, .quiet = true});
    MPI_Comm_free(&comm.world);
  }
  MPI_Request request;
  MPI_Ibarrier(world->world, &request);
  for (int done = 0; !done; MPI_Test(&request, &done, MPI_STATUS_IGNORE))
    usleep(1000);
  if (status.code)
    fprintf(stderr, "rank %d: %s\n", world->rank, status.text);
  return status.code;
}

__attribute__((noinline, unused)) static char *fixture_read(const char *folder, const char *name) {
  char path[FIXTURE_PATH + 64], *text = NULL;
  size_t length;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "r");
  CHECK(file, "no file %s", path);
  if (getdelim(&text, &length, 0, file) < 0)
    text = strdup("");
  fclose(file);
  return text;
}

/// Takes ,"wall_s":… and ,"samples_per_s":… out of every line.
static inline void fixture_strip(char *text) {
  static const char *const keys[] = {",\"wall_s\":", ",\"samples_per_s\":"};
  for (int k = 0; k < 2; k++)
    for (char *at = text; (at = strstr(at, keys[k])) != NULL;) {
      char *end = at + strlen(keys[k]);
      end += strcspn(end, ",}");
      memmove(at, end, strlen(end) + 1);
    }
}

static inline Trace fixture_trace(const char *out) {
  Trace trace = {.metrics = fixture_read(out, "metrics.jsonl"), .evaluation = fixture_read(out, "evaluation.json")};
  char *run = fixture_read(out, "run.json");
  static const char key[] = "\"parameters_xxh64\": \"";
  const char *hash = strstr(run, key);
  fixture_strip(trace.metrics);
  CHECK(hash && strstr(run, "\"state\": \"done\""), "run.json of %s: %s", out, run);
  text_print(trace.hash, sizeof trace.hash, "%.16s", hash + sizeof key - 1);
  free(run);
  return trace;
}

static inline void fixture_trace_free(Trace *trace) {
  free(trace->metrics);
  free(trace->evaluation);
}

static inline void fixture_same(const Trace *got, const Trace *wanted, const char *what) {
  CHECK(!strcmp(got->hash, wanted->hash), "%s: parameters %s, not %s; metrics\n%s\nnot\n%s", what, got->hash,
        wanted->hash, got->metrics, wanted->metrics);
  CHECK(!strcmp(got->metrics, wanted->metrics), "%s: metrics\n%s\nnot\n%s", what, got->metrics, wanted->metrics);
  CHECK(!strcmp(got->evaluation, wanted->evaluation), "%s: evaluation\n%s\nnot\n%s", what, got->evaluation,
        wanted->evaluation);
}

#endif
