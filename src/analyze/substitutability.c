// For every set P of modalities that are there (all 2^m - 1 non-empty ones; above six modalities all, each alone, each left out) and every way of
// standing in for modality i outside of P, at the place where representations enter the fusion:
//   zeros          z_i = 0
//   random         z_i of a random training sample
//   mean           mean of z_i over the training samples
//   class mean     mean over the training samples of the class that the model predicts with zeros
//   class oracle   the same of the true class: an upper bound that no test can have
//   nearest        z_j of the modality j in P nearest to i: least mean distance |z_i - z_j| over the training samples; equal widths only
//   late fusion    no fusion: mean of the probabilities of linear probes (probe.c) of the modalities in P
//   model          as the run itself would: missingness.fill, or (EBR) h_i^-1(g_j(x)) of the most similar modality
//   target         a model trained for exactly P (targets.c): the upper reference; where --targets names such models
// Scores of the split under each. A. Chaudhuri et al., ICML 2025, Table 6, which names the ways and defines none.
#include "analyze/figures.h"
#include "analyze/pooled.h"
#include "analyze/probe.h"
#include "analyze/tail.h"
#include "analyze/targets.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "comm/watchdog.h"
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ZEROS, RANDOM, MEAN, CLASS_MEAN, CLASS_ORACLE, NEAREST, LATE, MODEL, TARGET, WAYS };
static const char *const way_names[WAYS] = {"zeros",   "random",      "mean",  "class mean", "class oracle",
                                            "nearest", "late fusion", "model", "target"};
enum { PATTERNS_MOST = 128, ROWS_AT_ONCE = 256, SITE_RANDOM = 1 };

typedef struct Substitutability {
  AnalyzeContext *context, train;
  Tail tail;
  int m, classes, outputs, patterns, width[MODALITIES_MOST];
  uint32_t pattern[PATTERNS_MOST];               // bits of the modalities that are there
  float *whole[MODALITIES_MOST];                 // owned [train.n, width]: training representations, on every rank
  uint8_t *shown[MODALITIES_MOST];               // owned [train.n]
  int32_t *train_label;                          // owned [train.n]
  double *mean[MODALITIES_MOST];                 // owned [classes + 1, width]; the last over all classes
  int nearest[MODALITIES_MOST][MODALITIES_MOST]; // others by rising distance; -1: widths differ
  Probe probe[MODALITIES_MOST];
  bool probed[MODALITIES_MOST];
  float *z[MODALITIES_MOST], *mask[MODALITIES_MOST]; // owned [ROWS_AT_ONCE, width]
  float *logits;                                     // owned [n, outputs]
  int32_t *guess, *label, *scored;                   // owned: by row here; [n]; [n]
  Scores *score;                                     // owned [WAYS, PATTERNS_MOST]
  const Target *target[PATTERNS_MOST];               // of the root; NULL: none
  double *chance;                                    // owned [2, classes]: late fusion's probabilities
} Substitutability;

// --- what stands in -------------------------------------------------------------------------------------------------------

static void list_patterns(Substitutability *work) {
  uint32_t all = work->m < 32 ? ((uint32_t)1 << work->m) - 1 : ~(uint32_t)0;
  if (work->m <= 6) {
    for (uint32_t p = all; p > 0; p--)
      work->pattern[work->patterns++] = p;
    return;
  }
  work->pattern[work->patterns++] = all;
  for (int i = 0; i < work->m; i++) {
    work->pattern[work->patterns++] = (uint32_t)1 << i;
    work->pattern[work->patterns++] = all & ~((uint32_t)1 << i);
  }
}

static void measure_means(Substitutability *work, int i, double *count) {
  int classes = work->classes, d = work->width[i];
  for (int64_t r = 0; r < work->train.n; r++) {
    int of[2] = {work->train_label[r], classes};
    for (int k = 0; work->shown[i][r] && work->train_label[r] >= 0 && k < 2; k++) {
      count[of[k]]++;
      for (int j = 0; j < d; j++)
        work->mean[i][of[k] * d + j] += (double)work->whole[i][r * d + j];
    }
  }
  for (int c = 0; c <= classes; c++)
    for (int j = 0; j < d; j++) // a class without samples has the mean of all
      work->mean[i][c * d + j] /= count[c] > 0 ? count[c] : 1;
  for (int c = 0; c < classes; c++)
    if (count[c] == 0)
      memcpy(work->mean[i] + c * d, work->mean[i] + classes * d, (size_t)d * sizeof(double));
}

