// Gradients flow from every seed to whoever wants them, add up on the way, stop where told, and never depend on the memory plan.
#include "harness.h"

enum { ROWS = EXAMPLE_ROWS, N = 5 };

static void start_rows(Net *net, int rows, bool training) {
  Slices slices = slices_of(rows, 4, 0, 4);
  net_start(net, &slices, training);
}

static void seed_all(Net *net, Value value, float factor) {
  float *gradient = graph_gradient(net->graph, value);
  for (int64_t i = 0; i < net->pass.rows * graph_width(net->graph, value); i++)
    gradient[i] = factor * normal(41, (uint64_t)i);
}

/// A copy of gradient block 0.
static float *gradient_copy(const Net *net) {
  size_t n = (size_t)graph_gradient_size(net->graph);
  float *copy = take(n, sizeof *copy);
  memcpy(copy, net->gradient, n * sizeof *copy);
  return copy;
}

static void backward(Net *net) {
  SliceNode node[SLICE_NODES_MOST];
  for (int64_t i = 0; i < graph_gradient_size(net->graph); i++)
    net->gradient[i] = 1e30f; // must be overwritten
  CHECK(net_backward(net, node) == 1, "all slices are one node");
}

static double distance(const float *a, const float *b, const float *sum, int64_t n) {
  double worst = 0;
  for (int64_t i = 0; i < n; i++)
    worst = fmax(worst, fabs((double)a[i] + (b ? (double)b[i] : 0) - (double)sum[i]));
  return worst;
}

/// Seeds of an inner value, and the gradient from what is behind it.
static void test_inner_seed(void) {
  Net net;
  net_open(&net);
  Value x = example_input(net.graph, shape_vector(N), 1), target = example_input(net.graph, shape_vector(4), 2);
  Value inner = graph_relu(net.graph, graph_linear(net.graph, x, 4, true, "l")),
        loss = graph_mse(net.graph, inner, target);
  graph_seed(net.graph, inner);
  start_rows(&net, ROWS, true);
  float *part[3];
  for (int i = 0; i < 3; i++) {
    graph_forward(net.graph, &net.pass);
    if (i != 1)
      seed_all(&net, inner, 1);
    if (i != 0)
      seed_all(&net, loss, 2);
    backward(&net);
    part[i] = gradient_copy(&net);
    double sum = 0;
    for (int e = 0; e < 4 * N; e++)
      sum += fabs((double)part[i][e]);
    CHECK(sum > 0.1, "gradient %d is nothing", i);
  }
  CHECK(distance(part[0], part[1], part[2], 4 * N) < 1e-5, "seeds inside and behind do not add up");
  for (int i = 0; i < 3; i++)
    free(part[i]);
  net_close(&net);
}

/// No seeds: zeros everywhere. Nothing that could be seeded above a layer: zeros too.
static void test_no_seed(void) {
  Net net;
  net_open(&net);
  Value x = example_input(net.graph, shape_vector(N), 1);
  Value below = graph_linear(net.graph, x, N, true, "below"),
        y = graph_linear(net.graph, graph_detach(net.graph, below), 3, true, "above");
  graph_linear(net.graph, x, 2, true, "beside");
  start_rows(&net, ROWS, true);
  for (int seeded = 0; seeded < 2; seeded++) {
    graph_forward(net.graph, &net.pass);
    if (seeded)
      seed_all(&net, y, 1);
    backward(&net);
    for (int i = 0; i < graph_parameters(net.graph); i++) {
      const Parameter *item = &net.parameters.item[graph_parameter(net.graph, i)];
      double sum = 0;
      for (int64_t e = 0; e < item->size; e++)
        sum += fabs((double)net.gradient[graph_gradient_offset(net.graph, i) + e]);
      CHECK((sum > 0) == (seeded && strncmp(item->path, "above", 5) == 0), "the gradient of %s has length %g",
            item->path, sum);
    }
    for (int i = 0; i < ROWS * N; i++)
      CHECK(graph_gradient(net.graph, x)[i] == 0, "a gradient went past detach");
  }
  net_close(&net);
}

static void test_reverse(void) {
  Net net;
  net_open(&net);
  Value x = example_input(net.graph, shape_vector(N), 1), y = graph_reverse(net.graph, x);
  Value z = graph_scale(net.graph, x, 2); // a second reader: the gradients add up
  graph_reverse_weight(net.graph, 0.25);
  start_rows(&net, ROWS, true);
  graph_forward(net.graph, &net.pass);
  CHECK(memcmp(graph_data(net.graph, x), graph_data(net.graph, y), ROWS * N * sizeof(float)) == 0,
        "reverse changes values");
  seed_all(&net, y, 1);
  seed_all(&net, z, 3);
  backward(&net);
  for (int i = 0; i < ROWS * N; i++) {
    double want = (2 * 3 - 0.25) * (double)normal(41, (uint64_t)i);
    CHECK(fabs((double)graph_gradient(net.graph, x)[i] - want) < 1e-5, "reverse gives %g, not %g",
          (double)graph_gradient(net.graph, x)[i], want);
  }
  net_close(&net);
}

