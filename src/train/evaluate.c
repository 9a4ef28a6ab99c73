#include "train/evaluate.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "comm/watchdog.h"
#include "metrics/classification.h"
#include "metrics/ranking.h"
#include "metrics/summary.h"
#include "train/interrupt.h"
#include "train/run_files.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int evaluator_batches(const Evaluator *evaluator) {
  int room = evaluator->session->batch.room;
  return (int)((evaluator->n + room - 1) / room);
}

static void make_batch(Evaluator *evaluator, const MaskProtocol *protocol, int index) {
  Session *session = evaluator->session;
  int64_t room = session->batch.room, begin = index * room, left = evaluator->n - begin;
  batch_make(&session->batch, &session->dataset, protocol, evaluator->order + begin, (int)(left < room ? left : room),
             true);
}

static Status take(Evaluator *evaluator, const int64_t *order) {
  size_t n = (size_t)evaluator->n;
  TRY(memory_take((void **)&evaluator->order, n, sizeof(int64_t), "the samples to score"));
  TRY(memory_take((void **)&evaluator->logits, n * (size_t)evaluator->session->stages.outputs, sizeof(float),
                  "logits"));
  TRY(memory_take((void **)&evaluator->shown, n, 1, "logits"));
  TRY(memory_take((void **)&evaluator->label, n, sizeof(int32_t), "labels"));
  memcpy(evaluator->order, order, n * sizeof *order);
  return STATUS_OK;
}

Status evaluator_open(Evaluator *evaluator, Session *session, const int64_t *order, int64_t n, bool many) {
  MaskProtocol everything = {.kind = MASK_NONE};
  *evaluator = (Evaluator){.session = session, .n = n};
  TRY(comm_agree(session->comm, take(evaluator, order)));
  if (!many)
    return STATUS_OK;
  TRY(step_encoded_open(session->step, evaluator_batches(evaluator)));
  evaluator->encoded = true;
  for (int index = 0; index < evaluator_batches(evaluator); index++) {
    watchdog_phase("encode for evaluation", -1);
    make_batch(evaluator, &everything, index);
    step_encode(session->step, &session->batch, index);
  }
  return STATUS_OK;
}

void evaluator_close(Evaluator *evaluator) {
  if (evaluator->encoded)
    step_encoded_close(evaluator->session->step);
  void *owned[] = {evaluator->order, evaluator->logits, evaluator->shown, evaluator->label};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
    free(owned[i]);
}

void evaluator_represent(Evaluator *evaluator, int index, const float **z, int *first, int *rows) {
  MaskProtocol everything = {.kind = MASK_NONE};
  make_batch(evaluator, &everything, index);
  step_represent_encoded(evaluator->session->step, &evaluator->session->batch, index, z, first, rows);
}

void evaluator_logits(Evaluator *evaluator, const MaskProtocol *protocol) {
  Session *session = evaluator->session;
  const Batch *batch = &session->batch;
  size_t outputs = (size_t)session->stages.outputs;
  memset(evaluator->logits, 0, (size_t)evaluator->n * outputs * sizeof(float));
  for (int index = 0; index < evaluator_batches(evaluator); index++) {
    int first, rows;
    watchdog_phase("evaluation", -1);
    make_batch(evaluator, protocol, index);
    const float *here = evaluator->encoded ? step_predict_encoded(session->step, batch, index, &first, &rows)
                                           : step_predict(session->step, batch, &first, &rows);
    int64_t begin = (int64_t)index * batch->room;
    float *to = evaluator->logits + (size_t)(begin + first) * outputs;
    for (size_t k = 0; k < (size_t)rows * outputs; k++)
      to[k] = here[k] + 0.0f; // turns -0 into +0, as the sum over ranks does
    for (int r = 0; r < batch->rows; r++) {
      evaluator->shown[begin + r] = 0;
      for (int i = 0; i < batch->modalities; i++)
        evaluator->shown[begin + r] |= batch->keep[(size_t)r * (size_t)batch->modalities + (size_t)i];
    }
  }
  exchange_collect(&session->grid, evaluator->logits, evaluator->n * (int64_t)outputs);
}

