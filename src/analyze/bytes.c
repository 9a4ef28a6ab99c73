// peak = context + max over the measures of what each holds beside it. Of a layer with input d:  AGOP's triangles slices d (d + 1) / 2, once over the
// group that is collected together; its report total, W'W, root, eigenvectors and 2 d^2 of LAPACK's dsyevd;  CKA: a product of each of ten groups and
// their sum. Everything in doubles. What is small beside a row of these (lists of numbers, JSON) is left out.
#include "analyze/agop.h"
#include "analyze/network.h"
#include "analyze/probe.h"
#include "spectral/matrix.h"
#include "train/session.h"

#include <stdlib.h>
#include <string.h>

enum { CKA_PRODUCTS = 11, EIGEN_WORK = 2, LBFGS_VECTORS = 26, DEAL_FLOATS = 1 << 18 };
// Pages of ScaLAPACK and LAPACK that a decomposition touches, as measured: training needs none of them.
enum { SPECTRAL_LIBRARIES = 4 << 20 };

typedef struct Extent {
  const Session *session;
  const Network *network;
  int ranks, rank, slices, outputs;
  size_t n, rows, network_bytes; // samples; of them here
  size_t context;
} Extent;

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t square(size_t d) { return d * d; }
static size_t triangle(size_t d) { return d * (d + 1) / 2; }

static size_t width_of(const Extent *extent, Value value) {
  return value < 0 ? 0 : (size_t)graph_width(extent->network->stages.fusion.graph, value);
}

static size_t samples_of(const Session *session, Split split) {
  return smaller((size_t)session_count(session, split), ANALYZE_TRAINING_SAMPLES);
}

static size_t rows_of(const Session *session, int rank, size_t n, int *room, int *slices) {
  const Grid *grid = &session->grid;
  int first, end, batch = session->config.data.batch;
  size_t rows = 0;
  grid_fusion_slices(grid, rank, &first, &end);
  *slices = end - first;
  *room = 1;
  for (size_t begin = 0; begin < n; begin += (size_t)batch) {
    int m = (int)smaller(n - begin, (size_t)batch);
    int here = slice_begin(end, m, grid->slices) - slice_begin(first, m, grid->slices);
    rows += (size_t)here;
    *room = here > *room ? here : *room;
  }
  return rows;
}

// --- the context ----------------------------------------------------------------------------------------------------------

// Values that are kept for every row, each once.
static size_t kept_width(const Extent *extent) {
  const Network *network = extent->network;
  const FusionStage *fusion = &network->stages.fusion;
  Value value[2 * MODALITIES_MOST + NETWORK_LAYERS + 2];
  int values = 0;
  size_t sum = 0;
  for (int i = 0; i < network->stages.modalities; i++) {
    value[values++] = fusion->input[i];
    value[values++] = fusion->entry[i];
  }
  value[values++] = fusion->representation;
  for (int k = 0; k < network->layers; k++)
    value[values++] = network->layer[k].layer.input;
  value[values++] = fusion->logits;
  for (int k = 0; k < values; k++) {
    bool repeated = false;
    for (int j = 0; j < k; j++)
      repeated |= value[j] == value[k];
    sum += repeated ? 0 : width_of(extent, value[k]);
  }
  return sum;
}

// Of a context of so many rows here: samples of the split, labels and masks, kept values, and a network.
static size_t context_bytes(const Extent *extent, size_t rows) {
  size_t m = (size_t)extent->network->stages.modalities;
  return (size_t)extent->session->dataset.samples * sizeof(int64_t) + rows * (12 + 5 * m) +
         rows * kept_width(extent) * sizeof(float) + extent->network_bytes;
}

// --- the measures ---------------------------------------------------------------------------------------------------------

static size_t rank_bytes(const Extent *extent) {
  const Stages *stages = &extent->network->stages;
  const Graph *graph = stages->fusion.graph;
  size_t views = 0, sums = 0, widest = 0;
  for (int i = -1; i < stages->modalities; i++) {
    size_t w = width_of(extent, i < 0 ? stages->fusion.representation : stages->fusion.entry[i]);
    size_t dealt = 2 * smaller(DEAL_FLOATS, extent->n * w) * sizeof(float);
    views = larger(views, extent->rows * w * sizeof(float) + dealt +
                              matrix_values_bytes((int64_t)extent->n, (int64_t)w, extent->ranks));
  }
  for (int k = 0; k < graph_parameters(graph); k++) {
    const Parameter *item = &stages->parameters.item[graph_parameter(graph, k)];
    sums += (size_t)item->size * sizeof(double);
    if (item->dimensions == 2)
      widest = larger(widest, matrix_values_bytes(item->dim[0], item->dim[1], extent->ranks));
  }
  return SPECTRAL_LIBRARIES + larger(views, sums + widest);
}

static size_t similarity_bytes(const Extent *extent) {
  const FusionStage *fusion = &extent->network->stages.fusion;
  size_t most = 0;
  for (int i = 0; i < extent->network->stages.modalities; i++)
    for (int j = i; j < extent->network->stages.modalities; j++) {
      size_t a = width_of(extent, fusion->entry[i]);
      size_t b = width_of(extent, i == j ? fusion->representation : fusion->entry[j]);
      most = larger(most, (extent->n + 1) * (a + b) * (sizeof(float) + sizeof(double)) +
                              CKA_PRODUCTS * square(larger(a, b)) * sizeof(double));
    }
  return most;
}

