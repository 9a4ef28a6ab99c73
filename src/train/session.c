#include "train/session.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "data/standardize.h"
#include "train/substitution.h"

#include <stdlib.h>
#include <string.h>

// Mean and deviation of the inputs are part of the model: they stand in the state list, so a checkpoint carries them to other data.
static void declare_standard(Session *session) {
  for (int i = 0; i < session->config.modalities && session->config.data.standardize; i++) {
    const DatasetModality *modality = &session->dataset.modality[i];
    char path[PARAMETER_PATH];
    if (!modality_kind_dense(modality->kind))
      continue;
    text_print(path, sizeof path, "standard/%s/mean", modality->name);
    session->standard_mean[i] =
        parameters_declare(&session->stages.state, path, (int[]){(int)modality->width}, 1, INIT_ZERO, 1);
    text_print(path, sizeof path, "standard/%s/deviation", modality->name);
    session->standard_deviation[i] =
        parameters_declare(&session->stages.state, path, (int[]){(int)modality->width}, 1, INIT_ONE, 1);
  }
}

// Mean and deviation of a modality, number[2, width]: measured by one rank, and everybody's.
static void measure_inputs(const Session *session, double *number, int modality) {
  size_t width = (size_t)session->dataset.modality[modality].width;
  if (comm_is_root(session->comm))
    standardize_measure(number, number + width, &session->dataset, modality);
  comm_share(session->comm, number, 2 * width * sizeof *number, 0);
}

static Status measure_standard(Session *session) {
  const Parameters *state = &session->stages.state;
  for (int i = 0; i < session->config.modalities && session->config.data.standardize; i++) {
    int64_t width = session->dataset.modality[i].width;
    double *number;
    if (!modality_kind_dense(session->dataset.modality[i].kind))
      continue;
    float *mean = session->state + state->item[session->standard_mean[i]].offset;
    float *deviation = session->state + state->item[session->standard_deviation[i]].offset;
    TRY(memory_take((void **)&number, 2 * (size_t)width, sizeof *number, "means and deviations"));
    measure_inputs(session, number, i);
    for (int64_t j = 0; j < width; j++) {
      mean[j] = (float)number[j];
      deviation[j] = (float)number[width + j];
    }
    free(number);
    session->standard.mean[i] = mean;
    session->standard.deviation[i] = deviation;
  }
  return STATUS_OK;
}

// balanced: n / (classes * n_c) over the labelled training samples, so that the mean weight is 1.
static Status weigh_classes(Session *session) {
  const DatasetTask *task = &session->dataset.task[0];
  if (strcmp(session->config.train.class_weights, "balanced") != 0)
    return STATUS_OK;
  int classes = task->binary ? 2 : task->classes;
  double all = 0;
  TRY(memory_take((void **)&session->class_weight, (size_t)classes, sizeof(float), "class weights"));
  double *count = calloc((size_t)classes, sizeof *count);
  REQUIRE(count, "out of memory for class counts");
  for (int64_t r = 0; r < session->dataset.samples; r++)
    if (session->dataset.split[r] == SPLIT_TRAIN && task->labels[r] >= 0) {
      count[task->labels[r]]++;
      all++;
    }
  for (int c = 0; c < classes; c++)
    session->class_weight[c] = count[c] > 0 ? (float)(all / (classes * count[c])) : 0;
  free(count);
  return STATUS_OK;
}

static Status choose_grid(Session *session, int ranks) {
  const Config *config = &session->config;
  return grid_choose(&session->grid, ranks, config->grid.modality_groups, config->grid.data_shards, config->grid.slices,
                     session->stages.cost, config->modalities, session->stages.fusion_cost);
}

static Status take_state(Session *session) {
  TRY(memory_take((void **)&session->state, (size_t)session->stages.state.size, sizeof(float), "running statistics"));
  parameters_init(session->state, &session->stages.state, session->config.run.seed);
  TRY(measure_standard(session));
  return batch_open(&session->batch, session->config.data.batch, session->config.modalities,
                    session->config.grid.slices);
}

// The deviation that noise is measured in: 1 for standardised inputs, else that of the training data.
static Status measure_noise(Session *session, int i) {
  const DatasetModality *modality = &session->dataset.modality[i];
  double *number;
  if (!modality_kind_dense(modality->kind))
    return status_error(EXIT_CONFIG, "noise.rate: %s is a bag of codes, which takes no noise", modality->name);
  if (session->standard.deviation[i] || session->noise.deviation[i])
    return STATUS_OK;
  size_t width = (size_t)modality->width;
  float *deviation;
  TRY(memory_take((void **)&deviation, width, sizeof(float), "deviations"));
  session->deviation[i] = deviation;
  session->noise.deviation[i] = deviation;
  TRY(memory_take((void **)&number, 2 * width, sizeof *number, "deviations"));
  measure_inputs(session, number, i);
  for (size_t j = 0; j < width; j++)
    deviation[j] = (float)number[width + j];
  free(number);
  return STATUS_OK;
}

Status session_noise(Session *session, int modality, double rate) {
  session->noise.evaluation[modality] = rate;
  session->noise.entries = !strcmp(session->config.noise.kind, "entries");
  step_noise(session->step, &session->noise);
  return comm_agree(session->comm, measure_noise(session, modality));
}

