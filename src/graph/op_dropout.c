// Dropout (Srivastava et al., JMLR 2014): y_i = u_i >= rate ? x_i / (1 - rate) : 0, dx likewise, where
// u_i = random_uniform(seed, RANDOM_DROPOUT, epoch, site; sample, i) is a function of the sample and never of its
// place.
//
// One Philox4x32-10 block makes four numbers. random_block computes one at a time; here sixteen blocks go side by side,
// so that the compiler can use vectors. Rounds and constants: Salmon, Moraes, Dror & Shaw, SC 2011; the counter's
// layout is that of base/random.c, and the test holds the two against each other.
#include "graph/operation.h"

#include "base/random.h"
#include "kernels/math.h"

#include <math.h>
#include <string.h>

enum { SIDE = 16, WORDS = 4 * SIDE };

typedef struct Philox {
  uint32_t counter[3], high; // epoch, site, low item; high: bits 32 to 39 of the item in the top byte
  uint32_t key[2];
} Philox;

static Philox philox_of(const RandomStream *stream, uint64_t item) {
  return (Philox){{stream->epoch, stream->site, (uint32_t)item},
                  (uint32_t)(item >> 32 & 0xff) << 24,
                  {(uint32_t)stream->seed ^ (uint32_t)stream->purpose * 0x9E3779B9u,
                   (uint32_t)(stream->seed >> 32) ^ (uint32_t)stream->purpose}};
}

/// kept[WORDS] = 1 where word i of blocks first .. first + 15, in order, has its upper 24 bits >= least.
__attribute__((target_clones("avx512f", "avx2", "default"))) static void
philox_compare(uint8_t *kept, const Philox *philox, uint32_t first, uint32_t least) {
  uint32_t c0[SIDE], c1[SIDE], c2[SIDE], c3[SIDE], k0 = philox->key[0], k1 = philox->key[1];
  for (int i = 0; i < SIDE; i++) {
    c0[i] = philox->counter[0];
    c1[i] = philox->counter[1];
    c2[i] = philox->counter[2];
    c3[i] = philox->high | ((first + (uint32_t)i) & 0xffffff);
  }
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
    for (int i = 0; i < SIDE; i++) {
      uint64_t p0 = (uint64_t)0xD2511F53u * c0[i], p1 = (uint64_t)0xCD9E8D57u * c2[i];
      uint32_t high0 = (uint32_t)(p0 >> 32), high1 = (uint32_t)(p1 >> 32);
      c0[i] = high1 ^ c1[i] ^ k0;
      c2[i] = high0 ^ c3[i] ^ k1;
      c1[i] = (uint32_t)p1;
      c3[i] = (uint32_t)p0;
    }
  for (int i = 0; i < SIDE; i++) {
    kept[4 * i] = c0[i] >> 8 >= least;
    kept[4 * i + 1] = c1[i] >> 8 >= least;
    kept[4 * i + 2] = c2[i] >> 8 >= least;
    kept[4 * i + 3] = c3[i] >> 8 >= least;
  }
}

/// kept[n] of a sample: 1 where the element stays.
static void dropout_draw(uint8_t *kept, const RandomStream *stream, uint64_t sample, int64_t n, uint32_t least) {
  Philox philox = philox_of(stream, sample);
  uint8_t rest[WORDS];
  for (int64_t i = 0; i < n; i += WORDS) {
    uint8_t *to = n - i < WORDS ? rest : kept + i;
    philox_compare(to, &philox, (uint32_t)(i / 4), least);
    if (to == rest)
      memcpy(kept + i, rest, (size_t)(n - i));
  }
}

static void dropout_apply(float *y, const float *x, const uint8_t *kept, float factor, int64_t n, bool accumulate) {
  if (accumulate)
    for (int64_t i = 0; i < n; i++)
      y[i] += kept[i] ? x[i] * factor : 0;
  else
    for (int64_t i = 0; i < n; i++)
      y[i] = kept[i] ? x[i] * factor : 0;
}

static Needs dropout_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)threads;
  return (Needs){.kept = training ? (size_t)rows * (size_t)node_width_y(graph, node) : 0};
}

static float dropout_factor(const Node *node) { return (float)(1 / (1 - node->factor)); }

static void dropout_forward(Graph *graph, const Node *node, const Pass *pass) {
  int64_t n = node_width_y(graph, node);
  const float *x = node_x(graph, node, 0);
  float *y = node_y(graph, node);
  if (!pass->training) {
    if (y != x)
      floats_copy(y, x, (size_t)(pass->rows * n));
    return;
  }
  RandomStream stream = {pass->seed, RANDOM_DROPOUT, pass->epoch, node->site};
  uint32_t least = (uint32_t)ceil(node->factor * 0x1p24); // u >= rate, u a multiple of 2^-24
  int threads = threads_for(pass, pass->rows * n);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int r = 0; r < pass->rows; r++) {
    uint8_t *kept = (uint8_t *)node->kept + r * n;
    dropout_draw(kept, &stream, (uint64_t)pass->sample[r], n, least);
    dropout_apply(y + r * n, x + r * n, kept, dropout_factor(node), n, false);
  }
}

static void dropout_backward(Graph *graph, const Node *node, const Pass *pass) {
  int64_t n = pass->rows * node_width_y(graph, node);
  const float *dy = node_dy(graph, node);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  if (pass->training)
    dropout_apply(dx, dy, node->kept, dropout_factor(node), n, accumulate);
  else if (dx != dy)
    (accumulate ? floats_add : floats_copy)(dx, dy, (size_t)n);
}

extern const Operation operation_dropout;

Value graph_dropout(Graph *graph, Value x, double rate) {
  REQUIRE(0 <= rate && rate < 1, "a dropout rate of %g", rate);
  Node *node = graph_append(graph, &operation_dropout, &x, 1, graph_floats(graph, x, "dropout")->shape);
  node->factor = rate;
  return node->output;
}

static Value dropout_example(Graph *graph, uint64_t seed) {
  return graph_dropout(graph, example_input(graph, shape_vector(70), seed), 0.3);
}

const Operation operation_dropout = {.name = "dropout",
                                     .pulls = SLOT_0,
                                     .in_place = true,
                                     .in_place_gradient = true,
                                     .needs = dropout_needs,
                                     .forward = dropout_forward,
                                     .backward = dropout_backward,
                                     .example = dropout_example};
