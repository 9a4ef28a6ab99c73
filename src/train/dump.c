#include "train/dump.h"

#include "base/memory.h"
#include "base/text.h"
#include "checkpoint/tensors.h"

#include <stdlib.h>
#include <string.h>

// On one rank every unit is ours, so the totals of a parameter's units stand in order.
static float *whole_gradient(const Session *session) {
  int units, first, end;
  const SumUnit *unit = sums_units(session->sums, &units, &first, &end);
  float *whole;
  if (memory_take((void **)&whole, (size_t)session->stages.parameters.size, sizeof(float), "gradients").code)
    return NULL;
  for (int u = first; u < end; u++) {
    const Parameter *it = &session->stages.parameters.item[unit[u].parameter];
    const float *total = sums_total(session->sums, u);
    for (int64_t r = unit[u].first; it->turned && r < unit[u].end; r++) // rows of memory are columns of the file
      for (int64_t k = 0; k < it->dim[1]; k++)
        whole[it->offset + k * it->dim[0] + r] = total[(r - unit[u].first) * it->dim[1] + k];
    if (!it->turned)
      memcpy(whole + unit[u].offset, total, (size_t)unit[u].size * sizeof(float));
  }
  return whole;
}

Status dump_gradients(Session *session, const char *path) {
  const Parameters *parameters = &session->stages.parameters;
  const Batch *batch = &session->batch;
  int accumulators = step_accumulators(session->step), slices = session->config.grid.slices, count = 0;
  float *whole = whole_gradient(session);
  NamedTensor *tensor = calloc((size_t)(parameters->count + accumulators + 2), sizeof *tensor);
  double *loss = calloc((size_t)accumulators, sizeof *loss);
  REQUIRE(whole && tensor && loss, "out of memory for a dump of gradients");
  for (int p = 0; p < parameters->count; p++) {
    const Parameter *it = &parameters->item[p];
    tensor[count] = (NamedTensor){.type = TENSOR_FLOAT, .dimensions = it->dimensions, .data = whole + it->offset};
    parameter_shape(tensor[count].dim, it);
    text_print(tensor[count++].path, sizeof tensor->path, "/gradients/%s", it->path);
  }
  for (int k = 0; k < accumulators; k++) {
    for (int s = 0; s < slices; s++)
      loss[k] += step_accumulated(session->step)[k * slices + s];
    loss[k] /= step_counted(session->step)[k];
    tensor[count] = (NamedTensor){.type = TENSOR_DOUBLE, .dimensions = 1, .dim = {1}, .data = &loss[k]};
    text_print(tensor[count++].path, sizeof tensor->path, "/loss/%s", step_accumulator_name(session->step, k));
  }
  tensor[count++] = (NamedTensor){"/batch/samples", TENSOR_INT64, 1, {batch->rows}, batch->sample};
  tensor[count++] = (NamedTensor){"/batch/keep", TENSOR_UINT8, 2, {batch->rows, batch->modalities}, batch->keep};
  Status status = tensors_write(path, tensor, count);
  free(whole);
  free(tensor);
  free(loss);
  return status;
}
