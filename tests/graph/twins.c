// Every operation says what its formula says: slow twins in double, written from the formulas.
#include "harness.h"

enum { ROWS = EXAMPLE_ROWS };

static void near(const float *got, const double *want, int64_t n, double tolerance, const char *what) {
  for (int64_t i = 0; i < n; i++)
    CHECK(fabs((double)got[i] - want[i]) <= tolerance * (1 + fabs(want[i])), "%s[%lld] is %.9g, not %.9g", what,
          (long long)i, (double)got[i], want[i]);
}

static void start(Net *net, bool training) {
  Slices slices = slices_of(ROWS, 4, 0, 4);
  net_start(net, &slices, training);
  for (int64_t i = 0; i < net->parameters.size; i++)
    net->block[i] += 0.3f * normal(23, (uint64_t)i);
  graph_forward(net->graph, &net->pass);
}

static const float *parameter(const Net *net, const char *path) {
  int i = parameters_find(&net->parameters, path);
  CHECK(i >= 0, "no parameter %s", path);
  return net->block + net->parameters.item[i].offset;
}

static float *running(const Net *net, const char *path) {
  int i = parameters_find(&net->state, path);
  CHECK(i >= 0, "no state %s", path);
  return net->running + net->state.item[i].offset;
}

static void test_linear(void) {
  Net net;
  net_open(&net);
  Value input = example_input(net.graph, shape_matrix(2, 5), 1), y = graph_linear(net.graph, input, 3, true, "l");
  start(&net, false);
  double want[ROWS * 2 * 3];
  const float *x = graph_data(net.graph, input), *w = parameter(&net, "l/weight"), *b = parameter(&net, "l/bias");
  for (int r = 0; r < ROWS * 2; r++)
    for (int o = 0; o < 3; o++) {
      want[r * 3 + o] = b[o];
      for (int i = 0; i < 5; i++)
        want[r * 3 + o] += (double)w[o * 5 + i] * x[r * 5 + i];
    }
  near(graph_data(net.graph, y), want, ROWS * 6, 1e-6, "linear");
  net_close(&net);
}

static void test_bags(void) {
  enum { CODES = 9, OUT = 4 };
  Net net;
  net_open(&net);
  Value input = example_bags(net.graph, CODES, 3);
  Value y = graph_relu(net.graph, graph_bag(net.graph, input, OUT, true, "bag"));
  Value mean = graph_embedding_mean(net.graph, input, OUT, "table");
  start(&net, false);
  const Bags *bags = net.graph->value[input].bound;
  const float *w = parameter(&net, "bag/weight"), *b = parameter(&net, "bag/bias"),
              *table = parameter(&net, "table/weight");
  double want[ROWS * OUT], want_mean[ROWS * OUT];
  for (int r = 0; r < ROWS; r++)
    for (int o = 0; o < OUT; o++) {
      double sum = b[o], average = 0;
      for (int64_t c = bags->offset[r]; c < bags->offset[r + 1]; c++) {
        sum += w[bags->code[c] * OUT + o];
        average += table[bags->code[c] * OUT + o] / (double)(bags->offset[r + 1] - bags->offset[r]);
      }
      want[r * OUT + o] = sum > 0 ? sum : 0;
      want_mean[r * OUT + o] = average;
    }
  near(graph_data(net.graph, y), want, ROWS * OUT, 1e-6, "bag");
  near(graph_data(net.graph, mean), want_mean, ROWS * OUT, 1e-6, "embedding_mean");
  net_close(&net);
}