static Status open_noise(Session *session) {
  const Config *config = &session->config;
  for (int i = 0; i < config->modalities; i++) {
    const DatasetModality *modality = &session->dataset.modality[i];
    bool picture = modality->kind == KIND_IMAGE || modality->kind == KIND_SPECTROGRAM;
    if (config->noise.shift.item[i] > 0 && (!picture || modality->dimensions < 2))
      return status_error(EXIT_CONFIG, "noise.shift: %s is no picture, and cannot be moved", modality->name);
  }
  session->noise.entries = !strcmp(config->noise.kind, "entries");
  for (int i = 0; i < config->modalities && session->training; i++) {
    session->noise.training[i] = config->noise.rate.item[i];
    if (config->noise.rate.item[i] > 0)
      TRY(measure_noise(session, i));
  }
  step_noise(session->step, &session->noise);
  return STATUS_OK;
}

static Status open_on(Session *session, const Comm *comm, const SharedData *data) {
  const Config *config = &session->config;
  session->dataset = data->dataset;
  TRY(comm_agree(comm, weigh_classes(session)));
  TRY(comm_agree(comm, stages_open(&session->stages, config, &session->dataset)));
  declare_standard(session);
  if (substitution_wanted(config))
    substitution_declare(&session->stages.state, config->modalities);
  TRY(comm_agree(comm, choose_grid(session, comm->ranks)));
  TRY(grid_open(&session->grid, comm));
  session->has_grid = true;
  TRY(comm_agree(comm, stage_table_open(&session->table, &session->stages)));
  TRY(sums_open(&session->sums, &session->grid, &session->stages.parameters, session->table.stage,
                session->table.stages, config->grid.window));
  parameters_init(sums_parameters(session->sums), &session->stages.parameters, config->run.seed);
  sums_publish(session->sums);
  TRY(comm_agree(comm, take_state(session)));
  TRY(step_open(&session->step, config, &session->stages, &session->dataset, &session->grid, session->sums,
                &session->standard, session->class_weight, session->state, session->training));
  return comm_agree(comm, open_noise(session));
}

Status session_open_shared(Session *session, const Comm *comm, const Config *config, const SharedData *data,
                           bool training) {
  *session = (Session){.comm = comm, .config = *config, .training = training};
  return open_on(session, comm, data);
}

Status session_open(Session *session, const Comm *comm, const Config *config, const char *file, bool training) {
  *session = (Session){.comm = comm, .config = *config, .training = training};
  TRY(shared_data_open(&session->own, comm, config, file));
  return open_on(session, comm, &session->own);
}

void session_close(Session *session) {
  step_close(session->step);
  batch_close(&session->batch);
  free(session->state);
  sums_close(session->sums);
  stage_table_close(&session->table);
  if (session->has_grid)
    grid_close(&session->grid);
  if (session->stages.config)
    stages_close(&session->stages);
  free(session->class_weight);
  free(session->substitution);
  for (int i = 0; i < MODALITIES_MOST; i++)
    free(session->deviation[i]);
  shared_data_close(&session->own);
}

static bool serves(const Session *session, Split split, int64_t sample) {
  const Dataset *dataset = &session->dataset;
  bool shows = false;
  for (int i = 0; i < dataset->modalities; i++)
    shows |= dataset->modality[i].present[sample] != 0;
  return shows && dataset->split[sample] == split && dataset->task[0].labels[sample] >= 0;
}

int64_t session_count(const Session *session, Split split) {
  int64_t n = 0;
  for (int64_t r = 0; r < session->dataset.samples; r++)
    n += serves(session, split, r);
  return n;
}

Status session_samples(const Session *session, Split split, int64_t **sample, int64_t *n) {
  const Dataset *dataset = &session->dataset;
  *n = 0;
  TRY(memory_take((void **)sample, (size_t)dataset->samples, sizeof(int64_t), "the samples of a split"));
  for (int64_t r = 0; r < dataset->samples; r++)
    if (serves(session, split, r))
      (*sample)[(*n)++] = r;
  return STATUS_OK;
}

MaskProtocol session_train_mask(const Session *session, int64_t epoch) {
  const Config *config = &session->config;
  MaskProtocol protocol = {.kind = MASK_RATE,
                           .seed = config->run.seed,
                           .epoch = (uint32_t)epoch,
                           .label_slope = config->missingness.label_slope};
  if (config->missingness.protocol == PROTOCOL_PATTERN)
    protocol.kind = MASK_PATTERN;
  if (config->missingness.protocol == PROTOCOL_ALL_PATTERNS)
    protocol.kind = MASK_SUBSET;
  if (config->missingness.protocol == PROTOCOL_LABEL)
    protocol.kind = MASK_LABEL;
  for (int i = 0; i < config->modalities; i++) {
    protocol.rate[i] = config->missingness.train.item[i];
    protocol.withheld[i] = config->missingness.withheld[i];
  }
  return protocol;
}

Status session_sketch(Session *session, const Config *config, int ranks) {
  *session = (Session){.config = *config};
  TRY(shared_data_sketch(&session->own, config, NULL));
  session->dataset = session->own.dataset;
  TRY(stages_open(&session->stages, &session->config, &session->dataset));
  TRY(stage_table_open(&session->table, &session->stages));
  return choose_grid(session, ranks);
}

void session_sketch_close(Session *session) {
  stage_table_close(&session->table);
  if (session->stages.config)
    stages_close(&session->stages);
  shared_data_close(&session->own);
}
