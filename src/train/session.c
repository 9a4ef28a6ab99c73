#include "train/session.h"

#include "base/log.h"
#include "base/memory.h"
#include "data/standardize.h"

#include <stdlib.h>
#include <string.h>

static Status open_dataset(Session *session, const char *file) {
  const Config *config = &session->config;
  const char *name[MODALITIES_MOST], *task[1] = {config->data.task};
  for (int i = 0; i < config->modalities; i++)
    name[i] = config->modality[i].name;
  DatasetWanted wanted = {.modalities = config->modalities, .tasks = config->data.task[0] ? 1 : 0, .modality = name, .task = config->data.task[0] ? task : NULL};
  TRY(dataset_open(&session->dataset, file, &wanted));
  if (session->dataset.tasks < 1)
    return status_error(EXIT_DATA, "%s: there is no task in it; a data set needs /tasks/NAME/labels", file);
  return STATUS_OK;
}

// Hands out pieces of the node's block in order.
typedef struct Carver {
  char *at, *end;
} Carver;

static Status carve(void *user, void **piece, size_t bytes) {
  Carver *carver = user;
  size_t rounded = (bytes + 63) / 64 * 64;
  REQUIRE(carver->at + rounded <= carver->end, "the data set is larger than announced");
  *piece = carver->at;
  carver->at += rounded;
  return STATUS_OK;
}

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Where a modality's arrays stand in the node's block: offsets are what ranks can tell each other, pointers are not.
enum { ABSENT = -1 };
typedef struct Places {
  int64_t values, offsets, codes, times;
} Places;

static int64_t place(const char *memory, const void *array) { return array ? (const char *)array - memory : ABSENT; }
static void *at(char *memory, int64_t offset) { return offset == ABSENT ? NULL : memory + offset; }

static Status load_arrays(Session *session, const char *file, Carver *carver) {
  Dataset *dataset = &session->dataset;
  dataset->user = carver;
  for (int i = 0; i < dataset->modalities; i++)
    TRY(dataset_load(dataset, file, i));
  return STATUS_OK;
}

static Status standardize(Session *session, Carver *carver) {
  const Dataset *dataset = &session->dataset;
  for (int i = 0; i < dataset->modalities; i++) {
    size_t row = (size_t)dataset->modality[i].width * sizeof(float);
    if (!dataset->modality[i].values || dataset->modality[i].kind == KIND_SERIES)
      continue;
    TRY(carve(carver, (void **)&session->standard.mean[i], row));
    TRY(carve(carver, (void **)&session->standard.factor[i], row));
    TRY(standardize_modality(session->standard.mean[i], session->standard.factor[i], dataset, i));
  }
  return STATUS_OK;
}

static void share_places(Session *session) {
  Dataset *dataset = &session->dataset;
  char *memory = session->block.memory;
  for (int i = 0; i < dataset->modalities; i++) {
    DatasetModality *it = &dataset->modality[i];
    Places arrays = {place(memory, it->values), place(memory, it->offsets), place(memory, it->codes), place(memory, it->times)};
    Places standard = {place(memory, session->standard.mean[i]), place(memory, session->standard.factor[i]), ABSENT, ABSENT};
    node_block_share(&session->block, &arrays, sizeof arrays);
    node_block_share(&session->block, &standard, sizeof standard);
    it->values = at(memory, arrays.values);
    it->offsets = at(memory, arrays.offsets);
    it->codes = at(memory, arrays.codes);
    it->times = at(memory, arrays.times);
    session->standard.mean[i] = at(memory, standard.values);
    session->standard.factor[i] = at(memory, standard.offsets);
  }
}

static Status load(Session *session, const char *file) {
  Dataset *dataset = &session->dataset;
  size_t bytes = 0;
  for (int i = 0; i < dataset->modalities; i++)
    bytes += rounded(dataset_bytes(dataset, file, i)) + 4 * 64 + 2 * rounded((size_t)dataset->modality[i].width * sizeof(float));
  TRY(node_block_open(&session->block, session->comm, bytes));
  session->has_block = true;
  Carver carver = {session->block.memory, (char *)session->block.memory + bytes};
  dataset->take = carve; // on every rank: these arrays are never freed one by one
  TRY(comm_agree(session->comm, session->block.rank == 0 ? load_arrays(session, file, &carver) : STATUS_OK));
  TRY(comm_agree(session->comm, session->block.rank == 0 && session->config.data.standardize ? standardize(session, &carver) : STATUS_OK));
  dataset->user = NULL;
  node_block_publish(&session->block);
  share_places(session);
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
  return batch_open(&session->batch, session->config.data.batch, session->config.modalities, session->config.grid.slices);
}

Status session_open(Session *session, const Comm *comm, const Config *config, const char *file, bool training) {
  *session = (Session){.comm = comm, .config = *config, .training = training};
  config = &session->config;
  if (!file)
    file = config->data.file;
  TRY(comm_agree(comm, open_dataset(session, file)));
  TRY(load(session, file));
  TRY(comm_agree(comm, weigh_classes(session)));
  TRY(comm_agree(comm, stages_open(&session->stages, config, &session->dataset)));
  TRY(comm_agree(comm, choose_grid(session, comm->ranks)));
  TRY(grid_open(&session->grid, comm));
  session->has_grid = true;
  TRY(comm_agree(comm, stage_table_open(&session->table, &session->stages)));
  TRY(sums_open(&session->sums, &session->grid, &session->stages.parameters, session->table.stage, session->table.stages, config->grid.window));
  parameters_init(sums_parameters(session->sums), &session->stages.parameters, config->run.seed);
  sums_publish(session->sums);
  TRY(comm_agree(comm, take_state(session)));
  return step_open(&session->step, config, &session->stages, &session->dataset, &session->grid, session->sums,
                   &session->standard, session->class_weight, session->state, training);
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
  dataset_free(&session->dataset);
  if (session->has_block)
    node_block_close(&session->block);
}

Status session_samples(const Session *session, Split split, int64_t **sample, int64_t *n) {
  const Dataset *dataset = &session->dataset;
  *n = 0;
  TRY(memory_take((void **)sample, (size_t)dataset->samples, sizeof(int64_t), "the samples of a split"));
  for (int64_t r = 0; r < dataset->samples; r++) {
    bool shows = false;
    for (int i = 0; i < dataset->modalities; i++)
      shows |= dataset->modality[i].present[r] != 0;
    if (dataset->split[r] == split && dataset->task[0].labels[r] >= 0 && shows)
      (*sample)[(*n)++] = r;
  }
  return STATUS_OK;
}

MaskProtocol session_train_mask(const Session *session, int64_t epoch) {
  const Config *config = &session->config;
  MaskProtocol protocol = {.kind = MASK_RATE, .seed = config->run.seed, .epoch = (uint32_t)epoch, .label_slope = config->missingness.label_slope};
  if (config->missingness.protocol == PROTOCOL_PATTERN)
    protocol.kind = MASK_PATTERN;
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
  TRY(open_dataset(session, config->data.file));
  TRY(stages_open(&session->stages, &session->config, &session->dataset));
  TRY(stage_table_open(&session->table, &session->stages));
  return choose_grid(session, ranks);
}

void session_sketch_close(Session *session) {
  stage_table_close(&session->table);
  if (session->stages.config)
    stages_close(&session->stages);
  dataset_free(&session->dataset);
}
