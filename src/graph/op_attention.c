// Multi-head self-attention over the tokens of a row (Vaswani et al., NeurIPS 2017), heads side by side in the width:
//   s_ij = q_i k_j / sqrt(d),  p_i = softmax of s_i over the keys that the mask shows,  y_i = sum_j p_ij v_j
//   dv_j = sum_i p_ij dy_i,  dp_ij = dy_i v_j,  ds_ij = p_ij (dp_ij - sum_k p_ik dp_ik),
//   dq_i = sum_j ds_ij k_j / sqrt(d),  dk_j = sum_i ds_ij q_i / sqrt(d)
// Four linear layers stand around it. Its output is gated, so that a row without any token gives 0 and not the bias.
// mean_tokens: y = sum_t mask_t x_t / sum_t mask_t.
#include "graph/lanes.h"
#include "graph/operation.h"

#include "base/text.h"
#include "kernels/math.h"

#include <math.h>
#include <string.h>

enum { TOKENS, WIDTH, HEADS };
enum { Q, K, V, MASK };

extern const Operation operation_attention, operation_gate, operation_mean_tokens;

static void row_axpy(float *y, float a, const float *x, int n) {
  for (int i = 0; i < n; i++)
    y[i] += a * x[i];
}

// --- attention
// ---------------------------------------------------------------------------------------------------------------
/// Probabilities [rows, heads, tokens, tokens].
static Needs attention_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)graph, (void)training, (void)threads;
  size_t tokens = (size_t)node->number[TOKENS];
  return (Needs){.kept = (size_t)rows * (size_t)node->number[HEADS] * tokens * tokens * sizeof(float)};
}

/// p[tokens] of query q; 0 for hidden keys, and everywhere if all are hidden.
static void query_softmax(float *p, const float *q, const float *k, const float *mask, const Node *node) {
  int tokens = node->number[TOKENS], width = node->number[WIDTH], d = width / node->number[HEADS];
  float scale = (float)(1 / sqrt((double)d)), most = -INFINITY, sum = 0;
  for (int j = 0; j < tokens; j++)
    if (mask[j] != 0) {
      p[j] = lanes_dot(q, k + (size_t)j * (size_t)width, d) * scale;
      most = p[j] > most ? p[j] : most;
    }
  for (int j = 0; j < tokens; j++)
    p[j] = mask[j] != 0 ? p[j] - most : -INFINITY;
  floats_exp(p, p, (size_t)tokens);
  for (int j = 0; j < tokens; j++)
    sum += p[j];
  for (int j = 0; j < tokens; j++)
    p[j] = mask[j] != 0 ? p[j] / sum : 0;
}

static void attention_forward(Graph *graph, const Node *node, const Pass *pass) {
  int tokens = node->number[TOKENS], width = node->number[WIDTH], heads = node->number[HEADS], d = width / heads;
  const float *q = node_x(graph, node, Q), *k = node_x(graph, node, K), *v = node_x(graph, node, V);
  const float *mask = node_x(graph, node, MASK);
  float *y = node_y(graph, node), *probability = node->kept;
  int threads = threads_for(pass, (int64_t)pass->rows * tokens * width);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int r = 0; r < pass->rows; r++)
    for (int h = 0; h < heads; h++)
      for (int i = 0; i < tokens; i++) {
        size_t row = (size_t)r * (size_t)tokens * (size_t)width + (size_t)(h * d), at = row + (size_t)(i * width);
        float *p =
            probability + (((size_t)r * (size_t)heads + (size_t)h) * (size_t)tokens + (size_t)i) * (size_t)tokens;
        query_softmax(p, q + at, k + row, mask + (size_t)r * (size_t)tokens, node);
        memset(y + at, 0, (size_t)d * sizeof *y);
        for (int j = 0; j < tokens; j++)
          row_axpy(y + at, p[j], v + row + (size_t)(j * width), d);
      }
}

