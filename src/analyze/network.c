// logits = g(phi(z_1 … z_m)) once more, on the parameters as they are, with dropout off; seeds ds/dlogits; what every layer reads and gives, and
// the gradients of both, stay where they can be seen.
#include "analyze/network.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void open_value(Network *network, Value value) {
  Graph *graph = network->stages.fusion.graph;
  bool input = false;
  for (int i = 0; i < network->stages.modalities; i++)
    input |= value == network->stages.fusion.input[i];
  if (value < 0)
    return;
  (input ? graph_want_gradient : graph_seed)(graph, value);
  for (int k = 0; k < network->opens; k++)
    if (network->open[k] == value)
      return;
  network->open[network->opens++] = value;
}

static void open_layers(Network *network) {
  const Graph *graph = network->stages.fusion.graph;
  int layers = graph_layers(graph);
  REQUIRE(layers <= NETWORK_LAYERS, "a fusion stage of %d layers", layers);
  for (int k = 0; k < layers; k++) {
    NetworkLayer *layer = &network->layer[network->layers++];
    layer->layer = graph_layer(graph, k);
    const Parameter *weight = &network->stages.parameters.item[layer->layer.weight];
    text_print(layer->path, sizeof layer->path, "%.*s", (int)(strlen(weight->path) - strlen("/weight")), weight->path);
    layer->out = weight->dim[0];
    layer->in = weight->dim[1];
    open_value(network, layer->layer.input);
    open_value(network, layer->layer.output);
  }
}

static void open_values(Network *network) {
  const FusionStage *fusion = &network->stages.fusion;
  open_layers(network);
  for (int i = 0; i < network->stages.modalities; i++)
    open_value(network, fusion->entry[i]);
  open_value(network, fusion->representation);
  open_value(network, fusion->logits);
  for (int k = 0; k < fusion->losses; k++)
    open_value(network, fusion->loss[k].value);
}

static int count_nodes(const Grid *grid, int rank) {
  SliceNode node[SLICE_NODES_MOST];
  int first, end;
  grid_fusion_slices(grid, rank, &first, &end);
  return slice_nodes(node, first, end, grid->slices);
}

static Status plan(Network *network) {
  const Config *config = &network->session->config;
  const Grid *grid = &network->session->grid;
  FusionStage *fusion = &network->stages.fusion;
  TRY(graph_plan(fusion->graph, network->room, true, config->grid.threads));
  TRY(stages_room(&network->stages, config->data.batch, network->room));
  for (int j = 0; j < count_nodes(grid, grid->rank); j++)
    TRY(memory_take((void **)&network->gradient[j], (size_t)graph_gradient_size(fusion->graph), sizeof(float),
                    "gradients to look at"));
  return STATUS_OK;
}

static Status declare(Network **result, const Session *session, int room) {
  TRY(memory_take((void **)result, 1, sizeof(Network), "the fusion stage to look at"));
  Network *network = *result;
  network->session = session;
  network->room = room;
  TRY(stages_open(&network->stages, &session->config, &session->dataset));
  REQUIRE(network->stages.parameters.size == session->stages.parameters.size, "the stages were declared differently");
  open_values(network);
  return STATUS_OK;
}

Status network_open(Network **network, const Session *session, int room) {
  TRY(declare(network, session, room));
  return plan(*network);
}

Status network_sketch(Network **network, size_t *bytes, const Session *session, int rank, int room) {
  TRY(declare(network, session, room));
  const Graph *graph = (*network)->stages.fusion.graph;
  *bytes = graph_bytes(graph, room, true, session->config.grid.threads) +
           (size_t)count_nodes(&session->grid, rank) * (size_t)graph_gradient_size(graph) * sizeof(float);
  return STATUS_OK;
}

void network_close(Network *network) {
  if (!network)
    return;
  for (int j = 0; j < SLICE_NODES_MOST; j++)
    free(network->gradient[j]);
  if (network->stages.config)
    stages_close(&network->stages);
  free(network);
}

int network_layers(const AnalyzeContext *context) { return context->network->layers; }
const NetworkLayer *network_layer(const AnalyzeContext *context, int k) { return &context->network->layer[k]; }
const Stages *network_stages(const AnalyzeContext *context) { return &context->network->stages; }

const float *network_parameter(const AnalyzeContext *context, int index) {
  return sums_parameters(context->session->sums) + context->network->stages.parameters.item[index].offset;
}

const float *network_data(const AnalyzeContext *context, Value value) {
  return graph_data(context->network->stages.fusion.graph, value);
}

