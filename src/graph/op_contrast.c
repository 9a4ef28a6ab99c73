// Contrastive representation distillation against a memory bank.
//   normalize   y = x / |x|, |x| at least 1e-8                 dx = (dy - y (y dy)) / |x|
//   contrast    with M the other side's bank, row k = 0 the sample itself, k = 1 … K others, n rows in the bank:
//                 P_k = exp(x M_k / T) / Z,  c = K / n,  e = 1e-7
//                 y = -log(P_0 / (P_0 + c + e)) - sum_{k > 0} log(c / (P_k + c + e))
//                 dx = (dy / T) (-(c + e) / (P_0 + c + e) M_0 + sum_{k > 0} P_k / (P_k + c + e) M_k)
//               Z = n * mean of exp(x M_k / T) over the rows of the first batch that has any, and fixed from then on.
// Tian, Krishnan, Isola, "Contrastive Representation Distillation", ICLR 2020; the estimate of Z: Wu et al., CVPR 2018.
#include "graph/operation.h"

#include "base/text.h"
#include "kernels/math.h"

#include <math.h>
#include <string.h>

extern const Operation operation_normalize, operation_contrast;

enum { LANES = 16, AHEAD = 8 };
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define INLINE static inline __attribute__((always_inline))

/// Lane l of *to adds a_i b_i of i = l, l + 16, …
INLINE void row_lanes(Lanes *to, const float *a, const float *b, int n) {
  Lanes sum = {0};
  int i = 0;
  for (; i + LANES <= n; i += LANES)
    sum += *(const Lanes *)(a + i) * *(const Lanes *)(b + i);
  for (int l = 0; i < n; i++, l++)
    sum[l] += a[i] * b[i];
  *to = sum;
}

/// v[i][j] <-> v[j][i]: of every two rows and every two stretches of lanes `far` apart, the outer corners change places.
INLINE void turn_square(Lanes v[LANES]) {
  typedef int Places __attribute__((vector_size(LANES * sizeof(int))));
  _Pragma("GCC unroll 4") for (int far = LANES / 2; far > 0; far /= 2) {
    Places low, high;
    _Pragma("GCC unroll 16") for (int j = 0; j < LANES; j++) {
      low[j] = j & far ? LANES + j - far : j;
      high[j] = j & far ? LANES + j : j + far;
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) {
      if (i & far)
        continue;
      const Lanes a = v[i], b = v[i + far];
      v[i] = __builtin_shuffle(a, b, low);
      v[i + far] = __builtin_shuffle(a, b, high);
    }
  }
}

/// y[k] = x M_index[k], each sixteen chains side by side, then added in order; sixteen products at a time.
CLONES static void row_dots(float *y, const float *x, const float *bank, const int32_t *index, int candidates, int n) {
  for (int k = 0; k < candidates; k += LANES) {
    Lanes part[LANES], sum = {0};
    const int count = candidates - k < LANES ? candidates - k : LANES;
    for (int c = 0; c < LANES; c++) {
      row_lanes(&part[c], x, bank + (size_t)index[k + (c < count ? c : 0)] * (size_t)n, n);
      const float *later = bank + (size_t)index[k + c + AHEAD < candidates ? k + c + AHEAD : k] * (size_t)n;
      for (int i = 0; i < n; i += LANES)
        __builtin_prefetch(later + i);
    }
    turn_square(part);
    _Pragma("GCC unroll 16") for (int l = 0; l < LANES; l++) sum += part[l];
    for (int c = 0; c < count; c++)
      y[k + c] = sum[c];
  }
}

/// dx[n] becomes the chain of fma(dy factor_k, M_index[k], dx) over k, four at a time.
CLONES static void pull_rows(float *dx, float dy, const float *factor, const float *bank, const int32_t *index,
                             int candidates, int n) {
  int k = 0;
  for (; k + 4 <= candidates; k += 4) {
    const float *row[4], a[4] = {dy * factor[k], dy * factor[k + 1], dy * factor[k + 2], dy * factor[k + 3]};
    for (int c = 0; c < 4; c++) {
      row[c] = bank + (size_t)index[k + c] * (size_t)n;
      const float *later = bank + (size_t)index[k + c + AHEAD < candidates ? k + c + AHEAD : k] * (size_t)n;
      for (int i = 0; i < n; i += LANES)
        __builtin_prefetch(later + i);
    }
    _Pragma("omp simd") for (int i = 0; i < n; i++) dx[i] =
        fmaf(a[3], row[3][i], fmaf(a[2], row[2][i], fmaf(a[1], row[1][i], fmaf(a[0], row[0][i], dx[i]))));
  }
  for (; k < candidates; k++)
    _Pragma("omp simd") for (int i = 0; i < n; i++) dx[i] =
        fmaf(dy * factor[k], bank[(size_t)index[k] * (size_t)n + (size_t)i], dx[i]);
}

