// Batch normalisation (Ioffe & Szegedy, ICML 2015), as PyTorch counts: per channel, over the n = rows x positions
// elements of the whole batch,
//   m = sum x / n,  v = sum (x - m)^2 / n,  h = (x - m) / sqrt(v + eps),  y = w h + b
//   dw = sum dy h,  db = sum dy,  dx = w / sqrt(v + eps) (dy - db / n - h dw / n)
//   running mean += 0.1 (m - running mean), running variance likewise with v n / (n - 1)
// Sums are per slice in double and meet in `pool`, in two rounds: mean first, then squares about it. With n = 1 the
// running variance stays, with n = 0 the running mean too. Outside of training m and v are the running ones, and
// constants.
#include "graph/lanes.h"
#include "graph/operation.h"

#include "kernels/math.h"

#include <math.h>
#include <string.h>

enum { CHANNELS, POSITIONS };

static const double epsilon = 1e-5, momentum = 0.1;

/// What forward leaves for backward. Arrays of C channels, per_slice [slices][2C + 1].
typedef struct Kept {
  float *mean, *deviation; // deviation: 1 / sqrt(v + eps)
  double *count;           // [1]: n of the whole batch
  double *total;           // [2C + 1]
  double *per_slice;
} Kept;

static size_t kept_bytes(size_t channels, bool training) {
  size_t pair = 2 * channels + 1;
  return 2 * channels * sizeof(float) + (1 + pair + (training ? SLICES_MOST * pair : 0)) * sizeof(double);
}

static Kept kept_of(const Node *node) {
  size_t channels = (size_t)node->number[CHANNELS];
  double *doubles = node->kept;
  float *floats = (float *)(void *)(doubles + 1 + 2 * channels + 1);
  return (Kept){.count = doubles,
                .total = doubles + 1,
                .mean = floats,
                .deviation = floats + channels,
                .per_slice = doubles + 1 + 2 * channels + 1 + channels};
}

static Needs batch_norm_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)graph, (void)rows, (void)threads;
  size_t channels = (size_t)node->number[CHANNELS];
  return (Needs){.kept = kept_bytes(channels, training),
                 .work = (training ? SLICES_MOST : 1) * channels * sizeof(float)};
}

// --- sums of one slice
// -----------------------------------------------------------------------------------------------------
/// sum[c] of a row's x.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void
row_sum(double *sum, const float *x, int channels, int positions) {
  if (positions == 1)
    for (int c = 0; c < channels; c++)
      sum[c] += (double)x[c];
  else
    for (int c = 0; c < channels; c++)
      sum[c] += lanes_sum(x + (size_t)c * (size_t)positions, positions);
}

/// sum[c] of a row's a (x - mean[c]); a NULL: (x - mean[c])^2.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void
row_products(double *sum, const float *a, const float *x, const float *mean, int channels, int positions) {
  if (positions == 1) {
    for (int c = 0; c < channels; c++) {
      double centred = (double)x[c] - (double)mean[c];
      sum[c] += (a ? (double)a[c] : centred) * centred;
    }
    return;
  }
  for (int c = 0; c < channels; c++) {
    size_t at = (size_t)c * (size_t)positions;
    double m = (double)mean[c];
    sum[c] += a ? lanes_products(a + at, 0, x + at, m, positions) : lanes_products(x + at, m, x + at, m, positions);
  }
}

typedef enum Moment { MOMENT_SUM, MOMENT_SQUARES, MOMENT_PULL } Moment;

/// per_slice[slices][n]: sums of x and the count (n = C + 1), of squares (n = C), of dy and dy (x - mean) (n = 2C).
static void slice_moments(double *per_slice, Moment moment, const Graph *graph, const Node *node, const Pass *pass) {
  int channels = node->number[CHANNELS], positions = node->number[POSITIONS];
  size_t width = (size_t)channels * (size_t)positions;
  int n = moment == MOMENT_SUM ? channels + 1 : moment == MOMENT_SQUARES ? channels : 2 * channels;
  const float *x = node_x(graph, node, 0), *mean = kept_of(node).mean;
  const float *dy = moment == MOMENT_PULL ? node_dy(graph, node) : NULL;
  int threads = threads_for(pass, pass->rows * (int64_t)width);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int s = 0; s < pass->slices.count; s++) {
    double *sum = per_slice + (size_t)s * (size_t)n;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int r = pass->slices.row[s]; r < pass->slices.row[s + 1]; r++) {
      const float *row = x + (size_t)r * width;
      if (moment == MOMENT_SUM)
        row_sum(sum, row, channels, positions);
      else if (moment == MOMENT_SQUARES)
        row_products(sum, NULL, row, mean, channels, positions);
      else {
        row_sum(sum, dy + (size_t)r * width, channels, positions);
        row_products(sum + channels, dy + (size_t)r * width, row, mean, channels, positions);
      }
    }
    if (moment == MOMENT_SUM)
      sum[channels] = (double)(pass->slices.row[s + 1] - pass->slices.row[s]) * positions;
  }
}

