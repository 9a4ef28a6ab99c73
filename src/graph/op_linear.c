// Linear maps of the last dimension:
//   linear          y = x w' + b            dx = dy w    dw = dy' x         db = sum dy        w [out, in]
//   bag             the same for a multi-hot x given as codes              w [out, vocabulary]
//   embedding_mean  y = (1/n) sum of n rows of w                           w [vocabulary, out]
#include "graph/operation.h"

#include "kernels/bags.h"
#include "kernels/gemm.h"
#include "kernels/math.h"

#include <string.h>

enum { IN, OUT };

/// Bias and the ReLU behind it in one pass over y[rows, out].
static void bias_forward(float *y, const float *b, bool relu, int rows, int out, int threads) {
  enum { BLOCK = 16 };
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int r = 0; r < rows; r += BLOCK) {
    int n = rows - r < BLOCK ? rows - r : BLOCK;
    float *block = y + (size_t)r * (size_t)out;
    if (b && relu)
      bias_relu(block, b, n, out);
    else if (b)
      bias_add(block, b, n, out);
    else if (relu)
      floats_relu(block, block, (size_t)n * (size_t)out);
  }
}

// --- linear
// --------------------------------------------------------------------------------------------------------------
/// Rows of the product in a row of the batch: tokens.
static int linear_times(const Graph *graph, const Node *node) {
  return (int)(node_width_y(graph, node) / node->number[OUT]);
}

static void linear_forward(Graph *graph, const Node *node, const Pass *pass) {
  int in = node->number[IN], out = node->number[OUT], m = pass->rows * linear_times(graph, node);
  float *y = node_y(graph, node);
  gemm_nt(y, out, node_x(graph, node, 0), in, node_w(graph, node, pass, 0), in, m, out, in, false, pass->threads);
  const float *b = node->parameters > 1 ? node_w(graph, node, pass, 1) : NULL;
  bias_forward(y, b, node->relu, m, out, threads_for(pass, (int64_t)m * out));
}

static void linear_backward(Graph *graph, const Node *node, const Pass *pass) {
  int in = node->number[IN], out = node->number[OUT], m = pass->rows * linear_times(graph, node);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  if (dx)
    gemm_nn(dx, in, node_dy(graph, node), out, node_w(graph, node, pass, 0), in, m, in, out, accumulate, pass->threads);
}

static void linear_sum(Graph *graph, const Node *node, const Pass *pass, float *const *out, int first, int slices) {
  int scaled[SLICES_MOST + 1], n = node->number[IN], m = node->number[OUT];
  const int *row = node_rows(scaled, pass, first, slices, linear_times(graph, node));
  const float *dy = node_dy(graph, node);
  gemm_tn_slices(out[0], n, dy, m, node_x(graph, node, 0), n, m, n, row, slices, pass->threads);
  if (node->parameters > 1)
    sum_rows_slices(out[1], dy, m, row, slices);
}

extern const Operation operation_linear, operation_bag, operation_embedding_mean;

Value graph_linear(Graph *graph, Value x, int out, bool bias, const char *path) {
  Shape shape = graph_floats(graph, x, "linear")->shape;
  int in = shape_last(shape);
  shape.dim[shape.dimensions - 1] = out;
  Node *node = graph_append(graph, &operation_linear, &x, 1, shape);
  node->number[IN] = in;
  node->number[OUT] = out;
  node_parameter(graph, node, path, "weight", (int[]){out, in}, 2, INIT_UNIFORM, in);
  if (bias)
    node_parameter(graph, node, path, "bias", (int[]){out}, 1, INIT_UNIFORM, in);
  return node->output;
}

static Value linear_example(Graph *graph, uint64_t seed) {
  Value tokens = graph_linear(graph, example_input(graph, shape_matrix(3, 5), seed), 4, true, "first");
  return graph_linear(graph, graph_flatten(graph, tokens), 6, false, "second");
}

const Operation operation_linear = {.name = "linear",
                                    .reads = SLOT_0,
                                    .pulls = SLOT_0,
                                    .fuses_relu = true,
                                    .forward = linear_forward,
                                    .backward = linear_backward,
                                    .sum = linear_sum,
                                    .example = linear_example};

// --- bag
// -----------------------------------------------------------------------------------------------------------------
static const Bags *bags_checked(const Graph *graph, const Node *node, const Pass *pass) {
  const Bags *bags = node_bound(graph, node, 0);
  int64_t most = graph->value[node->input[0]].most * graph->rows;
  REQUIRE(pass->rows == 0 || bags->offset[pass->rows] - bags->offset[0] <= most,
          "more than %lld codes in a batch; graph_bags_most before graph_plan", (long long)most);
  return bags;
}

static size_t bag_work(const Graph *graph, const Node *node, int rows, int threads) {
  size_t bytes = bags_work(node->number[OUT], node->number[IN], graph->value[node->input[0]].most * rows, threads);
  return (bytes + 63) / 64 * 64;
}

static Needs bag_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  return (Needs){.work = training ? bag_work(graph, node, rows, threads) : 0};
}

