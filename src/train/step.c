// encoders:  z_i = f_i(x_i)              on the modality's ranks, rows that show it
// regroup:   z_i -> every rank's own rows
// fusion:    logits = g(phi(z_1 … z_m)), losses
// backward:  the same in reverse; the adjoint of regroup carries dz_i home
#include "train/step.h"

#include "base/memory.h"
#include "base/random.h"
#include "train/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Step {
  const Config *config;
  Stages *stages;
  const Dataset *dataset;
  const Grid *grid;
  Sums *sums;
  const Standard *standard;
  const float *class_weight;
  float *state;
  bool training;
  int encoder_room, fusion_room;
  Rows encoder_rows[MODALITIES_MOST]; // of the modalities that are ours
  Rows fusion_rows;
  float *compact[MODALITIES_MOST];                      // z_i of our fusion rows, when they come from elsewhere
  float *full[MODALITIES_MOST], *mask[MODALITIES_MOST]; // inputs of the fusion stage
  float *received[MODALITIES_MOST];                     // where this batch's compact z_i stand
  float *encoded[MODALITIES_MOST];  // kept by step_encode: [batches, encoder_room, width], one slot a row of the shard
  float *recalled[MODALITIES_MOST]; // compact rows out of it
  const Substitutes *substitutes;
  const Noise *noise;
  double *accumulated, *counted;
  int accumulators;
  char name[MODALITIES_MOST * STAGE_LOSSES + FUSION_LOSSES + 1][DATASET_NAME + 32];
};

// Whether this rank runs the encoder of a modality; an idle one is run by nobody.
static bool ours(const Step *step, int modality) {
  return step->grid->group_of[modality] == step->grid->group && !step->stages->encoder[modality].idle;
}

// Whether a gradient comes back to the encoder of a modality.
static bool learns(const Step *step, int modality) {
  const EncoderStage *encoder = &step->stages->encoder[modality];
  return !encoder->idle && !encoder->frozen;
}

// Most rows that slices [first, end) of `total` can hold in a batch of at most `batch` rows.
static int rows_most(int first, int end, int total, int batch) {
  return (int)(((int64_t)(end - first) * batch + total - 1) / total) + (end > first);
}

static void rooms(const Grid *grid, int rank, int batch, int *encoder, int *fusion) {
  int first, end;
  grid_encoder_slices(grid, rank / grid->groups, &first, &end);
  *encoder = rows_most(first, end, grid->slices, batch);
  grid_fusion_slices(grid, rank, &first, &end);
  *fusion = rows_most(first, end, grid->slices, batch);
}

static Status take_stage_memory(Step *step) {
  const Stages *stages = step->stages;
  int threads = step->config->grid.threads;
  rooms(step->grid, step->grid->rank, step->config->data.batch, &step->encoder_room, &step->fusion_room);
  for (int i = 0; i < stages->modalities; i++) {
    size_t width = (size_t)stages->width[i];
    if (ours(step, i)) {
      TRY(graph_plan(stages->encoder[i].graph, step->encoder_room, step->training && learns(step, i), threads));
      TRY(rows_open(&step->encoder_rows[i], step->encoder_room, &step->dataset->modality[i]));
    }
    TRY(memory_take((void **)&step->mask[i], (size_t)step->fusion_room, sizeof(float), "fusion masks"));
    if (width == 0)
      continue;
    if (step->grid->groups > 1)
      TRY(memory_take((void **)&step->compact[i], (size_t)step->fusion_room * width, sizeof(float),
                      "received representations"));
    TRY(memory_take((void **)&step->full[i], (size_t)step->fusion_room * width, sizeof(float), "fusion inputs"));
  }
  TRY(graph_plan(stages->fusion.graph, step->fusion_room, step->training, threads));
  TRY(stages_room(step->stages, step->config->data.batch, step->fusion_room));
  return rows_open(&step->fusion_rows, step->fusion_room, NULL);
}

