#include "analyze/pooled.h"

#include "analyze/figures.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

int pooled_slices_total(const AnalyzeContext *context) { return context->session->grid.slices; }

static void own_slices(const AnalyzeContext *context, int *first, int *end) {
  const Grid *grid = &context->session->grid;
  grid_fusion_slices(grid, grid->rank, first, end);
}

int pooled_slices(const AnalyzeContext *context) {
  int first, end;
  own_slices(context, &first, &end);
  return end - first;
}

Status pooled_slice(const AnalyzeContext *context, int **slice) {
  int first, end, total = pooled_slices_total(context);
  int64_t room = context->session->batch.room;
  own_slices(context, &first, &end);
  TRY(memory_take((void **)slice, (size_t)context->rows, sizeof **slice, "the slices of rows"));
  for (int b = 0; b < context->batches; b++) {
    int64_t left = context->n - b * room;
    int n = (int)(left < room ? left : room), s = first;
    for (int64_t r = context->batch_row[b]; r < context->batch_row[b + 1]; r++) {
      while (context->position[r] - b * room >= slice_begin(s + 1, n, total))
        s++;
      (*slice)[r] = s - first;
    }
  }
  return STATUS_OK;
}

void pooled_sum(const AnalyzeContext *context, double *total, const double *here, int n) {
  grid_pool_fusion((void *)&context->session->grid, total, here, n);
}

void pooled_gather(const AnalyzeContext *context, double *all, const double *here, int n) {
  int first, end, total = pooled_slices_total(context);
  own_slices(context, &first, &end);
  memset(all, 0, (size_t)total * (size_t)n * sizeof *all);
  for (int s = first; s < end; s++)
    memcpy(all + (size_t)s * (size_t)n, here + (size_t)(s - first) * (size_t)n, (size_t)n * sizeof *all);
  for (int s = 0; s < total; s++) // slice by slice: counts of MPI are ints
    comm_gather_sums(context->comm, all + (size_t)s * (size_t)n, n);
}

Summary pooled_summary(double n, double sum, double squares, double level) {
  double mean = n > 0 ? sum / n : NAN, deviation = n > 1 ? sqrt(fmax(0, squares - n * mean * mean) / (n - 1)) : NAN;
  double error = deviation / sqrt(n), half = n > 1 ? summary_student_quantile(0.5 + level / 2, n - 1) * error : NAN;
  return (Summary){(int)n, mean, deviation, error, {mean - half, mean + half}};
}

bool layer_blocks(const AnalyzeContext *context, int layer, int *begin) {
  const Config *config = &context->session->config;
  const NetworkLayer *wanted = network_layer(context, layer);
  if (config->fusion.type != FUSION_CONCAT)
    return false;
  for (int k = 0; k < network_layers(context);
       k++) { // the first layer of the fusion; without hidden layers that is the head
    const char *path = network_layer(context, k)->path;
    if (strncmp(path, "fusion/", strlen("fusion/")) != 0 && strcmp(path, "head") != 0)
      continue;
    if (k != layer)
      return false;
    break;
  }
  begin[0] = 0;
  for (int i = 0; i < config->modalities; i++) {
    const View *view = context_modality_view(context, "representation", i);
    if (!view)
      return false;
    begin[i + 1] = begin[i] + view->width;
  }
  return begin[config->modalities] == wanted->in;
}

int joined_layer(const AnalyzeContext *context) {
  int begin[MODALITIES_MOST + 1];
  for (int k = 0; k < network_layers(context); k++)
    if (layer_blocks(context, k, begin))
      return k;
  return -1;
}