// --- normalize
// ---------------------------------------------------------------------------------------------------------------
static Needs normalize_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)graph, (void)node, (void)training, (void)threads;
  return (Needs){.kept = (size_t)rows * sizeof(double)};
}

static void normalize_forward(Graph *graph, const Node *node, const Pass *pass) {
  int64_t n = node_width_y(graph, node);
  const float *x = node_x(graph, node, 0);
  float *y = node_y(graph, node);
  double *norm = node->kept;
  for (int r = 0; r < pass->rows; r++, x += n, y += n) {
    double square = 0;
    for (int64_t i = 0; i < n; i++)
      square += (double)x[i] * (double)x[i];
    norm[r] = fmax(sqrt(square), 1e-8);
    for (int64_t i = 0; i < n; i++)
      y[i] = (float)((double)x[i] / norm[r]);
  }
}

static void normalize_backward(Graph *graph, const Node *node, const Pass *pass) {
  int64_t n = node_width_y(graph, node);
  const float *y = node_y(graph, node), *dy = node_dy(graph, node);
  const double *norm = node->kept;
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  for (int r = 0; r < pass->rows; r++, y += n, dy += n, dx += n) {
    double along = 0;
    for (int64_t i = 0; i < n; i++)
      along += (double)y[i] * (double)dy[i];
    for (int64_t i = 0; i < n; i++)
      dx[i] = (accumulate ? dx[i] : 0) + (float)(((double)dy[i] - along * (double)y[i]) / norm[r]);
  }
}

Value graph_normalize(Graph *graph, Value x) {
  Shape shape = graph_floats(graph, x, "normalize")->shape;
  return graph_append(graph, &operation_normalize, &x, 1, shape)->output;
}

static Value normalize_example(Graph *graph, uint64_t seed) {
  return graph_normalize(graph, example_input(graph, shape_vector(5), seed));
}

const Operation operation_normalize = {.name = "normalize",
                                       .reads = SLOT_OUTPUT,
                                       .pulls = SLOT_0,
                                       .needs = normalize_needs,
                                       .forward = normalize_forward,
                                       .backward = normalize_backward,
                                       .example = normalize_example};

// --- contrast
// ----------------------------------------------------------------------------------------------------------------
enum { BANK, Z };
static const float EPSILON = 1e-7f;

typedef struct Contrast {
  int width, candidates; // 1 + K
  float temperature, n, c;
} Contrast;

static Contrast contrast_of(const Graph *graph, const Node *node) {
  int candidates = (int)node_width(graph, node, 1);
  float n = (float)node->number[0];
  return (Contrast){(int)node_width(graph, node, 0), candidates, (float)node->factor, n, (float)(candidates - 1) / n};
}

/// kept: exp(x M_k / T), from the forward's end on the factor of M_k in dx; and room for the logarithms' arguments.
static Needs contrast_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)threads;
  size_t cells = (size_t)rows * (size_t)node_width(graph, node, 1);
  return (Needs){.kept = training ? 2 * cells * sizeof(float) : 0};
}

static void contrast_scores(const Graph *graph, const Node *node, const Pass *pass, const Contrast *it) {
  const float *x = node_x(graph, node, 0), *bank = node_running(graph, node, pass, BANK);
  const int32_t *index = node_bound(graph, node, 1);
  float *score = node->kept;
  int threads = threads_for(pass, (int64_t)pass->rows * it->candidates * it->width);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int r = 0; r < pass->rows; r++) {
    const int32_t *own = index + (size_t)r * (size_t)it->candidates;
    float *to = score + (size_t)r * (size_t)it->candidates;
    if (own[0] < 0)
      continue;
    row_dots(to, x + (size_t)r * (size_t)it->width, bank, own, it->candidates, it->width);
    for (int k = 0; k < it->candidates; k++)
      to[k] /= it->temperature;
    floats_exp(to, to, (size_t)it->candidates);
  }
}

static void estimate_z(const Graph *graph, const Node *node, const Pass *pass, const Contrast *it) {
  const int32_t *index = node_bound(graph, node, 1);
  const float *score = node->kept;
  double per_slice[SLICES_MOST][2], total[2];
  for (int s = 0; s < pass->slices.count; s++) {
    per_slice[s][0] = per_slice[s][1] = 0;
    for (int r = pass->slices.row[s]; r < pass->slices.row[s + 1]; r++)
      for (int k = 0; index[(size_t)r * (size_t)it->candidates] >= 0 && k < it->candidates; k++) {
        per_slice[s][0] += (double)score[(size_t)r * (size_t)it->candidates + (size_t)k];
        per_slice[s][1]++;
      }
  }
  pass_pool(pass, total, &per_slice[0][0], 2);
  if (total[1] > 0)
    *node_running(graph, node, pass, Z) = (float)(total[0] / total[1] * (double)it->n);
}

