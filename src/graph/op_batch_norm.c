// Batch normalisation (Ioffe & Szegedy, ICML 2015), as PyTorch counts: per channel, over the n = rows x positions
// elements of the whole batch,
//   m = sum x / n,  v = sum (x - m)^2 / n,  h = (x - m) / sqrt(v + eps),  y = w h + b
//   dw = sum dy h,  db = sum dy,  dx = w / sqrt(v + eps) (dy - db / n - h dw / n)
//   running mean += 0.1 (m - running mean), running variance likewise with v n / (n - 1)
// Sums are per slice in double and meet in `pool`, in two rounds: mean first, then squares about it. With n = 1 the
// running variance stays, with n = 0 the running mean too. Outside of training m and v are the running ones, and
// constants.
#include "graph/operation.h"

#include "kernels/conv.h"
#include "kernels/math.h"
#include "kernels/norm.h"

#include <math.h>
#include <omp.h>
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

/// How the planes of a row are gone through: all at once, or, with a pool behind, `group` at a time by way of a scratch that
/// stays in the cache.
typedef struct Walk {
  Norm norm;
  Pool pool;
  bool pools;
  int channels, group;
  size_t width, width_y, scratch_size;
  float *scratch; // [threads, scratch_size]: group planes each
} Walk;

/// Floats of a thread's scratch, in whole lines.
static size_t scratch_size(const Node *node, int *group) {
  enum { PLANES = 1 << 14, LINE = 16 };
  int channels = node->number[CHANNELS], positions = node->number[POSITIONS];
  *group = channels;
  if (node->pool < 0)
    return 0;
  *group = positions < PLANES ? PLANES / positions : 1;
  *group = *group < channels ? *group : channels;
  return ((size_t)*group * (size_t)positions + LINE - 1) / LINE * LINE;
}

/// Numbers of the channels lie at the beginning of the work area: factor, shift and slope, or the leaves of `sum`.
static size_t work_numbers(size_t channels, bool training) {
  return (training ? SLICES_MOST : 1) * (channels + 15) / 16 * 16;
}

static Needs batch_norm_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)graph, (void)rows;
  int group;
  size_t channels = (size_t)node->number[CHANNELS];
  size_t floats = work_numbers(channels, training) + (size_t)threads * scratch_size(node, &group);
  return (Needs){.kept = kept_bytes(channels, training), .work = floats * sizeof(float)};
}

static Walk walk_of(const Graph *graph, const Node *node, const Pass *pass) {
  int channels = node->number[CHANNELS], positions = node->number[POSITIONS], group;
  float *work = graph->work;
  size_t scratch = scratch_size(node, &group);
  Walk walk = {.norm = {.mean = kept_of(node).mean,
                        .factor = work,
                        .b = node_w(graph, node, pass, 1),
                        .shift = work + channels,
                        .slope = work + 2 * (size_t)channels,
                        .positions = positions,
                        .relu = node->relu},
               .pools = node->pool >= 0,
               .channels = channels,
               .group = group,
               .width = (size_t)node_width_y(graph, node),
               .width_y = (size_t)node_width_y(graph, node),
               .scratch_size = scratch,
               .scratch = work + work_numbers((size_t)channels, graph->training)};
  if (walk.pools) {
    walk.pool = node_pool(graph, node);
    walk.width_y = (size_t)channels * (size_t)walk.pool.out;
  }
  return walk;
}

static float *walk_scratch(const Walk *walk) {
  return walk->scratch + (size_t)omp_get_thread_num() * walk->scratch_size;
}

static void row_forward(const Walk *walk, float *y, const float *x, int row) {
  const Pool *pool = &walk->pool;
  size_t positions = (size_t)walk->norm.positions, out = (size_t)pool->out;
  float *scratch = walk_scratch(walk);
  x += (size_t)row * walk->width;
  y += (size_t)row * walk->width_y;
  for (int c = 0; c < walk->channels; c += walk->group) {
    int channels = walk->channels - c < walk->group ? walk->channels - c : walk->group;
    norm_forward(walk->pools ? scratch : y, x + (size_t)c * positions, &walk->norm, c, channels);
    if (walk->pools)
      max_pool_forward(y + c * out, pool->argmax + (size_t)row * walk->width_y + c * out, scratch, channels, pool->h,
                       pool->w, pool->kernel, pool->stride, 1, 1);
  }
}

/// The gradient of what the norm (and the ReLU) gave, of some channels.
static const float *group_dy(const Walk *walk, const float *dy, int row, int channel, int channels) {
  const Pool *pool = &walk->pool;
  dy += (size_t)row * walk->width_y;
  if (!walk->pools)
    return dy;
  size_t at = (size_t)channel * (size_t)pool->out;
  float *scratch = walk_scratch(walk);
  max_pool_backward(scratch, dy + at, pool->argmax + (size_t)row * walk->width_y + at, channels, pool->h, pool->w,
                    pool->kernel, pool->stride, 1, false, 1);
  return scratch;
}

static void row_moments(const Walk *walk, double *sum, const float *dy, const float *x, int row) {
  x += (size_t)row * walk->width;
  for (int c = 0; c < walk->channels; c += walk->group) {
    int channels = walk->channels - c < walk->group ? walk->channels - c : walk->group;
    norm_moments(sum + c, sum + walk->channels + c, group_dy(walk, dy, row, c, channels),
                 x + (size_t)c * (size_t)walk->norm.positions, &walk->norm, c, channels);
  }
}

