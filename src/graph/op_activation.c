// Element by element, dx = dy f'(x):
//   relu max(x, 0)   gelu x Phi(x)   tanh   sigmoid 1/(1 + e^-x)   softplus log(1 + e^x)   scale a x
// and over the last dimension: softmax y_i = e^x_i / sum_j e^x_j,  dx_i = y_i (dy_i - sum_j dy_j y_j).
#include "graph/operation.h"

#include "kernels/math.h"

typedef void (*Map)(float *y, const float *x, size_t n);
typedef void (*Pull)(float *dx, const float *dy, const float *z, size_t n, bool accumulate);

enum { BLOCK = 1 << 13 }; // floats that a thread takes at a time

static void map_forward(Graph *graph, const Node *node, const Pass *pass, Map map) {
  int64_t n = pass->rows * node_width_y(graph, node);
  const float *x = node_x(graph, node, 0);
  float *y = node_y(graph, node);
#pragma omp parallel for num_threads(threads_for(pass, n)) if (threads_for(pass, n) > 1)
  for (int64_t i = 0; i < n; i += BLOCK)
    map(y + i, x + i, (size_t)(n - i < BLOCK ? n - i : BLOCK));
}

static void map_backward(Graph *graph, const Node *node, const Pass *pass, Pull pull, const float *z) {
  int64_t n = pass->rows * node_width_y(graph, node);
  const float *dy = node_dy(graph, node);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
#pragma omp parallel for num_threads(threads_for(pass, n)) if (threads_for(pass, n) > 1)
  for (int64_t i = 0; i < n; i += BLOCK)
    pull(dx + i, dy + i, z + i, (size_t)(n - i < BLOCK ? n - i : BLOCK), accumulate);
}

static Value map_append(Graph *graph, const Operation *operation, Value x) {
  return graph_append(graph, operation, &x, 1, graph_floats(graph, x, operation->name)->shape)->output;
}

extern const Operation operation_relu, operation_gelu, operation_tanh, operation_sigmoid, operation_softplus,
    operation_softmax, operation_scale;

// --- relu
// ----------------------------------------------------------------------------------------------------------------
static void relu_forward(Graph *graph, const Node *node, const Pass *pass) {
  map_forward(graph, node, pass, floats_relu);
}

static void relu_pull(Graph *graph, const Node *node, const Pass *pass) {
  map_backward(graph, node, pass, relu_backward, node_y(graph, node));
}

Value graph_relu(Graph *graph, Value x) { return map_append(graph, &operation_relu, x); }

static Value relu_example(Graph *graph, uint64_t seed) {
  return graph_relu(graph, example_away(graph, shape_vector(7), seed));
}

const Operation operation_relu = {.name = "relu",
                                  .reads = SLOT_OUTPUT,
                                  .pulls = SLOT_0,
                                  .in_place = true,
                                  .in_place_gradient = true,
                                  .forward = relu_forward,
                                  .backward = relu_pull,
                                  .example = relu_example};

// --- gelu
// ----------------------------------------------------------------------------------------------------------------
static void gelu_forward(Graph *graph, const Node *node, const Pass *pass) {
  map_forward(graph, node, pass, floats_gelu);
}

static void gelu_pull(Graph *graph, const Node *node, const Pass *pass) {
  map_backward(graph, node, pass, gelu_backward, node_x(graph, node, 0));
}

Value graph_gelu(Graph *graph, Value x) { return map_append(graph, &operation_gelu, x); }

static Value gelu_example(Graph *graph, uint64_t seed) {
  return graph_gelu(graph, example_input(graph, shape_vector(7), seed));
}

const Operation operation_gelu = {.name = "gelu",
                                  .reads = SLOT_0,
                                  .pulls = SLOT_0,
                                  .in_place = true,
                                  .in_place_gradient = true,
                                  .forward = gelu_forward,
                                  .backward = gelu_pull,
                                  .example = gelu_example};

// --- tanh
// ----------------------------------------------------------------------------------------------------------------
static void tanh_forward(Graph *graph, const Node *node, const Pass *pass) {
  map_forward(graph, node, pass, floats_tanh);
}

static void tanh_pull(Graph *graph, const Node *node, const Pass *pass) {
  map_backward(graph, node, pass, tanh_backward, node_y(graph, node));
}

Value graph_tanh(Graph *graph, Value x) { return map_append(graph, &operation_tanh, x); }

static Value tanh_example(Graph *graph, uint64_t seed) {
  return graph_tanh(graph, example_input(graph, shape_vector(7), seed));
}

const Operation operation_tanh = {.name = "tanh",
                                  .reads = SLOT_OUTPUT,
                                  .pulls = SLOT_0,
                                  .in_place = true,
                                  .in_place_gradient = true,
                                  .forward = tanh_forward,
                                  .backward = tanh_pull,
                                  .example = tanh_example};

// --- sigmoid
// -------------------------------------------------------------------------------------------------------------
static void sigmoid_forward(Graph *graph, const Node *node, const Pass *pass) {
  map_forward(graph, node, pass, floats_sigmoid);
}

static void sigmoid_pull(Graph *graph, const Node *node, const Pass *pass) {
  map_backward(graph, node, pass, sigmoid_backward, node_y(graph, node));
}

