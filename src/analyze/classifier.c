// Table 9: a two-layer ReLU network learns from the weights of unimodal models which modality a model was trained on, and is then asked about the
// weights of the multimodal fusion. The paper says no more; here:
//   models      of every modality MODELS heads, linear [h, d] - ReLU - linear [C, h] as the fusion's first layer and head, trained on this run's
//               frozen representations of ANALYZE_TRAINING_SAMPLES training samples with the other modalities' columns at 0; Adam, PASSES passes
//   rows        the h rows of the first weight of every model, scaled to length 1, with the model's modality as label; every fifth model is held out
//   classifier  linear [WIDTH, d] - ReLU - linear [m, WIDTH], Adam, CLASSIFIER_PASSES passes
//   applied     to the rows of the trained fusion layer. Two readings: the mean entropy of what it says (at most ln m; 0: monosemantic), and the mean
//               cross-entropy against the modality whose columns have most of the row's energy (confident mistakes exceed ln m, as the paper's do)
// A. Chaudhuri et al., ICML 2025, section C.8 and Table 9.
#include "analyze/figures.h"
#include "analyze/pooled.h"
#include "analyze/probe.h"
#include "base/memory.h"
#include "base/random.h"
#include "comm/watchdog.h"
#include "kernels/optimizer.h"
#include "metrics/polysemanticity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS = 10, PASSES = 20, CLASSIFIER_PASSES = 60, WIDTH = 64, BATCH = 64, SITE_MODELS = 16 };
static const double RATE = 3e-3;

// --- two layers -------------------------------------------------------------------------------------------------------------

// in - hidden, ReLU - out, on one rank, all slices of a batch here.
typedef struct Net {
  Parameters parameters, state;
  Graph *graph;
  Value x, labels, logits, loss;
  int in, hidden, out, first; // first: index of the first weight
  float *block, *gradient, *m, *v, *input;
  int32_t *label;
} Net;

static Status net_open(Net *net, int in, int hidden, int out, uint64_t seed) {
  *net = (Net){.in = in, .hidden = hidden, .out = out};
  net->graph = graph_open(&net->parameters, &net->state);
  net->x = graph_input(net->graph, (Shape){1, {in}});
  net->labels = graph_input_labels(net->graph);
  Value inner = graph_relu(net->graph, graph_linear(net->graph, net->x, hidden, true, "0"));
  net->logits = graph_linear(net->graph, inner, out, true, "1");
  net->loss = graph_cross_entropy(net->graph, net->logits, net->labels);
  net->first = parameters_find(&net->parameters, "0/weight");
  graph_keep(net->graph, net->logits);
  graph_seed(net->graph, net->loss);
  TRY(graph_plan(net->graph, BATCH, true, 1));
  size_t size = (size_t)net->parameters.size, compact = (size_t)graph_gradient_size(net->graph);
  TRY(memory_take((void **)&net->block, 3 * size, sizeof(float), "a small network"));
  net->m = net->block + size;
  net->v = net->m + size;
  TRY(memory_take((void **)&net->gradient, compact, sizeof(float), "a small network"));
  TRY(memory_take((void **)&net->input, BATCH * (size_t)in, sizeof(float), "a small network"));
  TRY(memory_take((void **)&net->label, BATCH, sizeof(int32_t), "a small network"));
  parameters_init(net->block, &net->parameters, seed);
  return STATUS_OK;
}

static void net_close(Net *net) {
  if (net->graph)
    graph_close(net->graph);
  parameters_free(&net->parameters);
  parameters_free(&net->state);
  free(net->block);
  free(net->gradient);
  free(net->input);
  free(net->label);
}

static const float *net_weight(const Net *net) { return net->block + net->parameters.item[net->first].offset; }

static Pass net_forward(Net *net, int rows) {
  static const int64_t nobody[BATCH] = {0}; // keys of dropout, of which there is none
  Pass pass = {.parameters = net->block,
               .rows = rows,
               .slices = {.total = 1, .count = 1, .row = {0, rows}},
               .sample = nobody,
               .training = true,
               .threads = 1};
  graph_bind(net->graph, net->x, net->input);
  graph_bind(net->graph, net->labels, net->label);
  graph_forward(net->graph, &pass);
  return pass;
}

