#include "train/position.h"

#include "base/memory.h"
#include "base/text.h"
#include "graph/parameters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A loss sum is a double, and the file's tensors are floats: a double of ordinary size is the exact sum of three.
enum { PARTS = 3 };

typedef struct TensorList {
  CheckpointTensor *item;
  int count;
  float *accumulated, *counted; // owned: [accumulators, slices, PARTS], [accumulators, PARTS]
} TensorList;

static void split_double(float part[PARTS], double value) {
  for (int k = 0; k < PARTS; k++) {
    part[k] = (float)value;
    value -= (double)part[k];
  }
}

static double join_double(const float part[PARTS]) { return (double)part[0] + (double)part[1] + (double)part[2]; }

static CheckpointTensor tensor_of(const char *prefix, const Parameter *parameter, float *whole, int64_t first,
                                  int64_t end) {
  CheckpointTensor tensor = {.dimensions = parameter->dimensions, .first = first, .end = end};
  REQUIRE(text_print(tensor.path, sizeof tensor.path, "%s/%s", prefix, parameter->path), "a path is too long: %s",
          parameter->path);
  memcpy(tensor.dim, parameter->dim, sizeof tensor.dim);
  int64_t rows = parameter->dim[0] > 0 ? parameter->dim[0] : 1;
  tensor.data = whole ? whole + parameter->offset + first * (parameter->size / rows) : NULL;
  return tensor;
}

// Rows of parameter p that this rank's units cover.
static void own_rows(const Sums *sums, int p, int64_t *first, int64_t *end) {
  int units, unit_first, unit_end;
  const SumUnit *unit = sums_units(sums, &units, &unit_first, &unit_end);
  *first = *end = 0;
  for (int u = unit_first; u < unit_end; u++)
    if (unit[u].parameter == p) {
      if (*end == 0)
        *first = unit[u].first;
      *end = unit[u].end;
    }
}

// Running statistics of an encoder live on the ranks that run it; those of the fusion stage on all.
static bool holds_state(const Session *session, const Parameter *state) {
  for (int i = 0; i < session->config.modalities; i++) {
    char prefix[PARAMETER_PATH];
    text_print(prefix, sizeof prefix, "encoders/%s/", session->config.modality[i].name);
    if (!strncmp(state->path, prefix, strlen(prefix)))
      return session->grid.group_of[i] == session->grid.group;
  }
  return true;
}

static Status list_model(TensorList *list, Session *session, Optimizer *optimizer) {
  const Parameters *parameters = &session->stages.parameters, *state = &session->stages.state;
  TRY(memory_take((void **)&list->item, (size_t)(3 * parameters->count + state->count + 2), sizeof *list->item,
                  "the tensor list"));
  float *block = sums_parameters(session->sums);
  for (int p = 0; p < parameters->count; p++) {
    int64_t first, end;
    own_rows(session->sums, p, &first, &end);
    list->item[list->count++] = tensor_of("/parameters", &parameters->item[p], block, first, end);
    if (!optimizer)
      continue;
    // The moments cover the own units only: seen from the flat block's start they begin at `begin`.
    float *m = optimizer->m ? optimizer->m - optimizer->begin : NULL,
          *v = optimizer->v ? optimizer->v - optimizer->begin : NULL;
    list->item[list->count++] = tensor_of("/optimizer/m", &parameters->item[p], m, first, end);
    if (v)
      list->item[list->count++] = tensor_of("/optimizer/v", &parameters->item[p], v, first, end);
  }
  for (int p = 0; p < state->count; p++) {
    const Parameter *it = &state->item[p];
    list->item[list->count++] = tensor_of("/state", it, session->state, 0, holds_state(session, it) ? it->dim[0] : 0);
  }
  return STATUS_OK;
}

static Status list_sums(TensorList *list, Session *session) {
  int accumulators = step_accumulators(session->step), slices = session->config.grid.slices;
  TRY(memory_take((void **)&list->accumulated, (size_t)(accumulators * slices * PARTS), sizeof(float), "loss sums"));
  TRY(memory_take((void **)&list->counted, (size_t)(accumulators * PARTS), sizeof(float), "loss sums"));
  list->item[list->count++] =
      (CheckpointTensor){"/state/accumulated", 3, {accumulators, slices, PARTS}, list->accumulated, 0, accumulators};
  list->item[list->count++] =
      (CheckpointTensor){"/state/counted", 2, {accumulators, PARTS}, list->counted, 0, accumulators};
  return STATUS_OK;
}

static void free_list(TensorList *list) {
  free(list->item);
  free(list->accumulated);
  free(list->counted);
}

static Status make_list(TensorList *list, Session *session, Optimizer *optimizer) {
  *list = (TensorList){0};
  TRY(list_model(list, session, optimizer));
  return optimizer ? list_sums(list, session) : STATUS_OK;
}