static void name_accumulators(Step *step) {
  const Stages *stages = step->stages;
  for (int k = 0; k < stages->fusion.losses; k++)
    snprintf(step->name[step->accumulators++], sizeof step->name[0], "%s", stages->fusion.loss[k].name);
  for (int i = 0; i < stages->modalities; i++)
    for (int k = 0; k < stages->encoder[i].losses; k++)
      snprintf(step->name[step->accumulators++], sizeof step->name[0], "%s/%s", stages->encoder[i].loss[k].name,
               step->config->modality[i].name);
  snprintf(step->name[step->accumulators++], sizeof step->name[0], "correct");
}

Status step_open(Step **result, const Config *config, Stages *stages, const Dataset *dataset, const Grid *grid,
                 Sums *sums, const Standard *standard, const float *class_weight, float *state, bool training) {
  Step *step;
  *result = NULL;
  TRY(comm_agree(grid->comm, memory_take((void **)&step, 1, sizeof *step, "the step")));
  *step = (Step){.config = config,
                 .stages = stages,
                 .dataset = dataset,
                 .grid = grid,
                 .sums = sums,
                 .standard = standard,
                 .class_weight = class_weight,
                 .state = state,
                 .training = training};
  *result = step;
  name_accumulators(step);
  size_t cells = (size_t)step->accumulators * (size_t)grid->slices;
  TRY(comm_agree(grid->comm, memory_take((void **)&step->accumulated, cells, sizeof(double), "the loss sums")));
  TRY(comm_agree(grid->comm,
                 memory_take((void **)&step->counted, (size_t)step->accumulators, sizeof(double), "the loss sums")));
  return comm_agree(grid->comm, take_stage_memory(step));
}

void step_close(Step *step) {
  if (!step)
    return;
  step_encoded_close(step);
  for (int i = 0; i < step->stages->modalities; i++) {
    rows_close(&step->encoder_rows[i]);
    free(step->compact[i]);
    free(step->full[i]);
    free(step->mask[i]);
  }
  rows_close(&step->fusion_rows);
  free(step->accumulated);
  free(step->counted);
  free(step);
}

static Pass pass_of(const Step *step, const Rows *rows, uint32_t epoch, bool training, bool fusion) {
  return (Pass){.parameters = sums_parameters(step->sums),
                .state = step->state,
                .rows = rows->count,
                .slices = rows->slices,
                .sample = rows->sample,
                .seed = step->config->run.seed,
                .epoch = epoch,
                .training = training,
                .threads = step->config->grid.threads,
                .pool = step->grid->ranks == 1 ? NULL
                        : fusion               ? grid_pool_fusion
                                               : grid_pool_encoder,
                .pool_user = (void *)step->grid};
}

// Binds the inputs of an encoder, standardised and with noise where it is asked for.
static void bind_inputs(Step *step, int i, uint32_t epoch, bool training) {
  EncoderStage *encoder = &step->stages->encoder[i];
  Rows *rows = &step->encoder_rows[i];
  const DatasetModality *modality = &step->dataset->modality[i];
  const void *input = rows_inputs(rows, modality, step->standard->mean[i], step->standard->deviation[i]);
  double rate = !step->noise ? 0 : training ? step->noise->training[i] : step->noise->evaluation[i];
  RandomStream stream = {step->config->run.seed, RANDOM_CORRUPT, training ? epoch : RANDOM_EVALUATION, (uint32_t)i};
  int shift = training ? (int)step->config->noise.shift.item[i] : 0;
  if (shift > 0)
    rows_shift(rows, modality, shift, &stream);
  if (rate > 0)
    rows_noise(rows, modality, rate, step->noise->entries, step->noise->deviation[i], &stream);
  graph_bind(encoder->graph, encoder->input, input);
}

