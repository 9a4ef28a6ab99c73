// Two values, element by element:
//   add       y = a + b    da = dy           db = dy
//   multiply  y = a b      da = dy b         db = dy a      (b one number a row: db = sum over the row)
#include "graph/operation.h"

#include "kernels/math.h"

extern const Operation operation_add, operation_multiply;

// --- add
// ---------------------------------------------------------------------------------------------------------------------
static void add_forward(Graph *graph, const Node *node, const Pass *pass) {
  size_t n = (size_t)(pass->rows * node_width_y(graph, node));
  float *y = node_y(graph, node);
  const float *a = node_x(graph, node, 0);
  if (y != a)
    floats_copy(y, a, n);
  floats_add(y, node_x(graph, node, 1), n);
}

static void add_backward(Graph *graph, const Node *node, const Pass *pass) {
  size_t n = (size_t)(pass->rows * node_width_y(graph, node));
  const float *dy = node_dy(graph, node);
  for (int i = 0; i < 2; i++) {
    bool accumulate;
    float *dx = node_dx(graph, node, i, &accumulate);
    if (dx && dx != dy)
      (accumulate ? floats_add : floats_copy)(dx, dy, n);
  }
}

Value graph_add(Graph *graph, Value a, Value b) {
  Shape shape = graph_floats(graph, a, "add")->shape;
  REQUIRE(graph_floats(graph, b, "add")->width == shape_width(shape), "add of unequal widths");
  return graph_append(graph, &operation_add, (Value[]){a, b}, 2, shape)->output;
}

static Value add_example(Graph *graph, uint64_t seed) {
  Value a = example_input(graph, shape_vector(5), seed), b = example_input(graph, shape_vector(5), seed + 1);
  return graph_add(graph, graph_add(graph, a, b), graph_tanh(graph, a));
}

const Operation operation_add = {.name = "add",
                                 .pulls = SLOT_0 | SLOT_1,
                                 .in_place = true,
                                 .in_place_gradient = true,
                                 .forward = add_forward,
                                 .backward = add_backward,
                                 .example = add_example};

// --- multiply
// ------------------------------------------------------------------------------------------------------------------
static bool multiply_scales(const Graph *graph, const Node *node) {
  return node_width(graph, node, 1) == 1 && node_width_y(graph, node) != 1;
}

static void multiply_forward(Graph *graph, const Node *node, const Pass *pass) {
  size_t n = (size_t)node_width_y(graph, node);
  const float *a = node_x(graph, node, 0), *b = node_x(graph, node, 1);
  float *y = node_y(graph, node);
  if (!multiply_scales(graph, node))
    floats_multiply(y, a, b, (size_t)pass->rows * n, false);
  else
    for (size_t r = 0; r < (size_t)pass->rows; r++)
      floats_scale(y + r * n, b[r], a + r * n, n);
}

/// db[rows] of y = a b with b one number a row.
static void scale_backward_factor(float *db, const float *dy, const float *a, int rows, size_t n, bool accumulate) {
  for (size_t r = 0; r < (size_t)rows; r++) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
      sum += dy[r * n + i] * a[r * n + i];
    db[r] = accumulate ? db[r] + sum : sum;
  }
}

static void multiply_backward(Graph *graph, const Node *node, const Pass *pass) {
  size_t n = (size_t)node_width_y(graph, node);
  const float *a = node_x(graph, node, 0), *b = node_x(graph, node, 1), *dy = node_dy(graph, node);
  bool accumulate_a, accumulate_b, scales = multiply_scales(graph, node);
  float *da = node_dx(graph, node, 0, &accumulate_a), *db = node_dx(graph, node, 1, &accumulate_b);
  if (da && !scales)
    floats_multiply(da, dy, b, (size_t)pass->rows * n, accumulate_a);
  for (size_t r = 0; da && scales && r < (size_t)pass->rows; r++)
    (accumulate_a ? floats_axpy : floats_scale)(da + r * n, b[r], dy + r * n, n);
  if (db && scales)
    scale_backward_factor(db, dy, a, pass->rows, n, accumulate_b);
  else if (db)
    floats_multiply(db, dy, a, (size_t)pass->rows * n, accumulate_b);
}

Value graph_multiply(Graph *graph, Value a, Value b) {
  Shape shape = graph_floats(graph, a, "multiply")->shape;
  int64_t width = graph_floats(graph, b, "multiply")->width;
  REQUIRE(width == 1 || width == shape_width(shape), "multiply of unequal widths");
  return graph_append(graph, &operation_multiply, (Value[]){a, b}, 2, shape)->output;
}

static Value multiply_example(Graph *graph, uint64_t seed) {
  Value a = example_input(graph, shape_vector(5), seed), b = example_input(graph, shape_vector(5), seed + 1);
  Value c = example_input(graph, shape_vector(1), seed + 2);
  return graph_multiply(graph, graph_multiply(graph, graph_multiply(graph, a, b), c), a);
}

const Operation operation_multiply = {.name = "multiply",
                                      .reads = SLOT_0 | SLOT_1,
                                      .pulls = SLOT_0 | SLOT_1,
                                      .forward = multiply_forward,
                                      .backward = multiply_backward,
                                      .example = multiply_example};
