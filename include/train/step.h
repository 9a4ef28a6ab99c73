#ifndef TRAIN_STEP_H
#define TRAIN_STEP_H
/// One step as data sees it: encoders, regroup, fusion, losses, and back. All memory is taken by step_open.
#include "comm/grid.h"
#include "comm/sums.h"
#include "config/config.h"
#include "data/dataset.h"
#include "method/method.h"
#include "train/batch.h"

typedef struct Step Step;

/// data.standardize: inputs become (x - mean) / deviation. NULL arrays: as they are.
typedef struct Standard {
  float *mean[DATASET_MODALITIES], *deviation[DATASET_MODALITIES]; // borrowed [width]
} Standard;

/// Collective. Everything passed is borrowed until step_close. class_weight [classes] or NULL. training: plan gradients too.
Status step_open(Step **step, const Config *config, Stages *stages, const Dataset *dataset, const Grid *grid, Sums *sums,
                 const Standard *standard, const float *class_weight, float *state, bool training);
void step_close(Step *step);

/// Collective. Forward only: logits of this rank's rows of the batch [rows here, outputs], which begin at row *first of the batch.
const float *step_predict(Step *step, const Batch *batch, int *first, int *rows);

/// Scoring one split under many masks needs the encoders once only. Takes room for `batches` batches, each kept whole (keep_empty).
Status step_encoded_open(Step *step, int batches);
void step_encoded_close(Step *step);
/// Runs the encoders on batch number `index` under its mask, and keeps what they give.
void step_encode(Step *step, const Batch *batch, int index);
/// Collective. As step_predict, from what step_encode kept of the same samples; the batch's mask must be a part of that one's.
const float *step_predict_encoded(Step *step, const Batch *batch, int index, int *first, int *rows);

/// Collective. As step_represent, from what step_encode kept of the same samples.
void step_represent_encoded(Step *step, const Batch *batch, int index, const float **z, int *first, int *rows);

/// Collective. Forward and backward; this rank's gradients stand in the sums' blocks afterwards. Sums of losses are added to the accumulators.
void step_gradients(Step *step, const Batch *batch, const Progress *progress);

/// Uniform noise on a modality's inputs (methods of noise.kind), for training passes and for all others. deviation[i] [width] of the inputs as
/// the encoder sees them, or NULL: 1. Borrowed.
typedef struct Noise {
  bool entries;
  double training[MODALITIES_MOST], evaluation[MODALITIES_MOST];
  const float *deviation[MODALITIES_MOST];
} Noise;
void step_noise(Step *step, const Noise *noise);

/// Outside training, and inside with method.substitution.training, a missing modality i gets the exchanged row of the first modality in order[i][0 … modalities-2] that the sample
/// shows, and counts as there. All exchanged widths must be equal. NULL: missing modalities stay missing. Borrowed.
typedef struct Substitutes {
  int order[MODALITIES_MOST][MODALITIES_MOST];
} Substitutes;
void step_substitute(Step *step, const Substitutes *substitutes);

/// Collective. Forward through encoders and regroup only: z[i] becomes the exchanged rows [rows shown, width[i]] of modality i among this
/// rank's rows of the batch, which are [*first, *first + *rows).
void step_represent(Step *step, const Batch *batch, const float **z, int *first, int *rows);

/// Accumulated sums of each loss by slice, and of correct predictions and counts, since step_reset: [step_accumulators][slices]; only this
/// rank's slices of its stages are ever non-zero, so arrays of all ranks may be added. `count` stands beside each: known everywhere.
int step_accumulators(const Step *step);
double step_accumulator_weight(const Step *step, int k);     // in the objective, at the last step; 0 for "correct"
const char *step_accumulator_name(const Step *step, int k); // "semantic", "discriminator/image"; the last is "correct"
double *step_accumulated(Step *step);                       // [accumulators, slices]
double *step_counted(Step *step);                           // [accumulators] rows, or weights, that the sums run over
void step_reset(Step *step);
/// After a checkpoint put the sums of all ranks into step_accumulated: forgets those that other ranks will go on adding to.
void step_keep_own(Step *step);

/// Bytes that step_open takes on a rank of this grid, graphs included.
size_t step_bytes(const Config *config, const Stages *stages, const Dataset *dataset, const Grid *grid, int rank, bool training);
/// Bytes that step_encoded_open takes there.
size_t step_encoded_bytes(const Config *config, const Stages *stages, const Grid *grid, int rank, int batches);

/// The list of stages for sums_open; arrays in it live as long as `table`.
typedef struct StageTable {
  SumStage stage[MODALITIES_MOST + 1];
  int stages;
  int *parameter;
  int64_t *offset;
} StageTable;
Status stage_table_open(StageTable *table, const Stages *stages);
void stage_table_close(StageTable *table);

#endif
