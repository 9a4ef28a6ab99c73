// Inputs of the registry's examples: GRAPH_EXAMPLE_ROWS rows of random numbers, owned by the graph and bound already.
#include "graph/operation.h"

#include "base/random.h"

#include <stdlib.h>

static void *owned_take(Graph *graph, size_t bytes) {
  graph->owned = realloc(graph->owned, (size_t)(graph->owneds + 1) * sizeof *graph->owned);
  REQUIRE(graph->owned, "out of memory for an example");
  void *block = calloc(1, bytes + 1);
  REQUIRE(block, "out of memory for an example");
  return graph->owned[graph->owneds++] = block;
}

static RandomStream example_stream(const Graph *graph, uint64_t seed) {
  return (RandomStream){seed, RANDOM_FREE, 0, (uint32_t)graph->values};
}

Value example_input(Graph *graph, Shape shape, uint64_t seed) {
  RandomStream stream = example_stream(graph, seed);
  int64_t n = EXAMPLE_ROWS * shape_width(shape);
  float *data = owned_take(graph, (size_t)n * sizeof *data);
  for (int64_t i = 0; i < n; i++)
    data[i] = random_normal(&stream, (uint64_t)i, 0);
  Value value = graph_input(graph, shape);
  graph_bind(graph, value, data);
  graph_want_gradient(graph, value);
  return value;
}

Value example_away(Graph *graph, Shape shape, uint64_t seed) {
  Value value = example_input(graph, shape, seed);
  float *data = graph->owned[graph->owneds - 1];
  for (int64_t i = 0; i < EXAMPLE_ROWS * shape_width(shape); i++)
    data[i] += data[i] < 0 ? -0.2f : 0.2f;
  return value;
}

Value example_levels(Graph *graph, Shape shape, uint64_t seed) {
  Value value = example_input(graph, shape, seed);
  float *data = graph->owned[graph->owneds - 1];
  int64_t width = shape_width(shape), order[1024];
  REQUIRE(width <= 1024, "an example of %lld numbers", (long long)width);
  for (int r = 0; r < EXAMPLE_ROWS; r++) {
    RandomStream stream = {seed, RANDOM_FREE, 1, (uint32_t)r};
    random_permutation(order, width, &stream);
    for (int64_t i = 0; i < width; i++)
      data[r * width + i] = 0.1f * (float)(order[i] - width / 2);
  }
  return value;
}

Value example_mask(Graph *graph, int width, uint64_t seed) {
  RandomStream stream = example_stream(graph, seed);
  float *data = owned_take(graph, (size_t)(EXAMPLE_ROWS * width) * sizeof *data);
  for (int i = 0; i < (EXAMPLE_ROWS - 1) * width; i++)
    data[i] = i % width == 0 ? (float)(i / width % 2) : random_uniform(&stream, (uint64_t)i, 0) < 0.6f;
  Value value = graph_input(graph, shape_vector(width));
  graph_bind(graph, value, data);
  return value;
}

Value example_labels(Graph *graph, int classes, uint64_t seed) {
  RandomStream stream = example_stream(graph, seed);
  int32_t *label = owned_take(graph, EXAMPLE_ROWS * sizeof *label);
  for (int r = 0; r < EXAMPLE_ROWS; r++)
    label[r] = r + 1 == EXAMPLE_ROWS ? -1 : (int32_t)(random_bits(&stream, (uint64_t)r) % (uint64_t)classes);
  Value value = graph_input_labels(graph);
  graph_bind(graph, value, label);
  return value;
}

Value example_indices(Graph *graph, int n, int most, uint64_t seed) {
  RandomStream stream = example_stream(graph, seed);
  int32_t *index = owned_take(graph, (size_t)(EXAMPLE_ROWS * n) * sizeof *index);
  for (int i = 0; i < EXAMPLE_ROWS * n; i++)
    index[i] = i == (EXAMPLE_ROWS - 1) * n ? -1 : (int32_t)(random_bits(&stream, (uint64_t)i) % (uint64_t)most);
  Value value = graph_input_indices(graph, n);
  graph_bind(graph, value, index);
  return value;
}

Value example_bags(Graph *graph, int vocabulary, uint64_t seed) {
  RandomStream stream = example_stream(graph, seed);
  int64_t *offset = owned_take(graph, (EXAMPLE_ROWS + 1) * sizeof *offset);
  int32_t *code = owned_take(graph, (size_t)(EXAMPLE_ROWS * vocabulary) * sizeof *code);
  for (int r = 0; r < EXAMPLE_ROWS; r++) {
    offset[r + 1] = offset[r];
    for (int c = 0; c < vocabulary && r > 0; c++)
      if (random_uniform(&stream, (uint64_t)r, (uint32_t)c) < 0.4f)
        code[offset[r + 1]++] = c;
  }
  Bags *bags = owned_take(graph, sizeof *bags);
  *bags = (Bags){offset, code};
  Value value = graph_input_bags(graph, vocabulary);
  graph_bind(graph, value, bags);
  return value;
}