static void forward_encoders(Step *step, const Batch *batch, uint32_t epoch, bool training) {
  int first, end;
  grid_encoder_slices(step->grid, step->grid->shard, &first, &end);
  for (int i = 0; i < step->stages->modalities; i++) {
    if (!ours(step, i))
      continue;
    EncoderStage *encoder = &step->stages->encoder[i];
    Rows *rows = &step->encoder_rows[i];
    rows_select(rows, batch, i, first, end);
    rows_labels(rows, step->dataset->task[0].labels, i);
    bind_inputs(step, i, epoch, training);
    if (encoder->labels >= 0)
      graph_bind(encoder->graph, encoder->labels, rows->label);
    if (encoder->index >= 0)
      graph_bind(encoder->graph, encoder->index, rows->index);
    Pass pass = pass_of(step, rows, epoch, training && learns(step, i), false);
    graph_forward(encoder->graph, &pass);
  }
}

// Whether missing modalities have substitutes in this pass.
static bool substitutes(const Step *step, bool training) {
  return step->substitutes && (!training || step->config->method.ebr.substitute_training);
}

// Which modality stands for i in a row: itself, or the nearest one that the sample shows; -1: none.
static int source_of(const Step *step, const uint8_t *keep, int i, bool training) {
  if (keep[i])
    return i;
  for (int k = 0; substitutes(step, training) && k + 1 < step->stages->modalities; k++)
    if (keep[step->substitutes->order[i][k]])
      return step->substitutes->order[i][k];
  return -1;
}

// Compact rows into full rows with zeros where a modality is missing. With nothing missing no copy is made.
static void spread(Step *step, const Batch *batch, bool training) {
  const FusionStage *fusion = &step->stages->fusion;
  int modalities = step->stages->modalities, rows = step->fusion_rows.count, at[MODALITIES_MOST] = {0},
      shown[MODALITIES_MOST] = {0};
  const uint8_t *keep = batch->keep + (size_t)step->fusion_rows.first * (size_t)modalities;
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < modalities; i++)
      shown[i] += keep[(size_t)r * (size_t)modalities + (size_t)i];
  for (int r = 0; r < rows; r++, keep += modalities) {
    for (int i = 0; i < modalities; i++) {
      int from = source_of(step, keep, i, training);
      size_t width = (size_t)step->stages->width[i];
      step->mask[i][r] = from >= 0;
      if (shown[i] == rows || width == 0)
        continue;
      if (from >= 0)
        memcpy(step->full[i] + (size_t)r * width, step->received[from] + (size_t)at[from] * width,
               width * sizeof(float));
      else
        memset(step->full[i] + (size_t)r * width, 0, width * sizeof(float));
    }
    for (int i = 0; i < modalities; i++)
      at[i] += keep[i];
  }
  for (int i = 0; i < modalities; i++) {
    graph_bind(fusion->graph, fusion->input[i], shown[i] == rows ? step->received[i] : step->full[i]);
    graph_bind(fusion->graph, fusion->mask[i], step->mask[i]);
  }
}

// What the encoders of our modalities have just computed.
static void encoder_outputs(const Step *step, float **home) {
  for (int i = 0; i < step->stages->modalities; i++)
    home[i] = ours(step, i) ? graph_data(step->stages->encoder[i].graph, step->stages->encoder[i].output) : NULL;
}

static void regroup(Step *step, const Batch *batch, float *const *home) {
  int first, end;
  for (int i = 0; i < step->stages->modalities; i++)
    step->received[i] = step->compact[i];
  exchange_regroup(step->grid, step->received, home, step->stages->width, &batch->table);
  grid_fusion_slices(step->grid, step->grid->rank, &first, &end);
  rows_select(&step->fusion_rows, batch, -1, first, end);
  rows_labels(&step->fusion_rows, step->dataset->task[0].labels, 0);
}

static BatchView view_of(const Step *step, const Batch *batch) {
  return (BatchView){batch->rows, step->fusion_rows.first, step->fusion_rows.count, batch->sample, batch->keep};
}

