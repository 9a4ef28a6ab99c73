// Layer normalisation (Ba, Kiros & Hinton, 2016) over the last dimension, n numbers:
//   m = mean x,  v = mean (x - m)^2,  h = (x - m) / sqrt(v + eps),  y = w h + b
//   dw = sum dy h,  db = sum dy,  with g = w dy:  dx = (g - mean g - h mean(g h)) / sqrt(v + eps)
#include "graph/lanes.h"
#include "graph/operation.h"

#include "kernels/math.h"

#include <math.h>

static const double epsilon = 1e-5;

/// mean and deviation (1 / sqrt(v + eps)) of every group.
static Needs layer_norm_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)threads;
  size_t numbers = (size_t)rows * (size_t)node_width_y(graph, node);
  return (Needs){.kept = 2 * numbers / (size_t)node->number[0] * sizeof(float),
                 .work = training ? numbers * sizeof(float) : 0};
}

static int layer_norm_times(const Graph *graph, const Node *node) {
  return (int)(node_width_y(graph, node) / node->number[0]);
}

static void layer_norm_forward(Graph *graph, const Node *node, const Pass *pass) {
  int n = node->number[0], groups = pass->rows * layer_norm_times(graph, node);
  const float *x0 = node_x(graph, node, 0), *w = node_w(graph, node, pass, 0), *b = node_w(graph, node, pass, 1);
  float *y0 = node_y(graph, node), *kept = node->kept;
  int threads = threads_for(pass, (int64_t)groups * n);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int g = 0; g < groups; g++) {
    const float *x = x0 + (size_t)g * (size_t)n;
    float *y = y0 + (size_t)g * (size_t)n;
    double mean = lanes_sum(x, n) / n;
    double variance = lanes_products(x, mean, x, mean, n) / n;
    float m = kept[2 * g] = (float)mean, d = kept[2 * g + 1] = (float)(1 / sqrt(variance + epsilon));
    for (int i = 0; i < n; i++)
      y[i] = (x[i] - m) * d * w[i] + b[i];
  }
}

static void layer_norm_backward(Graph *graph, const Node *node, const Pass *pass) {
  int n = node->number[0], groups = pass->rows * layer_norm_times(graph, node);
  const float *x0 = node_x(graph, node, 0), *w = node_w(graph, node, pass, 0), *dy0 = node_dy(graph, node),
              *kept = node->kept;
  bool accumulate;
  float *dx0 = node_dx(graph, node, 0, &accumulate), *work = graph->work;
  int threads = threads_for(pass, (int64_t)groups * n);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int g = 0; g < (dx0 ? groups : 0); g++) {
    size_t at = (size_t)g * (size_t)n;
    const float *x = x0 + at, *dy = dy0 + at;
    float *dx = dx0 + at, *pulled = work + at, m = kept[2 * g], d = kept[2 * g + 1];
    for (int i = 0; i < n; i++)
      pulled[i] = dy[i] * w[i];
    float shift = (float)(lanes_sum(pulled, n) / n);
    float slope = (float)(lanes_products(pulled, 0, x, (double)m, n) * (double)d / n);
    for (int i = 0; i < n; i++)
      dx[i] = (accumulate ? dx[i] : 0) + d * (pulled[i] - shift - (x[i] - m) * d * slope);
  }
}

static void layer_norm_sum(Graph *graph, const Node *node, const Pass *pass, float *const *out, int first, int slices) {
  int n = node->number[0], scaled[SLICES_MOST + 1];
  const int *row = node_rows(scaled, pass, first, slices, layer_norm_times(graph, node));
  const float *x = node_x(graph, node, 0), *dy = node_dy(graph, node), *kept = node->kept;
  float *work = graph->work;
  for (int g = row[0]; g < row[slices]; g++)
    for (int i = 0; i < n; i++) {
      size_t at = (size_t)g * (size_t)n + (size_t)i;
      work[at] = dy[at] * ((x[at] - kept[2 * g]) * kept[2 * g + 1]);
    }
  sum_rows_slices(out[0], work, n, row, slices);
  sum_rows_slices(out[1], dy, n, row, slices);
}

extern const Operation operation_layer_norm;

Value graph_layer_norm(Graph *graph, Value x, const char *path) {
  Shape shape = graph_floats(graph, x, "layer_norm")->shape;
  Node *node = graph_append(graph, &operation_layer_norm, &x, 1, shape);
  int n = node->number[0] = shape_last(shape);
  node_parameter(graph, node, path, "weight", (int[]){n}, 1, INIT_ONE, 0);
  node_parameter(graph, node, path, "bias", (int[]){n}, 1, INIT_ZERO, 0);
  return node->output;
}

static Value layer_norm_example(Graph *graph, uint64_t seed) {
  Value x = graph_layer_norm(graph, example_input(graph, shape_matrix(3, 5), seed), "tokens");
  return graph_layer_norm(graph, graph_tanh(graph, graph_flatten(graph, x)), "row");
}

const Operation operation_layer_norm = {.name = "layer_norm",
                                        .reads = SLOT_0,
                                        .pulls = SLOT_0,
                                        .needs = layer_norm_needs,
                                        .forward = layer_norm_forward,
                                        .backward = layer_norm_backward,
                                        .sum = layer_norm_sum,
                                        .example = layer_norm_example};