static void net_step(Net *net, int rows, int64_t step) {
  SliceNode node = {0, 1};
  AdamRule rule = {.lr = RATE, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .scale = 1};
  Pass pass = net_forward(net, rows);
  float *seed = graph_gradient(net->graph, net->loss);
  for (int r = 0; r < rows; r++)
    seed[r] = 1 / (float)rows;
  graph_backward(net->graph, &pass, &net->gradient, &node, 1);
  for (int k = 0; k < graph_parameters(net->graph); k++) {
    const Parameter *item = &net->parameters.item[graph_parameter(net->graph, k)];
    adam_step(net->block + item->offset, net->m + item->offset, net->v + item->offset,
              net->gradient + graph_gradient_offset(net->graph, k), (size_t)item->size, &rule, step);
  }
}

// Rows order[count] of x[.., in] with labels, `passes` times in a new order each.
static Status net_train(Net *net, const float *x, const int32_t *label, const int64_t *rows, int64_t count, int passes,
                        uint64_t seed) {
  int64_t *order, step = 0;
  TRY(memory_take((void **)&order, (size_t)count, sizeof *order, "an order of rows"));
  for (int pass = 0; pass < passes; pass++) {
    random_permutation(order, count, &(RandomStream){seed, RANDOM_ANALYSIS, (uint32_t)pass, SITE_MODELS});
    for (int64_t begin = 0; begin < count; begin += BATCH) {
      int here = (int)(count - begin < BATCH ? count - begin : BATCH);
      for (int r = 0; r < here; r++) {
        int64_t row = rows[order[begin + r]];
        memcpy(net->input + (size_t)r * (size_t)net->in, x + row * net->in, (size_t)net->in * sizeof *x);
        net->label[r] = label[row];
      }
      net_step(net, here, ++step);
    }
  }
  free(order);
  return STATUS_OK;
}

// --- unimodal models --------------------------------------------------------------------------------------------------------

typedef struct Work {
  AnalyzeContext *context, train;
  int m, d, h, classes, begin[MODALITIES_MOST + 1];
  float *joined;                   // owned [train.n, d]: what enters the fusion's first layer
  int32_t *label;                  // owned [train.n]
  uint8_t *shown[MODALITIES_MOST]; // owned [train.n]
  float *row;                      // owned [m * MODELS * h, d]
  int32_t *owner;                  // owned [m * MODELS * h]
} Work;

static void unit_rows(float *to, const float *weight, int rows, int d) {
  for (int k = 0; k < rows; k++, to += d, weight += d) {
    double square = 0;
    for (int j = 0; j < d; j++)
      square += (double)weight[j] * (double)weight[j];
    for (int j = 0; j < d; j++)
      to[j] = square > 0 ? (float)((double)weight[j] / sqrt(square)) : 0;
  }
}

// Model `number` of modality i, whose rows go to their place.
static Status make_model(Work *work, int i, int number, float *x, int64_t *rows) {
  Net net;
  int64_t count = 0;
  uint64_t seed = work->context->session->config.run.seed * 1000003 + (uint64_t)(i * MODELS + number);
  for (int64_t r = 0; r < work->train.n; r++)
    if (work->shown[i][r] && work->label[r] >= 0) {
      memset(x + r * work->d, 0, (size_t)work->d * sizeof *x);
      memcpy(x + r * work->d + work->begin[i], work->joined + r * work->d + work->begin[i],
             (size_t)(work->begin[i + 1] - work->begin[i]) * sizeof *x);
      rows[count++] = r;
    }
  Status status = net_open(&net, work->d, work->h, work->classes, seed);
  if (status.code == 0 && count > 0)
    status = net_train(&net, x, work->label, rows, count, PASSES, seed);
  if (status.code == 0)
    unit_rows(work->row + (size_t)(i * MODELS + number) * (size_t)work->h * (size_t)work->d, net_weight(&net), work->h,
              work->d);
  net_close(&net);
  return status;
}

