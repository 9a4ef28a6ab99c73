// One number per row:
//   cross_entropy  -log p_label, p = softmax(x)                  dx = dy (p - e_label)
//   binary_cross_entropy  softplus(x) - label x                  dx = dy (sigmoid(x) - label)
//   mse            (1/n) sum (a - b)^2                           da = dy 2 (a - b) / n = -db
//   kl             T^2 sum q (log q - log p), p = softmax(s/T), q = softmax(t/T)      ds = dy T (p - q)   (Hinton 2015)
//   cosine         c = a b / (|a| |b|), norms at least 1e-8      da = dy (b / (|a| |b|) - c a / |a|^2)
#include "graph/operation.h"

#include "kernels/math.h"

#include <math.h>
#include <string.h>

extern const Operation operation_cross_entropy, operation_binary_cross_entropy, operation_mse, operation_kl,
    operation_cosine;

/// p[n] = softmax(factor x[n]); log p_i = (factor x_i - *greatest) - the number returned.
static float row_softmax(float *p, float *greatest, const float *x, float factor, int n) {
  float most = x[0] * factor, sum = 0;
  for (int i = 1; i < n; i++)
    most = x[i] * factor > most ? x[i] * factor : most;
  for (int i = 0; i < n; i++)
    p[i] = x[i] * factor - most;
  floats_exp(p, p, (size_t)n);
  for (int i = 0; i < n; i++)
    sum += p[i];
  for (int i = 0; i < n; i++)
    p[i] /= sum;
  *greatest = most;
  return float_log(sum);
}

static Needs rows_needs(const Graph *graph, const Node *node, int rows, int copies) {
  return (Needs){.kept = (size_t)copies * (size_t)rows * (size_t)node_width(graph, node, 0) * sizeof(float)};
}

static const int32_t *loss_labels(const Graph *graph, const Node *node) { return node_bound(graph, node, 1); }

static void labels_require(const Graph *graph, Value labels, const char *operation) {
  REQUIRE(0 <= labels && labels < graph->values && graph->value[labels].kind == VALUE_LABELS, "%s wants labels",
          operation);
}

// --- cross_entropy
// ---------------------------------------------------------------------------------------------------------
static Needs cross_entropy_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)training, (void)threads;
  return rows_needs(graph, node, rows, 1);
}

static void cross_entropy_forward(Graph *graph, const Node *node, const Pass *pass) {
  int n = (int)node_width(graph, node, 0);
  const float *x = node_x(graph, node, 0);
  const int32_t *label = loss_labels(graph, node);
  float *y = node_y(graph, node), *p = node->kept;
  for (int r = 0; r < pass->rows; r++, x += n, p += n) {
    REQUIRE(label[r] < n, "label %d among %d classes", label[r], n);
    y[r] = 0;
    if (label[r] >= 0) {
      float most, logarithm = row_softmax(p, &most, x, 1, n);
      y[r] = logarithm - (x[label[r]] - most);
    }
  }
}

static void cross_entropy_backward(Graph *graph, const Node *node, const Pass *pass) {
  int n = (int)node_width(graph, node, 0);
  const int32_t *label = loss_labels(graph, node);
  const float *dy = node_dy(graph, node), *p = node->kept;
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  for (int r = 0; r < pass->rows; r++, dx += n, p += n) {
    if (!accumulate)
      memset(dx, 0, (size_t)n * sizeof *dx);
    for (int i = 0; label[r] >= 0 && i < n; i++)
      dx[i] += dy[r] * (p[i] - (float)(i == label[r]));
  }
}

Value graph_cross_entropy(Graph *graph, Value logits, Value labels) {
  REQUIRE(graph_floats(graph, logits, "cross_entropy")->shape.dimensions == 1, "cross_entropy wants a vector");
  labels_require(graph, labels, "cross_entropy");
  return graph_append(graph, &operation_cross_entropy, (Value[]){logits, labels}, 2, shape_vector(1))->output;
}

static Value cross_entropy_example(Graph *graph, uint64_t seed) {
  Value logits = example_input(graph, shape_vector(6), seed);
  return graph_cross_entropy(graph, logits, example_labels(graph, 6, seed));
}

const Operation operation_cross_entropy = {.name = "cross_entropy",
                                           .pulls = SLOT_0,
                                           .needs = cross_entropy_needs,
                                           .forward = cross_entropy_forward,
                                           .backward = cross_entropy_backward,
                                           .example = cross_entropy_example};

