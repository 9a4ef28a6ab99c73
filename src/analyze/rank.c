// Of every matrix A with singular values s:
//   numerical rank  |{k : s_k > tolerance}|, tolerance = FLT_EPSILON max(rows, columns) s_1
//   effective rank  exp(- sum p_k ln p_k), p = s / sum s    (Roy and Vetterli, EUSIPCO 2007)
//   stable rank     sum s_k^2 / s_1^2
// A runs over the weights W of the fusion stage; the columns of the first layer's W that read one modality, where the fusion concatenates; the
// representations Z[samples, width], not centred, of the samples that show the modality; and d mean cross-entropy / d W over the split.
// Chaudhuri et al., ICML 2025, section 4 and Table 11, which say rank and leave the rest to the reader.
#include "analyze/context.h"

#include "base/memory.h"
#include "base/text.h"
#include "comm/watchdog.h"
#include "metrics/representation.h"
#include "spectral/matrix.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

typedef struct RankWork {
  AnalyzeContext *context;
  json_t *result;
  MatrixGrid grid;
} RankWork;

static void add_record(const RankWork *work, const char *name, const double *s, int64_t rows, int64_t columns) {
  static const char *const keys[] = {"numerical_rank", "effective_rank", "stable_rank"};
  int count = (int)(rows < columns ? rows : columns);
  Ranks ranks = representation_ranks(s, count, rows, columns, FLT_EPSILON);
  context_row(work->context, name, 3, keys, (double[]){ranks.numerical, ranks.effective, ranks.stable});
  json_t *values = json_array();
  for (int k = 0; k < count; k++)
    json_array_append_new(values, context_number(s[k]));
  json_object_set_new(work->result, name,
                      json_pack("{s:o, s:i, s:o, s:o, s:o}", "singular_values", values, "numerical_rank",
                                ranks.numerical, "tolerance", context_number(ranks.tolerance), "effective_rank",
                                context_number(ranks.effective), "stable_rank", context_number(ranks.stable)));
}

// Collective. Measures and closes the matrix.
static Status add_matrix(const RankWork *work, const char *name, Matrix *matrix) {
  int64_t rows = matrix->rows, columns = matrix->columns;
  double *s = NULL;
  Status status = comm_agree(work->context->comm, memory_take((void **)&s, (size_t)(rows < columns ? rows : columns),
                                                              sizeof *s, "singular values"));
  watchdog_phase("singular values", -1);
  if (status.code == 0)
    status = matrix_singular_values(matrix, s);
  if (status.code == 0)
    add_record(work, name, s, rows, columns);
  free(s);
  matrix_close(matrix);
  return status;
}

// --- weights ------------------------------------------------------------------------------------------------------------------

static Status add_weight(const RankWork *work, const char *name, const float *a, int64_t rows, int64_t stride,
                         int64_t columns) {
  Matrix matrix;
  TRY(matrix_open(&matrix, &work->grid, rows, columns));
  matrix_take(&matrix, a, stride);
  return add_matrix(work, name, &matrix);
}

// The first layer of a concatenating fusion reads the modalities side by side.
static Status add_blocks(const RankWork *work) {
  AnalyzeContext *context = work->context;
  const Stages *stages = network_stages(context);
  const FusionStage *fusion = &stages->fusion;
  int64_t widths = 0, first = 0;
  const NetworkLayer *layer = NULL;
  for (int i = 0; i < stages->modalities; i++)
    widths += fusion->entry[i] < 0 ? 0 : graph_width(fusion->graph, fusion->entry[i]);
  for (int k = 0; k < network_layers(context) && !layer; k++)
    if (!strncmp(network_layer(context, k)->path, "fusion/", strlen("fusion/")) ||
        !strcmp(network_layer(context, k)->path, "head"))
      layer = network_layer(context, k);
  if (context->session->config.fusion.type != FUSION_CONCAT || !layer || layer->in != widths || stages->modalities < 2)
    return STATUS_OK;
  for (int i = 0; i < stages->modalities; i++) {
    char name[PARAMETER_PATH + 64];
    int64_t width = graph_width(fusion->graph, fusion->entry[i]);
    text_print(name, sizeof name, "%s/weight/%s", layer->path, stages->config->modality[i].name);
    TRY(add_weight(work, name, network_parameter(context, layer->layer.weight) + first, layer->out, layer->in, width));
    first += width;
  }
  return STATUS_OK;
}

static Status add_weights(const RankWork *work) {
  const Stages *stages = network_stages(work->context);
  const Graph *graph = stages->fusion.graph;
  for (int k = 0; k < graph_parameters(graph); k++) {
    int p = graph_parameter(graph, k);
    const Parameter *item = &stages->parameters.item[p];
    if (item->dimensions == 2)
      TRY(add_weight(work, item->path, network_parameter(work->context, p), item->dim[0], item->dim[1], item->dim[1]));
  }
  return add_blocks(work);
}

