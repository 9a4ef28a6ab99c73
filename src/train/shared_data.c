#include "train/shared_data.h"

#include "base/text.h"

#include <string.h>

static Status open_dataset(SharedData *data, const Config *config) {
  const char *name[MODALITIES_MOST], *task[1] = {config->data.task};
  for (int i = 0; i < config->modalities; i++)
    name[i] = config->modality[i].name;
  DatasetWanted wanted = {.modalities = config->modalities,
                          .tasks = config->data.task[0] ? 1 : 0,
                          .modality = name,
                          .task = config->data.task[0] ? task : NULL};
  TRY(dataset_open(&data->dataset, data->file, &wanted));
  if (data->dataset.tasks < 1)
    return status_error(EXIT_DATA, "%s: there is no task in it; a data set needs /tasks/NAME/labels", data->file);
  return STATUS_OK;
}

// Hands out pieces of the node's block in order, the same on every rank of the node.
typedef struct Carver {
  char *at, *end;
} Carver;

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

static Status carve(void *user, void **piece, size_t bytes) {
  Carver *carver = user;
  REQUIRE(carver->at + rounded(bytes) <= carver->end, "the data set is larger than announced");
  *piece = carver->at;
  carver->at += rounded(bytes);
  return STATUS_OK;
}

static Status attach(SharedData *data, Carver *carver) {
  Dataset *dataset = &data->dataset;
  dataset->take = carve;
  dataset->user = carver;
  for (int i = 0; i < dataset->modalities; i++)
    TRY(dataset_attach(dataset, i));
  dataset->user = NULL;
  return STATUS_OK;
}

static Status fill(SharedData *data) {
  for (int i = 0; i < data->dataset.modalities; i++)
    TRY(dataset_fill(&data->dataset, data->file, i));
  return STATUS_OK;
}

static Status load(SharedData *data, const Comm *comm) {
  size_t bytes = 0, block[4];
  for (int i = 0; i < data->dataset.modalities; i++) {
    dataset_bytes(&data->dataset, i, block);
    for (int k = 0; k < 4; k++)
      bytes += rounded(block[k]);
  }
  TRY(node_block_open(&data->block, comm, bytes));
  data->has_block = true;
  Carver carver = {data->block.memory, (char *)data->block.memory + bytes};
  TRY(comm_agree(comm, attach(data, &carver)));
  TRY(comm_agree(comm, node_block_fills(&data->block) ? fill(data) : STATUS_OK));
  node_block_publish(&data->block);
  return STATUS_OK;
}

Status shared_data_sketch(SharedData *data, const Config *config, const char *file) {
  *data = (SharedData){0};
  text_print(data->file, sizeof data->file, "%s", file ? file : config->data.file);
  text_print(data->task, sizeof data->task, "%s", config->data.task);
  return open_dataset(data, config);
}

Status shared_data_open(SharedData *data, const Comm *comm, const Config *config, const char *file) {
  TRY(comm_agree(comm, shared_data_sketch(data, config, file)));
  return load(data, comm);
}

void shared_data_close(SharedData *data) {
  dataset_free(&data->dataset);
  if (data->has_block)
    node_block_close(&data->block);
  *data = (SharedData){0};
}

bool shared_data_serves(const SharedData *data, const Config *config) {
  bool serves = !strcmp(data->file, config->data.file) && !strcmp(data->task, config->data.task) &&
                data->dataset.modalities == config->modalities;
  for (int i = 0; serves && i < config->modalities; i++)
    serves = !strcmp(data->dataset.modality[i].name, config->modality[i].name);
  return serves;
}