// --- binary_cross_entropy
// ----------------------------------------------------------------------------------------------------
static void binary_forward(Graph *graph, const Node *node, const Pass *pass) {
  const float *x = node_x(graph, node, 0);
  const int32_t *label = loss_labels(graph, node);
  float *y = node_y(graph, node);
  for (int r = 0; r < pass->rows; r++) {
    REQUIRE(label[r] <= 1, "label %d of a binary task", label[r]);
    y[r] = label[r] < 0 ? 0 : float_softplus(label[r] ? -x[r] : x[r]);
  }
}

static void binary_backward(Graph *graph, const Node *node, const Pass *pass) {
  const float *x = node_x(graph, node, 0), *dy = node_dy(graph, node);
  const int32_t *label = loss_labels(graph, node);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  for (int r = 0; r < pass->rows; r++) {
    // -sigmoid(-x) for label 1 keeps the digits that sigmoid(x) - 1 would lose.
    float slope = label[r] < 0 ? 0 : label[r] ? -float_sigmoid(-x[r]) : float_sigmoid(x[r]);
    dx[r] = (accumulate ? dx[r] : 0) + dy[r] * slope;
  }
}

Value graph_binary_cross_entropy(Graph *graph, Value logit, Value labels) {
  REQUIRE(graph_floats(graph, logit, "binary_cross_entropy")->width == 1, "binary_cross_entropy wants one logit");
  labels_require(graph, labels, "binary_cross_entropy");
  return graph_append(graph, &operation_binary_cross_entropy, (Value[]){logit, labels}, 2, shape_vector(1))->output;
}

static Value binary_example(Graph *graph, uint64_t seed) {
  Value logit = example_input(graph, shape_vector(1), seed);
  return graph_binary_cross_entropy(graph, logit, example_labels(graph, 2, seed));
}

const Operation operation_binary_cross_entropy = {.name = "binary_cross_entropy",
                                                  .reads = SLOT_0,
                                                  .pulls = SLOT_0,
                                                  .forward = binary_forward,
                                                  .backward = binary_backward,
                                                  .example = binary_example};

// --- mse
// ---------------------------------------------------------------------------------------------------------------------
static void mse_forward(Graph *graph, const Node *node, const Pass *pass) {
  int64_t n = node_width(graph, node, 0);
  const float *a = node_x(graph, node, 0), *b = node_x(graph, node, 1);
  float *y = node_y(graph, node);
  for (int64_t r = 0; r < pass->rows; r++) {
    double sum = 0;
    for (int64_t i = r * n; i < (r + 1) * n; i++)
      sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    y[r] = (float)(sum / (double)n);
  }
}

static void mse_backward(Graph *graph, const Node *node, const Pass *pass) {
  int64_t n = node_width(graph, node, 0);
  const float *a = node_x(graph, node, 0), *b = node_x(graph, node, 1), *dy = node_dy(graph, node);
  for (int slot = 0; slot < 2; slot++) {
    bool accumulate;
    float *dx = node_dx(graph, node, slot, &accumulate);
    for (int64_t r = 0; dx && r < pass->rows; r++) {
      float factor = (slot ? -2.0f : 2.0f) * dy[r] / (float)n;
      for (int64_t i = r * n; i < (r + 1) * n; i++)
        dx[i] = (accumulate ? dx[i] : 0) + factor * (a[i] - b[i]);
    }
  }
}

static Node *pair_append(Graph *graph, const Operation *operation, Value a, Value b) {
  REQUIRE(graph_floats(graph, a, operation->name)->width == graph_floats(graph, b, operation->name)->width,
          "%s of unequal widths", operation->name);
  return graph_append(graph, operation, (Value[]){a, b}, 2, shape_vector(1));
}

Value graph_mse(Graph *graph, Value a, Value b) { return pair_append(graph, &operation_mse, a, b)->output; }

static Value mse_example(Graph *graph, uint64_t seed) {
  Value a = example_input(graph, shape_vector(5), seed);
  return graph_mse(graph, a, example_input(graph, shape_vector(5), seed + 1));
}

const Operation operation_mse = {.name = "mse",
                                 .reads = SLOT_0 | SLOT_1,
                                 .pulls = SLOT_0 | SLOT_1,
                                 .forward = mse_forward,
                                 .backward = mse_backward,
                                 .example = mse_example};

// --- kl
// ----------------------------------------------------------------------------------------------------------------------
static Needs kl_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)training, (void)threads;
  return rows_needs(graph, node, rows, 2);
}

