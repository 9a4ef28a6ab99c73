#include "train/evaluate.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "metrics/classification.h"
#include "metrics/ranking.h"
#include "metrics/summary.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Status evaluate_logits(Session *session, const MaskProtocol *protocol, const int64_t *order, int64_t n, float *logits,
                       uint8_t *shown) {
  int outputs = session->stages.outputs, room = session->batch.room;
  memset(logits, 0, (size_t)n * (size_t)outputs * sizeof(float));
  for (int64_t at = 0; at < n; at += room) {
    int count = (int)(n - at < room ? n - at : room), first, rows;
    batch_make(&session->batch, &session->dataset, protocol, order + at, count);
    // Samples left out by the mask close up in the batch; `place` tells where each row came from.
    int64_t *place = calloc((size_t)room, sizeof *place);
    REQUIRE(place, "out of memory for row numbers");
    for (int k = 0, row = 0; k < count; k++) {
      shown[at + k] = row < session->batch.rows && session->batch.sample[row] == order[at + k];
      if (shown[at + k])
        place[row++] = at + k;
    }
    const float *result = step_predict(session->step, &session->batch, &first, &rows);
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < outputs; c++) // + 0 turns -0 into +0, as the sum over ranks does
        logits[(size_t)place[first + r] * (size_t)outputs + (size_t)c] =
            result[(size_t)r * (size_t)outputs + (size_t)c] + 0.0f;
    free(place);
  }
  exchange_collect(&session->grid, logits, n * outputs);
  return STATUS_OK;
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