// --- forward
// ---------------------------------------------------------------------------------------------------------------
static void running_update(float *running, double value) {
  *running = (float)((1 - momentum) * (double)*running + momentum * value);
}

/// Mean and deviation of the batch; moves the running ones.
static void batch_statistics(const Graph *graph, const Node *node, const Pass *pass) {
  int channels = node->number[CHANNELS];
  Kept kept = kept_of(node);
  float *running_mean = node_running(graph, node, pass, 0), *running_variance = node_running(graph, node, pass, 1);
  slice_moments(kept.per_slice, MOMENT_SUM, graph, node, pass);
  pass_pool(pass, kept.total, kept.per_slice, channels + 1);
  double n = *kept.count = kept.total[channels];
  for (int c = 0; c < channels; c++) {
    double mean = n > 0 ? kept.total[c] / n : 0;
    kept.mean[c] = (float)mean;
    if (n > 0)
      running_update(&running_mean[c], mean);
  }
  slice_moments(kept.per_slice, MOMENT_SQUARES, graph, node, pass);
  pass_pool(pass, kept.total, kept.per_slice, channels);
  for (int c = 0; c < channels; c++) {
    double variance = n > 0 ? kept.total[c] / n : 0;
    kept.deviation[c] = (float)(1 / sqrt(variance + epsilon));
    if (n > 1)
      running_update(&running_variance[c], kept.total[c] / (n - 1));
  }
}

static void running_statistics(const Graph *graph, const Node *node, const Pass *pass) {
  Kept kept = kept_of(node);
  const float *mean = node_running(graph, node, pass, 0), *variance = node_running(graph, node, pass, 1);
  for (int c = 0; c < node->number[CHANNELS]; c++) {
    kept.mean[c] = mean[c];
    kept.deviation[c] = (float)(1 / sqrt((double)variance[c] + epsilon));
  }
}

/// y = (x - mean) factor + b of one channel, and of one row with a channel a column.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void
run_normalise(float *y, const float *x, int n, float mean, float factor, float b) {
  for (int i = 0; i < n; i++)
    y[i] = (x[i] - mean) * factor + b;
}

__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void
row_normalise(float *y, const float *x, int channels, const float *mean, const float *factor, const float *b) {
  for (int i = 0; i < channels; i++)
    y[i] = (x[i] - mean[i]) * factor[i] + b[i];
}

static void batch_norm_forward(Graph *graph, const Node *node, const Pass *pass) {
  int channels = node->number[CHANNELS], positions = node->number[POSITIONS];
  if (pass->training)
    batch_statistics(graph, node, pass);
  else
    running_statistics(graph, node, pass);
  Kept kept = kept_of(node);
  const float *w = node_w(graph, node, pass, 0), *b = node_w(graph, node, pass, 1);
  float *factor = graph->work;
  for (int c = 0; c < channels; c++)
    factor[c] = w[c] * kept.deviation[c];
  int64_t planes = (int64_t)pass->rows * (positions == 1 ? 1 : channels);
  int threads = threads_for(pass, planes * (positions == 1 ? channels : positions));
  const float *x0 = node_x(graph, node, 0);
  float *y0 = node_y(graph, node);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t p = 0; p < planes; p++) {
    const float *x = x0 + p * (positions == 1 ? channels : positions);
    float *y = y0 + (x - x0);
    int c = (int)(p % channels);
    if (positions == 1)
      row_normalise(y, x, channels, kept.mean, factor, b);
    else
      run_normalise(y, x, positions, kept.mean[c], factor[c], b[c]);
  }
}

// --- backward
// --------------------------------------------------------------------------------------------------------------
/// dx = factor (dy - shift - (x - mean) slope) for a channel.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void
run_pull(float *dx, const float *dy, const float *x, int n, float mean, float factor, float shift, float slope,
         bool accumulate) {
  for (int i = 0; i < n; i++)
    dx[i] = (accumulate ? dx[i] : 0) + factor * (dy[i] - shift - (x[i] - mean) * slope);
}

