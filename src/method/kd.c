// Knowledge distillation between modalities, in phases, each a run of its own (train/phases):
//   alone    every encoder with a linear head of its own:      sum_i mean CE(head_i(f_i(x_i)), y)
//   probe    the same heads, fresh, on frozen encoders of a multimodal model: what the fusion has left of each modality
//   distil   the student s learns from frozen teachers t, on samples that show both:
//              mean CE(head_s(z_s), y) + crd CRD(z_s, z_t) + logit T^2 KL(softmax(head_t(z_t)/T) || softmax(head_s(z_s)/T))
//              + feature |R_t z_s - z_t|^2 / width of z_t
// and then the vanilla model with f_s as its start (stage all).
// CRD: s = e_s(z_s)/|.|, t = e_t(z_t)/|.|, linear embeddings that are trained; s against the bank of t's and t against that of s's.
// Chaudhuri et al., ICML 2025, section 3.3; Tian, Krishnan, Isola, ICLR 2020; Hinton et al., 2015; Romero et al., ICLR 2015.
// In phases a row of the fusion stage is a sample, and its logits are the sum of the heads of the modalities that it shows: a mask
// that shows one modality scores its head alone.
#include "base/memory.h"
#include "base/text.h"
#include "method/distillation.h"
#include "model/encoder.h"

#include <stdlib.h>

bool kd_trains(const Config *config, int modality) {
  bool withheld = config->missingness.protocol == PROTOCOL_PATTERN && config->missingness.withheld[modality];
  bool rated = config->missingness.protocol == PROTOCOL_RATE && config->missingness.train.item[modality] >= 1;
  return !withheld && !rated;
}

static Value linear_at(Graph *graph, Value x, int out, const char *prefix, const char *name) {
  char path[PARAMETER_PATH];
  REQUIRE(text_print(path, sizeof path, "%s/%s", prefix, name), "a path is too long: %s/%s", prefix, name);
  return graph_linear(graph, x, out, true, path);
}

static void build_encoder(Stages *stages, const Dataset *dataset, int i, bool idle, bool frozen) {
  EncoderStage *encoder = &stages->encoder[i];
  FusionStage *fusion = &stages->fusion;
  int width = 1;
  encoder->idle = idle;
  encoder->frozen = frozen && !idle;
  if (!idle) {
    const ModalityConfig *modality = &stages->config->modality[i];
    encoder->output = encoder_build(encoder->graph, &encoder->input, modality, &dataset->modality[i]);
    width = (int)graph_width(encoder->graph, encoder->output);
    if (frozen)
      stages_freeze(stages, "encoders", modality->name);
  }
  fusion->input[i] = graph_input(fusion->graph, (Shape){1, {width}});
  fusion->mask[i] = graph_input(fusion->graph, (Shape){1, {1}});
}

static StageLoss *add_loss(FusionStage *fusion, const char *kind, const char *name, Value value, double weight,
                           LossCount count, uint32_t shows) {
  StageLoss *loss = &fusion->loss[fusion->losses++];
  *loss = (StageLoss){.value = value, .weight = weight, .count = count, .shows = shows};
  REQUIRE(text_print(loss->name, sizeof loss->name, name ? "%s/%s" : "%s", kind, name), "a name is too long");
  return loss;
}

static Value task_loss(const Stages *stages, Value logits) {
  const FusionStage *fusion = &stages->fusion;
  return stages->binary ? graph_binary_cross_entropy(fusion->graph, logits, fusion->labels)
                        : graph_cross_entropy(fusion->graph, logits, fusion->labels);
}

static uint32_t bit(int i) { return (uint32_t)1 << i; }

// Stages alone and probe.
static Status build_heads(Stages *stages, const Dataset *dataset, bool frozen) {
  FusionStage *fusion = &stages->fusion;
  int running = 0;
  for (int i = 0; i < stages->modalities; i++)
    build_encoder(stages, dataset, i, !kd_trains(stages->config, i), frozen);
  fusion->labels = graph_input_labels(fusion->graph);
  for (int i = 0; i < stages->modalities; i++) {
    if (stages->encoder[i].idle)
      continue;
    const char *name = stages->config->modality[i].name;
    Value logits = linear_at(fusion->graph, fusion->input[i], stages->outputs, "heads", name);
    add_loss(fusion, "semantic", name, task_loss(stages, logits), 1, COUNT_LABELLED, bit(i));
    Value shown = graph_multiply(fusion->graph, logits, fusion->mask[i]);
    fusion->logits = running++ == 0 ? shown : graph_add(fusion->graph, fusion->logits, shown);
  }
  fusion->representation = fusion->logits;
  return running >= 2 ? STATUS_OK
                      : status_error(EXIT_CONFIG, "method.type: kd needs two modalities that training shows, and "
                                                  "missingness leaves fewer; show more, or write vanilla");
}

