// A turned parameter is kept [rows, columns] and shown [columns, rows]: rank r of R shows rows [columns r / R, columns (r+1) / R).
//   show  every rank's rows of memory to all, one tensor at a time; each turns the columns that it shows
//   take  every rank's rows of the file to all; each turns back what it keeps
#include "train/tensor_list.h"

#include "base/memory.h"
#include "base/text.h"
#include "kernels/math.h"

#include <stdlib.h>
#include <string.h>

// Appends rows [first, end) of a parameter, of its gradient's moments or of a state; `whole` is a flat block.
static void append(TensorList *list, const char *prefix, const Parameter *parameter, float *whole, int64_t first,
                   int64_t end) {
  CheckpointTensor *tensor = &list->item[list->count];
  *tensor = (CheckpointTensor){.dimensions = parameter->dimensions, .first = first, .end = end};
  REQUIRE(text_print(tensor->path, sizeof tensor->path, "%s/%s", prefix, parameter->path), "a path is too long: %s",
          parameter->path);
  parameter_shape(tensor->dim, parameter);
  float *memory = whole ? whole + parameter->offset : NULL;
  int64_t rows = parameter->dim[0] > 0 ? parameter->dim[0] : 1;
  if (parameter->turned)
    list->turned[list->turns++] = (TurnedTensor){.tensor = list->count,
                                                 .memory = memory,
                                                 .rows = parameter->dim[0],
                                                 .columns = parameter->dim[1],
                                                 .first = first,
                                                 .end = end};
  else
    tensor->data = memory ? memory + first * (parameter->size / rows) : NULL;
  list->count++;
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
  size_t most = (size_t)(3 * parameters->count + state->count + 2);
  TRY(memory_take((void **)&list->item, most, sizeof *list->item, "the tensor list"));
  TRY(memory_take((void **)&list->turned, most, sizeof *list->turned, "the tensor list"));
  float *block = sums_parameters(session->sums);
  for (int p = 0; p < parameters->count; p++) {
    int64_t first, end;
    own_rows(session->sums, p, &first, &end);
    append(list, "/parameters", &parameters->item[p], block, first, end);
    if (!optimizer)
      continue;
    // The moments cover the own units only: seen from the flat block's start they begin at `begin`.
    float *m = optimizer->m ? optimizer->m - optimizer->begin : NULL,
          *v = optimizer->v ? optimizer->v - optimizer->begin : NULL;
    append(list, "/optimizer/m", &parameters->item[p], m, first, end);
    if (v)
      append(list, "/optimizer/v", &parameters->item[p], v, first, end);
  }
  for (int p = 0; p < state->count; p++) {
    const Parameter *it = &state->item[p];
    append(list, "/state", it, session->state, 0, holds_state(session, it) ? it->dim[0] : 0);
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

static Status make_list(TensorList *list, Session *session, Optimizer *optimizer) {
  int rank = session->comm->rank, ranks = session->comm->ranks;
  TRY(list_model(list, session, optimizer));
  for (int k = 0; k < list->turns; k++) {
    TurnedTensor *turned = &list->turned[k];
    CheckpointTensor *tensor = &list->item[turned->tensor];
    tensor->first = turned->begin = (int64_t)turned->columns * rank / ranks;
    tensor->end = turned->stop = (int64_t)turned->columns * (rank + 1) / ranks;
    TRY(memory_take((void **)&turned->shown, (size_t)(turned->stop - turned->begin) * (size_t)turned->rows,
                    sizeof(float), "rows of a checkpoint"));
    tensor->data = turned->shown;
  }
  return optimizer ? list_sums(list, session) : STATUS_OK;
}

Status tensor_list_open(TensorList *list, Session *session, Optimizer *optimizer) {
  *list = (TensorList){0};
  return comm_agree(session->comm, make_list(list, session, optimizer));
}

void tensor_list_close(TensorList *list) {
  for (int k = 0; k < list->turns; k++)
    free(list->turned[k].shown);
  free(list->turned);
  free(list->item);
  free(list->accumulated);
  free(list->counted);
}

void tensor_list_keep(TensorList *list, bool (*wanted)(const char *path, const void *user), const void *user) {
  int count = 0, turns = 0;
  for (int t = 0, k = 0; t < list->count; t++) {
    bool turned = k < list->turns && list->turned[k].tensor == t, keep = wanted(list->item[t].path, user);
    if (turned && keep) {
      list->turned[turns] = list->turned[k];
      list->turned[turns++].tensor = count;
    } else if (turned) {
      free(list->turned[k].shown);
    }
    k += turned;
    if (keep)
      list->item[count++] = list->item[t];
  }
  list->count = count;
  list->turns = turns;
}

static void show(const TurnedTensor *turned, float *whole, const Comm *comm) {
  size_t width = (size_t)turned->columns;
  memcpy(whole + (size_t)turned->first * width, turned->memory + (size_t)turned->first * width,
         (size_t)(turned->end - turned->first) * width * sizeof *whole);
  comm_gather_rows(comm, whole, turned->first, turned->end, turned->columns);
  floats_turn(turned->shown, whole + turned->begin, turned->rows, (int)(turned->stop - turned->begin), width);
}

static void take(const TurnedTensor *turned, float *whole, const Comm *comm) {
  size_t width = (size_t)turned->rows;
  memcpy(whole + (size_t)turned->begin * width, turned->shown,
         (size_t)(turned->stop - turned->begin) * width * sizeof *whole);
  comm_gather_rows(comm, whole, turned->begin, turned->stop, turned->rows);
  floats_turn(turned->memory + (size_t)turned->first * (size_t)turned->columns, whole + turned->first, turned->columns,
              (int)(turned->end - turned->first), width);
}

static Status over_turned(TensorList *list, const Comm *comm,
                          void (*move)(const TurnedTensor *turned, float *whole, const Comm *comm)) {
  size_t most = 0;
  for (int k = 0; k < list->turns; k++) {
    size_t size = (size_t)list->turned[k].rows * (size_t)list->turned[k].columns;
    most = size > most ? size : most;
  }
  float *whole = NULL;
  TRY(comm_agree(comm, memory_take((void **)&whole, most, sizeof *whole, "a matrix of a checkpoint")));
  for (int k = 0; k < list->turns; k++)
    move(&list->turned[k], whole, comm);
  free(whole);
  return STATUS_OK;
}

Status tensor_list_show(TensorList *list, const Comm *comm) { return over_turned(list, comm, show); }

Status tensor_list_take(TensorList *list, const Comm *comm) { return over_turned(list, comm, take); }