// --- representations ----------------------------------------------------------------------------------------------------------

// Rows that show the modality (-1: all), moved together.
static Status add_view(const RankWork *work, const View *view, int modality) {
  AnalyzeContext *context = work->context;
  int64_t here = 0, all;
  float *rows = NULL;
  size_t width = (size_t)view->width;
  TRY(comm_agree(context->comm,
                 memory_take((void **)&rows, (size_t)context->rows * width, sizeof *rows, "a representation")));
  for (int64_t r = 0; r < context->rows; r++)
    if (modality < 0 || context->mask[modality][r] != 0)
      memcpy(rows + (size_t)here++ * width, view->data + (size_t)r * width, width * sizeof *rows);
  all = here;
  comm_gather_counts(context->comm, &all, 1);
  Matrix matrix;
  Status status = matrix_open(&matrix, &work->grid, all, view->width);
  if (status.code == 0)
    status = matrix_deal(&matrix, rows, view->width, here);
  free(rows);
  return status.code ? status : add_matrix(work, view->name, &matrix);
}

static Status add_representations(const RankWork *work) {
  const AnalyzeContext *context = work->context;
  for (int k = 0; k < context->views; k++) {
    const View *view = &context->view[k];
    bool entry = !strncmp(view->name, "representation/", strlen("representation/"));
    const View *same = view->modality < 0 ? NULL : context_modality_view(context, "representation", view->modality);
    // What is exchanged is another thing than what enters the fusion (EBR's latents), or nothing enters one (phases of distillation).
    bool other = view->modality >= 0 && !entry && (!same || same->value != view->value) &&
                 !network_stages(context)->encoder[view->modality].idle;
    if (entry || other)
      TRY(add_view(work, view, view->modality));
  }
  return STATUS_OK;
}

// --- gradients ----------------------------------------------------------------------------------------------------------------

// sum[parameters of the fusion stage, one after another] += d mean cross-entropy / d parameter, of the rows here.
static void sum_gradients(AnalyzeContext *context, double *sum, float *seed) {
  const Stages *stages = network_stages(context);
  const Graph *graph = stages->fusion.graph;
  for (int b = 0; b < context->batches; b++) {
    int rows;
    watchdog_phase("gradients for analysis", -1);
    network_forward(context, b, &rows);
    network_seed_loss(context, seed);
    network_backward(context, seed);
    double *at = sum;
    for (int k = 0; k < graph_parameters(graph); k++) {
      const Parameter *item = &stages->parameters.item[graph_parameter(graph, k)];
      if (item->dimensions == 2) {
        network_add_gradient(context, graph_parameter(graph, k), at);
        at += item->size;
      }
    }
  }
}

static Status add_gradient_matrices(const RankWork *work, const double *sum) {
  const Stages *stages = network_stages(work->context);
  const Graph *graph = stages->fusion.graph;
  for (int k = 0; k < graph_parameters(graph); k++) {
    const Parameter *item = &stages->parameters.item[graph_parameter(graph, k)];
    char name[PARAMETER_PATH + 16];
    Matrix matrix;
    if (item->dimensions != 2)
      continue;
    text_print(name, sizeof name, "gradient/%s", item->path);
    TRY(matrix_open(&matrix, &work->grid, item->dim[0], item->dim[1]));
    Status status = matrix_sum(&matrix, sum);
    if (status.code) {
      matrix_close(&matrix);
      return status;
    }
    TRY(add_matrix(work, name, &matrix));
    sum += item->size;
  }
  return STATUS_OK;
}

static Status add_gradients(const RankWork *work) {
  AnalyzeContext *context = work->context;
  const Stages *stages = network_stages(context);
  size_t floats = 0;
  double *sum = NULL;
  float *seed = NULL;
  for (int k = 0; k < graph_parameters(stages->fusion.graph); k++)
    floats += (size_t)stages->parameters.item[graph_parameter(stages->fusion.graph, k)].size;
  Status status = memory_take((void **)&sum, floats, sizeof *sum, "gradients");
  if (status.code == 0)
    status = memory_take((void **)&seed, (size_t)context->session->config.data.batch * (size_t)stages->outputs,
                         sizeof *seed, "gradients");
  status = comm_agree(context->comm, status);
  if (status.code == 0) {
    sum_gradients(context, sum, seed);
    status = add_gradient_matrices(work, sum);
  }
  free(sum);
  free(seed);
  return status;
}

static Status measure(const RankWork *work) {
  TRY(add_weights(work));
  TRY(add_representations(work));
  return add_gradients(work);
}

Status measure_rank(AnalyzeContext *context, json_t *result) {
  RankWork work = {context, result, {0}};
  matrix_grid_open(&work.grid, context->comm, 0, 0);
  Status status = measure(&work);
  matrix_grid_close(&work.grid);
  return status;
}