static void test_conv(void) {
  enum { CI = 2, H = 7, W = 6, CO = 3, K = 3, S = 2, P = 1, OH = 4, OW = 3 };
  Net net;
  net_open(&net);
  Value input = example_input(net.graph, shape_image(CI, H, W), 1);
  Value y = graph_conv2d(net.graph, input, CO, K, S, P, true, "c"), pooled = graph_max_pool(net.graph, y, 2, 1);
  graph_keep(net.graph, y);
  CHECK(shape_equal(graph_shape(net.graph, y), shape_image(CO, OH, OW)), "the shape of conv2d");
  CHECK(shape_equal(graph_shape(net.graph, pooled), shape_image(CO, OH - 1, OW - 1)), "the shape of max_pool");
  start(&net, false);
  const float *x = graph_data(net.graph, input), *w = parameter(&net, "c/weight"), *b = parameter(&net, "c/bias");
  double want[ROWS * CO * OH * OW], largest[ROWS * CO * (OH - 1) * (OW - 1)];
  for (int at = 0; at < ROWS * CO * OH * OW; at++) {
    int j = at % OW, i = at / OW % OH, o = at / OW / OH % CO, r = at / OW / OH / CO;
    want[at] = b[o];
    for (int c = 0; c < CI; c++)
      for (int ky = 0; ky < K; ky++)
        for (int kx = 0; kx < K; kx++) {
          int v = i * S + ky - P, u = j * S + kx - P;
          if (v >= 0 && v < H && u >= 0 && u < W)
            want[at] += (double)w[((o * CI + c) * K + ky) * K + kx] * x[((r * CI + c) * H + v) * W + u];
        }
  }
  near(graph_data(net.graph, y), want, ROWS * CO * OH * OW, 1e-6, "conv2d");
  for (int at = 0; at < ROWS * CO * (OH - 1) * (OW - 1); at++) {
    int j = at % (OW - 1), i = at / (OW - 1) % (OH - 1), plane = at / (OW - 1) / (OH - 1);
    const double *p = want + plane * OH * OW + i * OW + j;
    largest[at] = fmax(fmax(p[0], p[1]), fmax(p[OW], p[OW + 1]));
  }
  near(graph_data(net.graph, pooled), largest, ROWS * CO * (OH - 1) * (OW - 1), 1e-6, "max_pool");
  net_close(&net);
}

/// Two training passes, then one with the running statistics.
static void test_batch_norm(void) {
  enum { C = 3, POSITIONS = 10, N = ROWS * POSITIONS };
  Net net;
  net_open(&net);
  Value input = example_input(net.graph, shape_image(C, 2, 5), 1), y = graph_batch_norm(net.graph, input, "n");
  start(&net, true);
  graph_forward(net.graph, &net.pass);
  const float *x = graph_data(net.graph, input), *w = parameter(&net, "n/weight"), *b = parameter(&net, "n/bias");
  double want[ROWS * C * POSITIONS], mean[C] = {0}, variance[C] = {0}, running_mean[C], running_variance[C];
  for (int i = 0; i < ROWS * C * POSITIONS; i++)
    mean[i / POSITIONS % C] += x[i] / (double)N;
  for (int i = 0; i < ROWS * C * POSITIONS; i++)
    variance[i / POSITIONS % C] += pow(x[i] - mean[i / POSITIONS % C], 2) / N;
  for (int c = 0; c < C; c++) {
    running_mean[c] = 0.1 * mean[c] + 0.9 * 0.1 * mean[c];
    running_variance[c] = 0.1 * variance[c] * N / (N - 1) + 0.9 * (0.1 * variance[c] * N / (N - 1) + 0.9);
  }
  for (int i = 0, c = 0; i < ROWS * C * POSITIONS; i++, c = i / POSITIONS % C)
    want[i] = (x[i] - mean[c]) / sqrt(variance[c] + 1e-5) * w[c] + b[c];
  near(graph_data(net.graph, y), want, ROWS * C * POSITIONS, 2e-6, "batch_norm");
  near(running(&net, "n/mean"), running_mean, C, 1e-6, "running mean");
  near(running(&net, "n/variance"), running_variance, C, 1e-6, "running variance");
  net.pass.training = false;
  graph_forward(net.graph, &net.pass);
  for (int i = 0, c = 0; i < ROWS * C * POSITIONS; i++, c = i / POSITIONS % C)
    want[i] = (x[i] - running_mean[c]) / sqrt(running_variance[c] + 1e-5) * w[c] + b[c];
  near(graph_data(net.graph, y), want, ROWS * C * POSITIONS, 2e-6, "batch_norm outside of training");
  net_close(&net);
}