static float contrast_row(float *score, float *argument, const Contrast *it, float z) {
  double sum = 0;
  for (int k = 0; k < it->candidates; k++) {
    float p = score[k] / z, whole = p + it->c + EPSILON;
    argument[k] = (k == 0 ? p : it->c) / whole;
    score[k] = (k == 0 ? -(it->c + EPSILON) : p) / whole / it->temperature;
  }
  floats_log(argument, argument, (size_t)it->candidates);
  for (int k = 0; k < it->candidates; k++)
    sum -= (double)argument[k];
  return (float)sum;
}

static void contrast_forward(Graph *graph, const Node *node, const Pass *pass) {
  Contrast it = contrast_of(graph, node);
  const int32_t *index = node_bound(graph, node, 1);
  float *y = node_y(graph, node), *score = node->kept, *z = node_running(graph, node, pass, Z);
  memset(y, 0, (size_t)pass->rows * sizeof *y);
  if (!pass->training) // outside of training there is no bank to compare with
    return;
  float *argument = score + (size_t)pass->rows * (size_t)it.candidates;
  contrast_scores(graph, node, pass, &it);
  if (!(*z > 0))
    estimate_z(graph, node, pass, &it);
  for (int r = 0; r < pass->rows; r++)
    if (index[(size_t)r * (size_t)it.candidates] >= 0)
      y[r] = contrast_row(score + (size_t)r * (size_t)it.candidates, argument + (size_t)r * (size_t)it.candidates, &it,
                          *z);
}

static void contrast_backward(Graph *graph, const Node *node, const Pass *pass) {
  Contrast it = contrast_of(graph, node);
  const float *bank = node_running(graph, node, pass, BANK), *factor = node->kept, *dy = node_dy(graph, node);
  const int32_t *index = node_bound(graph, node, 1);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  int threads = threads_for(pass, (int64_t)pass->rows * it.candidates * it.width);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int r = 0; r < pass->rows; r++) {
    size_t at = (size_t)r * (size_t)it.candidates, width = (size_t)it.width;
    if (!accumulate)
      memset(dx + (size_t)r * width, 0, width * sizeof *dx);
    if (index[at] >= 0 && dy[r] != 0)
      pull_rows(dx + (size_t)r * width, dy[r], factor + at, bank, index + at, it.candidates, it.width);
  }
}

/// Appends the state PATH/NAME, a matrix or (columns 0) a vector.
static void contrast_state(Graph *graph, Node *node, const char *path, int rows, int columns) {
  REQUIRE(graph->state && node->states < NODE_STATES, "contrast needs a list of running state");
  node->state[node->states++] = parameters_declare(graph->state, path, (int[]){rows, columns}, columns ? 2 : 1,
                                                   columns ? INIT_UNIT : INIT_ZERO, columns);
}

Value graph_contrast(Graph *graph, Value x, Value index, int rows, double temperature, const char *bank,
                     const char *path) {
  REQUIRE(graph_floats(graph, x, "contrast")->shape.dimensions == 1, "contrast wants a vector");
  REQUIRE(graph->value[index].kind == VALUE_LABELS && graph->value[index].width > 1, "contrast wants indices");
  REQUIRE(temperature > 0 && rows > 0, "a contrast of %d rows at temperature %g", rows, temperature);
  int width = (int)graph_width(graph, x);
  Node *node = graph_append(graph, &operation_contrast, (Value[]){x, index}, 2, shape_vector(1));
  node->number[0] = rows;
  node->factor = temperature;
  contrast_state(graph, node, bank, rows, width);
  contrast_state(graph, node, path, 1, 0);
  return node->output;
}

static Value contrast_example(Graph *graph, uint64_t seed) {
  enum { ROWS = 9, CANDIDATES = 5 };
  Value x = example_input(graph, shape_vector(19), seed), index = example_indices(graph, CANDIDATES, ROWS, seed);
  parameters_declare(graph->state, "bank/z", (int[]){1}, 1, INIT_ONE, 1); // past the first batch
  return graph_contrast(graph, x, index, ROWS, 0.8, "bank/other", "bank/z");
}

const Operation operation_contrast = {.name = "contrast",
                                      .reads = SLOT_1,
                                      .pulls = SLOT_0,
                                      .needs = contrast_needs,
                                      .forward = contrast_forward,
                                      .backward = contrast_backward,
                                      .example = contrast_example};