static double mean_distance(const Substitutability *work, int i, int j) {
  double sum = 0, count = 0;
  for (int64_t r = 0; r < work->train.n; r++) {
    double square = 0;
    if (!work->shown[i][r] || !work->shown[j][r])
      continue;
    for (int k = 0; k < work->width[i]; k++) {
      double apart = (double)work->whole[i][r * work->width[i] + k] - (double)work->whole[j][r * work->width[i] + k];
      square += apart * apart;
    }
    sum += sqrt(square);
    count++;
  }
  return count > 0 ? sum / count : INFINITY;
}

static void sort_nearest(Substitutability *work) {
  double distance[MODALITIES_MOST];
  for (int i = 0; i < work->m; i++) {
    int *order = work->nearest[i], count = 0;
    for (int j = 0; j < work->m; j++) {
      distance[j] = work->width[i] == work->width[j] && i != j ? mean_distance(work, i, j) : INFINITY;
      if (i == j || work->width[i] != work->width[j])
        continue;
      int at = count++;
      for (; at > 0 && distance[order[at - 1]] > distance[j]; at--)
        order[at] = order[at - 1];
      order[at] = j;
    }
    while (count < work->m)
      order[count++] = -1;
  }
}

static Status take(Substitutability *work) {
  const AnalyzeContext *context = work->context;
  size_t n = (size_t)context->n;
  TRY(memory_take((void **)&work->logits, n * (size_t)work->outputs, sizeof(float), "logits"));
  TRY(memory_take((void **)&work->guess, (size_t)context->rows, sizeof(int32_t), "guesses"));
  TRY(memory_take((void **)&work->label, n, sizeof(int32_t), "labels"));
  TRY(memory_take((void **)&work->scored, n, sizeof(int32_t), "labels"));
  TRY(memory_take((void **)&work->chance, 2 * (size_t)work->classes, sizeof(double), "probabilities"));
  TRY(memory_take((void **)&work->score, WAYS * PATTERNS_MOST, sizeof(Scores), "scores"));
  TRY(memory_take((void **)&work->train_label, (size_t)work->train.n, sizeof(int32_t), "labels"));
  for (int64_t k = 0; k < context->n; k++)
    work->label[k] = context->session->dataset.task[0].labels[context->order[k]];
  for (int64_t k = 0; k < work->train.n; k++)
    work->train_label[k] = context->session->dataset.task[0].labels[work->train.order[k]];
  for (int i = 0; i < work->m; i++) {
    size_t d = (size_t)work->width[i];
    TRY(memory_take((void **)&work->mean[i], (size_t)(work->classes + 1) * d, sizeof(double), "means"));
    TRY(memory_take((void **)&work->z[i], ROWS_AT_ONCE * d, sizeof(float), "representations"));
    TRY(memory_take((void **)&work->mask[i], ROWS_AT_ONCE, sizeof(float), "masks"));
  }
  return tail_open(&work->tail, context, ROWS_AT_ONCE);
}

static Status learn(Substitutability *work) {
  AnalyzeContext *train = &work->train;
  for (int i = 0; i < work->m; i++) {
    const View *view = context_modality_view(train, "representation", i);
    TRY(context_gather(train, view, &work->whole[i]));
    TRY(context_gather_shown(train, i, &work->shown[i]));
    Status status = probe_open(&work->probe[i], train, view);
    work->probed[i] = status.code == 0;
    if (status.code != 0 && status.code != EXIT_DATA)
      return status;
    double *count = calloc((size_t)work->classes + 1, sizeof *count);
    REQUIRE(count, "out of memory for class counts");
    measure_means(work, i, count);
    free(count);
  }
  sort_nearest(work);
  return STATUS_OK;
}

// --- putting rows together ------------------------------------------------------------------------------------------------

static void copy_doubles(float *to, const double *from, int n) {
  for (int j = 0; j < n; j++)
    to[j] = (float)from[j];
}

// A random training sample that shows modality i, for this sample and modality; -1: there is none.
static int64_t draw(const Substitutability *work, int i, int64_t position) {
  RandomStream stream = {work->context->session->config.run.seed, RANDOM_ANALYSIS, SITE_RANDOM, (uint32_t)i};
  uint64_t n = (uint64_t)work->train.n, at = random_bits(&stream, (uint64_t)position) % n;
  for (uint64_t k = 0; k < n; k++)
    if (work->shown[i][(at + k) % n])
      return (int64_t)((at + k) % n);
  return -1;
}

