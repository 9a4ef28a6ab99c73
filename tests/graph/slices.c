// However the slices of a batch are dealt to ranks and threads, outputs, statistics and gradients keep every bit.
#include "harness.h"

#include <pthread.h>

enum { RANKS_MOST = 8, SIDE = 8, CODES = 30, WIDTH = 24, CLASSES = 5, ROWS_MOST = 200 };

/// The batch, the same whoever looks at it.
typedef struct Batch {
  int rows;
  float image[ROWS_MOST * SIDE * SIDE], present[ROWS_MOST], token[ROWS_MOST * 3];
  int64_t offset[ROWS_MOST + 1], sample[ROWS_MOST];
  int32_t code[ROWS_MOST * CODES], label[ROWS_MOST];
} Batch;

static void batch_make(Batch *batch, int rows) {
  batch->rows = rows;
  batch->offset[0] = 0;
  for (int r = 0; r < rows; r++) {
    uint64_t item = (uint64_t)r * 1000;
    for (int i = 0; i < SIDE * SIDE; i++)
      batch->image[r * SIDE * SIDE + i] = normal(1, item + (uint64_t)i);
    batch->present[r] = r % 4 != 1;
    for (int t = 0; t < 3; t++)
      batch->token[3 * r + t] = r % 5 != 2 && (r + t) % 3 != 0;
    batch->offset[r + 1] = batch->offset[r];
    for (int32_t c = r % 7; c < CODES && r % 6 != 3; c += 1 + r % 3)
      batch->code[batch->offset[r + 1]++] = c;
    batch->label[r] = r % 9 == 4 ? -1 : r * 7 % CLASSES;
    batch->sample[r] = 5000 - 3 * r;
  }
}

/// What ranks of threads have in common: places for each slice's sums.
typedef struct Shared {
  pthread_barrier_t barrier;
  double sums[SLICES_MOST][4 * WIDTH + 64];
  int slices;
} Shared;

typedef struct Rank {
  Shared *shared;
  const Batch *batch;
  int first, end, total, threads, first_row;
  Net net;
  Bags bags;
  Value output, loss;
  SliceNode node[SLICE_NODES_MOST];
  int nodes;
} Rank;

static void rank_pool(void *user, double *total, const double *per_slice, int n) {
  Rank *rank = user;
  Shared *shared = rank->shared;
  CHECK((size_t)n * sizeof(double) <= sizeof shared->sums[0], "a pool of %d", n);
  for (int s = rank->first; s < rank->end; s++)
    memcpy(shared->sums[s], per_slice + (s - rank->first) * n, (size_t)n * sizeof *per_slice);
  pthread_barrier_wait(&shared->barrier);
  for (int i = 0; i < n; i++) {
    total[i] = 0;
    for (int s = 0; s < rank->total; s++)
      total[i] += shared->sums[s][i];
  }
  pthread_barrier_wait(&shared->barrier);
}

/// Images and codes to classes, with most of what sums over rows; the layer "shared" works three times.
static void rank_build(Rank *rank) {
  const Batch *batch = rank->batch;
  Graph *graph = rank->net.graph;
  int row = rank->first_row;
  Value image = graph_input(graph, shape_image(1, SIDE, SIDE)), bags = graph_input_bags(graph, CODES);
  Value labels = graph_input_labels(graph), present = graph_input(graph, shape_vector(1));
  Value shown = graph_input(graph, shape_vector(3));
  Value x = graph_relu(graph, graph_batch_norm(graph, graph_conv2d(graph, image, 4, 3, 1, 1, true, "conv"), "bn2"));
  x = graph_linear(graph, graph_flatten(graph, graph_max_pool(graph, x, 2, 2)), WIDTH, true, "flat");
  x = graph_fill(graph, graph_relu(graph, x), present, "missing");
  Value c = graph_relu(graph, graph_batch_norm(graph, graph_bag(graph, bags, WIDTH, true, "bag"), "bn1"));
  Value e = graph_fill_mean(graph, graph_embedding_mean(graph, bags, WIDTH, "embedding"), present, "mean");
  x = graph_linear(graph, x, WIDTH, true, "shared");
  c = graph_gelu(graph, graph_linear(graph, c, WIDTH, true, "shared"));
  e = graph_linear(graph, graph_layer_norm(graph, e, "ln"), WIDTH, false, "shared");
  Value tokens = graph_stack(graph, (Value[]){x, c, e}, 3);
  Value mixed = graph_mean_tokens(graph, graph_attention(graph, tokens, shown, 3, "attention"), shown);
  Value all = graph_dropout(graph, graph_concat(graph, (Value[]){x, mixed, c}, 3), 0.2);
  rank->output = graph_linear(graph, all, CLASSES, true, "head");
  rank->loss = graph_cross_entropy(graph, rank->output, labels);
  graph_keep(graph, rank->output);
  graph_bind(graph, image, batch->image + row * SIDE * SIDE);
  rank->bags = (Bags){batch->offset + row, batch->code};
  graph_bind(graph, bags, &rank->bags);
  graph_bind(graph, labels, batch->label + row);
  graph_bind(graph, present, batch->present + row);
  graph_bind(graph, shown, batch->token + 3 * row);
}

