// Dropout (Srivastava et al., JMLR 2014): y_i = u_i >= rate ? x_i / (1 - rate) : 0, dx likewise, where
// u_i = random_uniform(seed, RANDOM_DROPOUT, epoch, site; sample, i) is a function of the sample and never of its
// place.
//
// One Philox4x32-10 block makes four numbers. random_block computes one block at a time; here many go side by side, so that
// the compiler can use vectors. Rounds and constants: Salmon, Moraes, Dror & Shaw, SC 2011; the counter's layout is that of
// base/random.c, and a test holds the two against each other.
#include "graph/operation.h"

#include "base/random.h"
#include "kernels/math.h"

#include <math.h>
#include <string.h>

enum { SIDE = 64 }; // blocks side by side

typedef struct Lanes {
  uint32_t word[4][SIDE];
  uint32_t kept[SIDE]; // byte w: is word w at least so much
} Lanes;

/// Counters become numbers, in place, and are compared: upper 24 bits >= least.
__attribute__((target_clones("avx512f", "avx2", "default"))) static void philox_compare(Lanes *lanes, uint32_t k0,
                                                                                        uint32_t k1, uint32_t least) {
  uint32_t *c0 = lanes->word[0], *c1 = lanes->word[1], *c2 = lanes->word[2], *c3 = lanes->word[3];
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
    for (int i = 0; i < SIDE; i++) {
      uint64_t p0 = (uint64_t)0xD2511F53u * c0[i], p1 = (uint64_t)0xCD9E8D57u * c2[i];
      c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
      c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
      c1[i] = (uint32_t)p1;
      c3[i] = (uint32_t)p0;
    }
  for (int i = 0; i < SIDE; i++)
    lanes->kept[i] = (c0[i] >> 8 >= least ? 1u : 0u) | (c1[i] >> 8 >= least ? 1u << 8 : 0u) |
                     (c2[i] >> 8 >= least ? 1u << 16 : 0u) | (c3[i] >> 8 >= least ? 1u << 24 : 0u);
}

/// Counters of SIDE blocks from `first` on; lanes behind the last row compute what nobody reads.
static void lanes_fill(Lanes *lanes, const RandomStream *stream, const int64_t *sample, int rows, int64_t blocks,
                       int64_t first) {
  int64_t row = first / blocks, block = first % blocks;
  for (int i = 0; i < SIDE; row++, block = 0) {
    uint64_t item = (uint64_t)sample[row < rows ? row : rows - 1];
    uint32_t high = (uint32_t)(item >> 32 & 0xff) << 24;
    for (; i < SIDE && block < blocks; i++, block++) {
      lanes->word[0][i] = stream->epoch;
      lanes->word[1][i] = stream->site;
      lanes->word[2][i] = (uint32_t)item;
      lanes->word[3][i] = high | ((uint32_t)block & 0xffffff);
    }
  }
}

/// kept[rows, n]: 1 where the element stays, that is where the upper 24 bits of its number are at least `least`.
static void dropout_draw(uint8_t *kept, const RandomStream *stream, const int64_t *sample, int rows, int64_t n,
                         uint32_t least) {
  int64_t blocks = (n + 3) / 4, all = rows * blocks;
  uint32_t k0 = (uint32_t)stream->seed ^ (uint32_t)stream->purpose * 0x9E3779B9u;
  uint32_t k1 = (uint32_t)(stream->seed >> 32) ^ (uint32_t)stream->purpose;
  Lanes lanes;
  for (int64_t first = 0; first < all; first += SIDE) {
    int64_t count = all - first < SIDE ? all - first : SIDE;
    lanes_fill(&lanes, stream, sample, rows, blocks, first);
    philox_compare(&lanes, k0, k1, least);
    if (n % 4 == 0 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
      memcpy(kept + 4 * first, lanes.kept, (size_t)count * sizeof lanes.kept[0]);
    else
      for (int64_t i = 0; i < count; i++)
        for (int64_t w = 0, at = (first + i) % blocks * 4; w < 4 && at + w < n; w++)
          kept[(first + i) / blocks * n + at + w] = (uint8_t)(lanes.kept[i] >> 8 * w);
  }
}

/// y = kept ? factor x : +0, without a branch, which random numbers would mislead every other time.
__attribute__((target_clones("avx512f", "avx2", "default"))) static void
dropout_apply(float *y, const float *x, const uint8_t *kept, float factor, int64_t n, bool accumulate) {
  for (int64_t i = 0; i < n; i++) {
    float scaled = x[i] * factor;
    uint32_t bits;
    memcpy(&bits, &scaled, sizeof bits);
    bits &= -(uint32_t)kept[i];
    memcpy(&scaled, &bits, sizeof bits);
    y[i] = accumulate ? y[i] + scaled : scaled;
  }
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
  enum { ROWS = 16 };                                     // that a thread takes at a time
  int threads = threads_for(pass, pass->rows * n);
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int r = 0; r < pass->rows; r += ROWS) {
    int rows = pass->rows - r < ROWS ? pass->rows - r : ROWS;
    uint8_t *kept = (uint8_t *)node->kept + r * n;
    dropout_draw(kept, &stream, pass->sample + r, rows, n, least);
    dropout_apply(y + r * n, x + r * n, kept, dropout_factor(node), rows * n, false);
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