const float *network_gradient(const AnalyzeContext *context, Value value) {
  return graph_gradient(context->network->stages.fusion.graph, value);
}

// --- passes -------------------------------------------------------------------------------------------------------------------

static int64_t batch_rows(const AnalyzeContext *context, int b) {
  int64_t room = context->session->config.data.batch, left = context->n - b * room;
  return left < room ? left : room;
}

static void find_slices(AnalyzeContext *context, int b) {
  Network *network = context->network;
  const Grid *grid = &context->session->grid;
  int first, end, n = (int)batch_rows(context, b);
  grid_fusion_slices(grid, grid->rank, &first, &end);
  Slices *slices = &network->pass.slices;
  *slices = (Slices){.total = grid->slices, .first = first, .count = end - first};
  for (int s = 0; s <= slices->count; s++)
    slices->row[s] = slice_begin(first + s, n, grid->slices) - slice_begin(first, n, grid->slices);
  network->nodes = slice_nodes(network->node, first, end, grid->slices);
}

void network_forward(AnalyzeContext *context, int b, int *rows) {
  Network *network = context->network;
  const Session *session = context->session;
  FusionStage *fusion = &network->stages.fusion;
  int64_t row = context->batch_row[b];
  *rows = (int)(context->batch_row[b + 1] - row);
  network->row = row;
  network->pass = (Pass){.parameters = sums_parameters(session->sums),
                         .state = session->state,
                         .rows = *rows,
                         .sample = context->position + row, // keys dropout, which is off
                         .seed = session->config.run.seed,
                         .epoch = RANDOM_EVALUATION,
                         .threads = session->config.grid.threads};
  find_slices(context, b);
  for (int i = 0; i < network->stages.modalities; i++) {
    const View *view = context_modality_view(context, "encoder", i);
    graph_bind(fusion->graph, fusion->input[i], view->data + row * view->width);
    graph_bind(fusion->graph, fusion->mask[i], context->mask[i] + row);
  }
  graph_bind(fusion->graph, fusion->labels, context->label + row);
  stages_bind(&network->stages, NULL, session->config.run.seed, RANDOM_EVALUATION);
  graph_forward(fusion->graph, &network->pass);
}

void network_backward(AnalyzeContext *context, const float *seed) {
  Network *network = context->network;
  Graph *graph = network->stages.fusion.graph;
  for (int k = 0; k < network->opens; k++) {
    Value value = network->open[k];
    size_t floats = (size_t)network->pass.rows * (size_t)graph_width(graph, value);
    memset(graph_gradient(graph, value), 0, floats * sizeof(float));
  }
  size_t floats = (size_t)network->pass.rows * (size_t)network->stages.outputs;
  memcpy(graph_gradient(graph, network->stages.fusion.logits), seed, floats * sizeof *seed);
  graph_backward(graph, &network->pass, network->gradient, network->node, network->nodes);
}

// d CE / d logits = softmax - onehot;  of one logit, sigmoid - label.
void network_seed_loss(AnalyzeContext *context, float *seed) {
  Network *network = context->network;
  int outputs = network->stages.outputs;
  const float *logits = network_data(context, network->stages.fusion.logits);
  const int32_t *label = context->label + network->row;
  for (int r = 0; r < network->pass.rows; r++, logits += outputs, seed += outputs) {
    double sum = 0, most = outputs == 1 ? fmax(0, (double)logits[0]) : -INFINITY;
    for (int c = 0; c < outputs; c++)
      most = fmax(most, (double)logits[c]);
    for (int c = 0; c < outputs; c++)
      sum += exp((double)logits[c] - most);
    if (outputs == 1)
      sum += exp(-most);
    for (int c = 0; c < outputs; c++) {
      double hit = outputs == 1 ? label[r] : label[r] == c;
      double slope = exp((double)logits[c] - most) / sum - hit;
      seed[c] = label[r] < 0 ? 0 : (float)(slope / (double)context->n);
    }
  }
}

void network_add_gradient(const AnalyzeContext *context, int index, double *sum) {
  const Network *network = context->network;
  const Graph *graph = network->stages.fusion.graph;
  int k = 0;
  while (k < graph_parameters(graph) && graph_parameter(graph, k) != index)
    k++;
  REQUIRE(k < graph_parameters(graph), "the fusion stage does not use parameter %d", index);
  for (int j = 0; j < network->nodes; j++) {
    const float *part = network->gradient[j] + graph_gradient_offset(graph, k);
    for (int64_t e = 0; e < network->stages.parameters.item[index].size; e++)
      sum[e] += (double)part[e];
  }
}