static void *rank_run(void *user) {
  Rank *rank = user;
  Net *net = &rank->net;
  Slices slices = slices_of(rank->batch->rows, rank->total, rank->first, rank->end);
  rank->first_row = slice_begin(rank->first, rank->batch->rows, rank->total);
  net_open(net);
  rank_build(rank);
  net_start_threads(net, &slices, true, rank->threads);
  net->pass.sample = rank->batch->sample + rank->first_row;
  net->pass.pool = rank_pool;
  net->pass.pool_user = rank;
  for (int step = 0; step < 2; step++) { // the second finds dirty memory
    graph_forward(net->graph, &net->pass);
    for (int r = 0; r < net->pass.rows; r++)
      graph_gradient(net->graph, rank->loss)[r] = 1.0f / (float)rank->batch->rows;
    rank->nodes = net_backward(net, rank->node);
  }
  return NULL;
}

/// Folds the blocks of all ranks, in order, into one.
static float *ranks_fold(const Rank *rank, int ranks) {
  int64_t size = graph_gradient_size(rank->net.graph);
  float *stack = take((size_t)size * 64, sizeof *stack);
  int top = 0;
  for (int k = 0; k < ranks; k++)
    for (int j = 0; j < rank[k].nodes; j++) {
      int length = rank[k].node[j].end - rank[k].node[j].first, end = rank[k].node[j].end;
      memcpy(stack + top++ * size, rank[k].net.gradient + j * size, (size_t)size * sizeof *stack);
      int folds = end == rank->total || (length & (length - 1)) ? top - 1 : slice_folds(end, length);
      for (; folds > 0; folds--, top--)
        for (int64_t i = 0; i < size; i++)
          stack[(top - 2) * size + i] += stack[(top - 1) * size + i];
    }
  CHECK(top == 1, "%d partial sums are left", top);
  return stack;
}

static void ranks_start(Rank *rank, Shared *shared, const Batch *batch, int ranks, int total, int threads) {
  pthread_t thread[RANKS_MOST];
  pthread_barrier_init(&shared->barrier, NULL, (unsigned)ranks);
  for (int k = 0; k < ranks; k++) {
    rank[k] = (Rank){.shared = shared,
                     .batch = batch,
                     .total = total,
                     .threads = threads,
                     .first = total * k / ranks,
                     .end = total * (k + 1) / ranks};
    CHECK(pthread_create(&thread[k], NULL, rank_run, &rank[k]) == 0, "no thread");
  }
  for (int k = 0; k < ranks; k++)
    pthread_join(thread[k], NULL);
  pthread_barrier_destroy(&shared->barrier);
}

static void ranks_compare(const Rank *one, const float *gradient, const Rank *rank, int ranks, const char *what) {
  const Graph *graph = one->net.graph;
  float *other = ranks_fold(rank, ranks);
  for (int i = 0; i < graph_parameters(graph); i++) {
    const Parameter *item = &one->net.parameters.item[graph_parameter(graph, i)];
    int64_t at = graph_gradient_offset(graph, i);
    CHECK(memcmp(gradient + at, other + at, (size_t)item->size * sizeof *other) == 0, "%s: gradient of %s", what,
          item->path);
  }
  free(other);
  for (int k = 0; k < ranks; k++) {
    size_t row = (size_t)rank[k].first_row * CLASSES * sizeof(float), rows = (size_t)rank[k].net.pass.rows;
    const char *all = (const char *)graph_data(graph, one->output);
    CHECK(memcmp(all + row, graph_data(rank[k].net.graph, rank[k].output), rows * CLASSES * sizeof(float)) == 0,
          "%s: outputs", what);
    CHECK(memcmp(one->net.running, rank[k].net.running, (size_t)one->net.state.size * sizeof(float)) == 0,
          "%s: statistics", what);
  }
}

static void batch_check(const Batch *batch, Shared *shared, int total) {
  static const int tried[][2] = {{1, 2}, {2, 1}, {3, 1}, {5, 1}, {8, 1}}; // ranks, threads
  Rank one, rank[RANKS_MOST];
  ranks_start(&one, shared, batch, 1, total, 1);
  float *gradient = ranks_fold(&one, 1);
  for (int i = 0; batch->rows > 10 && i < graph_parameters(one.net.graph); i++) {
    double sum = 0;
    for (int64_t e = 0; e < one.net.parameters.item[graph_parameter(one.net.graph, i)].size; e++)
      sum += fabs((double)gradient[graph_gradient_offset(one.net.graph, i) + e]);
    CHECK(sum > 0, "no gradient in %s", one.net.parameters.item[graph_parameter(one.net.graph, i)].path);
  }
  for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++) {
    char what[80];
    snprintf(what, sizeof what, "%d rows, %d slices, %d ranks, %d threads", batch->rows, total, tried[i][0],
             tried[i][1]);
    ranks_start(rank, shared, batch, tried[i][0], total, tried[i][1]);
    ranks_compare(&one, gradient, rank, tried[i][0], what);
    for (int k = 0; k < tried[i][0]; k++)
      net_close(&rank[k].net);
  }
  free(gradient);
  net_close(&one.net);
}

int main(void) {
  static const int tried[][2] = {{0, 5}, {1, 8}, {2, 13}, {11, 1}, {11, 5}, {37, 8}, {200, 13}}; // rows, slices
  Batch *batch = take(1, sizeof *batch);
  Shared *shared = take(1, sizeof *shared);
  for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++) {
    batch_make(batch, tried[i][0]);
    batch_check(batch, shared, tried[i][1]);
  }
  free(batch);
  free(shared);
  return 0;
}
