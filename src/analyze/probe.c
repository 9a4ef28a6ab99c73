// What a linear classifier reads off each modality's representation, off the multimodal one, and (EBR) off the latents: fitted on training samples,
// scored on the split. The curve of such a score over training is the "multimodal prefix" of A. Chaudhuri et al., ICML 2025, Figure 4; the
// "unimodal baseline" is the same measure on a run that has one modality only.
#include "analyze/probe.h"

#include "analyze/figures.h"
#include "analyze/pooled.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void pool(void *user, double *total, const double *per_slice, int n) { pooled_sum(user, total, per_slice, n); }

Status probe_rows(LogisticRows *rows, int32_t **label, int **slice, const AnalyzeContext *context, const View *view) {
  *label = NULL;
  *slice = NULL;
  TRY(pooled_slice(context, slice));
  TRY(memory_take((void **)label, (size_t)context->rows, sizeof **label, "labels"));
  for (int64_t r = 0; r < context->rows; r++)
    (*label)[r] = view->modality >= 0 && context->mask[view->modality][r] == 0 ? -1 : context->label[r];
  *rows = (LogisticRows){.x = view->data,
                         .label = *label,
                         .slice = *slice,
                         .rows = context->rows,
                         .slices = pooled_slices(context),
                         .pool = pool,
                         .user = (void *)context};
  return STATUS_OK;
}

static Status fit(Probe *probe, LogisticRows *rows) {
  double objective;
  TRY(logistic_scale(probe->mean, probe->deviation, rows, probe->d));
  rows->mean = probe->mean;
  rows->deviation = probe->deviation;
  return logistic_fit(probe->weight, &objective, rows, probe->d, probe->classes, PROBE_PENALTY, PROBE_ROUNDS);
}

static Status take(Probe *probe, const AnalyzeContext *train, const View *view) {
  const Stages *stages = &train->session->stages;
  *probe = (Probe){.d = view->width, .classes = stages->binary ? 2 : stages->outputs};
  size_t d = (size_t)probe->d;
  TRY(memory_take((void **)&probe->weight, (size_t)probe->classes * (d + 1), sizeof(double), "a linear probe"));
  TRY(memory_take((void **)&probe->mean, d, sizeof(double), "a linear probe"));
  return memory_take((void **)&probe->deviation, d, sizeof(double), "a linear probe");
}

static Status score_rows(LogisticScore *score, const Probe *probe, LogisticRows *rows) {
  rows->mean = probe->mean;
  rows->deviation = probe->deviation;
  return logistic_score(score, rows, probe->weight, probe->d, probe->classes);
}

Status probe_open(Probe *probe, const AnalyzeContext *train, const View *view) {
  LogisticRows rows;
  LogisticScore score;
  int32_t *label = NULL;
  int *slice = NULL;
  Status status = take(probe, train, view);
  if (status.code == 0)
    status = probe_rows(&rows, &label, &slice, train, view);
  status = comm_agree(train->comm, status);
  if (status.code == 0)
    status = comm_agree(train->comm, fit(probe, &rows));
  if (status.code == 0)
    status = comm_agree(train->comm, score_rows(&score, probe, &rows));
  if (status.code == 0)
    probe->fitted = score.n;
  free(label);
  free(slice);
  return status;
}

void probe_close(Probe *probe) {
  free(probe->weight);
  free(probe->mean);
  free(probe->deviation);
}

Status probe_score(LogisticScore *score, const Probe *probe, const AnalyzeContext *context, const View *view) {
  LogisticRows rows;
  int32_t *label = NULL;
  int *slice = NULL;
  Status status = comm_agree(context->comm, probe_rows(&rows, &label, &slice, context, view));
  if (status.code == 0)
    status = comm_agree(context->comm, score_rows(score, probe, &rows));
  free(label);
  free(slice);
  return status;
}

Status probe_train_context(AnalyzeContext *train, const AnalyzeContext *context, int64_t samples) {
  *train = (AnalyzeContext){
      .run = context->run, .step = context->step, .epoch = context->epoch, .training = context->training};
  int64_t most = context->training && samples > PROBE_TRAINING_SAMPLES ? PROBE_TRAINING_SAMPLES : samples;
  return context_open(train, context->session, SPLIT_TRAIN, most);
}

// --- the measure ----------------------------------------------------------------------------------------------------------

typedef struct ProbeFigures {
  json_t *accuracy, *loss, *accuracies, *losses;
} ProbeFigures;

static Status probe_view(AnalyzeContext *context, const AnalyzeContext *train, const View *view,
                         const ProbeFigures *figures) {
  Probe probe = {0};
  LogisticScore score = {0};
  char item[160];
  Status status = probe_open(&probe, train, context_view(train, view->name));
  if (status.code == 0)
    status = probe_score(&score, &probe, context, view);
  bool nothing = status.code == EXIT_DATA; // no training sample shows it
  if (status.code == 0 || nothing) {
    double half =
        score.n > 1 ? summary_student_quantile(0.5 + LEVEL / 2, score.n - 1) * score.deviation / sqrt(score.n) : NAN;
    Interval around = {score.loss - half, score.loss + half};
    text_print(item, sizeof item, "accuracy %s", view->name);
    figure_result(context, figures->accuracy, figures->accuracies, item, view->name,
                  (Estimate){score.n > 0 ? score.right / score.n : NAN, summary_wilson(score.right, score.n, LEVEL),
                             (int64_t)score.n});
    json_object_set_new(json_object_get(figures->accuracies, view->name), "fitted_on",
                        json_integer((json_int_t)probe.fitted));
    text_print(item, sizeof item, "loss %s", view->name);
    figure_result(context, figures->loss, figures->losses, item, view->name,
                  (Estimate){score.n > 0 ? score.loss : NAN, around, (int64_t)score.n});
    status = STATUS_OK;
  }
  probe_close(&probe);
  return status;
}

Status measure_probe(AnalyzeContext *context, json_t *result) {
  AnalyzeContext train;
  ProbeFigures figures = {.accuracies = json_object(), .losses = json_object()};
  int classes = context->session->stages.binary ? 2 : context->session->stages.outputs;
  figures.accuracy =
      figure_add(result, "bars", "Linear probes", "accuracy on the split", NULL,
                 "Logistic regression on frozen representations, fitted on training samples. Whiskers: 95 % (Wilson).");
  figure_axis(figures.accuracy, 0, 1);
  figure_rule(figures.accuracy, 1.0 / classes, "guessing");
  figures.loss = figure_add(
      result, "bars", "Linear probes: loss", "cross-entropy (nats)", NULL,
      "Of a run with one modality only this is the unimodal baseline. Whiskers: 95 % (Student) over samples.");
  json_object_set_new(result, "accuracy", figures.accuracies);
  json_object_set_new(result, "loss", figures.losses);
  json_object_set_new(result, "penalty", json_real(PROBE_PENALTY));
  Status status = probe_train_context(&train, context, PROBE_SAMPLES);
  for (int k = 0; status.code == 0 && k < context->views; k++) {
    const View *view = &context->view[k];
    bool repeated = strncmp(view->name, "input/", 6) == 0 || !strcmp(view->name, "logits");
    for (int j = 0; j < k; j++)
      repeated |= context->view[j].data == view->data;
    if (!repeated)
      status = probe_view(context, &train, view, &figures);
  }
  context_close(&train);
  return status;
}