Value graph_sigmoid(Graph *graph, Value x) { return map_append(graph, &operation_sigmoid, x); }

static Value sigmoid_example(Graph *graph, uint64_t seed) {
  return graph_sigmoid(graph, example_input(graph, shape_vector(7), seed));
}

const Operation operation_sigmoid = {.name = "sigmoid",
                                     .reads = SLOT_OUTPUT,
                                     .pulls = SLOT_0,
                                     .in_place = true,
                                     .in_place_gradient = true,
                                     .forward = sigmoid_forward,
                                     .backward = sigmoid_pull,
                                     .example = sigmoid_example};

// --- softplus
// --------------------------------------------------------------------------------------------------------------
static void softplus_forward(Graph *graph, const Node *node, const Pass *pass) {
  map_forward(graph, node, pass, floats_softplus);
}

static void softplus_pull(Graph *graph, const Node *node, const Pass *pass) {
  map_backward(graph, node, pass, softplus_backward, node_x(graph, node, 0));
}

Value graph_softplus(Graph *graph, Value x) { return map_append(graph, &operation_softplus, x); }

static Value softplus_example(Graph *graph, uint64_t seed) {
  return graph_softplus(graph, example_input(graph, shape_vector(7), seed));
}

const Operation operation_softplus = {.name = "softplus",
                                      .reads = SLOT_0,
                                      .pulls = SLOT_0,
                                      .in_place = true,
                                      .in_place_gradient = true,
                                      .forward = softplus_forward,
                                      .backward = softplus_pull,
                                      .example = softplus_example};

// --- scale
// -----------------------------------------------------------------------------------------------------------------
static void scale_forward(Graph *graph, const Node *node, const Pass *pass) {
  floats_scale(node_y(graph, node), (float)node->factor, node_x(graph, node, 0),
               (size_t)(pass->rows * node_width_y(graph, node)));
}

static void scale_pull(Graph *graph, const Node *node, const Pass *pass) {
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  (accumulate ? floats_axpy : floats_scale)(dx, (float)node->factor, node_dy(graph, node),
                                            (size_t)(pass->rows * node_width_y(graph, node)));
}

Value graph_scale(Graph *graph, Value x, double factor) {
  Node *node = graph_append(graph, &operation_scale, &x, 1, graph_floats(graph, x, "scale")->shape);
  node->factor = factor;
  return node->output;
}

static Value scale_example(Graph *graph, uint64_t seed) {
  return graph_scale(graph, example_input(graph, shape_vector(7), seed), -1.7);
}

const Operation operation_scale = {.name = "scale",
                                   .pulls = SLOT_0,
                                   .in_place = true,
                                   .in_place_gradient = true,
                                   .forward = scale_forward,
                                   .backward = scale_pull,
                                   .example = scale_example};

// --- softmax
// ---------------------------------------------------------------------------------------------------------------
static void softmax_forward(Graph *graph, const Node *node, const Pass *pass) {
  int n = node->number[0];
  int64_t groups = pass->rows * node_width_y(graph, node) / n;
  const float *x = node_x(graph, node, 0);
  float *y = node_y(graph, node);
#pragma omp parallel for num_threads(threads_for(pass, groups *n)) if (threads_for(pass, groups * n) > 1)
  for (int64_t g = 0; g < groups; g++) {
    const float *from = x + g * n;
    float *to = y + g * n, most = from[0], sum = 0;
    for (int i = 1; i < n; i++)
      most = from[i] > most ? from[i] : most;
    for (int i = 0; i < n; i++)
      to[i] = from[i] - most;
    floats_exp(to, to, (size_t)n);
    for (int i = 0; i < n; i++)
      sum += to[i];
    for (int i = 0; i < n; i++)
      to[i] /= sum;
  }
}

static void softmax_pull(Graph *graph, const Node *node, const Pass *pass) {
  int n = node->number[0];
  int64_t groups = pass->rows * node_width_y(graph, node) / n;
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  for (int64_t g = 0; g < groups; g++) {
    const float *y = node_y(graph, node) + g * n, *dy = node_dy(graph, node) + g * n;
    float *to = dx + g * n, dot = 0;
    for (int i = 0; i < n; i++)
      dot += dy[i] * y[i];
    for (int i = 0; i < n; i++)
      to[i] = (accumulate ? to[i] : 0) + y[i] * (dy[i] - dot);
  }
}

Value graph_softmax(Graph *graph, Value x) {
  Shape shape = graph_floats(graph, x, "softmax")->shape;
  Node *node = graph_append(graph, &operation_softmax, &x, 1, shape);
  node->number[0] = shape_last(shape);
  return node->output;
}

static Value softmax_example(Graph *graph, uint64_t seed) {
  return graph_softmax(graph, example_input(graph, shape_matrix(2, 5), seed));
}

const Operation operation_softmax = {.name = "softmax",
                                     .reads = SLOT_OUTPUT,
                                     .pulls = SLOT_0,
                                     .in_place = true,
                                     .in_place_gradient = true,
                                     .forward = softmax_forward,
                                     .backward = softmax_pull,
                                     .example = softmax_example};
