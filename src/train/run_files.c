#include "train/run_files.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "train/position.h"
#include "train/run.h"
#include "train/substitution.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

Status run_file_write(const char *path, const char *text) { return file_replace(path, text); }

Status run_files_write(const char *dir, const char *name, const char *text) {
  char path[PATH_MOST + 64];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return file_replace(path, text);
}

static Status begin(const Config *config, const char *dir, bool resume) {
  char latest[PATH_MOST + 32];
  struct stat info;
  snprintf(latest, sizeof latest, "%s/checkpoints/latest", dir);
  if (!resume && lstat(latest, &info) == 0)
    return status_error(
        EXIT_CANNOT_CREATE,
        "%s: holds a run already; add --resume to go on with it, or choose another directory with --out", dir);
  if (resume && lstat(latest, &info) == 0)
    return STATUS_OK; // the configuration that the run began with stays
  char *text = config_print(config);
  Status status = run_files_write(dir, "config.yaml", text);
  free(text);
  return status;
}

Status run_files_begin(const Comm *comm, const Config *config, const char *dir, bool resume) {
  return comm_agree(comm, comm_is_root(comm) ? begin(config, dir, resume) : STATUS_OK);
}

// What the starts of this run before this one have taken, as far as they came to write it down.
static double seconds_before(const char *dir) {
  char path[PATH_MOST + 64];
  snprintf(path, sizeof path, "%s/run.json", dir);
  json_t *root = json_load_file(path, 0, NULL);
  double seconds = json_member_number(root, "seconds");
  json_decref(root);
  return isfinite(seconds) ? seconds : 0;
}

static Status end(const Session *session, const char *dir, const RunSummary *summary, bool print_json, bool silent) {
  char parameters[17], config[17], data[17], grid[16];
  hash_text(parameters, summary->parameters_hash);
  hash_text(config, config_hash(&session->config));
  hash_text(data, dataset_identity(&session->dataset));
  snprintf(grid, sizeof grid, "%dx%d", session->grid.groups, session->grid.shards);
  json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:i, s:s, s:I, s:f, s:I}", "state", summary->state,
                           "run", session->config.run.name, "step", (json_int_t)summary->step, "epoch",
                           (json_int_t)summary->epoch, "parameters_xxh64", parameters, "config_xxh64", config,
                           "data_xxh64", data, "ranks", session->comm->ranks, "grid", grid, "parameters",
                           (json_int_t)parameters_number(&session->stages.parameters), "seconds",
                           summary->seconds + seconds_before(dir), "peak_bytes", (json_int_t)memory_peak());
  REQUIRE(root, "run.json cannot be made");
  char *text = json_dumps(root, JSON_INDENT(1));
  json_decref(root);
  Status status = run_files_write(dir, "run.json", text);
  if (status.code || silent)
    ;
  else if (print_json)
    printf("%s\n", text);
  else
    printf("step %lld\nparameters_xxh64 %s\n", (long long)summary->step, parameters);
  fflush(stdout);
  free(text);
  return status;
}

Status run_files_end(const Comm *comm, const Session *session, const char *dir, const RunSummary *summary, bool json,
                     bool silent) {
  return comm_agree(comm, comm_is_root(comm) ? end(session, dir, summary, json, silent) : STATUS_OK);
}

Status run_open(Session *session, const Comm *comm, const char *dir, const char *data, const char *const *overrides,
                int count) {
  char path[PATH_MOST + 64];
  Config config;
  struct stat info;
  *session = (Session){0};
  snprintf(path, sizeof path, "%s/config.yaml", dir);
  TRY(comm_agree(comm,
                 stat(path, &info) == 0
                     ? config_read(&config, path, overrides, count)
                     : status_error(EXIT_NO_INPUT, "%s: %s; a run directory made by `rebasis train` would be right",
                                    path, strerror(errno))));
  TRY(session_open(session, comm, &config, data, false));
  snprintf(path, sizeof path, "%s/best.h5", dir);
  if (!strcmp(config.train.metric, "none") || stat(path, &info) != 0)
    snprintf(path, sizeof path, "%s/checkpoints/latest", dir);
  TRY(position_load_model(session, path));
  if (!substitution_wanted(&config))
    return STATUS_OK;
  TRY(comm_agree(comm,
                 memory_take((void **)&session->substitution, 1, sizeof *session->substitution, "the substitution")));
  substitution_recall(session, session->substitution);
  step_substitute(session->step, &session->substitution->substitutes);
  return STATUS_OK;
}