static void test_layer_norm(void) {
  enum { N = 13 };
  Net net;
  net_open(&net);
  Value input = example_input(net.graph, shape_matrix(2, N), 1), y = graph_layer_norm(net.graph, input, "n");
  start(&net, false);
  const float *x = graph_data(net.graph, input), *w = parameter(&net, "n/weight"), *b = parameter(&net, "n/bias");
  double want[ROWS * 2 * N];
  for (int g = 0; g < ROWS * 2; g++) {
    double mean = 0, variance = 0;
    for (int i = 0; i < N; i++)
      mean += x[g * N + i] / (double)N;
    for (int i = 0; i < N; i++)
      variance += pow(x[g * N + i] - mean, 2) / N;
    for (int i = 0; i < N; i++)
      want[g * N + i] = (x[g * N + i] - mean) / sqrt(variance + 1e-5) * w[i] + b[i];
  }
  near(graph_data(net.graph, y), want, ROWS * 2 * N, 2e-6, "layer_norm");
  net_close(&net);
}

static void test_activations(void) {
  enum { N = 9 };
  Net net;
  net_open(&net);
  Graph *graph = net.graph;
  Value input = example_input(graph, shape_vector(N), 1);
  Value relu = graph_relu(graph, input), gelu = graph_gelu(graph, input), tangent = graph_tanh(graph, input);
  Value sigmoid = graph_sigmoid(graph, input), softplus = graph_softplus(graph, input);
  Value softmax = graph_softmax(graph, graph_scale(graph, input, 30));
  start(&net, false);
  const float *x = graph_data(graph, input);
  double want[6][ROWS * N];
  for (int i = 0; i < ROWS * N; i++) {
    double sum = 0;
    for (int j = i / N * N; j < i / N * N + N; j++)
      sum += exp(30.0 * x[j] - 30.0 * x[i]);
    want[0][i] = fmax(x[i], 0);
    want[1][i] = x[i] * 0.5 * erfc(-x[i] / sqrt(2.0));
    want[2][i] = tanh(x[i]);
    want[3][i] = 1 / (1 + exp(-x[i]));
    want[4][i] = log1p(exp(x[i]));
    want[5][i] = 1 / sum;
  }
  near(graph_data(graph, relu), want[0], ROWS * N, 0, "relu");
  near(graph_data(graph, gelu), want[1], ROWS * N, 1e-6, "gelu");
  near(graph_data(graph, tangent), want[2], ROWS * N, 1e-6, "tanh");
  near(graph_data(graph, sigmoid), want[3], ROWS * N, 1e-6, "sigmoid");
  near(graph_data(graph, softplus), want[4], ROWS * N, 1e-6, "softplus");
  near(graph_data(graph, softmax), want[5], ROWS * N, 1e-5, "softmax");
  net_close(&net);
}

static void test_dropout(int n) { // n / 4 blocks: some whole, some not
  static const double rates[] = {0, 0.1, 0.5, 0.9};
  for (int i = 0; i < 4; i++) {
    Net net;
    net_open(&net);
    Value input = example_input(net.graph, shape_vector(n), 1), y = graph_dropout(net.graph, input, rates[i]);
    start(&net, true);
    net.pass.sample = (int64_t[]){0, 1, 77, (int64_t)1 << 33, 5, 4};
    graph_forward(net.graph, &net.pass);
    RandomStream stream = {net.pass.seed, RANDOM_DROPOUT, net.pass.epoch, net.graph->node[0].site};
    double *want = take((size_t)(ROWS * n), sizeof *want);
    int kept = 0;
    for (int r = 0; r < ROWS; r++)
      for (int e = 0; e < n; e++) {
        bool keep = (double)random_uniform(&stream, (uint64_t)net.pass.sample[r], (uint32_t)e) >= rates[i];
        want[r * n + e] = keep ? graph_data(net.graph, input)[r * n + e] / (1 - rates[i]) : 0;
        kept += keep;
      }
    near(graph_data(net.graph, y), want, ROWS * n, 1e-6, "dropout");
    CHECK(fabs(kept - ROWS * n * (1 - rates[i])) <= 4 * sqrt(ROWS * n * rates[i] * (1 - rates[i])), "%d were kept",
          kept);
    net.pass.training = false;
    graph_forward(net.graph, &net.pass);
    CHECK(memcmp(graph_data(net.graph, y), graph_data(net.graph, input), ROWS * n * sizeof(float)) == 0,
          "dropout evaluated");
    free(want);
    net_close(&net);
  }
}