// Row `row` here for modality i, which is not there; false when this way has nothing to offer.
static bool stand_in(const Substitutability *work, float *to, int way, int i, int64_t row, const bool *there) {
  const AnalyzeContext *context = work->context;
  int d = work->width[i];
  memset(to, 0, (size_t)d * sizeof *to);
  if (way == ZEROS)
    return false;
  if (way == RANDOM) {
    int64_t from = draw(work, i, context->position[row]);
    if (from >= 0)
      memcpy(to, work->whole[i] + from * d, (size_t)d * sizeof *to);
    return from >= 0;
  }
  if (way == NEAREST) {
    for (int k = 0; k < work->m && work->nearest[i][k] >= 0; k++) {
      int j = work->nearest[i][k];
      if (!there[j])
        continue;
      memcpy(to, context_modality_view(context, "representation", j)->data + row * d, (size_t)d * sizeof *to);
      return true;
    }
    return false;
  }
  int class = way == CLASS_MEAN ? work->guess[row] : way == CLASS_ORACLE ? context->label[row] : work->classes;
  copy_doubles(to, work->mean[i] + (class < 0 ? work->classes : class) * d, d);
  return true;
}

static void fill_rows(Substitutability *work, int way, uint32_t pattern, int64_t row, int rows) {
  const AnalyzeContext *context = work->context;
  bool there[MODALITIES_MOST];
  for (int r = 0; r < rows; r++) {
    for (int i = 0; i < work->m; i++)
      there[i] = (pattern >> i & 1) && context->mask[i][row + r] != 0;
    for (int i = 0; i < work->m; i++) {
      int d = work->width[i];
      float *to = work->z[i] + (size_t)r * (size_t)d;
      if (there[i])
        memcpy(to, context_modality_view(context, "representation", i)->data + (row + r) * d, (size_t)d * sizeof *to);
      work->mask[i][r] = there[i] || stand_in(work, to, way, i, row + r, there);
    }
  }
}

static void put_logits(Substitutability *work, int64_t row, int rows, const float *logits) {
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < work->outputs; c++)
      work->logits[work->context->position[row + r] * work->outputs + c] = logits[r * work->outputs + c] + 0.0f;
}

// --- late fusion ----------------------------------------------------------------------------------------------------------

static void late_row(const Substitutability *work, float *logits, uint32_t pattern, int64_t row) {
  double *mean = work->chance, *one = mean + work->classes;
  int count = 0;
  memset(mean, 0, (size_t)work->classes * sizeof *mean);
  for (int i = 0; i < work->m; i++) {
    const Probe *probe = &work->probe[i];
    double most = -INFINITY, sum = 0;
    if (!(pattern >> i & 1) || work->context->mask[i][row] == 0 || !work->probed[i])
      continue;
    LogisticRows rows = {.mean = probe->mean, .deviation = probe->deviation};
    const float *x = context_modality_view(work->context, "representation", i)->data + row * work->width[i];
    logistic_logits(one, &rows, x, probe->weight, probe->d, probe->classes);
    for (int c = 0; c < work->classes; c++)
      most = fmax(most, one[c]);
    for (int c = 0; c < work->classes; c++)
      sum += one[c] = exp(one[c] - most);
    for (int c = 0; c < work->classes; c++)
      mean[c] += one[c] / sum;
    count++;
  }
  for (int c = 0; c < work->outputs; c++) {
    double p = count ? mean[c] / count : 1.0 / work->classes;
    logits[c] = (float)log(fmax(p, 1e-30));
  }
  if (work->outputs == 1) {
    double p = count ? mean[1] / count : 0.5;
    logits[0] = (float)(log(fmax(p, 1e-30)) - log(fmax(1 - p, 1e-30)));
  }
}

// --- scoring --------------------------------------------------------------------------------------------------------------

static void guess_classes(Substitutability *work, int64_t row, int rows, const float *logits) {
  for (int r = 0; r < rows; r++) {
    const float *z = logits + (size_t)r * (size_t)work->outputs;
    int best = work->outputs == 1 ? z[0] > 0 : 0;
    for (int c = 1; c < work->outputs; c++)
      best = z[c] > z[best] ? c : best;
    work->guess[row + r] = best;
  }
}

