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

/// Collective. logits[n, outputs] of samples order[n] under a mask; shown[n] is 0 where the mask leaves a sample nothing (its logits are 0).
Status evaluate_logits(Session *session, const MaskProtocol *protocol, const int64_t *order, int64_t n, float *logits, uint8_t *shown);

/// Collective. Scores of a split; the same numbers on every rank.
Status evaluate_split(Session *session, Split split, const MaskProtocol *protocol, Scores *scores);

/// What an evaluation covers.
typedef struct EvaluationPlan {
  Split split;
  bool patterns;                               // every non-empty set of shown modalities (more than 6 modalities: all, each alone, each left out)
  NumberList rates;                            // for all modalities at once and for each alone
  bool extra;                                  // the one mask below, and nothing else
  MaskProtocol mask;
} EvaluationPlan;

/// Collective. Scores everything the plan asks for and writes JSON to `path` (NULL: nowhere) and, when table, a table to standard output.
Status evaluate_run(Session *session, const EvaluationPlan *plan, const char *path, bool table, bool json);

#endif
