// For every output c and every batch: seed e_c at the logits, pull back, and add G'G of the gradients G[rows, d] at each layer's input.
// AGOP_l is compared with W_l' W_l (the neural feature matrix): cosine with AGOP_l and with its square root, which the two references take.
// A. Radhakrishnan et al., Science 383, 2024 (ansatz: W'W is proportional to AGOP, up to a power);
// D. Beaglehole et al., Average gradient outer product as a mechanism for deep neural collapse, NeurIPS 2024 (the square root).
#include "analyze/agop.h"

#include "analyze/figures.h"
#include "analyze/network.h"
#include "analyze/pooled.h"
#include "base/memory.h"
#include "base/text.h"
#include "comm/watchdog.h"
#include "kernels/gemm.h"
#include "metrics/polysemanticity.h"
#include "metrics/representation.h"
#include "spectral/dense.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MATRIX_MOST = 32 }; // wider ones are not written out

// What a batch's gradients are collected in: [slice][output][row of the slice][d], so that one product makes a slice's sum. A layer that reads
// several tokens of a sample (attention) has as many rows a sample.
typedef struct Collector {
  AnalyzeContext *context;
  Agop *agop;
  const int *slice;
  float *seed;      // owned [room, outputs]
  float **gradient; // owned [layers][outputs * room, d]
  float *product;   // owned [d, d] of the widest
  int outputs, room;
} Collector;

static size_t triangle(size_t d) { return d * (d + 1) / 2; }

static int tokens_of(const AnalyzeContext *context, int k) {
  const NetworkLayer *layer = network_layer(context, k);
  return (int)graph_width(network_stages(context)->fusion.graph, layer->layer.input) / layer->in;
}

static Status take(Collector *collector, const bool *wanted) {
  const AnalyzeContext *context = collector->context;
  Agop *agop = collector->agop;
  int widest = 1;
  collector->outputs = context->session->stages.outputs;
  for (int b = 0; b < context->batches; b++)
    if (context->batch_row[b + 1] - context->batch_row[b] > collector->room)
      collector->room = (int)(context->batch_row[b + 1] - context->batch_row[b]);
  size_t rows = (size_t)collector->room * (size_t)collector->outputs;
  TRY(memory_take((void **)&agop->sum, (size_t)agop->layers, sizeof *agop->sum, "gradient products"));
  TRY(memory_take((void **)&collector->gradient, (size_t)agop->layers, sizeof *collector->gradient, "gradients"));
  TRY(memory_take((void **)&collector->seed, rows, sizeof(float), "seeds"));
  for (int k = 0; k < agop->layers; k++) {
    size_t d = (size_t)network_layer(context, k)->in;
    if (wanted && !wanted[k])
      continue;
    widest = (int)d > widest ? (int)d : widest;
    TRY(memory_take((void **)&agop->sum[k], (size_t)agop->slices * triangle(d), sizeof(double), "gradient products"));
    TRY(memory_take((void **)&collector->gradient[k], rows * (size_t)tokens_of(context, k) * d, sizeof(float),
                    "gradients"));
  }
  return memory_take((void **)&collector->product, (size_t)widest * (size_t)widest, sizeof(float), "gradient products");
}

// Rows of the batch that are in local slice s: [*begin, *end), counted from the batch's first row here.
static void slice_rows(const Collector *collector, int b, int s, int *begin, int *end) {
  const AnalyzeContext *context = collector->context;
  int64_t first = context->batch_row[b], r = first;
  while (r < context->batch_row[b + 1] && collector->slice[r] < s)
    r++;
  *begin = (int)(r - first);
  while (r < context->batch_row[b + 1] && collector->slice[r] == s)
    r++;
  *end = (int)(r - first);
}