static Status run_way(Substitutability *work, int way, uint32_t pattern, float *logits) {
  AnalyzeContext *context = work->context;
  size_t n = (size_t)context->n * (size_t)work->outputs;
  memset(work->logits, 0, n * sizeof(float));
  for (int64_t row = 0; row < context->rows; row += ROWS_AT_ONCE) {
    int rows = (int)(context->rows - row < ROWS_AT_ONCE ? context->rows - row : ROWS_AT_ONCE);
    if (way == LATE)
      for (int r = 0; r < rows; r++)
        late_row(work, logits + (size_t)r * (size_t)work->outputs, pattern, row + r);
    else {
      fill_rows(work, way, pattern, row, rows);
      tail_logits(&work->tail, logits, work->z, work->mask, rows);
    }
    if (way == ZEROS)
      guess_classes(work, row, rows, logits);
    put_logits(work, row, rows, logits);
  }
  exchange_collect(&context->session->grid, work->logits, (int64_t)n);
  return STATUS_OK;
}

// Samples that show nothing of the pattern are not scored, whoever stands in.
static void choose_scored(Substitutability *work, uint32_t pattern) {
  const AnalyzeContext *context = work->context;
  const Dataset *dataset = &context->session->dataset;
  for (int64_t k = 0; k < context->n; k++) {
    bool shows = false;
    for (int i = 0; i < work->m; i++)
      shows |= (pattern >> i & 1) && dataset->modality[i].present[context->order[k]];
    work->scored[k] = shows ? work->label[k] : -1;
  }
}

static Status score_model(Substitutability *work) {
  AnalyzeContext *context = work->context;
  Evaluator evaluator;
  Status status = evaluator_open(&evaluator, context->session, context->order, context->n, true);
  for (int p = 0; status.code == 0 && p < work->patterns; p++) {
    MaskProtocol mask = {.kind = MASK_PATTERN, .seed = context->session->config.run.seed, .epoch = RANDOM_EVALUATION};
    for (int i = 0; i < work->m; i++)
      mask.withheld[i] = !(work->pattern[p] >> i & 1);
    status = evaluator_scores(&evaluator, &mask, &work->score[MODEL * PATTERNS_MOST + p]);
  }
  evaluator_close(&evaluator);
  return status;
}

static Status score_all(Substitutability *work) {
  AnalyzeContext *context = work->context;
  float *logits;
  TRY(comm_agree(context->comm,
                 memory_take((void **)&logits, ROWS_AT_ONCE * (size_t)work->outputs, sizeof *logits, "logits")));
  Status status = STATUS_OK;
  for (int p = 0; p < work->patterns && status.code == 0; p++) {
    choose_scored(work, work->pattern[p]);
    for (int way = 0; way < MODEL && status.code == 0; way++) {
      watchdog_phase("substitution", -1);
      status = run_way(work, way, work->pattern[p], logits);
      if (status.code == 0)
        status = comm_agree(context->comm, scores_of_logits(&work->score[way * PATTERNS_MOST + p], context->session,
                                                            work->logits, work->scored, context->n));
    }
  }
  free(logits);
  return status.code ? status : score_model(work);
}

// --- results --------------------------------------------------------------------------------------------------------------

static json_t *pattern_json(const Substitutability *work, uint32_t pattern, const Scores *score) {
  json_t *present = json_array();
  for (int i = 0; i < work->m; i++)
    if (pattern >> i & 1)
      json_array_append_new(present, json_string(work->context->session->config.modality[i].name));
  return json_pack("{s:o, s:I, s:o, s:o, s:o}", "present", present, "n", (json_int_t)score->n, "accuracy",
                   context_number(score->accuracy), "auroc", context_number(score->auroc), "loss",
                   context_number(score->loss));
}

static void summarise(Substitutability *work, json_t *figure, json_t *object, const char *metric, int way, bool auroc) {
  double value[PATTERNS_MOST];
  char item[96];
  int n = 0;
  for (int p = 0; p < work->patterns; p++) {
    const Scores *score = &work->score[way * PATTERNS_MOST + p];
    double one = auroc ? score->auroc : score->accuracy;
    if (!isnan(one))
      value[n++] = one;
  }
  Summary summary = summary_of(value, n, LEVEL);
  text_print(item, sizeof item, "%s %s", metric, way_names[way]);
  figure_result(work->context, figure, object, item, way_names[way],
                (Estimate){summary.mean, {summary.mean - summary.deviation, summary.mean + summary.deviation}, n});
}

