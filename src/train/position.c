#include "train/position.h"

#include "base/text.h"
#include "graph/parameters.h"
#include "train/tensor_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void split_double(float part[PARTS], double value) {
  for (int k = 0; k < PARTS; k++) {
    part[k] = (float)value;
    value -= (double)part[k];
  }
}

static double join_double(const float part[PARTS]) { return (double)part[0] + (double)part[1] + (double)part[2]; }

Status position_save(Session *session, Optimizer *optimizer, const Position *position, const char *dir) {
  TensorList list;
  Status status = tensor_list_open(&list, session, optimizer);
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
    status = tensor_list_show(&list, session->comm);
    if (status.code == 0)
      status = checkpoint_write(session->comm, dir, &head, list.item, list.count, session->config.checkpoint.keep);
  }
  tensor_list_close(&list);
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
  Status status = tensor_list_open(&list, session, optimizer);
  if (status.code == 0)
    status = checkpoint_read_latest(session->comm, dir, &head, list.item, list.count, found);
  if (status.code == 0 && *found)
    status = tensor_list_take(&list, session->comm);
  if (status.code == 0 && *found) {
    take_head(position, &head);
    take_sums(session, &list);
    sums_publish(session->sums);
    if (parameters_hash(sums_parameters(session->sums), &session->stages.parameters) != head.parameters_hash)
      status = status_error(EXIT_DATA, "%s: the parameters read do not have the hash that the checkpoint names", dir);
    status = comm_agree(session->comm, status);
  }
  tensor_list_close(&list);
  return status;
}

Status position_load_model(Session *session, const char *file) {
  TensorList list;
  CheckpointHead head = {0};
  Status status = tensor_list_open(&list, session, NULL);
  if (status.code == 0)
    status = checkpoint_read(session->comm, file, &head, list.item, list.count);
  if (status.code == 0)
    status = tensor_list_take(&list, session->comm);
  if (status.code == 0)
    sums_publish(session->sums);
  session->saved_step = head.step;
  session->saved_epoch = head.epoch;
  tensor_list_close(&list);
  return status;
}

typedef struct Wanted {
  const Session *session;
  const bool *modality;
  bool heads;
} Wanted;

static bool is_wanted(const char *path, const void *user) {
  const Wanted *wanted = user;
  for (int i = 0; i < wanted->session->config.modalities; i++)
    for (int k = 0; wanted->modality[i] && k < 4; k++) {
      char prefix[PARAMETER_PATH];
      text_print(prefix, sizeof prefix, "%s/%s/%s/", k & 1 ? "/state" : "/parameters", k & 2 ? "heads" : "encoders",
                 wanted->session->config.modality[i].name);
      if ((wanted->heads || !(k & 2)) && !strncmp(path, prefix, strlen(prefix)))
        return true;
    }
  return false;
}

Status position_load_encoders(Session *session, const char *file, const bool *modality, bool heads) {
  TensorList list;
  CheckpointHead head = {0};
  Wanted wanted = {session, modality, heads};
  Status status = tensor_list_open(&list, session, NULL);
  if (status.code == 0) {
    tensor_list_keep(&list, is_wanted, &wanted);
    status = checkpoint_read(session->comm, file, &head, list.item, list.count);
  }
  if (status.code == 0)
    status = tensor_list_take(&list, session->comm);
  if (status.code == 0)
    sums_publish(session->sums);
  tensor_list_close(&list);
  return status;
}