static void collect_output(Collector *collector, int b, int c, int rows) {
  AnalyzeContext *context = collector->context;
  int outputs = collector->outputs, begin, end;
  memset(collector->seed, 0, (size_t)rows * (size_t)outputs * sizeof(float));
  for (int r = 0; r < rows; r++)
    collector->seed[r * outputs + c] = 1;
  network_backward(context, collector->seed);
  for (int k = 0; k < collector->agop->layers; k++) {
    if (!collector->gradient[k])
      continue;
    size_t d = (size_t)network_layer(context, k)->in * (size_t)tokens_of(context, k);
    const float *from = network_gradient(context, network_layer(context, k)->layer.input);
    for (int s = 0; s < collector->agop->slices; s++) {
      slice_rows(collector, b, s, &begin, &end);
      float *to = collector->gradient[k] + ((size_t)begin * (size_t)outputs + (size_t)c * (size_t)(end - begin)) * d;
      memcpy(to, from + (size_t)begin * d, (size_t)(end - begin) * d * sizeof(float));
    }
  }
}

static void add_products(Collector *collector, int b) {
  int outputs = collector->outputs, begin, end;
  for (int k = 0; k < collector->agop->layers; k++) {
    int d = network_layer(collector->context, k)->in, tokens = tokens_of(collector->context, k);
    for (int s = 0; collector->gradient[k] && s < collector->agop->slices; s++) {
      slice_rows(collector, b, s, &begin, &end);
      if (begin == end)
        continue;
      const float *g = collector->gradient[k] + (size_t)begin * (size_t)outputs * (size_t)(d * tokens);
      int row[2] = {0, (end - begin) * outputs * tokens};
      gemm_tn_slices(collector->product, d, g, d, g, d, d, d, row, 1, collector->context->session->config.grid.threads);
      double *sum = collector->agop->sum[k] + (size_t)s * triangle((size_t)d);
      for (int i = 0; i < d; sum += d - i, i++)
        for (int j = i; j < d; j++)
          sum[j - i] += (double)collector->product[(size_t)i * (size_t)d + (size_t)j];
    }
  }
}

static Status collect(Collector *collector, const bool *wanted) {
  AnalyzeContext *context = collector->context;
  int rows;
  TRY(comm_agree(context->comm, take(collector, wanted)));
  for (int b = 0; b < context->batches; b++) {
    watchdog_phase("gradient products", -1);
    network_forward(context, b, &rows);
    for (int c = 0; c < collector->outputs; c++)
      collect_output(collector, b, c, rows);
    add_products(collector, b);
  }
  return STATUS_OK;
}

Status agop_open(Agop *agop, AnalyzeContext *context, const bool *wanted) {
  int *slice = NULL;
  *agop = (Agop){.layers = network_layers(context), .slices = pooled_slices(context)};
  Collector collector = {.context = context, .agop = agop};
  Status status = comm_agree(context->comm, pooled_slice(context, &slice));
  collector.slice = slice;
  if (status.code == 0)
    status = collect(&collector, wanted);
  for (int k = 0; collector.gradient && k < agop->layers; k++)
    free(collector.gradient[k]);
  free(collector.gradient);
  free(collector.seed);
  free(collector.product);
  free(slice);
  return status;
}

void agop_close(Agop *agop) {
  for (int k = 0; agop->sum && k < agop->layers; k++)
    free(agop->sum[k]);
  free(agop->sum);
}

// Entries [first, end) of the triangle, every slice of them: all[slices in all][end - first].
static void gather_panel(double *all, double *here, const Agop *agop, const AnalyzeContext *context, int layer,
                         const size_t ends[2]) {
  size_t size = triangle((size_t)network_layer(context, layer)->in), n = ends[1] - ends[0];
  for (int s = 0; s < agop->slices; s++)
    memcpy(here + (size_t)s * n, agop->sum[layer] + (size_t)s * size + ends[0], n * sizeof *here);
  pooled_gather(context, all, here, (int)n);
}