enum { TOKENS = 4, WIDTH = 6, HEADS = 2, D = WIDTH / HEADS };

static void project(double *y, const double *x, const Net *net, const char *path) {
  char name[64];
  snprintf(name, sizeof name, "%s/weight", path);
  const float *w = parameter(net, name);
  snprintf(name, sizeof name, "%s/bias", path);
  const float *b = parameter(net, name);
  for (int t = 0; t < TOKENS; t++)
    for (int o = 0; o < WIDTH; o++) {
      y[t * WIDTH + o] = b[o];
      for (int i = 0; i < WIDTH; i++)
        y[t * WIDTH + o] += (double)w[o * WIDTH + i] * x[t * WIDTH + i];
    }
}

/// One row; mask has a token.
static void attend(double *y, const double *x, const float *mask, const Net *net) {
  double q[TOKENS * WIDTH], k[TOKENS * WIDTH], v[TOKENS * WIDTH], mixed[TOKENS * WIDTH] = {0};
  project(q, x, net, "a/q");
  project(k, x, net, "a/k");
  project(v, x, net, "a/v");
  for (int h = 0; h < HEADS; h++)
    for (int i = 0; i < TOKENS; i++) {
      double p[TOKENS], sum = 0;
      for (int j = 0; j < TOKENS; j++) {
        double score = 0;
        for (int c = h * D; c < h * D + D; c++)
          score += q[i * WIDTH + c] * k[j * WIDTH + c];
        p[j] = mask[j] != 0 ? exp(score / sqrt(D)) : 0;
        sum += p[j];
      }
      for (int j = 0; j < TOKENS; j++)
        for (int c = h * D; c < h * D + D; c++)
          mixed[i * WIDTH + c] += p[j] / sum * v[j * WIDTH + c];
    }
  project(y, mixed, net, "a/o");
}

static void test_attention(void) {
  Net net;
  net_open(&net);
  Value input = example_input(net.graph, shape_matrix(TOKENS, WIDTH), 1), shown = example_mask(net.graph, TOKENS, 2);
  Value y = graph_attention(net.graph, input, shown, HEADS, "a"), mean = graph_mean_tokens(net.graph, input, shown);
  start(&net, false);
  double want[ROWS * TOKENS * WIDTH] = {0}, want_mean[ROWS * WIDTH] = {0}, x[TOKENS * WIDTH];
  for (int r = 0; r < ROWS; r++) {
    const float *mask = graph_data(net.graph, shown) + r * TOKENS;
    double count = 0;
    for (int t = 0; t < TOKENS; t++)
      count += mask[t];
    CHECK((count == 0) == (r + 1 == ROWS), "row %d of the mask", r);
    for (int i = 0; i < TOKENS * WIDTH; i++) {
      x[i] = graph_data(net.graph, input)[r * TOKENS * WIDTH + i];
      want_mean[r * WIDTH + i % WIDTH] += count > 0 ? mask[i / WIDTH] * x[i] / count : 0;
    }
    if (count > 0)
      attend(want + r * TOKENS * WIDTH, x, mask, &net);
  }
  near(graph_data(net.graph, y), want, ROWS * TOKENS * WIDTH, 1e-6, "attention");
  near(graph_data(net.graph, mean), want_mean, ROWS * WIDTH, 1e-6, "mean_tokens");
  net_close(&net);
}