static void forward_fusion(Step *step, const Batch *batch, float *const *home, uint32_t epoch, bool training) {
  FusionStage *fusion = &step->stages->fusion;
  regroup(step, batch, home);
  spread(step, batch, training);
  graph_bind(fusion->graph, fusion->labels, step->fusion_rows.label);
  BatchView view = view_of(step, batch);
  stages_bind(step->stages, training ? &view : NULL, step->config->run.seed, epoch);
  Pass pass = pass_of(step, &step->fusion_rows, epoch, training, true);
  graph_forward(fusion->graph, &pass);
}

static const float *logits_here(const Step *step, int *first, int *rows) {
  *first = step->fusion_rows.first;
  *rows = step->fusion_rows.count;
  return graph_data(step->stages->fusion.graph, step->stages->fusion.logits);
}

const float *step_predict(Step *step, const Batch *batch, int *first, int *rows) {
  float *home[MODALITIES_MOST];
  forward_encoders(step, batch, 0, false);
  encoder_outputs(step, home);
  forward_fusion(step, batch, home, 0, false);
  return logits_here(step, first, rows);
}

void step_represent(Step *step, const Batch *batch, const float **z, int *first, int *rows) {
  float *home[MODALITIES_MOST];
  forward_encoders(step, batch, 0, false);
  encoder_outputs(step, home);
  regroup(step, batch, home);
  for (int i = 0; i < step->stages->modalities; i++)
    z[i] = step->received[i];
  *first = step->fusion_rows.first;
  *rows = step->fusion_rows.count;
}

void step_noise(Step *step, const Noise *noise) { step->noise = noise; }

void step_substitute(Step *step, const Substitutes *substitutes) { step->substitutes = substitutes; }

// --- one encoding for many masks -------------------------------------------------------------------------------------------

static Status take_encoded(Step *step, int batches) {
  for (int i = 0; i < step->stages->modalities; i++) {
    size_t batch = (size_t)step->encoder_room * (size_t)step->stages->width[i];
    if (!ours(step, i))
      continue;
    TRY(memory_take((void **)&step->encoded[i], (size_t)batches * batch, sizeof(float), "kept representations"));
    TRY(memory_take((void **)&step->recalled[i], batch, sizeof(float), "kept representations"));
  }
  return STATUS_OK;
}

Status step_encoded_open(Step *step, int batches) { return comm_agree(step->grid->comm, take_encoded(step, batches)); }

void step_encoded_close(Step *step) {
  for (int i = 0; i < step->stages->modalities; i++) {
    free(step->encoded[i]);
    free(step->recalled[i]);
    step->encoded[i] = step->recalled[i] = NULL;
  }
}

// Moves compact rows of modality i into their slots, or back out of them.
static void move_slots(Step *step, const Batch *batch, int i, int index, float *compact, bool out) {
  int first, end, at = 0;
  size_t width = (size_t)step->stages->width[i];
  float *slots = step->encoded[i] + (size_t)index * (size_t)step->encoder_room * width;
  grid_encoder_slices(step->grid, step->grid->shard, &first, &end);
  for (int r = batch->slice_row[first]; r < batch->slice_row[end]; r++) {
    if (!batch->keep[(size_t)r * (size_t)batch->modalities + (size_t)i])
      continue;
    float *slot = slots + (size_t)(r - batch->slice_row[first]) * width, *row = compact + (size_t)at++ * width;
    memcpy(out ? row : slot, out ? slot : row, width * sizeof(float));
  }
}

void step_encode(Step *step, const Batch *batch, int index) {
  float *home[MODALITIES_MOST];
  forward_encoders(step, batch, 0, false);
  encoder_outputs(step, home);
  for (int i = 0; i < step->stages->modalities; i++)
    if (ours(step, i))
      move_slots(step, batch, i, index, home[i], false);
}

const float *step_predict_encoded(Step *step, const Batch *batch, int index, int *first, int *rows) {
  for (int i = 0; i < step->stages->modalities; i++)
    if (ours(step, i))
      move_slots(step, batch, i, index, step->recalled[i], true);
  forward_fusion(step, batch, step->recalled, 0, false);
  return logits_here(step, first, rows);
}

