#include "method/method.h"

#include "base/text.h"
#include "method/distillation.h"
#include "model/encoder.h"
#include "model/fusion.h"

#include <string.h>

// beta L_sem of a head that sees modality i alone: methods that lean on the strong ones are made to use i, by beta.
static void add_own(Stages *stages, int i, Value z) {
  FusionStage *fusion = &stages->fusion;
  const Config *config = stages->config;
  char path[PARAMETER_PATH];
  StageLoss *own = &fusion->loss[fusion->losses++];
  REQUIRE(text_print(path, sizeof path, "own/%s", config->modality[i].name), "a name is too long");
  Value logits = graph_linear(fusion->graph, z, stages->outputs, true, path);
  *own = (StageLoss){.weight = config->fusion.own.item[i], .count = COUNT_LABELLED, .shows = (uint32_t)1 << i};
  own->value = stages->binary ? graph_binary_cross_entropy(fusion->graph, logits, fusion->labels)
                              : graph_cross_entropy(fusion->graph, logits, fusion->labels);
  text_print(own->name, sizeof own->name, "%s", path);
}

void stages_fuse(Stages *stages, const Value *z) {
  FusionStage *fusion = &stages->fusion;
  Graph *graph = fusion->graph;
  memcpy(fusion->entry, z, (size_t)stages->modalities * sizeof *z);
  fusion->logits = fusion_build(graph, stages->config, z, fusion->mask, stages->outputs, &fusion->representation);
  fusion->labels = graph_input_labels(graph);
  Value loss = stages->binary ? graph_binary_cross_entropy(graph, fusion->logits, fusion->labels)
                              : graph_cross_entropy(graph, fusion->logits, fusion->labels);
  fusion->loss[fusion->losses++] = (StageLoss){"semantic", loss, 1, COUNT_LABELLED, 0};
  for (int i = 0; i < stages->modalities; i++)
    if (stages->config->fusion.own.item[i] > 0)
      add_own(stages, i, z[i]);
}

static void seed_losses(Graph *graph, const StageLoss *loss, int losses) {
  for (int k = 0; k < losses; k++)
    graph_seed(graph, loss[k].value);
}

Status stages_open(Stages *stages, const Config *config, const Dataset *dataset) {
  *stages = (Stages){.config = config, .modalities = config->modalities};
  stages->binary = dataset->task[0].binary;
  stages->outputs = stages->binary ? 1 : dataset->task[0].classes;
  int representation[MODALITIES_MOST];
  for (int i = 0; i < config->modalities; i++) {
    TRY(encoder_check(&config->modality[i], &dataset->modality[i]));
    representation[i] = representation_width(&config->modality[i], &dataset->modality[i]);
    stages->cost[i] = encoder_cost(&config->modality[i], &dataset->modality[i]);
  }
  TRY(fusion_check(config, representation));
  stages->fusion_cost = fusion_cost(config, representation, stages->outputs);
  for (int i = 0; i < config->modalities; i++)
    stages->encoder[i] =
        (EncoderStage){.graph = graph_open(&stages->parameters, &stages->state), .labels = -1, .index = -1};
  stages->fusion.graph = graph_open(&stages->parameters, &stages->state);
  for (int i = 0; i < MODALITIES_MOST; i++)
    stages->fusion.entry[i] = -1;
  if (config->method.type == METHOD_EBR)
    ebr_build(stages, dataset);
  else if (config->method.type == METHOD_KD && config->method.kd.stage != KD_ALL)
    TRY(kd_build(stages, dataset));
  else
    vanilla_build(stages, dataset); // the model that distillation ends with is the vanilla one
  for (int i = 0; i < config->modalities; i++) {
    EncoderStage *encoder = &stages->encoder[i];
    if (encoder->idle)
      continue;
    stages->width[i] = (int)graph_width(encoder->graph, encoder->output);
    graph_seed(encoder->graph, encoder->output);
    seed_losses(encoder->graph, encoder->loss, encoder->losses);
    if (!encoder->frozen)
      graph_want_gradient(stages->fusion.graph, stages->fusion.input[i]);
  }
  seed_losses(stages->fusion.graph, stages->fusion.loss, stages->fusion.losses);
  return STATUS_OK;
}

void stages_close(Stages *stages) {
  for (int i = 0; i < stages->modalities; i++)
    graph_close(stages->encoder[i].graph);
  graph_close(stages->fusion.graph);
  distillation_close(stages->distillation);
  parameters_free(&stages->parameters);
  parameters_free(&stages->state);
}

void stages_schedule(Stages *stages, const Progress *progress) {
  if (stages->config->method.type == METHOD_EBR)
    ebr_schedule(stages, progress);
}

void stages_freeze(Stages *stages, const char *prefix, const char *name) {
  char path[PARAMETER_PATH];
  REQUIRE(text_print(path, sizeof path, "%s/%s/", prefix, name), "a path is too long: %s/%s", prefix, name);
  parameters_freeze(&stages->parameters, path);
}

Status stages_room(Stages *stages, int batch, int room) {
  return stages->distillation ? distillation_room(stages->distillation, batch, room) : STATUS_OK;
}

void stages_bind(Stages *stages, const BatchView *view, uint64_t seed, uint32_t epoch) {
  if (stages->distillation)
    distillation_draw(stages->distillation, stages->fusion.graph, view, seed, epoch);
}

void stages_remember(Stages *stages, const BatchView *view, const Grid *grid, float *state) {
  if (stages->distillation)
    distillation_update(stages->distillation, stages->fusion.graph, view, grid, &stages->state, state);
}
