// What stands in for a row that is missing (mask 0):
//   fill       y = mask ? x : p      dx = mask ? dy : 0      dp = sum of dy over the rows with mask 0
//   fill_mean  y = mask ? x : m      dx likewise             m <- m + a (mean of the batch's rows with mask 1 - m), a =
//   0.1
// The first batch that has a row with mask 1 sets m (a = 1); count is the number of such batches.
#include "graph/operation.h"

#include "kernels/math.h"

#include <string.h>

extern const Operation operation_fill, operation_fill_mean;

/// y = mask ? x : instead[n].
static void rows_fill(float *y, const float *x, const float *mask, const float *instead, int rows, size_t n) {
  for (size_t r = 0; r < (size_t)rows; r++)
    if (mask[r] == 0)
      memcpy(y + r * n, instead, n * sizeof *y);
    else if (y != x)
      memcpy(y + r * n, x + r * n, n * sizeof *y);
}

static void fill_backward(Graph *graph, const Node *node, const Pass *pass) {
  size_t n = (size_t)node_width_y(graph, node);
  const float *mask = node_x(graph, node, 1), *dy = node_dy(graph, node);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  for (size_t r = 0; dx && r < (size_t)pass->rows; r++)
    if (mask[r] == 0 && !accumulate)
      memset(dx + r * n, 0, n * sizeof *dx);
    else if (mask[r] != 0 && dx != dy)
      (accumulate ? floats_add : floats_copy)(dx + r * n, dy + r * n, n);
}

static Node *fill_append(Graph *graph, const Operation *operation, Value x, Value mask) {
  REQUIRE(graph_floats(graph, mask, operation->name)->width == 1, "%s: the mask is one number a row", operation->name);
  return graph_append(graph, operation, (Value[]){x, mask}, 2, graph_floats(graph, x, operation->name)->shape);
}

// --- fill
// ----------------------------------------------------------------------------------------------------------------------
static Needs fill_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)threads;
  return (Needs){.work = training ? (size_t)rows * (size_t)node_width_y(graph, node) * sizeof(float) : 0};
}

static void fill_forward(Graph *graph, const Node *node, const Pass *pass) {
  rows_fill(node_y(graph, node), node_x(graph, node, 0), node_x(graph, node, 1), node_w(graph, node, pass, 0),
            pass->rows, (size_t)node_width_y(graph, node));
}

static void fill_sum(Graph *graph, const Node *node, const Pass *pass, float *const *out, int first, int slices) {
  size_t n = (size_t)node_width_y(graph, node);
  const int *row = pass->slices.row + first;
  const float *mask = node_x(graph, node, 1), *dy = node_dy(graph, node);
  float *work = graph->work;
  for (size_t r = (size_t)row[0]; r < (size_t)row[slices]; r++)
    if (mask[r] == 0)
      memcpy(work + r * n, dy + r * n, n * sizeof *work);
    else
      memset(work + r * n, 0, n * sizeof *work);
  sum_rows_slices(out[0], work, (int)n, row, slices);
}

Value graph_fill(Graph *graph, Value x, Value mask, const char *path) {
  Node *node = fill_append(graph, &operation_fill, x, mask);
  int width = (int)node_width_y(graph, node);
  node_parameter(graph, node, path, NULL, &width, 1, INIT_ZERO, 0);
  return node->output;
}

static Value fill_example(Graph *graph, uint64_t seed) {
  return graph_fill(graph, example_input(graph, shape_vector(5), seed), example_mask(graph, 1, seed), "fill");
}

const Operation operation_fill = {.name = "fill",
                                  .reads = SLOT_1,
                                  .pulls = SLOT_0,
                                  .in_place = true,
                                  .needs = fill_needs,
                                  .forward = fill_forward,
                                  .backward = fill_backward,
                                  .sum = fill_sum,
                                  .example = fill_example};

// --- fill_mean
// -----------------------------------------------------------------------------------------------------------------
enum { MEAN, COUNT };

/// Sums per slice and in all of the rows with mask 1, and their number: [slices][n + 1], [n + 1]; then the mean in use
/// [n].
static Needs fill_mean_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)rows, (void)threads;
  size_t n = (size_t)node_width_y(graph, node);
  return (Needs){.work = training ? (SLICES_MOST + 1) * (n + 1) * sizeof(double) + n * sizeof(float) : 0};
}

static void mean_update(const Graph *graph, const Node *node, const Pass *pass, double *total, double *per_slice) {
  size_t n = (size_t)node_width_y(graph, node);
  const float *x = node_x(graph, node, 0), *mask = node_x(graph, node, 1);
  for (int s = 0; s < pass->slices.count; s++) {
    double *sum = per_slice + (size_t)s * (n + 1);
    memset(sum, 0, (n + 1) * sizeof *sum);
    for (size_t r = (size_t)pass->slices.row[s]; r < (size_t)pass->slices.row[s + 1]; r++) {
      for (size_t i = 0; mask[r] != 0 && i < n; i++)
        sum[i] += (double)x[r * n + i];
      sum[n] += mask[r] != 0;
    }
  }
  pass_pool(pass, total, per_slice, (int)(n + 1));
  if (!(total[n] > 0))
    return;
  float *mean = node_running(graph, node, pass, MEAN), *count = node_running(graph, node, pass, COUNT);
  double weight = *count > 0 ? 0.1 : 1;
  for (size_t i = 0; i < n; i++)
    mean[i] = (float)((1 - weight) * (double)mean[i] + weight * (total[i] / total[n]));
  *count += 1;
}

static void fill_mean_forward(Graph *graph, const Node *node, const Pass *pass) {
  size_t n = (size_t)node_width_y(graph, node);
  const float *mean = node_running(graph, node, pass, MEAN);
  if (pass->training) { // the mean before this batch fills, but x must be read before it is written over
    double *total = graph->work, *per_slice = total + n + 1;
    float *before = (float *)(void *)(per_slice + SLICES_MOST * (n + 1));
    memcpy(before, mean, n * sizeof *mean);
    mean_update(graph, node, pass, total, per_slice);
    mean = before;
  }
  rows_fill(node_y(graph, node), node_x(graph, node, 0), node_x(graph, node, 1), mean, pass->rows, n);
}

Value graph_fill_mean(Graph *graph, Value x, Value mask, const char *path) {
  Node *node = fill_append(graph, &operation_fill_mean, x, mask);
  node_state(graph, node, path, "mean", (int)node_width_y(graph, node), INIT_ZERO);
  node_state(graph, node, path, "count", 1, INIT_ZERO);
  return node->output;
}

static Value fill_mean_example(Graph *graph, uint64_t seed) {
  return graph_fill_mean(graph, example_input(graph, shape_vector(5), seed), example_mask(graph, 1, seed), "fill");
}

const Operation operation_fill_mean = {.name = "fill_mean",
                                       .reads = SLOT_1,
                                       .pulls = SLOT_0,
                                       .in_place = true,
                                       .in_place_gradient = true,
                                       .needs = fill_mean_needs,
                                       .forward = fill_mean_forward,
                                       .backward = fill_backward,
                                       .example = fill_mean_example};