static void bag_forward(Graph *graph, const Node *node, const Pass *pass) {
  int out = node->number[OUT];
  const Bags *bags = bags_checked(graph, node, pass);
  if (pass->rows == 0)
    return;
  float *y = node_y(graph, node);
  const float *b = node->parameters > 1 ? node_w(graph, node, pass, 1) : NULL;
  bags_forward(y, node_w(graph, node, pass, 0), b, bags->offset, bags->code, pass->rows, out, pass->threads);
  if (node->relu)
    bias_forward(y, NULL, true, pass->rows, out, threads_for(pass, (int64_t)pass->rows * out));
}

static void bag_sum(Graph *graph, const Node *node, const Pass *pass, float *const *out, int first, int slices) {
  static const int64_t none[2] = {0};
  const Bags *bags = node_bound(graph, node, 0);
  const int *row = pass->slices.row + first;
  int m = node->number[OUT], n = node->number[IN];
  bags_backward(out[0], node_dy(graph, node), pass->rows ? bags->offset : none, pass->rows ? bags->code : NULL, m, n,
                row, slices, graph->work, pass->threads);
  if (node->parameters > 1)
    sum_rows_slices(out[1], node_dy(graph, node), m, row, slices);
}

static Node *bag_append(Graph *graph, const Operation *operation, Value bags, int out) {
  REQUIRE(0 <= bags && bags < graph->values && graph->value[bags].kind == VALUE_BAGS, "%s wants bags", operation->name);
  Node *node = graph_append(graph, operation, &bags, 1, shape_vector(out));
  node->number[IN] = graph->value[bags].vocabulary;
  node->number[OUT] = out;
  return node;
}

Value graph_bag(Graph *graph, Value bags, int out, bool bias, const char *path) {
  Node *node = bag_append(graph, &operation_bag, bags, out);
  int in = node->number[IN];
  node_parameter(graph, node, path, "weight", (int[]){in, out}, 2, INIT_UNIFORM, in);
  graph->parameters->item[graph->use[node->use[0]].index].turned = true;
  if (bias)
    node_parameter(graph, node, path, "bias", (int[]){out}, 1, INIT_UNIFORM, in);
  return node->output;
}

static Value bag_example(Graph *graph, uint64_t seed) {
  return graph_bag(graph, example_bags(graph, 9, seed), 4, true, "bag");
}

const Operation operation_bag = {.name = "bag",
                                 .fuses_relu = true,
                                 .needs = bag_needs,
                                 .forward = bag_forward,
                                 .sum = bag_sum,
                                 .example = bag_example};

// --- embedding_mean
// --------------------------------------------------------------------------------------------------------
/// y[row, out] = x[row, out] / codes in the bag.
static void bags_divide(float *y, const float *x, const int64_t *offset, int first, int end, int out) {
  for (int r = first; r < end; r++) {
    int64_t codes = offset[r + 1] - offset[r];
    float factor = codes > 0 ? 1.0f / (float)codes : 0;
    floats_scale(y + (size_t)r * (size_t)out, factor, x + (size_t)r * (size_t)out, (size_t)out);
  }
}

static Needs embedding_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  size_t scaled = (size_t)rows * (size_t)node->number[OUT] * sizeof(float);
  return (Needs){.work = training ? bag_work(graph, node, rows, threads) + scaled : 0};
}

static void embedding_forward(Graph *graph, const Node *node, const Pass *pass) {
  const Bags *bags = bags_checked(graph, node, pass);
  if (pass->rows == 0)
    return;
  float *y = node_y(graph, node);
  bags_forward(y, node_w(graph, node, pass, 0), NULL, bags->offset, bags->code, pass->rows, node->number[OUT],
               pass->threads);
  bags_divide(y, y, bags->offset, 0, pass->rows, node->number[OUT]);
}

static void embedding_sum(Graph *graph, const Node *node, const Pass *pass, float *const *out, int first, int slices) {
  static const int64_t none[2] = {0};
  const Bags *bags = node_bound(graph, node, 0);
  const int *row = pass->slices.row + first;
  float *scaled = (float *)(void *)((char *)graph->work + bag_work(graph, node, graph->rows, graph->threads));
  if (pass->rows > 0)
    bags_divide(scaled, node_dy(graph, node), bags->offset, row[0], row[slices], node->number[OUT]);
  bags_backward(out[0], scaled, pass->rows ? bags->offset : none, pass->rows ? bags->code : NULL, node->number[OUT],
                node->number[IN], row, slices, graph->work, pass->threads);
}

Value graph_embedding_mean(Graph *graph, Value bags, int out, const char *path) {
  Node *node = bag_append(graph, &operation_embedding_mean, bags, out);
  int in = node->number[IN];
  node_parameter(graph, node, path, "weight", (int[]){in, out}, 2, INIT_NORMAL, in);
  return node->output;
}

static Value embedding_example(Graph *graph, uint64_t seed) {
  return graph_embedding_mean(graph, example_bags(graph, 9, seed), 4, "embedding");
}

const Operation operation_embedding_mean = {.name = "embedding_mean",
                                            .needs = embedding_needs,
                                            .forward = embedding_forward,
                                            .sum = embedding_sum,
                                            .example = embedding_example};
