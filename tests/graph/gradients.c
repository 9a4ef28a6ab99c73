// The gradient of every kind of operation is the slope of its value, and a wrong one would be noticed.
#include "harness.h"

/// Relative to |gradient|, central differences of step 1e-2 along a direction of length 1 agree with it to 1e-4:
/// measured 7e-6 when right, 5e-3 with one wrong entry.
static const double step = 1e-2, tolerance = 1e-4;

typedef struct Block {
  float *value, *gradient; // n numbers that may move, and the gradient
  int64_t n;
} Block;

enum { BLOCKS = 32, DIRECTIONS = 3 };

/// sum of seed * value, from scratch: the running statistics are those of the start.
static double net_value(Net *net, Value output, const float *seed) {
  memcpy(net->running, net->running_start, (size_t)net->state.size * sizeof(float));
  graph_forward(net->graph, &net->pass);
  const float *y = graph_data(net->graph, output);
  double sum = 0;
  for (int64_t i = 0; i < net->pass.rows * graph_width(net->graph, output); i++)
    sum += (double)seed[i] * (double)y[i];
  return sum;
}

/// Blocks of parameters and wanted inputs; gradients are copies.
static int net_blocks(Net *net, Block *block) {
  Graph *graph = net->graph;
  int blocks = 0;
  for (int i = 0; i < graph_parameters(graph); i++) {
    const Parameter *item = &net->parameters.item[graph_parameter(graph, i)];
    block[blocks++] = (Block){net->block + item->offset, net->gradient + graph_gradient_offset(graph, i), item->size};
  }
  for (int v = 0; v < graph->values; v++)
    if (graph->value[v].wanted)
      block[blocks++] = (Block){graph_data(graph, v), graph_gradient(graph, v), net->pass.rows * graph_width(graph, v)};
  REQUIRE(blocks <= BLOCKS, "%d blocks", blocks);
  for (int b = 0; b < blocks; b++) {
    float *copy = take((size_t)block[b].n, sizeof *copy);
    memcpy(copy, block[b].gradient, (size_t)block[b].n * sizeof *copy);
    block[b].gradient = copy;
  }
  return blocks;
}

static void blocks_move(const Block *block, int blocks, const float *direction, double by) {
  for (int b = 0; b < blocks; b++)
    for (int64_t i = 0; i < block[b].n; i++)
      block[b].value[i] = (float)((double)block[b].value[i] + by * (double)*direction++);
}

/// Largest |slope - gradient * direction| / |gradient|.
static double blocks_error(Net *net, Value output, const float *seed, const Block *block, int blocks) {
  int64_t n = 0, at;
  double norm = 0, worst = 0;
  for (int b = 0; b < blocks; b++)
    for (int64_t i = 0; i < block[b].n; i++, n++)
      norm += (double)block[b].gradient[i] * (double)block[b].gradient[i];
  float *direction = take((size_t)n, sizeof *direction);
  for (int d = 0; d < DIRECTIONS; d++) {
    double length = 0, along = 0;
    for (int64_t i = 0; i < n; i++) {
      direction[i] = normal(31 + (uint64_t)d, (uint64_t)i);
      length += (double)direction[i] * (double)direction[i];
    }
    for (int64_t i = 0; i < n; i++)
      direction[i] /= (float)sqrt(length);
    at = 0;
    for (int b = 0; b < blocks; b++)
      for (int64_t i = 0; i < block[b].n; i++, at++)
        along += (double)block[b].gradient[i] * (double)direction[at];
    blocks_move(block, blocks, direction, step);
    double above = net_value(net, output, seed);
    blocks_move(block, blocks, direction, -2 * step);
    double below = net_value(net, output, seed);
    blocks_move(block, blocks, direction, step);
    worst = fmax(worst, fabs((above - below) / (2 * step) - along) / sqrt(norm));
  }
  free(direction);
  return norm > 0 ? worst : 0;
}

/// Error of one operation's example; *spoilt: the error when one entry of the gradient is wrong by 2 % of its length.
static double operation_error(const Operation *operation, double *spoilt) {
  Net net;
  net_open(&net);
  Value output = operation->example(net.graph, 11);
  Slices slices = slices_of(EXAMPLE_ROWS, 4, 0, 4);
  net_start(&net, &slices, true);
  for (int64_t i = 0; i < net.parameters.size; i++) // no start value is special
    net.block[i] += 0.3f * normal(23, (uint64_t)i);
  int64_t n = net.pass.rows * graph_width(net.graph, output);
  float *seed = take((size_t)n, sizeof *seed);
  for (int64_t i = 0; i < n; i++)
    seed[i] = normal(29, (uint64_t)i);
  net_value(&net, output, seed);
  memcpy(graph_gradient(net.graph, output), seed, (size_t)n * sizeof *seed);
  SliceNode node[SLICE_NODES_MOST];
  CHECK(net_backward(&net, node) == 1, "all slices are one node");
  Block block[BLOCKS];
  int blocks = net_blocks(&net, block);
  CHECK(blocks > 0, "%s has nothing to differentiate", operation->name);
  double error = blocks_error(&net, output, seed, block, blocks);
  double norm = 0;
  for (int b = 0; b < blocks; b++)
    for (int64_t i = 0; i < block[b].n; i++)
      norm += (double)block[b].gradient[i] * (double)block[b].gradient[i];
  block[0].gradient[block[0].n / 2] += (float)(0.02 * sqrt(norm));
  *spoilt = blocks_error(&net, output, seed, block, blocks);
  for (int b = 0; b < blocks; b++)
    free(block[b].gradient);
  free(seed);
  net_close(&net);
  return error;
}

// --- an operation with a mistake
// ---------------------------------------------------------------------------------------------
static void wrong_backward(Graph *graph, const Node *node, const Pass *pass) {
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  const float *dy = node_dy(graph, node), *x = node_x(graph, node, 0);
  for (int64_t i = 0; i < pass->rows * node_width_y(graph, node); i++)
    dx[i] = dy[i] * (i == 3 ? 1 : 2) * x[i];
}

static void square_forward(Graph *graph, const Node *node, const Pass *pass) {
  const float *x = node_x(graph, node, 0);
  for (int64_t i = 0; i < pass->rows * node_width_y(graph, node); i++)
    node_y(graph, node)[i] = x[i] * x[i];
}

static Value wrong_example(Graph *graph, uint64_t seed);

static const Operation operation_wrong = {.name = "wrong",
                                          .reads = SLOT_0,
                                          .pulls = SLOT_0,
                                          .forward = square_forward,
                                          .backward = wrong_backward,
                                          .example = wrong_example};

static Value wrong_example(Graph *graph, uint64_t seed) {
  Value x = example_away(graph, shape_vector(4), seed);
  return graph_append(graph, &operation_wrong, &x, 1, shape_vector(4))->output;
}

int main(void) {
  double spoilt;
  for (int kind = 0; kind < graph_kinds(); kind++) {
    double error = operation_error(graph_operations[kind], &spoilt);
    if (getenv("REBASIS_TEST_TALK"))
      fprintf(stderr, "%-22s %.1e  spoilt %.1e\n", graph_kind_name(kind), error, spoilt);
    CHECK(error < tolerance, "%s: error %.2g of the gradient", graph_kind_name(kind), error);
    CHECK(spoilt > 2 * tolerance, "%s: a wrong entry changes only %.2g", graph_kind_name(kind), spoilt);
  }
  CHECK(operation_error(&operation_wrong, &spoilt) > 10 * tolerance, "a wrong backward pass was not noticed");
  return 0;
}