static void kl_forward(Graph *graph, const Node *node, const Pass *pass) {
  int n = (int)node_width(graph, node, 0);
  const float *s = node_x(graph, node, 0), *t = node_x(graph, node, 1);
  float *y = node_y(graph, node), *p = node->kept, *q = p + (size_t)pass->rows * (size_t)n;
  float factor = (float)(1 / node->factor);
  for (int r = 0; r < pass->rows; r++, s += n, t += n, p += n, q += n) {
    float most_s, most_t;
    float log_s = row_softmax(p, &most_s, s, factor, n), log_t = row_softmax(q, &most_t, t, factor, n);
    double sum = 0;
    for (int i = 0; i < n; i++)
      if (q[i] > 0)
        sum += (double)q[i] * (((double)(t[i] * factor - most_t) - (double)log_t) -
                               ((double)(s[i] * factor - most_s) - (double)log_s));
    y[r] = (float)(node->factor * node->factor * sum);
  }
}

static void kl_backward(Graph *graph, const Node *node, const Pass *pass) {
  int n = (int)node_width(graph, node, 0);
  const float *dy = node_dy(graph, node), *p = node->kept, *q = p + (size_t)pass->rows * (size_t)n;
  bool accumulate;
  float *ds = node_dx(graph, node, 0, &accumulate);
  for (int r = 0; r < pass->rows; r++, ds += n, p += n, q += n)
    for (int i = 0; i < n; i++)
      ds[i] = (accumulate ? ds[i] : 0) + dy[r] * (float)node->factor * (p[i] - q[i]);
}

Value graph_kl(Graph *graph, Value student, Value teacher, double temperature) {
  REQUIRE(temperature > 0, "a temperature of %g", temperature);
  Node *node = pair_append(graph, &operation_kl, student, teacher);
  node->factor = temperature;
  return node->output;
}

/// The teacher's numbers are fixed: a mask serves.
static Value kl_example(Graph *graph, uint64_t seed) {
  Value student = example_input(graph, shape_vector(5), seed);
  return graph_kl(graph, student, graph_scale(graph, example_mask(graph, 5, seed), 4), 1.5);
}

const Operation operation_kl = {.name = "kl",
                                .pulls = SLOT_0,
                                .needs = kl_needs,
                                .forward = kl_forward,
                                .backward = kl_backward,
                                .example = kl_example};

// --- cosine
// --------------------------------------------------------------------------------------------------------------------
typedef struct Cosine {
  double cosine, a, b; // norms, at least 1e-8
  bool a_small, b_small;
} Cosine;

static Cosine row_cosine(const float *a, const float *b, int64_t n) {
  double ab = 0, aa = 0, bb = 0;
  for (int64_t i = 0; i < n; i++) {
    ab += (double)a[i] * (double)b[i];
    aa += (double)a[i] * (double)a[i];
    bb += (double)b[i] * (double)b[i];
  }
  Cosine c = {.a = sqrt(aa), .b = sqrt(bb)};
  c.a_small = c.a < 1e-8, c.b_small = c.b < 1e-8;
  c.a = c.a_small ? 1e-8 : c.a;
  c.b = c.b_small ? 1e-8 : c.b;
  c.cosine = ab / (c.a * c.b);
  return c;
}

static void cosine_forward(Graph *graph, const Node *node, const Pass *pass) {
  int64_t n = node_width(graph, node, 0);
  float *y = node_y(graph, node);
  for (int64_t r = 0; r < pass->rows; r++)
    y[r] = (float)row_cosine(node_x(graph, node, 0) + r * n, node_x(graph, node, 1) + r * n, n).cosine;
}

static void cosine_backward(Graph *graph, const Node *node, const Pass *pass) {
  int64_t n = node_width(graph, node, 0);
  const float *dy = node_dy(graph, node);
  for (int slot = 0; slot < 2; slot++) {
    const float *x = node_x(graph, node, slot), *other = node_x(graph, node, 1 - slot);
    bool accumulate;
    float *dx = node_dx(graph, node, slot, &accumulate);
    for (int64_t r = 0; dx && r < pass->rows; r++) {
      Cosine c = row_cosine(x + r * n, other + r * n, n);
      float across = (float)((double)dy[r] / (c.a * c.b));
      float along = c.a_small ? 0 : (float)((double)dy[r] * c.cosine / (c.a * c.a));
      for (int64_t i = r * n; i < (r + 1) * n; i++)
        dx[i] = (accumulate ? dx[i] : 0) + (across * other[i] - along * x[i]);
    }
  }
}

Value graph_cosine(Graph *graph, Value a, Value b) { return pair_append(graph, &operation_cosine, a, b)->output; }

static Value cosine_example(Graph *graph, uint64_t seed) {
  Value a = example_input(graph, shape_vector(5), seed);
  return graph_cosine(graph, a, example_input(graph, shape_vector(5), seed + 1));
}

const Operation operation_cosine = {.name = "cosine",
                                    .reads = SLOT_0 | SLOT_1,
                                    .pulls = SLOT_0 | SLOT_1,
                                    .forward = cosine_forward,
                                    .backward = cosine_backward,
                                    .example = cosine_example};
