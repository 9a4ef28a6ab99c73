// for every measure asked for:  result = {about} + measure(context);  RUN/analysis/NAME.json <- result
#include "analyze/analyze.h"

#include "analyze/context.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "train/run_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const Measure analyze_measures[] = {
    {"rank", "singular values and ranks of fusion weights, representations and gradients", measure_rank},
    {"similarity", "cosine and linear CKA between modalities, and of each with the multimodal representation",
     measure_similarity},
    {"agop", "average gradient outer product of the fusion's layers, and its alignment with W'W", measure_agop},
    {"polysemanticity", "capacity per modality, and how neurons and subspaces mix modalities", measure_polysemanticity},
    {"classifier", "a network that tells unimodal models by their weights, asked about the fusion's neurons (Table 9)",
     measure_classifier},
    {"collision", "Lemma 1's bound on cross-modal pairs of features, drawn pairs, and this model's neurons",
     measure_collision},
    {"probe", "linear probes of each representation, fitted on training samples", measure_probe},
    {"subspaces", "distance of the fusion's subspaces from AGOP, ordered by polysemanticity", measure_subspaces},
    {"substitutability", "scores with each way of standing in for what is missing, over all sets of modalities",
     measure_substitutability},
    {"vif", "variance inflation factors of each representation", measure_vif},
};
const int analyze_measures_count = sizeof analyze_measures / sizeof *analyze_measures;

// --- which measures -------------------------------------------------------------------------------------------------------

static bool is_listed(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (!strncmp(at, name, length) && (at[length] == ',' || !at[length]))
      return true;
  return false;
}

static Status check_name(const char *name) {
  enum { MOST = 64 };
  const char *names[MOST];
  char all[STATUS_TEXT / 2] = "";
  for (int k = 0; k < analyze_measures_count && k < MOST; k++) {
    names[k] = analyze_measures[k].name;
    if (!strcmp(name, names[k]))
      return STATUS_OK;
    text_print(all + strlen(all), sizeof all - strlen(all), "%s%s", k ? ", " : "", names[k]);
  }
  const char *nearest = text_nearest(name, names, analyze_measures_count);
  return status_error(EXIT_USAGE, "analyze: there is no measure \"%s\"; %s%s", name,
                      nearest ? "did you mean " : "write some of ", nearest ? nearest : all);
}

Status analyze_check(const char *only) {
  char copy[1024], *rest = copy;
  if (!only)
    return STATUS_OK;
  if (!text_print(copy, sizeof copy, "%s", only))
    return status_error(EXIT_USAGE, "analyze: --only is too long");
  for (char *name; (name = strsep(&rest, ",")) != NULL;)
    TRY(check_name(name));
  return STATUS_OK;
}

// --- results as files -----------------------------------------------------------------------------------------------------

static json_t *about(const AnalyzeContext *context) {
  const Session *session = context->session;
  char config[17], parameters[17], data[17];
  hash_text(config, config_hash(&session->config));
  hash_text(parameters, parameters_hash(sums_parameters(session->sums), &session->stages.parameters));
  hash_text(data, dataset_identity(&session->dataset));
  json_t *object =
      json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:I}", "measure", context->measure, "run",
                session->config.run.name, "config_xxh64", config, "parameters_xxh64", parameters, "data_xxh64", data,
                "step", (json_int_t)context->step, "epoch", (json_int_t)context->epoch, "split",
                split_name(context->split), "task", session->dataset.task[0].name, "n", (json_int_t)context->n);
  REQUIRE(object, "out of memory for a result");
  return object;
}

static Status make_folder(const char *path) {
  if (mkdir(path, 0777) != 0 && errno != EEXIST)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
  return STATUS_OK;
}

