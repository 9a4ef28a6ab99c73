#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H
/// Scores of a model under missingness. The mask of every score is a pure function of (seed, sample), and its hash stands beside it.
#include "data/missingness.h"
#include "train/session.h"

typedef struct Scores {
  int64_t n;                                   // samples scored
  double accuracy, accuracy_low, accuracy_high;// with Wilson's 95 % interval
  double loss;                                 // mean cross-entropy
  double auroc, auprc, average_precision;      // multiclass: macro, one class against the rest
  double macro_f1, calibration_error;
  uint64_t mask_hash;
} Scores;

/// Samples of one split, ready to be scored under many masks: what the encoders give is computed once and kept.
typedef struct Evaluator {
  Session *session;
  int64_t *order, n;  // owned [n]
  float *logits;      // owned [n, outputs]
  uint8_t *shown;     // owned [n]
  int32_t *label;     // owned [n]
  bool encoded;
  double seconds;     // what scoring under the last mask took
} Evaluator;

/// Collective. Takes samples order[n] (copied). many: more than one mask will be asked for.
Status evaluator_open(Evaluator *evaluator, Session *session, const int64_t *order, int64_t n, bool many);
void evaluator_close(Evaluator *evaluator);

/// Collective. Of an evaluator with many: what reaches the fusion of batch `index` with nothing withheld, as step_represent gives it; the
/// session's batch is made. Batches are numbered from 0 to evaluator_batches.
void evaluator_represent(Evaluator *evaluator, int index, const float **z, int *first, int *rows);
int evaluator_batches(const Evaluator *evaluator);

/// Collective. logits[n, outputs] under a mask, the same on every rank; shown[n] is 0 where the mask leaves a sample nothing.
void evaluator_logits(Evaluator *evaluator, const MaskProtocol *protocol);

/// Collective. Scores under a mask; the same numbers on every rank.
Status evaluator_scores(Evaluator *evaluator, const MaskProtocol *protocol, Scores *scores);

/// Collective. evaluator_open on all labelled samples of a split.
Status evaluator_open_split(Evaluator *evaluator, Session *session, Split split, bool many);

/// Local. Scores of logits[n, outputs] against label[n] (-1: not scored); all but mask_hash.
Status scores_of_logits(Scores *scores, const Session *session, const float *logits, const int32_t *label, int64_t n);

/// Collective. Scores of a split under one mask.
Status evaluate_split(Session *session, Split split, const MaskProtocol *protocol, Scores *scores);

/// Collective. accuracy[modalities] of samples order[n] when only this modality is shown.
Status evaluate_alone(Session *session, const int64_t *order, int64_t n, double *accuracy);

/// What an evaluation covers.
typedef struct EvaluationPlan {
  Split split;
  bool patterns;                               // every non-empty set of shown modalities (more than 6 modalities: all, each alone, each left out)
  NumberList rates;                            // for all modalities at once and for each alone
  bool extra;                                  // the one mask below, and nothing else
  MaskProtocol mask;
  double seconds;                              // a training run is not to begin this with less left before its deadline; 0: no matter
} EvaluationPlan;

/// Collective. Scores everything the plan asks for and writes JSON to `path` (NULL: nowhere) and, when table, a table to standard output.
Status evaluate_run(Session *session, const EvaluationPlan *plan, const char *path, bool table, bool json);

#endif
