#ifndef TRAIN_TELEMETRY_H
#define TRAIN_TELEMETRY_H
/// What becomes of each modality while a run trains, told after every epoch (analysis.telemetry) and cheap enough for every run:
/// it reads what validation has encoded anyway and what clipping has summed anyway, and changes nothing.
#include "train/evaluate.h"
#include "train/metrics_log.h"

typedef struct Telemetry {
  int rows;                              // validation samples looked at, 0: none
  double probe[MODALITIES_MOST];         // leave-one-out accuracy of a linear probe on what reaches the fusion; NAN: no such rows
  double discriminator[MODALITIES_MOST]; // ebr: share of latents whose modality psi names; chance is 1 / modalities
  double similarity[MODALITIES_MOST];    // mean cosine to the modality with the best probe; NAN: another width, or no rows
} Telemetry;

/// Whether an epoch of so many training samples is one that is looked at: every one, or, where epochs are so short that this would take more than
/// about 3 % of them, every k-th and the last. A function of sizes alone, so that it is the same everywhere.
bool telemetry_due(const Session *session, const Progress *progress, int64_t samples);

/// Collective. From an evaluator that has kept its encodings (many): at most 256 of its samples, evenly spaced.
/// The same numbers on every rank and grid.
Status telemetry_measure(Telemetry *telemetry, Evaluator *evaluator);
void telemetry_log(const Telemetry *telemetry, const Config *config, MetricsLog *log);

/// Each modality's share of the squared gradient of the last step, before clipping: parameters of encoders (ebr: and of h) of this modality over
/// those of all. Local: the squares are known everywhere.
void telemetry_log_shares(const Session *session, const Optimizer *optimizer, MetricsLog *log);

#endif