static Status build_contrast(Stages *stages, const Dataset *dataset, int s, int t) {
  const KdConfig *kd = &stages->config->method.kd;
  Distillation *distillation = stages->distillation;
  Graph *graph = stages->fusion.graph;
  const char *name = stages->config->modality[t].name;
  TRY(bank_open(distillation, dataset, t));
  Bank *bank = &distillation->bank[distillation->banks - 1];
  char path[4][PARAMETER_PATH], student[PARAMETER_PATH];
  static const char *const paths[] = {"student", "teacher", "student_z", "teacher_z"};
  for (int k = 0; k < 4; k++)
    REQUIRE(text_print(path[k], sizeof path[k], "bank/%s/%s", name, paths[k]), "a path is too long");
  REQUIRE(text_print(student, sizeof student, "%s/student", name), "a path is too long");
  bank->index = graph_input_indices(graph, 1 + kd->bank_negatives);
  bank->student =
      graph_normalize(graph, linear_at(graph, stages->fusion.input[s], kd->embedding, "embedding", student));
  text_print(student, sizeof student, "%s/teacher", name);
  bank->teacher =
      graph_normalize(graph, linear_at(graph, stages->fusion.input[t], kd->embedding, "embedding", student));
  graph_keep(graph, bank->student);
  graph_keep(graph, bank->teacher);
  Value by_student =
            graph_contrast(graph, bank->student, bank->index, bank->rows, kd->bank_temperature, path[1], path[2]),
        by_teacher =
            graph_contrast(graph, bank->teacher, bank->index, bank->rows, kd->bank_temperature, path[0], path[3]);
  bank->student_state = parameters_find(&stages->state, path[0]);
  bank->teacher_state = parameters_find(&stages->state, path[1]);
  add_loss(&stages->fusion, "crd", name, graph_add(graph, by_student, by_teacher), kd->crd, COUNT_PRESENT,
           bit(s) | bit(t));
  stages->fusion_cost += 4.0 * kd->bank_negatives * kd->embedding;
  return STATUS_OK;
}

// KL of a binary task: the two classes' logits are x and 0.
static Value two_classes(Graph *graph, Value logit) {
  return graph_concat(graph, (Value[]){logit, graph_scale(graph, logit, 0)}, 2);
}

static Status build_teacher(Stages *stages, const Dataset *dataset, int s, int t) {
  const KdConfig *kd = &stages->config->method.kd;
  FusionStage *fusion = &stages->fusion;
  const char *name = stages->config->modality[t].name;
  uint32_t both = bit(s) | bit(t);
  if (kd->crd > 0)
    TRY(build_contrast(stages, dataset, s, t));
  if (kd->logit > 0) {
    Value logits = linear_at(fusion->graph, fusion->input[t], stages->outputs, "heads", name), own = fusion->logits;
    stages_freeze(stages, "heads", name);
    if (stages->binary) {
      logits = two_classes(fusion->graph, logits);
      own = two_classes(fusion->graph, own);
    }
    add_loss(fusion, "logit", name, graph_kl(fusion->graph, own, logits, kd->temperature), kd->logit, COUNT_PRESENT,
             both);
  }
  if (kd->feature > 0) {
    int width = (int)graph_width(fusion->graph, fusion->input[t]);
    Value guess = linear_at(fusion->graph, fusion->input[s], width, "regressor", name);
    add_loss(fusion, "feature", name, graph_mse(fusion->graph, guess, fusion->input[t]), kd->feature, COUNT_PRESENT,
             both);
  }
  return STATUS_OK;
}

static Status build_distil(Stages *stages, const Dataset *dataset) {
  const KdConfig *kd = &stages->config->method.kd;
  FusionStage *fusion = &stages->fusion;
  int s = 0;
  TRY(memory_take((void **)&stages->distillation, 1, sizeof *stages->distillation, "the distillation"));
  for (int i = 0; i < stages->modalities; i++) {
    build_encoder(stages, dataset, i, !kd->student[i] && !kd->teachers[i], kd->teachers[i]);
    s = kd->student[i] ? i : s;
  }
  *stages->distillation = (Distillation){.config = stages->config, .labels = dataset->task[0].labels, .student = s};
  fusion->labels = graph_input_labels(fusion->graph);
  fusion->logits =
      linear_at(fusion->graph, fusion->input[s], stages->outputs, "heads", stages->config->modality[s].name);
  fusion->representation = fusion->logits;
  graph_keep(fusion->graph, fusion->logits);
  add_loss(fusion, "semantic", NULL, task_loss(stages, fusion->logits), 1, COUNT_LABELLED, bit(s));
  for (int t = 0; t < stages->modalities; t++)
    if (kd->teachers[t])
      TRY(build_teacher(stages, dataset, s, t));
  return STATUS_OK;
}

Status kd_build(Stages *stages, const Dataset *dataset) {
  KdStage stage = stages->config->method.kd.stage;
  return stage == KD_DISTIL ? build_distil(stages, dataset) : build_heads(stages, dataset, stage == KD_PROBE);
}
