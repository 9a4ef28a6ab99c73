// Moving values without changing them:
//   flatten, reverse, detach   y = x; the gradient of reverse is -weight dy (Ganin & Lempitsky, ICML 2015), of detach
//   none concat, stack              y = (x_1, …, x_k), side by side as one vector or as rows of a matrix
#include "graph/operation.h"

#include "kernels/math.h"

#include <string.h>

extern const Operation operation_flatten, operation_reverse, operation_detach, operation_concat, operation_stack;

// --- flatten, reverse, detach
// ----------------------------------------------------------------------------------------------
/// dx (+)= factor dy.
static void alias_pull(Graph *graph, const Node *node, const Pass *pass, float factor) {
  size_t n = (size_t)(pass->rows * node_width_y(graph, node));
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate), *dy = node_dy(graph, node);
  if (accumulate)
    floats_axpy(dx, factor, dy, n);
  else if (factor != 1 || dx != dy)
    floats_scale(dx, factor, dy, n);
}

static void flatten_pull(Graph *graph, const Node *node, const Pass *pass) { alias_pull(graph, node, pass, 1); }

static void reverse_pull(Graph *graph, const Node *node, const Pass *pass) {
  alias_pull(graph, node, pass, (float)-graph->reverse_weight);
}

Value graph_flatten(Graph *graph, Value x) {
  int64_t width = graph_floats(graph, x, "flatten")->width;
  return graph_append(graph, &operation_flatten, &x, 1, shape_vector((int)width))->output;
}

Value graph_reverse(Graph *graph, Value x) {
  return graph_append(graph, &operation_reverse, &x, 1, graph_floats(graph, x, "reverse")->shape)->output;
}

Value graph_detach(Graph *graph, Value x) {
  return graph_append(graph, &operation_detach, &x, 1, graph_floats(graph, x, "detach")->shape)->output;
}

static Value flatten_example(Graph *graph, uint64_t seed) {
  return graph_flatten(graph, example_input(graph, shape_image(2, 2, 3), seed));
}

/// A reversal is no derivative, but two of weight 1 are.
static Value reverse_example(Graph *graph, uint64_t seed) {
  return graph_reverse(graph, graph_reverse(graph, example_input(graph, shape_vector(5), seed)));
}

/// What is detached must not move, so nobody wants its gradient.
static Value detach_example(Graph *graph, uint64_t seed) {
  Value x = example_input(graph, shape_vector(5), seed), fixed = example_mask(graph, 5, seed);
  return graph_multiply(graph, x, graph_detach(graph, graph_scale(graph, fixed, 3)));
}

const Operation operation_flatten = {.name = "flatten",
                                     .pulls = SLOT_0,
                                     .alias = true,
                                     .in_place_gradient = true,
                                     .backward = flatten_pull,
                                     .example = flatten_example};
const Operation operation_reverse = {.name = "reverse",
                                     .pulls = SLOT_0,
                                     .alias = true,
                                     .in_place_gradient = true,
                                     .backward = reverse_pull,
                                     .example = reverse_example};
const Operation operation_detach = {.name = "detach", .alias = true, .example = detach_example};

// --- concat, stack
// -----------------------------------------------------------------------------------------------------------
static void concat_forward(Graph *graph, const Node *node, const Pass *pass) {
  size_t width = (size_t)node_width_y(graph, node);
  float *y = node_y(graph, node);
  for (int i = 0; i < node->inputs; i++) {
    const float *x = node_x(graph, node, i);
    size_t n = (size_t)node_width(graph, node, i);
    for (size_t r = 0; r < (size_t)pass->rows; r++)
      memcpy(y + r * width, x + r * n, n * sizeof *x);
    y += n;
  }
}

static void concat_backward(Graph *graph, const Node *node, const Pass *pass) {
  size_t width = (size_t)node_width_y(graph, node);
  const float *dy = node_dy(graph, node);
  for (int i = 0; i < node->inputs; i++) {
    size_t n = (size_t)node_width(graph, node, i);
    bool accumulate;
    float *dx = node_dx(graph, node, i, &accumulate);
    for (size_t r = 0; dx && r < (size_t)pass->rows; r++)
      (accumulate ? floats_add : floats_copy)(dx + r * n, dy + r * width, n);
    dy += n;
  }
}

Value graph_concat(Graph *graph, const Value *x, int count) {
  int width = 0;
  REQUIRE(count > 0, "concat of nothing");
  for (int i = 0; i < count; i++)
    width += (int)graph_floats(graph, x[i], "concat")->width;
  return graph_append(graph, &operation_concat, x, count, shape_vector(width))->output;
}

Value graph_stack(Graph *graph, const Value *x, int count) {
  REQUIRE(count > 0, "stack of nothing");
  int width = (int)graph_floats(graph, x[0], "stack")->width;
  for (int i = 1; i < count; i++)
    REQUIRE(graph_floats(graph, x[i], "stack")->width == width, "stack of unequal widths");
  return graph_append(graph, &operation_stack, x, count, shape_matrix(count, width))->output;
}

/// One input twice: its second gradient must be added to the first.
static Value concat_example(Graph *graph, uint64_t seed) {
  Value a = example_input(graph, shape_vector(3), seed), b = example_input(graph, shape_vector(5), seed + 1);
  return graph_concat(graph, (Value[]){a, b, a}, 3);
}

static Value stack_example(Graph *graph, uint64_t seed) {
  Value a = example_input(graph, shape_vector(4), seed), b = example_input(graph, shape_vector(4), seed + 1);
  return graph_stack(graph, (Value[]){a, b, a}, 3);
}

const Operation operation_concat = {.name = "concat",
                                    .pulls = SLOT_ALL,
                                    .forward = concat_forward,
                                    .backward = concat_backward,
                                    .example = concat_example};
const Operation operation_stack = {.name = "stack",
                                   .pulls = SLOT_ALL,
                                   .forward = concat_forward,
                                   .backward = concat_backward,
                                   .example = stack_example};