void step_represent_encoded(Step *step, const Batch *batch, int index, const float **z, int *first, int *rows) {
  for (int i = 0; i < step->stages->modalities; i++)
    if (ours(step, i))
      move_slots(step, batch, i, index, step->recalled[i], true);
  regroup(step, batch, step->recalled);
  for (int i = 0; i < step->stages->modalities; i++)
    z[i] = step->received[i];
  *first = step->fusion_rows.first;
  *rows = step->fusion_rows.count;
}

static double weight_of(const Step *step, int32_t label) {
  return label < 0 ? 0 : step->class_weight ? step->class_weight[label] : 1;
}

// Whether row r of the batch shows all modalities of a set.
static bool shows(const Batch *batch, int r, uint32_t set) {
  for (int i = 0; set; i++, set >>= 1)
    if ((set & 1) && !batch->keep[(size_t)r * (size_t)batch->modalities + (size_t)i])
      return false;
  return true;
}

// What the mean of a loss divides by: rows of the whole batch, which every rank can count.
static double count_rows(const Step *step, const Batch *batch, const StageLoss *loss, int modality) {
  if (loss->count == COUNT_PRESENT && modality >= 0)
    return batch->table.begin[modality][batch->slices];
  uint32_t set = loss->shows | (modality < 0 ? 0 : (uint32_t)1 << modality);
  double sum = 0;
  for (int r = 0; r < batch->rows; r++)
    if (shows(batch, r, set))
      sum += loss->count == COUNT_PRESENT ? 1 : weight_of(step, step->dataset->task[0].labels[batch->sample[r]]);
  return sum;
}

// d objective / d loss_row = weight * class weight / count; the loss itself goes to accumulator k.
static void seed_loss(Step *step, const Batch *batch, Graph *graph, const StageLoss *loss, const Rows *rows,
                      int modality, int k) {
  double count = count_rows(step, batch, loss, modality);
  float *seed = graph_gradient(graph, loss->value);
  const float *value = graph_data(graph, loss->value);
  for (int s = 0; s < rows->slices.count; s++) {
    double sum = 0;
    for (int r = rows->slices.row[s]; r < rows->slices.row[s + 1]; r++) {
      double weight = loss->count == COUNT_LABELLED ? weight_of(step, rows->label[r]) : 1;
      if (modality < 0 && !shows(batch, rows->first + r, loss->shows))
        weight = 0;
      seed[r] = count > 0 ? (float)(loss->weight * weight / count) : 0;
      sum += weight * (double)value[r];
    }
    step->accumulated[(size_t)k * (size_t)step->grid->slices + (size_t)(rows->slices.first + s)] += sum;
  }
  step->counted[k] += count;
}

static void count_correct(Step *step, const Batch *batch) {
  const Rows *rows = &step->fusion_rows;
  int outputs = step->stages->outputs, k = step->accumulators - 1;
  const float *logits = graph_data(step->stages->fusion.graph, step->stages->fusion.logits);
  for (int s = 0; s < rows->slices.count; s++) {
    double correct = 0;
    for (int r = rows->slices.row[s]; r < rows->slices.row[s + 1]; r++) {
      const float *row = logits + (size_t)r * (size_t)outputs;
      int best = step->stages->binary ? row[0] > 0 : 0;
      for (int c = 1; c < outputs; c++)
        if (row[c] > row[best])
          best = c;
      correct += best == rows->label[r];
    }
    step->accumulated[(size_t)k * (size_t)step->grid->slices + (size_t)(rows->slices.first + s)] += correct;
  }
  for (int r = 0; r < batch->rows; r++)
    step->counted[k] += step->dataset->task[0].labels[batch->sample[r]] >= 0;
}

static void backward(Step *step, const Graph *graph, const Pass *pass, int stage) {
  const SliceNode *node;
  SliceNode local[SLICE_NODES_MOST];
  int nodes = sums_nodes(step->sums, stage, &node);
  memcpy(local, node, sizeof local);
  graph_backward((Graph *)graph, pass, sums_gradients(step->sums, stage), local, nodes);
}