// Each rank makes its share of the models; the rows of all go to all.
static Status make_models(Work *work) {
  const Comm *comm = work->context->comm;
  float *x = NULL;
  int64_t *rows = NULL, all = (int64_t)work->m * MODELS * work->h;
  Status status = memory_take((void **)&x, (size_t)work->train.n * (size_t)work->d, sizeof *x, "unimodal inputs");
  if (status.code == 0)
    status = memory_take((void **)&rows, (size_t)work->train.n, sizeof *rows, "unimodal inputs");
  for (int i = 0; i < work->m; i++)
    for (int k = 0; k < MODELS && status.code == 0; k++) {
      watchdog_phase("unimodal models", -1);
      if ((i * MODELS + k) % comm->ranks == comm->rank)
        status = make_model(work, i, k, x, rows);
    }
  free(x);
  free(rows);
  TRY(comm_agree(comm, status));
  for (int64_t e = 0; e < all * work->d; e++) // adding +0 turns -0 into +0, as the sum over ranks does
    work->row[e] += 0.0f;
  exchange_collect(&work->context->session->grid, work->row, all * work->d);
  for (int64_t k = 0; k < all; k++)
    work->owner[k] = (int32_t)(k / ((int64_t)MODELS * work->h));
  return STATUS_OK;
}

// --- the classifier ---------------------------------------------------------------------------------------------------------

// probability[m] of every row of x[count, d].
static Status ask(Net *net, double *probability, const float *x, int64_t count) {
  for (int64_t begin = 0; begin < count; begin += BATCH) {
    int here = (int)(count - begin < BATCH ? count - begin : BATCH);
    memcpy(net->input, x + begin * net->in, (size_t)here * (size_t)net->in * sizeof *x);
    memset(net->label, 0, sizeof *net->label * BATCH);
    net_forward(net, here);
    const float *logits = graph_data(net->graph, net->logits);
    for (int r = 0; r < here; r++, logits += net->out) {
      double most = -INFINITY, sum = 0, *p = probability + (begin + r) * net->out;
      for (int c = 0; c < net->out; c++)
        most = fmax(most, (double)logits[c]);
      for (int c = 0; c < net->out; c++)
        sum += p[c] = exp((double)logits[c] - most);
      for (int c = 0; c < net->out; c++)
        p[c] /= sum;
    }
  }
  return STATUS_OK;
}

static bool held_out(const Work *work, int64_t row) { return row / work->h % MODELS % 5 == 4; }

static Status train_classifier(const Work *work, Net *net) {
  int64_t all = (int64_t)work->m * MODELS * work->h, count = 0, *rows;
  TRY(memory_take((void **)&rows, (size_t)all, sizeof *rows, "rows to learn from"));
  for (int64_t k = 0; k < all; k++)
    if (!held_out(work, k))
      rows[count++] = k;
  Status status =
      net_train(net, work->row, work->owner, rows, count, CLASSIFIER_PASSES, work->context->session->config.run.seed);
  free(rows);
  return status;
}

static void score_held_out(const Work *work, const double *probability, json_t *result) {
  double right = 0, n = 0;
  for (int64_t k = 0; k < (int64_t)work->m * MODELS * work->h; k++) {
    const double *p = probability + k * work->m;
    int best = 0;
    if (!held_out(work, k))
      continue;
    for (int i = 1; i < work->m; i++)
      best = p[i] > p[best] ? i : best;
    right += best == work->owner[k];
    n++;
  }
  json_t *object = json_object(),
         *figure = figure_add(result, "bars", "Telling unimodal models apart", "accuracy", NULL,
                              "Of the classifier, on neurons of unimodal models that it has not seen: below this, what "
                              "it says of the fusion means "
                              "little. n: neurons. Whiskers: 95 % (Wilson).");
  figure_axis(figure, 0, 1);
  figure_rule(figure, 1.0 / work->m, "guessing");
  figure_result(work->context, figure, object, "accuracy on held-out unimodal models", "held_out_accuracy",
                (Estimate){right / n, summary_wilson(right, n, LEVEL), (int64_t)n});
  json_object_update(result, object);
  json_decref(object);
}

static Estimate mean_of(const double *value, int n) {
  Summary summary = summary_of(value, n, LEVEL);
  return (Estimate){summary.mean, summary.interval, n};
}