/// One head of one row; pointers stand at its first token.
static void head_backward(float *dq, float *dk, float *dv, const float *dy, const float *q, const float *k,
                          const float *v, const float *p, const Node *node) {
  int tokens = node->number[TOKENS], width = node->number[WIDTH], d = width / node->number[HEADS];
  float scale = (float)(1 / sqrt((double)d));
  for (int i = 0; i < tokens; i++, p += tokens) {
    float dot = 0;
    for (int j = 0; j < tokens; j++)
      dot += p[j] * lanes_dot(dy + i * width, v + j * width, d);
    for (int j = 0; j < tokens; j++) {
      float ds = p[j] * (lanes_dot(dy + i * width, v + j * width, d) - dot) * scale;
      if (dq)
        row_axpy(dq + i * width, ds, k + j * width, d);
      if (dk)
        row_axpy(dk + j * width, ds, q + i * width, d);
      if (dv)
        row_axpy(dv + j * width, p[j], dy + i * width, d);
    }
  }
}

static void attention_backward(Graph *graph, const Node *node, const Pass *pass) {
  int tokens = node->number[TOKENS], width = node->number[WIDTH], heads = node->number[HEADS], d = width / heads;
  const float *x[3], *dy = node_dy(graph, node), *probability = node->kept;
  float *dx[3];
  for (int i = 0; i < 3; i++) {
    bool accumulate;
    x[i] = node_x(graph, node, i);
    dx[i] = node_dx(graph, node, i, &accumulate);
    if (dx[i] && !accumulate)
      memset(dx[i], 0, (size_t)pass->rows * (size_t)tokens * (size_t)width * sizeof *dx[i]);
  }
  int threads = threads_for(pass, (int64_t)pass->rows * tokens * width);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int r = 0; r < pass->rows; r++)
    for (int h = 0; h < heads; h++) {
      size_t at = (size_t)r * (size_t)tokens * (size_t)width + (size_t)(h * d);
      const float *p = probability + ((size_t)r * (size_t)heads + (size_t)h) * (size_t)tokens * (size_t)tokens;
      head_backward(dx[Q] ? dx[Q] + at : NULL, dx[K] ? dx[K] + at : NULL, dx[V] ? dx[V] + at : NULL, dy + at, x[Q] + at,
                    x[K] + at, x[V] + at, p, node);
    }
}

static Shape tokens_shape(const Graph *graph, Value x, Value mask, const char *operation) {
  Shape shape = graph_floats(graph, x, operation)->shape;
  REQUIRE(shape.dimensions == 2, "%s wants tokens", operation);
  REQUIRE(graph_floats(graph, mask, operation)->width == shape.dim[0], "%s: the mask has another number of tokens",
          operation);
  return shape;
}

static Value gate_append(Graph *graph, Value x, Value mask) {
  Shape shape = tokens_shape(graph, x, mask, "gate");
  Node *node = graph_append(graph, &operation_gate, (Value[]){x, mask}, 2, shape);
  node->number[TOKENS] = shape.dim[0];
  return node->output;
}

Value graph_attention(Graph *graph, Value x, Value mask, int heads, const char *path) {
  static const char *const part[] = {"q", "k", "v", "o"};
  Shape shape = tokens_shape(graph, x, mask, "attention");
  REQUIRE(heads > 0 && shape.dim[1] % heads == 0, "%s: %d heads for a width of %d", path, heads, shape.dim[1]);
  char name[4][PARAMETER_PATH + 2];
  for (int i = 0; i < 4; i++)
    REQUIRE(text_print(name[i], sizeof name[i], "%s/%s", path, part[i]), "the path %s is too long", path);
  Value input[4] = {[MASK] = mask};
  for (int i = 0; i < 3; i++)
    input[i] = graph_linear(graph, x, shape.dim[1], true, name[i]);
  Node *node = graph_append(graph, &operation_attention, input, 4, shape);
  node->number[TOKENS] = shape.dim[0];
  node->number[WIDTH] = shape.dim[1];
  node->number[HEADS] = heads;
  return gate_append(graph, graph_linear(graph, node->output, shape.dim[1], true, name[3]), mask);
}

static Value attention_example(Graph *graph, uint64_t seed) {
  Value x = example_input(graph, shape_matrix(3, 6), seed);
  return graph_attention(graph, x, example_mask(graph, 3, seed), 2, "attention");
}

const Operation operation_attention = {.name = "attention",
                                       .reads = SLOT_0 | SLOT_1 | SLOT_2,
                                       .pulls = SLOT_0 | SLOT_1 | SLOT_2,
                                       .needs = attention_needs,
                                       .forward = attention_forward,
                                       .backward = attention_backward,
                                       .example = attention_example};