static void test_fill(void) {
  enum { N = 5 };
  Net net;
  net_open(&net);
  Value input = example_input(net.graph, shape_vector(N), 1), shown = example_mask(net.graph, 1, 2);
  Value y = graph_fill(net.graph, input, shown, "f"), z = graph_fill_mean(net.graph, input, shown, "m");
  start(&net, true);
  const float *x = graph_data(net.graph, input), *mask = graph_data(net.graph, shown), *p = parameter(&net, "f");
  double want[ROWS * N], want_mean[ROWS * N], mean[N] = {0}, count = 0;
  for (int r = 0; r < ROWS; r++)
    count += mask[r];
  for (int i = 0; i < ROWS * N; i++)
    mean[i % N] += mask[i / N] * x[i] / count;
  for (int i = 0; i < ROWS * N; i++) {
    want[i] = mask[i / N] != 0 ? x[i] : p[i % N];
    want_mean[i] = mask[i / N] * x[i]; // nothing is known before the first batch
  }
  near(graph_data(net.graph, y), want, ROWS * N, 0, "fill");
  near(graph_data(net.graph, z), want_mean, ROWS * N, 0, "fill_mean, first batch");
  near(running(&net, "m/mean"), mean, N, 1e-6, "the first mean");
  for (int i = 0; i < ROWS * N; i++)
    ((float *)(uintptr_t)x)[i] += 1; // another batch
  graph_forward(net.graph, &net.pass);
  for (int i = 0; i < ROWS * N; i++)
    want_mean[i] = mask[i / N] != 0 ? (double)x[i] : mean[i % N];
  near(graph_data(net.graph, z), want_mean, ROWS * N, 1e-6, "fill_mean, second batch");
  for (int i = 0; i < N; i++)
    mean[i] += 0.1;
  near(running(&net, "m/mean"), mean, N, 1e-6, "the second mean");
  CHECK(*running(&net, "m/count") == 2, "two batches were counted");
  net_close(&net);
}

static void test_losses(void) {
  enum { N = 5 };
  const double t = 2.5;
  Net net;
  net_open(&net);
  Graph *graph = net.graph;
  Value a = example_input(graph, shape_vector(N), 1), b = example_input(graph, shape_vector(N), 2);
  Value one = example_input(graph, shape_vector(1), 3), labels = example_labels(graph, N, 1),
        binary = example_labels(graph, 2, 1);
  Value big = graph_scale(graph, a, 1000);
  Value loss[] = {graph_cross_entropy(graph, a, labels),
                  graph_binary_cross_entropy(graph, one, binary),
                  graph_mse(graph, a, b),
                  graph_kl(graph, a, b, t),
                  graph_cosine(graph, a, b),
                  graph_cross_entropy(graph, big, labels)};
  start(&net, false);
  const int32_t *label = net.graph->value[labels].bound, *yes = net.graph->value[binary].bound;
  double want[6][ROWS] = {0};
  for (int r = 0; r < ROWS; r++) {
    const float *x = graph_data(graph, a) + r * N, *y = graph_data(graph, b) + r * N;
    double z = graph_data(graph, one)[r], sum = 0, sum_s = 0, sum_t = 0, xx = 0, yy = 0, xy = 0, most = -1e30;
    for (int i = 0; i < N; i++) {
      sum += exp(x[i]);
      sum_s += exp(x[i] / t);
      sum_t += exp(y[i] / t);
      xx += (double)x[i] * x[i];
      yy += (double)y[i] * y[i];
      xy += (double)x[i] * y[i];
      most = fmax(most, 1000.0 * x[i]);
      want[2][r] += pow((double)x[i] - y[i], 2) / N;
    }
    for (int i = 0; i < N; i++)
      want[3][r] += t * t * exp(y[i] / t) / sum_t * (y[i] / t - log(sum_t) - x[i] / t + log(sum_s));
    want[4][r] = xy / sqrt(xx * yy);
    if (label[r] >= 0) {
      want[0][r] = log(sum) - x[label[r]];
      want[1][r] = log1p(exp(z)) - yes[r] * z;
      want[5][r] = most - 1000.0 * x[label[r]];
    }
  }
  static const char *const name[] = {"cross_entropy", "binary_cross_entropy",         "mse", "kl",
                                     "cosine",        "cross_entropy of large logits"};
  for (int i = 0; i < 6; i++)
    near(graph_data(graph, loss[i]), want[i], ROWS, 3e-6, name[i]);
  net_close(&net);
}

int main(void) {
  test_linear();
  test_bags();
  test_conv();
  test_batch_norm();
  test_layer_norm();
  test_activations();
  test_dropout(203);
  test_dropout(128);
  test_dropout(1);
  test_attention();
  test_fill();
  test_losses();
  return 0;
}