static void score_fusion(const Work *work, const double *probability, const float *rows, double *number,
                         json_t *result) {
  double *entropy = number, *cross = entropy + work->h, *v = cross + work->h, energy[MODALITIES_MOST];
  int kept = 0;
  for (int k = 0; k < work->h; k++) {
    const double *p = probability + (size_t)k * (size_t)work->m;
    int block = 0;
    for (int j = 0; j < work->d; j++)
      v[j] = (double)rows[(size_t)k * (size_t)work->d + (size_t)j];
    modality_energy(energy, v, work->begin, work->m);
    if (isnan(share_entropy(energy, work->m))) // an empty row
      continue;
    for (int i = 1; i < work->m; i++)
      block = energy[i] > energy[block] ? i : block;
    entropy[kept] = share_entropy(p, work->m);
    cross[kept++] = -log(fmax(p[block], 1e-300));
  }
  json_t *object = json_object();
  json_t *figure = figure_add(result, "bars", "A classifier's view of the fusion's neurons", "nats", NULL,
                              "Of a network that tells unimodal models' neurons by modality: entropy of what it says "
                              "of the fusion's neurons, and "
                              "cross-entropy against the modality with most of a neuron's energy. n: neurons. "
                              "Whiskers: 95 % (Student) over them.");
  figure_rule(figure, log(work->m), "knowing nothing: ln m");
  figure_result(work->context, figure, object, "entropy", "entropy", mean_of(entropy, kept));
  figure_result(work->context, figure, object, "cross-entropy", "cross-entropy", mean_of(cross, kept));
  json_object_set_new(result, "classifier", object);
}

static Status apply(Work *work, const float *weight, json_t *result) {
  Net net;
  size_t rows = (size_t)work->m * MODELS * (size_t)work->h, d = (size_t)work->d, h = (size_t)work->h;
  double *number = NULL;
  float *unit = NULL;
  Status status = net_open(&net, work->d, WIDTH, work->m, work->context->session->config.run.seed);
  if (status.code == 0)
    status = memory_take((void **)&number, (rows + h) * (size_t)work->m + 2 * h + d, sizeof *number, "probabilities");
  if (status.code == 0)
    status = memory_take((void **)&unit, h * d, sizeof *unit, "rows of weights");
  if (status.code == 0)
    status = train_classifier(work, &net);
  if (status.code == 0) {
    double *fused = number + rows * (size_t)work->m;
    unit_rows(unit, weight, work->h, work->d);
    ask(&net, number, work->row, (int64_t)rows);
    ask(&net, fused, unit, work->h);
    score_held_out(work, number, result);
    score_fusion(work, fused, unit, fused + h * (size_t)work->m, result);
  }
  net_close(&net);
  free(number);
  free(unit);
  return status;
}

// --- the measure --------------------------------------------------------------------------------------------------------------

static Status take(Work *work) {
  size_t rows = (size_t)work->m * MODELS * (size_t)work->h;
  TRY(memory_take((void **)&work->row, rows * (size_t)work->d, sizeof(float), "rows of weights"));
  TRY(memory_take((void **)&work->owner, rows, sizeof(int32_t), "rows of weights"));
  TRY(memory_take((void **)&work->label, (size_t)work->train.n, sizeof(int32_t), "labels"));
  for (int64_t k = 0; k < work->train.n; k++)
    work->label[k] = work->context->session->dataset.task[0].labels[work->train.order[k]];
  return STATUS_OK;
}

static Status measure(Work *work, const NetworkLayer *layer, json_t *result) {
  char name[PARAMETER_PATH + 16];
  snprintf(name, sizeof name, "input/%s", layer->path);
  TRY(probe_train_context(&work->train, work->context, ANALYZE_TRAINING_SAMPLES));
  TRY(comm_agree(work->context->comm, take(work)));
  TRY(context_gather(&work->train, context_view(&work->train, name), &work->joined));
  for (int i = 0; i < work->m; i++)
    TRY(context_gather_shown(&work->train, i, &work->shown[i]));
  TRY(make_models(work));
  return comm_agree(work->context->comm, apply(work, network_parameter(work->context, layer->layer.weight), result));
}

Status measure_classifier(AnalyzeContext *context, json_t *result) {
  int k = joined_layer(context), m = context->session->config.modalities;
  if (k < 0 || context->training || m < 2) {
    json_object_set_new(result, "left_out",
                        json_string(context->training ? "inside training" : "no layer reads several modalities"));
    return STATUS_OK;
  }
  const NetworkLayer *layer = network_layer(context, k);
  const Stages *stages = network_stages(context);
  Work work = {
      .context = context, .m = m, .d = layer->in, .h = layer->out, .classes = stages->binary ? 2 : stages->outputs};
  layer_blocks(context, k, work.begin);
  Status status = measure(&work, layer, result);
  context_close(&work.train);
  for (int i = 0; i < m; i++)
    free(work.shown[i]);
  free(work.joined);
  free(work.label);
  free(work.row);
  free(work.owner);
  return status;
}