// While layer k is collected, beside its sums: gradients of a batch, and a product.
static size_t gradient_bytes(const Extent *extent, int k) {
  size_t d = (size_t)extent->network->layer[k].in, wide = width_of(extent, extent->network->layer[k].layer.input);
  return ((size_t)extent->network->room * (size_t)extent->outputs * wide + square(d)) * sizeof(float);
}

static size_t triangles_bytes(const Extent *extent, int k) {
  return (size_t)extent->slices * triangle((size_t)extent->network->layer[k].in) * sizeof(double);
}

static size_t agop_bytes(const Extent *extent) {
  size_t sums = 0, collect = 0, show = 0;
  for (int k = 0; k < extent->network->layers; k++) {
    size_t d = (size_t)extent->network->layer[k].in, slices = (size_t)extent->session->grid.slices;
    size_t panel = (slices + (size_t)extent->slices) * smaller(triangle(d), AGOP_PANEL) * sizeof(double);
    sums = larger(sums, triangles_bytes(extent, k));
    collect = larger(collect, gradient_bytes(extent, k));
    show = larger(show, 3 * square(d) * sizeof(double) + larger(panel, (1 + EIGEN_WORK) * square(d) * sizeof(double)));
  }
  return SPECTRAL_LIBRARIES + sums + larger(collect, show);
}

// The layer that reads the joined representations: the first of the fusion, whatever it is.
static int joined(const Extent *extent) {
  for (int k = 0; k < extent->network->layers; k++)
    if (!strncmp(extent->network->layer[k].path, "fusion/", 7) || !strcmp(extent->network->layer[k].path, "head"))
      return k;
  return -1;
}

static size_t polysemanticity_bytes(const Extent *extent) {
  int k = joined(extent);
  if (k < 0)
    return 0;
  size_t d = (size_t)extent->network->layer[k].in, out = (size_t)extent->network->layer[k].out;
  size_t parts = (size_t)extent->slices * out * (size_t)extent->network->stages.modalities;
  return SPECTRAL_LIBRARIES + (2 * square(d) + larger(EIGEN_WORK * square(d), parts)) * sizeof(double);
}

static size_t subspaces_bytes(const Extent *extent) {
  int k = joined(extent);
  if (k < 0)
    return 0;
  size_t d = square((size_t)extent->network->layer[k].in) * sizeof(double);
  return SPECTRAL_LIBRARIES +
         larger(triangles_bytes(extent, k) + larger(gradient_bytes(extent, k), d), (3 + EIGEN_WORK) * d);
}

static size_t widest_view(const Extent *extent) {
  const FusionStage *fusion = &extent->network->stages.fusion;
  size_t most = width_of(extent, fusion->representation);
  for (int i = 0; i < extent->network->stages.modalities; i++)
    most = larger(most, larger(width_of(extent, fusion->entry[i]), width_of(extent, fusion->input[i])));
  return most;
}

static size_t probe_bytes(const Extent *extent) {
  int room, slices;
  size_t n = smaller(samples_of(extent->session, SPLIT_TRAIN), PROBE_TRAINING_SAMPLES);
  size_t rows = rows_of(extent->session, extent->rank, n, &room, &slices);
  size_t classes = extent->outputs == 1 ? 2 : (size_t)extent->outputs, weights = classes * (widest_view(extent) + 1);
  return context_bytes(extent, rows) + ((size_t)slices + 1 + LBFGS_VECTORS) * weights * sizeof(double);
}

static size_t vif_bytes(const Extent *extent) {
  size_t w = widest_view(extent);
  return extent->n * w * (sizeof(float) + sizeof(double)) + square(w) * sizeof(double);
}

static const struct {
  const char *name;
  size_t (*bytes)(const Extent *extent);
} holders[] = {{"rank", rank_bytes},   {"similarity", similarity_bytes},
               {"agop", agop_bytes},   {"polysemanticity", polysemanticity_bytes},
               {"probe", probe_bytes}, {"subspaces", subspaces_bytes},
               {"vif", vif_bytes}};

static size_t most_of_measures(const Extent *extent) {
  const Config *config = &extent->session->config;
  size_t most = 0;
  for (int k = 0; k < config->analysis.measures; k++)
    for (size_t h = 0; h < sizeof holders / sizeof *holders; h++)
      if (!strcmp(config->analysis.measure[k], holders[h].name))
        most = larger(most, holders[h].bytes(extent));
  return most;
}

size_t analyze_bytes(const Session *sketch, int rank) {
  Extent extent = {.session = sketch, .rank = rank, .ranks = sketch->grid.ranks, .outputs = sketch->stages.outputs};
  Network *network = NULL;
  int room;
  if (sketch->config.analysis.every_epochs == 0)
    return 0;
  extent.n = samples_of(sketch, SPLIT_VALIDATION);
  if (extent.n == 0)
    extent.n = samples_of(sketch, SPLIT_TRAIN);
  extent.rows = rows_of(sketch, rank, extent.n, &room, &extent.slices);
  size_t bytes = 0;
  if (network_sketch(&network, &extent.network_bytes, sketch, rank, room).code == 0) {
    extent.network = network;
    bytes = context_bytes(&extent, extent.rows) + most_of_measures(&extent);
  }
  network_close(network);
  return bytes;
}