Status position_save(Session *session, Optimizer *optimizer, const Position *position, const char *dir) {
  TensorList list;
  Status status = comm_agree(session->comm, make_list(&list, session, optimizer));
  int accumulators = step_accumulators(session->step), cells = accumulators * session->config.grid.slices;
  if (status.code == 0) {
    double *all = malloc((size_t)cells * sizeof *all);
    REQUIRE(all, "out of memory for loss sums");
    memcpy(all, step_accumulated(session->step), (size_t)cells * sizeof *all);
    comm_gather_sums(session->comm, all, cells);
    for (int k = 0; k < cells; k++)
      split_double(list.accumulated + k * PARTS, all[k]);
    for (int k = 0; k < accumulators; k++)
      split_double(list.counted + k * PARTS, step_counted(session->step)[k]);
    free(all);
    CheckpointHead head = {.step = position->step,
                           .epoch = position->progress.epoch,
                           .batch = position->progress.batch,
                           .seed = session->config.run.seed,
                           .config_hash = config_hash(&session->config),
                           .data_hash = dataset_identity(&session->dataset),
                           .parameters_hash =
                               parameters_hash(sums_parameters(session->sums), &session->stages.parameters),
                           .best = position->best,
                           .best_epoch = position->best_epoch,
                           .patience_left = position->patience_left,
                           .metrics_bytes = position->metrics_bytes};
    text_print(head.grid, sizeof head.grid, "%dx%d", session->grid.groups, session->grid.shards);
    head.extra[0] = position->progress.stopped;
    head.extra[1] = position->adversary_best;
    head.extra[2] = (double)position->adversary_left;
    status = checkpoint_write(session->comm, dir, &head, list.item, list.count, session->config.checkpoint.keep);
  }
  free_list(&list);
  return status;
}

static void take_head(Position *position, const CheckpointHead *head) {
  position->step = head->step;
  position->progress.epoch = head->epoch;
  position->progress.batch = head->batch;
  position->best = head->best;
  position->best_epoch = head->best_epoch;
  position->patience_left = head->patience_left;
  position->metrics_bytes = head->metrics_bytes;
  position->progress.stopped = head->extra[0] != 0;
  position->adversary_best = head->extra[1];
  position->adversary_left = (int64_t)head->extra[2];
}

static void take_sums(Session *session, const TensorList *list) {
  int accumulators = step_accumulators(session->step), cells = accumulators * session->config.grid.slices;
  for (int k = 0; k < cells; k++)
    step_accumulated(session->step)[k] = join_double(list->accumulated + k * PARTS);
  for (int k = 0; k < accumulators; k++)
    step_counted(session->step)[k] = join_double(list->counted + k * PARTS);
  step_keep_own(session->step);
}

Status position_load(Session *session, Optimizer *optimizer, Position *position, const char *dir, bool *found) {
  TensorList list;
  CheckpointHead head = {.seed = session->config.run.seed,
                         .config_hash = config_hash(&session->config),
                         .data_hash = dataset_identity(&session->dataset)};
  Status status = comm_agree(session->comm, make_list(&list, session, optimizer));
  if (status.code == 0)
    status = checkpoint_read_latest(session->comm, dir, &head, list.item, list.count, found);
  if (status.code == 0 && *found) {
    take_head(position, &head);
    take_sums(session, &list);
    sums_publish(session->sums);
    if (parameters_hash(sums_parameters(session->sums), &session->stages.parameters) != head.parameters_hash)
      status = status_error(EXIT_DATA, "%s: the parameters read do not have the hash that the checkpoint names", dir);
    status = comm_agree(session->comm, status);
  }
  free_list(&list);
  return status;
}

Status position_load_model(Session *session, const char *file) {
  TensorList list;
  CheckpointHead head = {0};
  Status status = comm_agree(session->comm, make_list(&list, session, NULL));
  if (status.code == 0)
    status = checkpoint_read(session->comm, file, &head, list.item, list.count);
  if (status.code == 0)
    sums_publish(session->sums);
  session->saved_step = head.step;
  session->saved_epoch = head.epoch;
  free_list(&list);
  return status;
}

static bool path_of(const Session *session, const char *path, const bool *modality, bool heads) {
  for (int i = 0; i < session->config.modalities; i++)
    for (int k = 0; modality[i] && k < 4; k++) {
      char prefix[PARAMETER_PATH];
      text_print(prefix, sizeof prefix, "%s/%s/%s/", k & 1 ? "/state" : "/parameters", k & 2 ? "heads" : "encoders",
                 session->config.modality[i].name);
      if ((heads || !(k & 2)) && !strncmp(path, prefix, strlen(prefix)))
        return true;
    }
  return false;
}

Status position_load_encoders(Session *session, const char *file, const bool *modality, bool heads) {
  TensorList list;
  CheckpointHead head = {0};
  Status status = comm_agree(session->comm, make_list(&list, session, NULL));
  int count = 0;
  for (int t = 0; t < list.count && status.code == 0; t++)
    if (path_of(session, list.item[t].path, modality, heads))
      list.item[count++] = list.item[t];
  if (status.code == 0)
    status = checkpoint_read(session->comm, file, &head, list.item, count);
  if (status.code == 0)
    sums_publish(session->sums);
  free_list(&list);
  return status;
}