/// A layer that works twice has the sum of the gradients of two layers of the same weights.
static void test_shared(void) {
  float *part[2];
  for (int shared = 0; shared < 2; shared++) {
    Net net;
    net_open(&net);
    Value x = example_input(net.graph, shape_vector(N), 1);
    Value y = graph_tanh(net.graph, graph_linear(net.graph, x, N, true, "one"));
    Value z = graph_linear(net.graph, y, N, true, shared ? "one" : "two");
    start_rows(&net, ROWS, true);
    if (!shared)
      memcpy(net.block + net.parameters.item[2].offset, net.block,
             (size_t)net.parameters.item[2].offset * sizeof(float));
    graph_forward(net.graph, &net.pass);
    seed_all(&net, z, 1);
    backward(&net);
    part[shared] = gradient_copy(&net);
    net_close(&net);
  }
  CHECK(distance(part[0], part[0] + 48, part[1], N * N) < 1e-5, "the two uses of a weight do not add up");
  CHECK(distance(part[0] + 32, part[0] + 80, part[1] + 32, N) < 1e-5, "the two uses of a bias do not add up");
  free(part[0]);
  free(part[1]);
}

static Value net_plain(Graph *graph) {
  Value x = example_input(graph, shape_image(1, 6, 6), 1), shown = example_mask(graph, 1, 1);
  Value a = graph_dropout(graph, graph_relu(graph, graph_linear(graph, graph_flatten(graph, x), 8, true, "a")), 0.3);
  Value b = graph_relu(graph, graph_flatten(graph, graph_conv2d(graph, x, 1, 5, 1, 1, true, "b")));
  b = graph_fill(graph, graph_linear(graph, graph_scale(graph, b, 1.5), 8, false, "c"), shown, "d");
  Value c = graph_softmax(graph, graph_tanh(graph, graph_add(graph, a, graph_relu(graph, b))));
  Value twice = graph_linear(graph, c, 8, false, "e"); // read three times
  Value d = graph_add(graph, graph_relu(graph, twice), graph_add(graph, graph_tanh(graph, twice), c));
  d = graph_add(graph, graph_add(graph, twice, d), graph_dropout(graph, graph_flatten(graph, twice), 0.5));
  return graph_relu(graph, graph_sigmoid(graph, graph_reverse(graph, graph_gelu(graph, d))));
}

/// Batch norms with all that may run inside of them, on planes large and small.
static Value net_images(Graph *graph) {
  Value x = example_input(graph, shape_image(3, 97, 90), 1);
  x = graph_relu(graph, graph_batch_norm(graph, graph_conv2d(graph, x, 5, 3, 1, 1, false, "a"), "b"));
  x = graph_dropout(graph, graph_max_pool(graph, x, 2, 2), 0.2);
  x = graph_batch_norm(graph, graph_conv2d(graph, x, 19, 3, 2, 1, false, "c"), "d");
  x = graph_dropout(graph, graph_relu(graph, x), 0.2);
  Value twice = graph_batch_norm(graph, graph_conv2d(graph, x, 7, 2, 1, 0, false, "e"), "f"); // read twice
  x = graph_relu(graph, graph_max_pool(graph, graph_max_pool(graph, graph_batch_norm(graph, twice, "g"), 3, 2), 2, 4));
  return graph_concat(graph, (Value[]){graph_flatten(graph, x), graph_flatten(graph, graph_relu(graph, twice))}, 2);
}

/// A net has the same bits with and without the right to compute over inner values, on any number of threads.
static void test_plan(Value build(Graph *graph)) {
  float *part[2], *output[2];
  size_t bytes[2], width = 0;
  for (int keep = 0; keep < 2; keep++) {
    Net net;
    net_open(&net);
    Value y = build(net.graph);
    for (Value v = 0; keep && v < net.graph->values; v++)
      graph_keep(net.graph, v);
    Slices slices = slices_of(ROWS, 4, 0, 4);
    net_start_threads(&net, &slices, true, 2 - keep);
    bytes[keep] = net.graph->bytes;
    graph_forward(net.graph, &net.pass);
    seed_all(&net, y, 1);
    backward(&net);
    part[keep] = gradient_copy(&net);
    width = (size_t)graph_width(net.graph, y);
    output[keep] = take(ROWS * width, sizeof *output[keep]);
    memcpy(output[keep], graph_data(net.graph, y), ROWS * width * sizeof *output[keep]);
    if (keep)
      CHECK(memcmp(part[0], part[1], (size_t)graph_gradient_size(net.graph) * sizeof(float)) == 0,
            "gradients of the two plans");
    net_close(&net);
  }
  CHECK(memcmp(output[0], output[1], ROWS * width * sizeof *output[0]) == 0, "outputs of the two plans");
  CHECK(bytes[0] < bytes[1], "in place takes %zu bytes, otherwise %zu", bytes[0], bytes[1]);
  for (int keep = 0; keep < 2; keep++)
    free(part[keep]), free(output[keep]);
}