__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void
row_pull(float *dx, const float *dy, const float *x, int channels, const Kept *kept, const float *const work[3],
         bool accumulate) {
  for (int c = 0; c < channels; c++)
    dx[c] = (accumulate ? dx[c] : 0) + work[0][c] * (dy[c] - work[1][c] - (x[c] - kept->mean[c]) * work[2][c]);
}

static void batch_norm_backward(Graph *graph, const Node *node, const Pass *pass) {
  int channels = node->number[CHANNELS], positions = node->number[POSITIONS];
  Kept kept = kept_of(node);
  slice_moments(kept.per_slice, MOMENT_PULL, graph, node, pass);
  if (pass->training)
    pass_pool(pass, kept.total, kept.per_slice, 2 * channels);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  if (!dx)
    return;
  const float *w = node_w(graph, node, pass, 0), *dy = node_dy(graph, node), *x = node_x(graph, node, 0);
  float *factor = graph->work, *shift = factor + channels, *slope = shift + channels;
  for (int c = 0; c < channels; c++) {
    double n = pass->training ? *kept.count : 0, deviation = (double)kept.deviation[c];
    factor[c] = w[c] * kept.deviation[c];
    shift[c] = n > 0 ? (float)(kept.total[c] / n) : 0;
    slope[c] = n > 0 ? (float)(kept.total[channels + c] * deviation * deviation / n) : 0;
  }
  int64_t planes = (int64_t)pass->rows * (positions == 1 ? 1 : channels);
  int64_t width = positions == 1 ? channels : positions;
  int threads = threads_for(pass, planes * width);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t p = 0; p < planes; p++) {
    int c = (int)(p % channels);
    if (positions == 1)
      row_pull(dx + p * width, dy + p * width, x + p * width, channels, &kept, (const float *[]){factor, shift, slope},
               accumulate);
    else
      run_pull(dx + p * width, dy + p * width, x + p * width, positions, kept.mean[c], factor[c], shift[c], slope[c],
               accumulate);
  }
}

/// The leaves are the slices' sums, rounded to float: a matrix of one row per slice.
static void batch_norm_sum(Graph *graph, const Node *node, const Pass *pass, float *const *out, int first, int slices) {
  (void)pass;
  int channels = node->number[CHANNELS], row[SLICES_MOST + 1];
  Kept kept = kept_of(node);
  float *leaf = graph->work;
  for (int s = 0; s <= slices; s++)
    row[s] = s;
  for (int i = 0; i < 2; i++) { // weight: sum of dy h, bias: sum of dy
    for (int s = 0; s < slices; s++) {
      const double *sum = kept.per_slice + (size_t)(first + s) * 2 * (size_t)channels + (i == 0 ? channels : 0);
      for (int c = 0; c < channels; c++)
        leaf[s * channels + c] = (float)(i == 0 ? sum[c] * (double)kept.deviation[c] : sum[c]);
    }
    sum_rows_slices(out[i], leaf, channels, row, slices);
  }
}

extern const Operation operation_batch_norm;

Value graph_batch_norm(Graph *graph, Value x, const char *path) {
  Shape shape = graph_floats(graph, x, "batch_norm")->shape;
  Node *node = graph_append(graph, &operation_batch_norm, &x, 1, shape);
  int channels = shape.dim[0];
  node->number[CHANNELS] = channels;
  node->number[POSITIONS] = (int)(shape_width(shape) / channels);
  node_parameter(graph, node, path, "weight", (int[]){channels}, 1, INIT_ONE, 0);
  node_parameter(graph, node, path, "bias", (int[]){channels}, 1, INIT_ZERO, 0);
  node_state(graph, node, path, "mean", channels, INIT_ZERO);
  node_state(graph, node, path, "variance", channels, INIT_ONE);
  return node->output;
}

static Value batch_norm_example(Graph *graph, uint64_t seed) {
  Value image = graph_batch_norm(graph, example_input(graph, shape_image(2, 3, 4), seed), "image");
  return graph_batch_norm(graph, graph_tanh(graph, graph_flatten(graph, image)), "vector");
}

const Operation operation_batch_norm = {.name = "batch_norm",
                                        .reads = SLOT_0,
                                        .pulls = SLOT_0,
                                        .needs = batch_norm_needs,
                                        .forward = batch_norm_forward,
                                        .backward = batch_norm_backward,
                                        .sum = batch_norm_sum,
                                        .example = batch_norm_example};