Status agop_visit(const Agop *agop, const AnalyzeContext *context, int layer,
                  void (*visit)(void *user, int i, int j, const double *slice), void *user) {
  int d = network_layer(context, layer)->in, total = pooled_slices_total(context), i = 0, j = 0;
  size_t size = triangle((size_t)d), most = size < AGOP_PANEL ? size : AGOP_PANEL;
  double *all, slice[SLICES_MOST];
  TRY(comm_agree(context->comm,
                 memory_take((void **)&all, (size_t)(total + agop->slices) * most, sizeof *all, "gradient products")));
  for (size_t first = 0; first < size; first += most) {
    size_t end = first + most < size ? first + most : size, n = end - first;
    gather_panel(all, all + (size_t)total * n, agop, context, layer, (size_t[]){first, end});
    for (size_t e = 0; e < n; e++) {
      for (int s = 0; s < total; s++)
        slice[s] = all[(size_t)s * n + e];
      visit(user, i, j, slice);
      j = j + 1 < d ? j + 1 : ++i;
    }
  }
  free(all);
  return STATUS_OK;
}

typedef struct Totals {
  double *total;
  int d, slices;
} Totals;

static void add_entry(void *user, int i, int j, const double *slice) {
  const Totals *totals = user;
  double sum = 0;
  for (int s = 0; s < totals->slices; s++)
    sum += slice[s];
  totals->total[(int64_t)i * totals->d + j] = totals->total[(int64_t)j * totals->d + i] = sum;
}

Status agop_total(double *total, const Agop *agop, const AnalyzeContext *context, int layer) {
  Totals totals = {total, network_layer(context, layer)->in, pooled_slices_total(context)};
  return agop_visit(agop, context, layer, add_entry, &totals);
}

double matrix_cosine(const double *a, const double *b, int64_t size) {
  double ab = 0, aa = 0, bb = 0;
  for (int64_t e = 0; e < size; e++) {
    ab += a[e] * b[e];
    aa += a[e] * a[e];
    bb += b[e] * b[e];
  }
  return aa > 0 && bb > 0 ? ab / (sqrt(aa) * sqrt(bb)) : NAN;
}

// sum_k sqrt(value_k) v_k v_k' as (V scaled)' (V scaled), by the quarter power.
Status matrix_root(double *root, double *value, const double *a, int n) {
  double *vector;
  TRY(memory_take((void **)&vector, (size_t)n * (size_t)n, sizeof *vector, "a square root"));
  Status status = dense_symmetric(value, vector, a, n);
  memset(root, 0, (size_t)n * (size_t)n * sizeof *root);
  for (int k = 0; status.code == 0 && k < n; k++) {
    value[k] = fmax(value[k], 0);
    double scale = sqrt(value[k]), *v = vector + (size_t)k * (size_t)n;
    for (int i = 0; scale > 0 && i < n; i++)
      for (int j = 0; j < n; j++)
        root[(size_t)i * (size_t)n + (size_t)j] += scale * v[i] * v[j];
  }
  free(vector);
  return status;
}

// --- the measure ----------------------------------------------------------------------------------------------------------

typedef struct AgopFigures {
  json_t *alignment, *alignments, *shares;
} AgopFigures;

// A layer's matrices: the total, W'W and a square root. Without slice s the total is R_s: of it inner[s] = <W'W, R_s>, square[s] = |R_s|^2, and
// diagonal[slice, d] of what each slice adds.
typedef struct LayerWork {
  AnalyzeContext *context;
  const NetworkLayer *layer;
  int d, slices;
  int64_t size;
  double *total, *gram, *root, *value, *diagonal;
  double inner[SLICES_MOST], square[SLICES_MOST], gram_square;
} LayerWork;

static Estimate jackknifed(const LayerWork *work, double value, const double *without) {
  return (Estimate){value, summary_jackknife(value, without, work->slices, LEVEL), work->context->n};
}

static void add_alignment(const LayerWork *work, const AgopFigures *figures, double root) {
  double without[SLICES_MOST];
  char name[200];
  double value = matrix_cosine(work->gram, work->total, work->size);
  for (int s = 0; s < work->slices; s++)
    without[s] = work->gram_square > 0 && work->square[s] > 0
                     ? work->inner[s] / (sqrt(work->gram_square) * sqrt(work->square[s]))
                     : NAN;
  text_print(name, sizeof name, "%s: W'W, AGOP", work->layer->path);
  figure_result(work->context, figures->alignment, figures->alignments, name, name, jackknifed(work, value, without));
  text_print(name, sizeof name, "%s: W'W, root of AGOP", work->layer->path);
  figure_result(work->context, figures->alignment, figures->alignments, name, name,
                (Estimate){root, {NAN, NAN}, work->context->n});
}

