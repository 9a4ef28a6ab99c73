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
#include "metrics/representation.h"
#include "spectral/dense.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

typedef struct RankWork {
  AnalyzeContext *context;
  json_t *result;
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

// Columns [first, first + columns) of a[rows, stride], known on every rank.
static Status add_known(const RankWork *work, const char *name, const float *a, int64_t rows, int64_t stride,
                        int64_t first, int64_t columns) {
  double *copy, *s = NULL;
  TRY(memory_take((void **)&copy, (size_t)(rows * columns), sizeof *copy, "a matrix to decompose"));
  Status status = memory_take((void **)&s, (size_t)(rows + columns), sizeof *s, "singular values");
  if (status.code == 0) {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < columns; j++)
        copy[i * columns + j] = (double)a[i * stride + first + j];
    status = dense_singular_values(s, copy, rows, columns);
  }
  if (status.code == 0)
    add_record(work, name, s, rows, columns);
  free(copy);
  free(s);
  return status;
}

static Status add_weights(const RankWork *work) {
  const Stages *stages = network_stages(work->context);
  const Graph *graph = stages->fusion.graph;
  for (int k = 0; k < graph_parameters(graph); k++) {
    const Parameter *item = &stages->parameters.item[graph_parameter(graph, k)];
    if (item->dimensions == 2)
      TRY(add_known(work, item->path, network_parameter(work->context, graph_parameter(graph, k)), item->dim[0],
                    item->dim[1], 0, item->dim[1]));
  }
  return STATUS_OK;
}

Status measure_rank(AnalyzeContext *context, json_t *result) {
  RankWork work = {context, result};
  return comm_agree(context->comm, add_weights(&work));
}