// The gradient of the fusion inputs at the rows that show modality i, compact; where it stood for others, theirs is added, in their order.
static void collect(Step *step, const Batch *batch, int i, float *to) {
  const FusionStage *fusion = &step->stages->fusion;
  int modalities = step->stages->modalities;
  size_t width = (size_t)step->stages->width[i];
  const float *gradient = graph_gradient(fusion->graph, fusion->input[i]);
  const uint8_t *keep = batch->keep + (size_t)step->fusion_rows.first * (size_t)modalities;
  for (int r = 0; r < step->fusion_rows.count; r++, keep += modalities) {
    if (!keep[i])
      continue;
    memcpy(to, gradient + (size_t)r * width, width * sizeof(float));
    for (int j = 0; j < modalities && substitutes(step, true); j++) {
      if (keep[j] || source_of(step, keep, j, true) != i)
        continue;
      const float *other = graph_gradient(fusion->graph, fusion->input[j]) + (size_t)r * width;
      for (size_t k = 0; k < width; k++)
        to[k] += other[k];
    }
    to += width;
  }
}

void step_gradients(Step *step, const Batch *batch, const Progress *progress) {
  Stages *stages = step->stages;
  uint32_t epoch = (uint32_t)progress->epoch;
  float *here[MODALITIES_MOST], *home[MODALITIES_MOST];
  int width[MODALITIES_MOST];
  stages_schedule(stages, progress);
  forward_encoders(step, batch, epoch, true);
  encoder_outputs(step, home);
  forward_fusion(step, batch, home, epoch, true);
  int k = 0;
  for (int j = 0; j < stages->fusion.losses; j++)
    seed_loss(step, batch, stages->fusion.graph, &stages->fusion.loss[j], &step->fusion_rows, -1, k++);
  count_correct(step, batch);
  Pass pass = pass_of(step, &step->fusion_rows, epoch, true, true);
  backward(step, stages->fusion.graph, &pass, stages->modalities);
  for (int i = 0; i < stages->modalities; i++) {
    bool back = learns(step, i);
    width[i] = back ? stages->width[i] : 0; // nothing goes home to an encoder that does not learn
    home[i] = back && ours(step, i) ? graph_gradient(stages->encoder[i].graph, stages->encoder[i].output) : NULL;
    here[i] = back && step->grid->groups > 1 ? step->compact[i] : home[i];
    if (back)
      collect(step, batch, i, here[i]);
  }
  exchange_regroup_back(step->grid, home, here, width, &batch->table);
  for (int i = 0; i < stages->modalities; i++) {
    const EncoderStage *encoder = &stages->encoder[i];
    const Rows *rows = &step->encoder_rows[i];
    for (int j = 0; j < encoder->losses; j++, k++)
      if (ours(step, i))
        seed_loss(step, batch, encoder->graph, &encoder->loss[j], rows, i, k);
      else
        step->counted[k] += count_rows(step, batch, &encoder->loss[j], i);
    if (!ours(step, i) || !learns(step, i))
      continue;
    pass = pass_of(step, rows, epoch, true, false);
    backward(step, encoder->graph, &pass, i);
  }
  BatchView view = view_of(step, batch);
  stages_remember(stages, &view, step->grid, step->state);
}

int step_accumulators(const Step *step) { return step->accumulators; }
const char *step_accumulator_name(const Step *step, int k) { return step->name[k]; }

double step_accumulator_weight(const Step *step, int k) {
  const Stages *stages = step->stages;
  if (k < stages->fusion.losses)
    return stages->fusion.loss[k].weight;
  k -= stages->fusion.losses;
  for (int i = 0; i < stages->modalities; k -= stages->encoder[i++].losses)
    if (k < stages->encoder[i].losses)
      return stages->encoder[i].loss[k].weight;
  return 0;
}

