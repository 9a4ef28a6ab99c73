#ifndef METHOD_METHOD_H
#define METHOD_METHOD_H
/// A method declares the stages of a step as graphs, what is exchanged between them, and its losses; train/step runs them.
/// One file per method, reading like its paper: vanilla.c, ebr.c.
#include "base/status.h"
#include "config/config.h"
#include "data/dataset.h"
#include "graph/graph.h"

enum { STAGE_LOSSES = 4 };

/// What the mean of a loss runs over: rows of the batch with a label, or rows that show the stage's modality.
typedef enum LossCount { COUNT_LABELLED, COUNT_PRESENT } LossCount;

/// objective = sum over stages and losses of weight * mean over the counted rows of the whole batch.
typedef struct StageLoss {
  char name[24];   // key in metrics.jsonl: loss.NAME
  Value value;     // one number per row
  double weight;
  LossCount count;
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
} EncoderStage;

/// Runs on every rank, on its part of the samples; inputs [rows, width[i]] are 0 where mask [rows, 1] is 0.
typedef struct FusionStage {
  Graph *graph;
  Value input[MODALITIES_MOST], mask[MODALITIES_MOST];
  Value labels, logits, representation;
  int losses;
  StageLoss loss[STAGE_LOSSES];
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

/// L_sem on the fusion stage's logits: what all methods share. z[i], mask[i] as fusion_build wants them.
void stages_fuse(Stages *stages, const Value *z);

#endif