static Status score(Scores *scores, const Session *session, const float *logits, int32_t *label, int64_t n) {
  int outputs = session->stages.outputs, classes = session->stages.binary ? 2 : outputs;
  int32_t *predicted;
  TRY(memory_take((void **)&predicted, (size_t)n, sizeof(int32_t), "predictions"));
  classification_predict(predicted, logits, n, outputs);
  scores->n = 0;
  for (int64_t k = 0; k < n; k++)
    scores->n += label[k] >= 0;
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

static Status evaluate_order(Session *session, const MaskProtocol *protocol, const int64_t *order, int64_t n,
                             Scores *scores) {
  float *logits;
  uint8_t *shown = NULL;
  int32_t *label = NULL;
  *scores = (Scores){.mask_hash = mask_hash(&session->dataset, protocol, order, n)};
  Status status = memory_take((void **)&logits, (size_t)n * (size_t)session->stages.outputs, sizeof(float), "logits");
  if (status.code == 0)
    status = memory_take((void **)&shown, (size_t)n, 1, "logits");
  if (status.code == 0)
    status = memory_take((void **)&label, (size_t)n, sizeof(int32_t), "labels");
  status = comm_agree(session->comm, status);
  if (status.code == 0)
    status = evaluate_logits(session, protocol, order, n, logits, shown);
  if (status.code == 0) {
    for (int64_t k = 0; k < n; k++)
      label[k] = shown[k] ? session->dataset.task[0].labels[order[k]] : -1;
    status = comm_agree(session->comm, score(scores, session, logits, label, n));
  }
  free(logits);
  free(shown);
  free(label);
  return status;
}

Status evaluate_split(Session *session, Split split, const MaskProtocol *protocol, Scores *scores) {
  int64_t *order = NULL, n;
  TRY(comm_agree(session->comm, session_samples(session, split, &order, &n)));
  Status status = evaluate_order(session, protocol, order, n, scores);
  free(order);
  return status;
}

// --- the report of a run ---------------------------------------------------------------------------------------------------

static void set_number(json_t *object, const char *key, double value) {
  json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

static json_t *scores_json(const Scores *scores) {
  char hash[17];
  json_t *object = json_object();
  hash_text(hash, scores->mask_hash);
  json_object_set_new(object, "n", json_integer(scores->n));
  json_object_set_new(object, "mask_xxh64", json_string(hash));
  set_number(object, "accuracy", scores->accuracy);
  json_object_set_new(object, "accuracy_ci", json_pack("[f, f]", scores->accuracy_low, scores->accuracy_high));
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

static Status add_pattern(Session *session, const EvaluationPlan *plan, unsigned shown, json_t *patterns, bool table) {
  MaskProtocol protocol = {.kind = MASK_PATTERN, .seed = session->config.run.seed, .epoch = RANDOM_EVALUATION};
  char what[512] = "";
  for (int i = 0; i < session->config.modalities; i++) {
    protocol.withheld[i] = !(shown >> i & 1);
    if (!protocol.withheld[i])
      snprintf(what + strlen(what), sizeof what - strlen(what), "%s%s", what[0] ? " + " : "",
               session->config.modality[i].name);
  }
  Scores scores;
  TRY(evaluate_split(session, plan->split, &protocol, &scores));
  table_row(session, table, what, &scores);
  json_t *object = scores_json(&scores);
  json_object_set_new(object, "present", names_shown(session, protocol.withheld));
  json_array_append_new(patterns, object);
  return STATUS_OK;
}

static Status add_patterns(Session *session, const EvaluationPlan *plan, json_t *patterns, bool table) {
  int m = session->config.modalities;
  unsigned all = m < 32 ? (1u << m) - 1 : ~0u;
  TRY(add_pattern(session, plan, all, patterns, table));
  if (m <= 6) {
    for (unsigned shown = all - 1; shown > 0; shown--)
      TRY(add_pattern(session, plan, shown, patterns, table));
    return STATUS_OK;
  }
  for (int i = 0; i < m; i++) {
    TRY(add_pattern(session, plan, 1u << i, patterns, table));
    TRY(add_pattern(session, plan, all & ~(1u << i), patterns, table));
  }
  return STATUS_OK;
}

// modality -1: all of them at once.
static Status add_rate(Session *session, const EvaluationPlan *plan, double rate, int modality, json_t *rates,
                       bool table) {
  MaskProtocol protocol = {.kind = MASK_RATE, .seed = session->config.run.seed, .epoch = RANDOM_EVALUATION};
  for (int i = 0; i < session->config.modalities; i++)
    protocol.rate[i] = modality < 0 || modality == i ? rate : 0;
  const char *name = modality < 0 ? "all" : session->config.modality[modality].name;
  Scores scores;
  TRY(evaluate_split(session, plan->split, &protocol, &scores));
  char what[128];
  snprintf(what, sizeof what, "%s withheld at %.2f", name, rate);
  table_row(session, table, what, &scores);
  json_t *object = scores_json(&scores);
  json_object_set_new(object, "rate", json_real(rate));
  json_object_set_new(object, "modality", json_string(name));
  json_array_append_new(rates, object);
  return STATUS_OK;
}

static Status write_json(const char *path, json_t *root) {
  char temporary[PATH_MOST + 16];
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  if (json_dump_file(root, temporary, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0 || rename(temporary, path) != 0) {
    unlink(temporary);
    return status_error(EXIT_IO, "%s: cannot be written; is the disk full?", path);
  }
  return STATUS_OK;
}

static Status fill(Session *session, const EvaluationPlan *plan, json_t *root, bool table) {
  if (plan->extra) {
    Scores scores;
    TRY(evaluate_split(session, plan->split, &plan->mask, &scores));
    table_row(session, table, "as asked", &scores);
    json_object_set_new(root, "scores", scores_json(&scores));
    return STATUS_OK;
  }
  json_t *patterns = json_array(), *rates = json_array();
  json_object_set_new(root, "patterns", patterns);
  json_object_set_new(root, "rates", rates);
  if (plan->patterns)
    TRY(add_patterns(session, plan, patterns, table));
  for (int k = 0; k < plan->rates.count; k++) {
    TRY(add_rate(session, plan, plan->rates.item[k], -1, rates, table));
    for (int i = 0; i < session->config.modalities && session->config.modalities > 1; i++)
      TRY(add_rate(session, plan, plan->rates.item[k], i, rates, table));
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
  Status status = fill(session, plan, root, table);
  if (status.code == 0 && path)
    status = comm_agree(session->comm, comm_is_root(session->comm) ? write_json(path, root) : STATUS_OK);
  if (status.code == 0 && json && comm_is_root(session->comm)) {
    json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    printf("\n");
  }
  json_decref(root);
  return status;
}