// Of a diagonal whose entries are `stride` apart.
static double block_trace(const double *a, int64_t stride, int begin, int end) {
  double sum = 0;
  for (int j = begin; j < end; j++)
    sum += a[j * stride];
  return sum;
}

// How much of the outputs' sensitivity lies in each modality's columns.
static void add_shares(const LayerWork *work, json_t *result, json_t *object, const int *begin) {
  const Config *config = &work->context->session->config;
  double without[SLICES_MOST];
  char item[200];
  json_t *figure = figure_add(result, "bars", "Sensitivity to each modality", "share of the trace of AGOP", NULL,
                              "How much of the squared gradient of the logits, at the joined representations, lies in "
                              "each modality's part: a modality that the "
                              "fusion ignores has none. Whiskers: 95 % (jackknife over slices of the samples).");
  json_t *shares = json_object();
  figure_axis(figure, 0, 1);
  json_object_set_new(object, "shares", shares);
  for (int i = 0; i < config->modalities; i++) {
    double value = block_trace(work->total, work->d + 1, begin[i], begin[i + 1]) /
                   block_trace(work->total, work->d + 1, 0, work->d);
    for (int s = 0; s < work->slices; s++) {
      double part = 0, all = 0;
      for (int t = 0; t < work->slices; t++) {
        part += t == s ? 0 : block_trace(work->diagonal + (int64_t)t * work->d, 1, begin[i], begin[i + 1]);
        all += t == s ? 0 : block_trace(work->diagonal + (int64_t)t * work->d, 1, 0, work->d);
      }
      without[s] = part / all;
    }
    Estimate estimate = jackknifed(work, value, without);
    text_print(item, sizeof item, "%s: share of %s", work->layer->path, config->modality[i].name);
    figure_result(work->context, figure, shares, item, config->modality[i].name, estimate);
  }
}

static void add_spectrum(const LayerWork *work, json_t *object) {
  Ranks ranks = representation_ranks(work->value, work->d, work->d, work->d, FLT_EPSILON);
  json_t *values = json_array(), *diagonal = json_array(), *matrix = json_array();
  for (int j = 0; j < work->d; j++) {
    json_array_append_new(values, context_number(work->value[work->d - 1 - j]));
    json_array_append_new(diagonal, context_number(work->total[(int64_t)j * work->d + j]));
    for (int k = 0; work->d <= MATRIX_MOST && k < work->d; k++)
      json_array_append_new(matrix, context_number(work->total[(int64_t)j * work->d + k]));
  }
  json_object_set_new(object, "width", json_integer(work->d));
  json_object_set_new(object, "n", json_integer(work->context->n));
  json_object_set_new(object, "trace", context_number(block_trace(work->total, work->d + 1, 0, work->d)));
  json_object_set_new(object, "numerical_rank", json_integer(ranks.numerical));
  json_object_set_new(object, "effective_rank", context_number(ranks.effective));
  json_object_set_new(object, "stable_rank", context_number(ranks.stable));
  json_object_set_new(object, "eigenvalues", values);
  json_object_set_new(object, "diagonal", diagonal);
  if (work->d <= MATRIX_MOST)
    json_object_set(object, "matrix", matrix);
  json_decref(matrix);
  static const char *const keys[] = {"numerical_rank", "effective_rank", "stable_rank"};
  context_row(work->context, work->layer->path, 3, keys, (double[]){ranks.numerical, ranks.effective, ranks.stable});
}

