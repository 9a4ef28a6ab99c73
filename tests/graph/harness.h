#ifndef GRAPH_HARNESS_H
#define GRAPH_HARNESS_H
/// What the tests of the graph share: memory for parameters, a pass over all rows cut into slices, weighted sums.
#include "base/memory.h"
#include "base/random.h"
#include "check.h"
#include "graph/operation.h"

#include <math.h>
#include <string.h>

static inline void *take(size_t n, size_t size) {
  void *block;
  Status status = memory_take(&block, n, size, "a test");
  CHECK(status.code == 0, "%s", status.text);
  return block;
}

static inline void plan(Graph *graph, int rows, bool training, int threads) {
  size_t bytes = graph_bytes(graph, rows, training, threads);
  Status status = graph_plan(graph, rows, training, threads);
  CHECK(status.code == 0, "%s", status.text);
  CHECK(bytes == graph->bytes, "planned %zu bytes, said %zu", graph->bytes, bytes);
}

/// Slices [first, end) out of `total` of a batch of `rows` rows.
static inline Slices slices_of(int rows, int total, int first, int end) {
  Slices slices = {.total = total, .first = first, .count = end - first};
  for (int s = first; s <= end; s++)
    slices.row[s - first] = slice_begin(s, rows, total) - slice_begin(first, rows, total);
  return slices;
}

/// A net with its memory; filled by the caller up to `graph`, then by net_start.
typedef struct Net {
  Parameters parameters, state;
  Graph *graph;
  float *block, *running, *running_start, *gradient;
  Pass pass;
  int64_t *sample;
} Net;

static inline void net_open(Net *net) {
  memset(net, 0, sizeof *net);
  net->graph = graph_open(&net->parameters, &net->state);
}

/// Plans for the rows of the slices, draws parameters; the pass goes over them.
static inline void net_start_threads(Net *net, const Slices *slices, bool training, int threads) {
  int rows = slices->row[slices->count];
  plan(net->graph, rows, training, threads);
  net->block = take((size_t)net->parameters.size, sizeof *net->block);
  net->running = take((size_t)net->state.size, sizeof *net->running);
  net->running_start = take((size_t)net->state.size, sizeof *net->running);
  net->gradient = take((size_t)graph_gradient_size(net->graph) * SLICE_NODES_MOST, sizeof *net->gradient);
  net->sample = take((size_t)rows, sizeof *net->sample);
  for (int r = 0; r < rows; r++)
    net->sample[r] = 100 + r;
  parameters_init(net->block, &net->parameters, 7);
  parameters_init(net->running_start, &net->state, 7);
  memcpy(net->running, net->running_start, (size_t)net->state.size * sizeof *net->running);
  net->pass = (Pass){.parameters = net->block, .state = net->running, .rows = rows, .slices = *slices,
                     .sample = net->sample, .seed = 5, .epoch = 2, .training = training, .threads = threads};
}

static inline void net_start(Net *net, const Slices *slices, bool training) { net_start_threads(net, slices, training, 1); }

/// Backward into net->gradient: one block behind the other, one per node of the tree; returns their number.
static inline int net_backward(Net *net, SliceNode node[SLICE_NODES_MOST]) {
  const Slices *slices = &net->pass.slices;
  float *gradient[SLICE_NODES_MOST];
  int nodes = slice_nodes(node, slices->first, slices->first + slices->count, slices->total);
  for (int j = 0; j < nodes; j++)
    gradient[j] = net->gradient + j * graph_gradient_size(net->graph);
  graph_backward(net->graph, &net->pass, gradient, node, nodes);
  return nodes;
}

static inline void net_close(Net *net) {
  graph_close(net->graph);
  free(net->block);
  free(net->running);
  free(net->running_start);
  free(net->gradient);
  free(net->sample);
  parameters_free(&net->parameters);
  parameters_free(&net->state);
}

static inline float normal(uint64_t seed, uint64_t item) {
  RandomStream stream = {seed, RANDOM_FREE, 77, 0};
  return random_normal(&stream, item, 0);
}

#endif