/// The rows of a smaller call have the bits they had in the larger one; no rows is fine.
static void test_rows(int kind) {
  float *whole = NULL;
  int64_t width = 0;
  static const int rows[] = {ROWS, 1, 3, 0};
  for (int i = 0; i < 4; i++) {
    Net net;
    net_open(&net);
    Value y = graph_kind_example(net.graph, kind, 3);
    start_rows(&net, rows[i], true);
    net.pass.training = false;
    graph_forward(net.graph, &net.pass);
    width = graph_width(net.graph, y);
    if (!whole) {
      whole = take((size_t)(ROWS * width), sizeof *whole);
      memcpy(whole, graph_data(net.graph, y), (size_t)(ROWS * width) * sizeof *whole);
    }
    CHECK(memcmp(whole, graph_data(net.graph, y), (size_t)(rows[i] * width) * sizeof *whole) == 0, "%s: %d rows of %d",
          graph_kind_name(kind), rows[i], ROWS);
    net.pass.training = true;
    graph_forward(net.graph, &net.pass);
    seed_all(&net, y, 1);
    backward(&net);
    for (int64_t e = 0; e < graph_gradient_size(net.graph); e++)
      CHECK(rows[i] == 0 ? net.gradient[e] == 0 || net.gradient[e] == 1e30f : isfinite(net.gradient[e]),
            "%s: %d rows have the gradient %g", graph_kind_name(kind), rows[i], (double)net.gradient[e]);
    for (int64_t e = 0; e < net.state.size; e++)
      CHECK(isfinite(net.running[e]), "%s: running statistics", graph_kind_name(kind));
    net_close(&net);
  }
  free(whole);
}

/// One element has no variance, none has no mean: running statistics are left alone.
static void test_few(void) {
  for (int rows = 0; rows < 3; rows++) {
    Net net;
    net_open(&net);
    Value x = example_input(net.graph, shape_vector(N), 1), y = graph_batch_norm(net.graph, x, "n");
    start_rows(&net, rows, true);
    graph_forward(net.graph, &net.pass);
    const float *mean = net.running + net.state.item[0].offset, *variance = net.running + net.state.item[1].offset;
    for (int i = 0; i < N; i++) {
      CHECK((mean[i] == 0) == (rows < 1), "%d rows: running mean %g", rows, (double)mean[i]);
      CHECK((variance[i] == 1) == (rows < 2), "%d rows: running variance %g", rows, (double)variance[i]);
      CHECK(rows != 1 || graph_data(net.graph, y)[i] == 0, "one row is its own mean");
    }
    net_close(&net);
  }
}

/// What dropout keeps depends on the place in the graph, the graph, the sample and the epoch.
static void test_dropout_sites(void) {
  enum { MANY = 64, GRAPHS = 3 };
  float data[2 * GRAPHS + 2][MANY], ones[2 * MANY];
  for (int i = 0; i < 2 * MANY; i++)
    ones[i] = 1;
  for (int g = 0; g < GRAPHS + 1; g++) { // the last repeats graph 0 in another epoch
    Net net;
    net_open(&net);
    Value x = graph_input(net.graph, shape_vector(MANY));
    graph_bind(net.graph, x, ones);
    if (g == 1)
      graph_linear(net.graph, x, 2, true, "l");
    if (g == 2)
      parameters_declare(&net.parameters, "other", (int[]){3}, 1, INIT_ZERO, 0);
    Value y[2] = {graph_dropout(net.graph, x, 0.5), graph_dropout(net.graph, x, 0.5)};
    start_rows(&net, 1, true);
    net.pass.epoch += g == GRAPHS;
    graph_forward(net.graph, &net.pass);
    for (int i = 0; i < 2; i++)
      memcpy(data[2 * g + i], graph_data(net.graph, y[i]), sizeof data[0]);
    net_close(&net);
  }
  for (int i = 0; i < 2 * GRAPHS + 2; i++)
    for (int j = 0; j < i; j++)
      CHECK(memcmp(data[i], data[j], sizeof data[0]) != 0, "dropouts %d and %d keep the same", i, j);
}

int main(void) {
  test_inner_seed();
  test_no_seed();
  test_reverse();
  test_shared();
  test_plan(net_plain);
  test_plan(net_images);
  for (int kind = 0; kind < graph_kinds(); kind++)
    test_rows(kind);
  test_few();
  test_dropout_sites();
  return 0;
}