// One way over all sets; of targets, those that there are.
static json_t *patterns_json(const Substitutability *work, int way) {
  json_t *patterns = json_array();
  for (int p = 0; p < work->patterns; p++) {
    const Scores *score = &work->score[way * PATTERNS_MOST + p];
    if (way == TARGET && score->n == 0)
      continue;
    json_t *object = pattern_json(work, work->pattern[p], score);
    if (way == TARGET && work->target[p])
      json_object_set_new(object, "run", json_string(work->target[p]->run));
    json_array_append_new(patterns, object);
  }
  return patterns;
}

// How many sets have a model of their own: said wherever there are such models, since the mean of fewer sets is not that of all.
static void report_targets(const Substitutability *work, json_t *result) {
  const Targets *targets = work->context->targets;
  int found = 0;
  if (!targets)
    return;
  for (int p = 0; p < work->patterns; p++)
    found += work->score[TARGET * PATTERNS_MOST + p].n > 0;
  json_object_set_new(result, "targets",
                      json_pack("{s:s, s:i, s:i}", "directory", targets->dir, "found", found, "sets", work->patterns));
  if (found < work->patterns)
    log_warning("%s: targets for %d of %d sets; the mean of \"target\" is over these", targets->dir, found,
                work->patterns);
}

static void report(Substitutability *work, json_t *result) {
  static const char caption[] =
      "Mean over all sets of modalities that are there (n), what is missing being replaced where representations enter "
      "the fusion; target: a model trained for exactly the set, where there is one. Whiskers: one standard deviation "
      "over the sets.";
  json_t *ways = json_object(), *accuracy = json_object(), *auroc = json_object();
  json_t *first =
      figure_add(result, "bars", "Substitutes for missing modalities", "accuracy, mean over sets", NULL, caption);
  json_t *second =
      figure_add(result, "bars", "Substitutes for missing modalities: AUROC", "AUROC, mean over sets", NULL, caption);
  figure_axis(first, 0, 1);
  figure_axis(second, 0, 1);
  bool near = true;
  for (int i = 1; i < work->m; i++)
    near &= work->width[i] == work->width[0];
  for (int way = 0; way < WAYS; way++) {
    if ((way == NEAREST && !near) || (way == TARGET && !work->context->targets))
      continue;
    json_object_set_new(ways, way_names[way], patterns_json(work, way));
    summarise(work, first, accuracy, "accuracy", way, false);
    summarise(work, second, auroc, "auroc", way, true);
  }
  json_object_set_new(result, "accuracy", accuracy);
  json_object_set_new(result, "auroc", auroc);
  json_object_set_new(result, "patterns", ways);
  report_targets(work, result);
}

static Status measure(Substitutability *work, json_t *result) {
  TRY(probe_train_context(&work->train, work->context, PROBE_SAMPLES));
  TRY(comm_agree(work->context->comm, take(work)));
  if (work->context->targets)
    TRY(targets_scores(work->score + TARGET * PATTERNS_MOST, work->target, work->context, work->pattern,
                       work->patterns));
  TRY(learn(work));
  TRY(score_all(work));
  report(work, result);
  return STATUS_OK;
}

static void close_work(Substitutability *work) {
  for (int i = 0; i < work->m; i++) {
    void *owned[] = {work->whole[i], work->shown[i], work->mean[i], work->z[i], work->mask[i]};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
      free(owned[k]);
    probe_close(&work->probe[i]);
  }
  void *owned[] = {work->logits, work->guess, work->label, work->scored, work->score, work->chance, work->train_label};
  for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
    free(owned[k]);
  tail_close(&work->tail);
  context_close(&work->train);
}

Status measure_substitutability(AnalyzeContext *context, json_t *result) {
  const Stages *stages = &context->session->stages;
  Substitutability *work = calloc(1, sizeof *work);
  REQUIRE(work, "out of memory for substitutes");
  work->context = context;
  work->m = stages->modalities;
  work->outputs = stages->outputs;
  work->classes = stages->binary ? 2 : stages->outputs;
  bool phi = true;
  for (int i = 0; i < work->m; i++) {
    const View *view = context_modality_view(context, "representation", i);
    phi &= view != NULL;
    work->width[i] = view ? view->width : 0;
  }
  Status status = STATUS_OK;
  if (context->training || !phi)
    json_object_set_new(result, "left_out", json_string(phi ? "inside training" : "there is no fusion"));
  else {
    list_patterns(work);
    status = measure(work, result);
  }
  close_work(work);
  free(work);
  return status;
}