static Status rank_scores(Scores *scores, const float *logits, const int32_t *label, int64_t n, int outputs) {
  double *probability;
  int classes = outputs == 1 ? 1 : outputs;
  Ranking *ranking;
  TRY(memory_take((void **)&probability, (size_t)n * (size_t)outputs, sizeof(double), "probabilities"));
  Status status = memory_take((void **)&ranking, (size_t)classes, sizeof *ranking, "rankings");
  classification_probabilities(probability, logits, n, outputs);
  int made = 0;
  for (; made < classes && status.code == 0; made++)
    status = ranking_init(&ranking[made], probability + made, outputs, label, outputs == 1 ? 1 : made, n);
  if (status.code == 0) {
    scores->auroc = ranking_macro(ranking, classes, ranking_auroc, NULL);
    scores->auprc = ranking_macro(ranking, classes, ranking_auprc, NULL);
    scores->average_precision = ranking_macro(ranking, classes, ranking_average_precision, NULL);
  }
  for (int c = 0; c < made; c++)
    ranking_free(&ranking[c]);
  free(ranking);
  free(probability);
  return status;
}

Status scores_of_logits(Scores *scores, const Session *session, const float *logits, const int32_t *label, int64_t n) {
  int outputs = session->stages.outputs, classes = session->stages.binary ? 2 : outputs;
  int32_t *predicted;
  scores->n = 0;
  for (int64_t k = 0; k < n; k++)
    scores->n += label[k] >= 0;
  if (scores->n == 0) { // a pattern that no sample can show
    *scores = (Scores){0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, scores->mask_hash};
    return STATUS_OK;
  }
  TRY(memory_take((void **)&predicted, (size_t)n, sizeof(int32_t), "predictions"));
  classification_predict(predicted, logits, n, outputs);
  scores->accuracy = classification_accuracy(predicted, label, n);
  Interval interval = summary_wilson(scores->accuracy * (double)scores->n, (double)scores->n, 0.95);
  scores->accuracy_low = interval.low;
  scores->accuracy_high = interval.high;
  scores->loss = classification_cross_entropy(logits, label, n, outputs);
  scores->calibration_error = classification_calibration_error(logits, label, n, outputs, 15);
  Status status = classification_macro_f1(&scores->macro_f1, predicted, label, n, classes);
  free(predicted);
  return status.code ? status : rank_scores(scores, logits, label, n, outputs);
}

Status evaluator_scores(Evaluator *evaluator, const MaskProtocol *protocol, Scores *scores) {
  Session *session = evaluator->session;
  *scores = (Scores){.mask_hash = mask_hash(&session->dataset, protocol, evaluator->order, evaluator->n)};
  evaluator_logits(evaluator, protocol);
  for (int64_t k = 0; k < evaluator->n; k++)
    evaluator->label[k] = evaluator->shown[k] ? session->dataset.task[0].labels[evaluator->order[k]] : -1;
  return comm_agree(session->comm,
                    scores_of_logits(scores, session, evaluator->logits, evaluator->label, evaluator->n));
}

Status evaluator_open_split(Evaluator *evaluator, Session *session, Split split, bool many) {
  int64_t *order = NULL, n;
  *evaluator = (Evaluator){.session = session};
  Status status = comm_agree(session->comm, session_samples(session, split, &order, &n));
  if (status.code == 0)
    status = evaluator_open(evaluator, session, order, n, many);
  free(order);
  return status;
}

Status evaluate_alone(Session *session, const int64_t *order, int64_t n, double *accuracy) {
  Evaluator evaluator;
  Status status = evaluator_open(&evaluator, session, order, n, true);
  for (int i = 0; i < session->config.modalities && status.code == 0; i++) {
    MaskProtocol alone = {.kind = MASK_PATTERN, .seed = session->config.run.seed, .epoch = RANDOM_EVALUATION};
    for (int j = 0; j < session->config.modalities; j++)
      alone.withheld[j] = j != i;
    Scores scores;
    status = evaluator_scores(&evaluator, &alone, &scores);
    accuracy[i] = scores.accuracy;
  }
  evaluator_close(&evaluator);
  return status;
}

Status evaluate_split(Session *session, Split split, const MaskProtocol *protocol, Scores *scores) {
  Evaluator evaluator;
  Status status = evaluator_open_split(&evaluator, session, split, false);
  if (status.code == 0)
    status = evaluator_scores(&evaluator, protocol, scores);
  evaluator_close(&evaluator);
  return status;
}

// --- the report of a run ---------------------------------------------------------------------------------------------------

static void set_number(json_t *object, const char *key, double value) {
  json_object_set_new(object, key, json_real_or_null(value));
}