double *step_accumulated(Step *step) { return step->accumulated; }
double *step_counted(Step *step) { return step->counted; }

void step_reset(Step *step) {
  memset(step->accumulated, 0, (size_t)step->accumulators * (size_t)step->grid->slices * sizeof(double));
  memset(step->counted, 0, (size_t)step->accumulators * sizeof(double));
}

static void keep_slices(Step *step, int k, bool mine, int first, int end) {
  double *row = step->accumulated + (size_t)k * (size_t)step->grid->slices;
  for (int s = 0; s < step->grid->slices; s++)
    if (!mine || s < first || s >= end)
      row[s] = 0;
}

void step_keep_own(Step *step) {
  int first, end, k = 0;
  grid_fusion_slices(step->grid, step->grid->rank, &first, &end);
  for (int j = 0; j < step->stages->fusion.losses; j++)
    keep_slices(step, k++, true, first, end);
  keep_slices(step, step->accumulators - 1, true, first, end);
  grid_encoder_slices(step->grid, step->grid->shard, &first, &end);
  for (int i = 0; i < step->stages->modalities; i++)
    for (int j = 0; j < step->stages->encoder[i].losses; j++)
      keep_slices(step, k++, ours(step, i), first, end);
}

size_t step_bytes(const Config *config, const Stages *stages, const Dataset *dataset, const Grid *grid, int rank,
                  bool training) {
  int encoder_room, fusion_room;
  rooms(grid, rank, config->data.batch, &encoder_room, &fusion_room);
  size_t bytes =
      graph_bytes(stages->fusion.graph, fusion_room, training, config->grid.threads) + rows_bytes(fusion_room, NULL);
  for (int i = 0; i < stages->modalities; i++) {
    if (grid->group_of[i] == rank % grid->groups && !stages->encoder[i].idle)
      bytes += graph_bytes(stages->encoder[i].graph, encoder_room, training && !stages->encoder[i].frozen,
                           config->grid.threads) +
               rows_bytes(encoder_room, &dataset->modality[i]);
    bytes += (size_t)fusion_room * (size_t)(stages->width[i] * (grid->groups > 1 ? 2 : 1) + 1) * sizeof(float);
  }
  return bytes;
}

size_t step_encoded_bytes(const Config *config, const Stages *stages, const Grid *grid, int rank, int batches) {
  int encoder_room, fusion_room;
  size_t floats = 0;
  rooms(grid, rank, config->data.batch, &encoder_room, &fusion_room);
  for (int i = 0; i < stages->modalities; i++)
    if (grid->group_of[i] == rank % grid->groups)
      floats += (size_t)(batches + 1) * (size_t)encoder_room * (size_t)stages->width[i];
  return floats * sizeof(float);
}

static void describe(StageTable *table, int modality, const Graph *graph, int *at) {
  int count = graph_parameters(graph);
  for (int k = 0; k < count; k++) {
    table->parameter[*at + k] = graph_parameter(graph, k);
    table->offset[*at + k] = graph_gradient_offset(graph, k);
  }
  table->stage[table->stages++] =
      (SumStage){modality, graph_gradient_size(graph), count, table->parameter + *at, table->offset + *at};
  *at += count;
}

Status stage_table_open(StageTable *table, const Stages *stages) {
  *table = (StageTable){0};
  int all = graph_parameters(stages->fusion.graph), at = 0;
  for (int i = 0; i < stages->modalities; i++)
    all += graph_parameters(stages->encoder[i].graph);
  TRY(memory_take((void **)&table->parameter, (size_t)all, sizeof(int), "the stage table"));
  TRY(memory_take((void **)&table->offset, (size_t)all, sizeof(int64_t), "the stage table"));
  for (int i = 0; i < stages->modalities; i++)
    describe(table, i, stages->encoder[i].graph, &at);
  describe(table, -1, stages->fusion.graph, &at);
  return STATUS_OK;
}

void stage_table_close(StageTable *table) {
  free(table->parameter);
  free(table->offset);
}
