#ifndef METHOD_METHOD_H
#define METHOD_METHOD_H
/// A method declares the stages of a step as graphs, what is exchanged between them, and its losses; train/step runs them.
/// One file per method, reading like its paper: vanilla.c, ebr.c, kd.c.
#include "base/status.h"
#include "comm/grid.h"
#include "config/config.h"
#include "data/dataset.h"
#include "graph/graph.h"

enum { STAGE_LOSSES = 4, FUSION_LOSSES = 3 * MODALITIES_MOST + 1 };

/// What the mean of a loss runs over, of the rows that show the stage's modality: those with a label, by the weight of their class, or all.
typedef enum LossCount { COUNT_LABELLED, COUNT_PRESENT } LossCount;

/// objective = sum over stages and losses of weight * mean over the counted rows of the whole batch.
typedef struct StageLoss {
  char name[64];   // key in metrics.jsonl: loss.NAME
  Value value;     // one number per row
  double weight;
  LossCount count;
  uint32_t shows;  // fusion stage: only rows that show all modalities of this set of bits count
} StageLoss;

/// Runs on the ranks of the modality's group, on the samples of the shard that show the modality (compact rows).
typedef struct EncoderStage {
  Graph *graph;
  Value input;
  Value labels;    // int32 input that is bound to the task's labels, or -1
  Value index;     // int32 input that is bound to the modality's own index, or -1
  Value output;    // what is exchanged: [width]
  int losses;
  StageLoss loss[STAGE_LOSSES];
  bool frozen;     // runs as outside of training, and no gradient goes into it
  bool idle;       // does not run at all: graph is empty, nothing is exchanged
} EncoderStage;

/// Runs on every rank, on its part of the samples; inputs [rows, width[i]] are 0 where mask [rows, 1] is 0.
typedef struct FusionStage {
  Graph *graph;
  Value input[MODALITIES_MOST], mask[MODALITIES_MOST];
  Value labels, logits, representation;
  Value entry[MODALITIES_MOST]; // what of each modality enters phi, missing rows filled; -1 where the stage has no phi
  int losses;
  StageLoss loss[FUSION_LOSSES];
} FusionStage;

typedef struct Stages {
  const Config *config;
  int modalities, width[MODALITIES_MOST]; // of what is exchanged
  int outputs;                            // logits: classes, or 1 for a binary task
  bool binary;
  Parameters parameters, state;
  EncoderStage encoder[MODALITIES_MOST];
  FusionStage fusion;
  double cost[MODALITIES_MOST], fusion_cost;
  struct Distillation *distillation;      // owned; of method kd in its stage distil, else NULL
} Stages;

/// Where in training a step stands: what schedules of losses look at.
typedef struct Progress {
  int64_t epoch, batch, batches, epochs;
  bool stopped;    // the stop rule has ended the adversarial phase
} Progress;

/// Declares all stages (on every rank alike; nothing is planned). dataset holds the configured modalities in order, and the task as task[0].
Status stages_open(Stages *stages, const Config *config, const Dataset *dataset);
void stages_close(Stages *stages);

/// Sets the losses' weights for a step at `progress`. Pure.
void stages_schedule(Stages *stages, const Progress *progress);

// The methods, each on a Stages whose config and sizes are set.
void vanilla_build(Stages *stages, const Dataset *dataset);
void ebr_build(Stages *stages, const Dataset *dataset);
void ebr_schedule(Stages *stages, const Progress *progress);

/// Stages alone, probe and distil of KD. EXIT_DATA when the data have nothing to distil on.
Status kd_build(Stages *stages, const Dataset *dataset);
/// Whether training ever shows modality i: neither withheld by pattern nor at a rate of 1.
bool kd_trains(const Config *config, int modality);

/// The rows of a batch as all ranks know it, and those of them that the fusion stage of this rank has.
typedef struct BatchView {
  int rows, first, here;
  const int64_t *sample; // [rows]
  const uint8_t *keep;   // [rows, modalities]
} BatchView;

/// Takes what a method needs for batches of `batch` rows, `room` of them here. Called once, by step_open.
Status stages_room(Stages *stages, int batch, int room);
/// Binds what the fusion stage's graph wants besides representations, masks and labels; view NULL: for a pass outside of training.
void stages_bind(Stages *stages, const BatchView *view, uint64_t seed, uint32_t epoch);
/// Collective. After the backward pass of a step: what a method remembers of the batch, in the state block.
void stages_remember(Stages *stages, const BatchView *view, const Grid *grid, float *state);

/// Freezes the parameters under PREFIX/NAME/ that are declared so far.
void stages_freeze(Stages *stages, const char *prefix, const char *name);

/// L_sem on the fusion stage's logits: what all methods share. z[i], mask[i] as fusion_build wants them.
void stages_fuse(Stages *stages, const Value *z);

#endif