// folder: of the epoch inside training, else NULL.
static Status write_result(const AnalyzeContext *context, const json_t *result, const char *folder) {
  char path[PATH_MOST + 128];
  char *text = json_dumps(result, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  REQUIRE(text, "the results of %s cannot be written as JSON", context->measure);
  Status status = STATUS_OK;
  for (int k = folder ? 0 : 1; k < 2 && status.code == 0; k++) {
    text_print(path, sizeof path, "%s/analysis%s%s", context->run, k ? "" : "/", k ? "" : folder);
    status = make_folder(path);
    text_print(path + strlen(path), sizeof path - strlen(path), "/%s.json", context->measure);
    if (status.code == 0)
      status = run_file_write(path, text);
  }
  free(text);
  return status;
}

static Status make_folders(const AnalyzeContext *context) {
  char path[PATH_MOST + 128];
  text_print(path, sizeof path, "%s/analysis", context->run);
  return make_folder(path);
}

static Status apply(AnalyzeContext *context, const Measure *measure, const char *folder, json_t *all) {
  json_t *result = json_object();
  REQUIRE(result, "out of memory for a result");
  context->measure = measure->name;
  json_object_set_new(result, "about", about(context));
  Status status = measure->measure(context, result);
  if (status.code == 0)
    status = comm_agree(context->comm, comm_is_root(context->comm) ? write_result(context, result, folder) : STATUS_OK);
  json_object_set_new(all, measure->name, result);
  return status;
}

// --- on a trained run -----------------------------------------------------------------------------------------------------

static Status analyze_session(AnalyzeContext *context, Session *session, const AnalyzeRequest *request, json_t *all) {
  TRY(run_open(session, session->comm, context->run, request->data, request->set, request->sets));
  context->step = session->saved_step;
  context->epoch = session->saved_epoch;
  TRY(comm_agree(session->comm, comm_is_root(session->comm) ? make_folders(context) : STATUS_OK));
  TRY(context_open(context, session, request->split, request->samples));
  for (int k = 0; k < analyze_measures_count; k++)
    if (!request->only || is_listed(request->only, analyze_measures[k].name))
      TRY(apply(context, &analyze_measures[k], NULL, all));
  return STATUS_OK;
}

Status analyze_run(const Comm *comm, const char *run, const AnalyzeRequest *request) {
  Session session = {.comm = comm};
  AnalyzeContext context = {.run = run, .table = request->table, .targets = request->opened};
  json_t *all = json_object();
  REQUIRE(all, "out of memory for results");
  Status status = analyze_session(&context, &session, request, all);
  context_close(&context);
  session_close(&session);
  if (status.code == 0 && request->json && comm_is_root(comm)) {
    json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    printf("\n");
  }
  json_decref(all);
  return status;
}

// --- inside training ------------------------------------------------------------------------------------------------------

static Split observed_split(const Session *session) {
  return session_count(session, SPLIT_VALIDATION) > 0 ? SPLIT_VALIDATION : SPLIT_TRAIN;
}

static const Measure *find_measure(const char *name) {
  for (int k = 0; k < analyze_measures_count; k++)
    if (!strcmp(analyze_measures[k].name, name))
      return &analyze_measures[k];
  return NULL;
}

static Status observe(AnalyzeContext *context, Session *session, json_t *all) {
  const Config *config = &session->config;
  char folder[32];
  text_print(folder, sizeof folder, "epoch-%05lld", (long long)context->epoch);
  TRY(comm_agree(session->comm, comm_is_root(session->comm) ? make_folders(context) : STATUS_OK));
  TRY(context_open(context, session, observed_split(session), ANALYZE_TRAINING_SAMPLES));
  for (int k = 0; k < config->analysis.measures; k++) {
    const Measure *measure = find_measure(config->analysis.measure[k]);
    if (measure)
      TRY(apply(context, measure, folder, all));
    else if (context->epoch == config->analysis.every_epochs)
      log_warning("analysis.measure: %s is not measured inside training by this version", config->analysis.measure[k]);
  }
  return STATUS_OK;
}

Status analyze_observe(void *user, const RunMoment *moment) {
  AnalyzeContext context = {
      .run = moment->dir, .step = moment->step, .epoch = moment->epoch + 1, .training = true, .log = moment->log};
  json_t *all = json_object();
  double began = clock_seconds();
  (void)user;
  REQUIRE(all, "out of memory for results");
  Status status = observe(&context, moment->session, all);
  log_debug("epoch %lld: analysis took %.3f s", (long long)context.epoch, clock_seconds() - began);
  context_close(&context);
  json_decref(all);
  return status;
}