// --- gate
// --------------------------------------------------------------------------------------------------------------------
static bool mask_empty(const float *mask, int tokens) {
  for (int t = 0; t < tokens; t++)
    if (mask[t] != 0)
      return false;
  return true;
}

static void gate_forward(Graph *graph, const Node *node, const Pass *pass) {
  size_t n = (size_t)node_width_y(graph, node), tokens = (size_t)node->number[TOKENS];
  const float *x = node_x(graph, node, 0), *mask = node_x(graph, node, 1);
  float *y = node_y(graph, node);
  for (size_t r = 0; r < (size_t)pass->rows; r++)
    if (mask_empty(mask + r * tokens, (int)tokens))
      memset(y + r * n, 0, n * sizeof *y);
    else if (y != x)
      memcpy(y + r * n, x + r * n, n * sizeof *y);
}

static void gate_backward(Graph *graph, const Node *node, const Pass *pass) {
  size_t n = (size_t)node_width_y(graph, node), tokens = (size_t)node->number[TOKENS];
  const float *mask = node_x(graph, node, 1), *dy = node_dy(graph, node);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  for (size_t r = 0; r < (size_t)pass->rows; r++)
    if (!mask_empty(mask + r * tokens, (int)tokens)) {
      if (dx != dy)
        (accumulate ? floats_add : floats_copy)(dx + r * n, dy + r * n, n);
    } else if (!accumulate) {
      memset(dx + r * n, 0, n * sizeof *dx);
    }
}

static Value gate_example(Graph *graph, uint64_t seed) {
  return gate_append(graph, example_input(graph, shape_matrix(3, 4), seed), example_mask(graph, 3, seed));
}

const Operation operation_gate = {.name = "gate",
                                  .reads = SLOT_1,
                                  .pulls = SLOT_0,
                                  .in_place = true,
                                  .in_place_gradient = true,
                                  .forward = gate_forward,
                                  .backward = gate_backward,
                                  .example = gate_example};

// --- mean_tokens
// -------------------------------------------------------------------------------------------------------------
static float mask_factor(const float *mask, int tokens) {
  float sum = 0;
  for (int t = 0; t < tokens; t++)
    sum += mask[t];
  return sum > 0 ? 1 / sum : 0;
}

static void mean_tokens_forward(Graph *graph, const Node *node, const Pass *pass) {
  int tokens = node->number[TOKENS], width = node->number[WIDTH];
  const float *x = node_x(graph, node, 0), *mask = node_x(graph, node, 1);
  float *y = node_y(graph, node);
  for (int r = 0; r < pass->rows; r++, y += width, mask += tokens) {
    float factor = mask_factor(mask, tokens);
    memset(y, 0, (size_t)width * sizeof *y);
    for (int t = 0; t < tokens; t++, x += width)
      if (mask[t] != 0)
        row_axpy(y, mask[t] * factor, x, width);
  }
}

static void mean_tokens_backward(Graph *graph, const Node *node, const Pass *pass) {
  int tokens = node->number[TOKENS], width = node->number[WIDTH];
  const float *mask = node_x(graph, node, 1), *dy = node_dy(graph, node);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  for (int r = 0; r < pass->rows; r++, dy += width, mask += tokens) {
    float factor = mask_factor(mask, tokens);
    for (int t = 0; t < tokens; t++, dx += width)
      (accumulate ? floats_axpy : floats_scale)(dx, mask[t] * factor, dy, (size_t)width);
  }
}

Value graph_mean_tokens(Graph *graph, Value x, Value mask) {
  Shape shape = tokens_shape(graph, x, mask, "mean_tokens");
  Node *node = graph_append(graph, &operation_mean_tokens, (Value[]){x, mask}, 2, shape_vector(shape.dim[1]));
  node->number[TOKENS] = shape.dim[0];
  node->number[WIDTH] = shape.dim[1];
  return node->output;
}

static Value mean_tokens_example(Graph *graph, uint64_t seed) {
  return graph_mean_tokens(graph, example_input(graph, shape_matrix(3, 4), seed), example_mask(graph, 3, seed));
}

const Operation operation_mean_tokens = {.name = "mean_tokens",
                                         .reads = SLOT_1,
                                         .pulls = SLOT_0,
                                         .forward = mean_tokens_forward,
                                         .backward = mean_tokens_backward,
                                         .example = mean_tokens_example};