static json_t *scores_json(const Scores *scores) {
  char hash[17];
  json_t *object = json_object();
  hash_text(hash, scores->mask_hash);
  json_object_set_new(object, "n", json_integer(scores->n));
  json_object_set_new(object, "mask_xxh64", json_string(hash));
  set_number(object, "accuracy", scores->accuracy);
  json_object_set_new(object, "accuracy_ci",
                      scores->n ? json_pack("[f, f]", scores->accuracy_low, scores->accuracy_high) : json_null());
  set_number(object, "loss", scores->loss);
  set_number(object, "auroc", scores->auroc);
  set_number(object, "auprc", scores->auprc);
  set_number(object, "average_precision", scores->average_precision);
  set_number(object, "macro_f1", scores->macro_f1);
  set_number(object, "calibration_error", scores->calibration_error);
  return object;
}

static json_t *names_shown(const Session *session, const bool *withheld) {
  json_t *names = json_array();
  for (int i = 0; i < session->config.modalities; i++)
    if (!withheld[i])
      json_array_append_new(names, json_string(session->config.modality[i].name));
  return names;
}

static void table_row(const Session *session, bool table, const char *what, const Scores *scores) {
  if (table && comm_is_root(session->comm))
    printf("%-40s n %6lld  accuracy %6.2f %% [%5.2f, %5.2f]  loss %8.4f  auroc %.4f  auprc %.4f\n", what,
           (long long)scores->n, 100 * scores->accuracy, 100 * scores->accuracy_low, 100 * scores->accuracy_high,
           scores->loss, scores->auroc, scores->auprc);
}

// A run that is asked to end while it is being scored has its parameters saved already.
static Status go_on(const Evaluator *evaluator) {
  const Session *session = evaluator->session;
  bool late = interrupt_left() < 2 * evaluator->seconds + 3;
  return session->training && comm_any(session->comm, interrupt_seen() || late)
             ? status_error(EXIT_AGAIN, "%s: interrupted while scoring; run again with --resume to do that",
                            session->config.run.name)
             : STATUS_OK;
}

static Status scores_in_time(Evaluator *evaluator, const MaskProtocol *protocol, Scores *scores) {
  double began = clock_seconds();
  TRY(go_on(evaluator));
  TRY(evaluator_scores(evaluator, protocol, scores));
  evaluator->seconds = clock_seconds() - began;
  return STATUS_OK;
}

static Status add_pattern(Evaluator *evaluator, unsigned shown, json_t *patterns, bool table) {
  const Session *session = evaluator->session;
  MaskProtocol protocol = {.kind = MASK_PATTERN, .seed = session->config.run.seed, .epoch = RANDOM_EVALUATION};
  char what[512] = "";
  for (int i = 0; i < session->config.modalities; i++) {
    protocol.withheld[i] = !(shown >> i & 1);
    if (!protocol.withheld[i])
      snprintf(what + strlen(what), sizeof what - strlen(what), "%s%s", what[0] ? " + " : "",
               session->config.modality[i].name);
  }
  Scores scores;
  TRY(scores_in_time(evaluator, &protocol, &scores));
  table_row(session, table, what, &scores);
  json_t *object = scores_json(&scores);
  json_object_set_new(object, "present", names_shown(session, protocol.withheld));
  json_array_append_new(patterns, object);
  return STATUS_OK;
}

static Status add_patterns(Evaluator *evaluator, json_t *patterns, bool table) {
  int m = evaluator->session->config.modalities;
  unsigned all = m < 32 ? (1u << m) - 1 : ~0u;
  TRY(add_pattern(evaluator, all, patterns, table));
  if (m <= 6) {
    for (unsigned shown = all - 1; shown > 0; shown--)
      TRY(add_pattern(evaluator, shown, patterns, table));
    return STATUS_OK;
  }
  for (int i = 0; i < m; i++) {
    TRY(add_pattern(evaluator, 1u << i, patterns, table));
    TRY(add_pattern(evaluator, all & ~(1u << i), patterns, table));
  }
  return STATUS_OK;
}