static Status take_work(LayerWork *work) {
  size_t size = (size_t)work->size, d = (size_t)work->d;
  TRY(memory_take((void **)&work->total, 3 * size + d + (size_t)work->slices * d, sizeof *work->total,
                  "gradient products"));
  work->gram = work->total + size;
  work->root = work->gram + size;
  work->value = work->root + size;
  work->diagonal = work->value + d;
  weight_gram(work->gram, network_parameter(work->context, work->layer->layer.weight), work->layer->out, work->d);
  return STATUS_OK;
}

static void take_entry(void *user, int i, int j, const double *slice) {
  LayerWork *work = user;
  double gram = work->gram[(int64_t)i * work->d + j], twice = i == j ? 1 : 2, total = 0;
  work->gram_square += twice * gram * gram;
  for (int s = 0; s < work->slices; s++) {
    double rest = 0;
    for (int t = 0; t < work->slices; t++)
      rest += t == s ? 0 : slice[t];
    work->inner[s] += twice * gram * rest;
    work->square[s] += twice * rest * rest;
    total += slice[s];
    if (i == j)
      work->diagonal[(int64_t)s * work->d + i] = slice[s];
  }
  total /= (double)work->context->n;
  work->total[(int64_t)i * work->d + j] = work->total[(int64_t)j * work->d + i] = total;
}

static Status add_layer(AnalyzeContext *context, const Agop *agop, int k, const AgopFigures *figures, json_t *result) {
  const NetworkLayer *layer = network_layer(context, k);
  LayerWork work = {.context = context,
                    .layer = layer,
                    .d = layer->in,
                    .slices = pooled_slices_total(context),
                    .size = (int64_t)layer->in * layer->in};
  int begin[MODALITIES_MOST + 1];
  Status status = comm_agree(context->comm, take_work(&work));
  if (status.code == 0)
    status = agop_visit(agop, context, k, take_entry, &work);
  if (status.code == 0)
    status = comm_agree(context->comm, matrix_root(work.root, work.value, work.total, work.d));
  if (status.code == 0) {
    json_t *object = json_object();
    json_object_set_new(json_object_get(result, "layers"), layer->path, object);
    add_spectrum(&work, object);
    if (layer_blocks(context, k, begin))
      add_shares(&work, result, object, begin);
    add_alignment(&work, figures, matrix_cosine(work.gram, work.root, work.size));
  }
  free(work.total);
  return status;
}

// Layers [first, returned) are collected together: as many as need no more memory than the widest alone.
static int choose_layers(bool *wanted, const AnalyzeContext *context, int first) {
  int layers = network_layers(context), k = first;
  size_t most = 0, sum = 0;
  for (int l = 0; l < layers; l++) {
    size_t size = triangle((size_t)network_layer(context, l)->in);
    most = size > most ? size : most;
    wanted[l] = false;
  }
  for (; k < layers; k++) {
    size_t size = triangle((size_t)network_layer(context, k)->in);
    if (sum + size > most)
      break;
    sum += size;
    wanted[k] = true;
  }
  return k;
}

Status measure_agop(AnalyzeContext *context, json_t *result) {
  Agop agop;
  AgopFigures figures = {.alignments = json_object()};
  json_object_set_new(result, "layers", json_object());
  json_object_set_new(result, "alignment", figures.alignments);
  figures.alignment =
      figure_add(result, "bars", "Alignment of weights and gradients", "cosine of two matrices", NULL,
                 "W'W of each linear layer of the fusion stage against AGOP, the mean outer product of the logits' "
                 "gradients at the "
                 "layer's input, and against its square root. Whiskers: 95 % (jackknife over slices of the samples).");
  figure_axis(figures.alignment, 0, 1);
  bool wanted[NETWORK_LAYERS];
  int layers = network_layers(context);
  Status status = STATUS_OK;
  for (int first = 0, end; status.code == 0 && first < layers; first = end) {
    end = choose_layers(wanted, context, first);
    status = agop_open(&agop, context, wanted);
    for (int k = first; status.code == 0 && k < end; k++)
      status = add_layer(context, &agop, k, &figures, result);
    agop_close(&agop);
  }
  return status;
}