static void row_backward(const Walk *walk, float *dx, const float *dy, const float *x, int row, bool accumulate) {
  x += (size_t)row * walk->width;
  dx += (size_t)row * walk->width;
  for (int c = 0; c < walk->channels; c += walk->group) {
    int channels = walk->channels - c < walk->group ? walk->channels - c : walk->group;
    size_t at = (size_t)c * (size_t)walk->norm.positions;
    norm_backward(dx + at, group_dy(walk, dy, row, c, channels), x + at, &walk->norm, c, channels, accumulate);
  }
}

static void factor_set(Graph *graph, const Node *node, const Pass *pass) {
  const float *w = node_w(graph, node, pass, 0), *deviation = kept_of(node).deviation;
  float *factor = graph->work;
  for (int c = 0; c < node->number[CHANNELS]; c++)
    factor[c] = w[c] * deviation[c];
}

// --- sums of one slice
// -----------------------------------------------------------------------------------------------------
typedef enum Moment { MOMENT_SUM, MOMENT_SQUARES, MOMENT_PULL } Moment;

/// per_slice[slices][n]: sums of x and the count (n = C + 1), of squares (n = C), of dy and dy (x - mean) (n = 2C).
static void slice_moments(double *per_slice, Moment moment, const Walk *walk, const Graph *graph, const Node *node,
                          const Pass *pass) {
  int channels = walk->channels, positions = walk->norm.positions;
  int n = moment == MOMENT_SUM ? channels + 1 : moment == MOMENT_SQUARES ? channels : 2 * channels;
  const float *x = node_x(graph, node, 0);
  const float *dy = moment == MOMENT_PULL ? node_dy(graph, node) : NULL;
  int threads = threads_for(pass, pass->rows * (int64_t)walk->width);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int s = 0; s < pass->slices.count; s++) {
    double *sum = per_slice + (size_t)s * (size_t)n;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int r = pass->slices.row[s]; r < pass->slices.row[s + 1]; r++)
      if (moment == MOMENT_SUM)
        norm_sums(sum, x + (size_t)r * walk->width, channels, positions);
      else if (moment == MOMENT_SQUARES)
        norm_squares(sum, x + (size_t)r * walk->width, walk->norm.mean, channels, positions);
      else
        row_moments(walk, sum, dy, x, r);
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
static void batch_statistics(const Walk *walk, const Graph *graph, const Node *node, const Pass *pass) {
  int channels = node->number[CHANNELS];
  Kept kept = kept_of(node);
  float *running_mean = node_running(graph, node, pass, 0), *running_variance = node_running(graph, node, pass, 1);
  slice_moments(kept.per_slice, MOMENT_SUM, walk, graph, node, pass);
  pass_pool(pass, kept.total, kept.per_slice, channels + 1);
  double n = *kept.count = kept.total[channels];
  for (int c = 0; c < channels; c++) {
    double mean = n > 0 ? kept.total[c] / n : 0;
    kept.mean[c] = (float)mean;
    if (n > 0)
      running_update(&running_mean[c], mean);
  }
  slice_moments(kept.per_slice, MOMENT_SQUARES, walk, graph, node, pass);
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

static void batch_norm_forward(Graph *graph, const Node *node, const Pass *pass) {
  const Walk walk = walk_of(graph, node, pass);
  if (pass->training)
    batch_statistics(&walk, graph, node, pass);
  else
    running_statistics(graph, node, pass);
  factor_set(graph, node, pass);
  const float *x = node_x(graph, node, 0);
  float *y = node_y(graph, node);
  int threads = threads_for(pass, pass->rows * (int64_t)walk.width);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int r = 0; r < pass->rows; r++)
    row_forward(&walk, y, x, r);
}

// --- backward
// --------------------------------------------------------------------------------------------------------------
static void batch_norm_backward(Graph *graph, const Node *node, const Pass *pass) {
  int channels = node->number[CHANNELS];
  Kept kept = kept_of(node);
  const Walk walk = walk_of(graph, node, pass);
  factor_set(graph, node, pass);
  slice_moments(kept.per_slice, MOMENT_PULL, &walk, graph, node, pass);
  if (pass->training)
    pass_pool(pass, kept.total, kept.per_slice, 2 * channels);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  if (!dx)
    return;
  float *shift = (float *)graph->work + channels, *slope = shift + channels;
  for (int c = 0; c < channels; c++) {
    double n = pass->training ? *kept.count : 0, deviation = (double)kept.deviation[c];
    shift[c] = n > 0 ? (float)(kept.total[c] / n) : 0;
    slope[c] = n > 0 ? (float)(kept.total[channels + c] * deviation * deviation / n) : 0;
  }
  const float *dy = node_dy(graph, node), *x = node_x(graph, node, 0);
  int threads = threads_for(pass, pass->rows * (int64_t)walk.width);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int r = 0; r < pass->rows; r++)
    row_backward(&walk, dx, dy, x, r, accumulate);
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
                                        .in_place_gradient = true,
                                        .fuses_relu = true,
                                        .pulls_relu = true,
                                        .fuses_pool = true,
                                        .needs = batch_norm_needs,
                                        .forward = batch_norm_forward,
                                        .backward = batch_norm_backward,
                                        .sum = batch_norm_sum,
                                        .example = batch_norm_example};