// modality -1: all of them at once.
static Status add_rate(Evaluator *evaluator, double rate, int modality, json_t *rates, bool table) {
  const Session *session = evaluator->session;
  MaskProtocol protocol = {.kind = MASK_RATE, .seed = session->config.run.seed, .epoch = RANDOM_EVALUATION};
  for (int i = 0; i < session->config.modalities; i++)
    protocol.rate[i] = modality < 0 || modality == i ? rate : 0;
  const char *name = modality < 0 ? "all" : session->config.modality[modality].name;
  Scores scores;
  TRY(scores_in_time(evaluator, &protocol, &scores));
  char what[128];
  snprintf(what, sizeof what, "%s withheld at %.2f", name, rate);
  table_row(session, table, what, &scores);
  json_t *object = scores_json(&scores);
  json_object_set_new(object, "rate", json_real(rate));
  json_object_set_new(object, "modality", json_string(name));
  json_array_append_new(rates, object);
  return STATUS_OK;
}

static Status write_json(const char *path, const json_t *root) {
  char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
  REQUIRE(text, "the scores cannot be written as JSON");
  Status status = run_file_write(path, text);
  free(text);
  return status;
}

// The one mask that was asked for: in words, and as {modality: probability of being withheld}.
static json_t *describe_mask(char *what, size_t size, const Session *session, const MaskProtocol *mask) {
  json_t *withheld = json_object();
  *what = 0;
  for (int i = 0; i < session->config.modalities; i++) {
    const char *name = session->config.modality[i].name;
    double rate = mask->withheld[i] ? 1 : mask->kind == MASK_RATE ? mask->rate[i] : 0;
    if (rate <= 0)
      continue;
    snprintf(what + strlen(what), size - strlen(what), rate < 1 ? "%s%s withheld at %.2f" : "%s%s withheld",
             *what ? ", " : "", name, rate);
    json_object_set_new(withheld, name, json_real(rate));
  }
  if (!*what)
    snprintf(what, size, "nothing withheld");
  return withheld;
}

static Status fill(Evaluator *evaluator, const EvaluationPlan *plan, json_t *root, bool table) {
  const Session *session = evaluator->session;
  if (plan->extra) {
    Scores scores;
    char what[1024];
    json_object_set_new(root, "withheld", describe_mask(what, sizeof what, session, &plan->mask));
    TRY(evaluator_scores(evaluator, &plan->mask, &scores));
    table_row(session, table, what, &scores);
    json_object_set_new(root, "scores", scores_json(&scores));
    return STATUS_OK;
  }
  json_t *patterns = json_array(), *rates = json_array();
  json_object_set_new(root, "patterns", patterns);
  json_object_set_new(root, "rates", rates);
  if (plan->patterns)
    TRY(add_patterns(evaluator, patterns, table));
  for (int k = 0; k < plan->rates.count; k++) {
    TRY(add_rate(evaluator, plan->rates.item[k], -1, rates, table));
    for (int i = 0; i < session->config.modalities && session->config.modalities > 1 && plan->rates.item[k] > 0; i++)
      TRY(add_rate(evaluator, plan->rates.item[k], i, rates, table));
  }
  return STATUS_OK;
}

Status evaluate_run(Session *session, const EvaluationPlan *plan, const char *path, bool table, bool json) {
  char hash[17];
  json_t *root = json_object();
  json_object_set_new(root, "run", json_string(session->config.run.name));
  hash_text(hash, config_hash(&session->config));
  json_object_set_new(root, "config_xxh64", json_string(hash));
  hash_text(hash, parameters_hash(sums_parameters(session->sums), &session->stages.parameters));
  json_object_set_new(root, "parameters_xxh64", json_string(hash));
  json_object_set_new(root, "split", json_string(split_name(plan->split)));
  json_object_set_new(root, "task", json_string(session->dataset.task[0].name));
  json_object_set_new(root, "classes", json_integer(session->dataset.task[0].classes));
  Evaluator evaluator;
  Status status = evaluator_open_split(&evaluator, session, plan->split, !plan->extra);
  if (status.code == 0 && evaluator.n == 0)
    status = status_error(EXIT_DATA, "%s: the split %s has no sample with a label; --split names another",
                          session->config.data.file, split_name(plan->split));
  evaluator.seconds = plan->seconds;
  if (status.code == 0)
    status = fill(&evaluator, plan, root, table);
  evaluator_close(&evaluator);
  if (status.code == 0 && path)
    status = comm_agree(session->comm, comm_is_root(session->comm) ? write_json(path, root) : STATUS_OK);
  if (status.code == 0 && json && comm_is_root(session->comm)) {
    json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    printf("\n");
  }
  json_decref(root);
  return status;
}
