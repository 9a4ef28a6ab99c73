#ifndef ANALYZE_PROBE_H
#define ANALYZE_PROBE_H
/// Linear probes: multinomial logistic regression on a representation, fitted on training samples.
#include "analyze/context.h"
#include "metrics/logistic.h"

enum { PROBE_SAMPLES = 8192, PROBE_TRAINING_SAMPLES = 1024, PROBE_ROUNDS = 200 };
static const double PROBE_PENALTY = 1e-3;

typedef struct Probe {
  int d, classes;
  double *weight, *mean, *deviation; // owned
  double fitted;                     // training samples
} Probe;

/// A view of a context as rows of a regression; samples that do not show the modality are left out. label is owned (free).
Status probe_rows(LogisticRows *rows, int32_t **label, int **slice, const AnalyzeContext *context, const View *view);

/// Collective. Fits on `train`; EXIT_DATA when no sample shows the modality.
Status probe_open(Probe *probe, const AnalyzeContext *train, const View *view);
void probe_close(Probe *probe);
/// Collective.
Status probe_score(LogisticScore *score, const Probe *probe, const AnalyzeContext *context, const View *view);

/// Collective. Opens a context of at most `samples` samples of the training split of the same model, with what context->training says: inside
/// training at most PROBE_TRAINING_SAMPLES, whose encoding costs more than the fits.
Status probe_train_context(AnalyzeContext *train, const AnalyzeContext *context, int64_t samples);

#endif
