// Theorem 2 bounds the distance of a subspace w of W from the average gradient outer product by gamma(w)^(-1/n), gamma(w) = |w n X| / dim(w) the
// number of features in w over its dimension: more polysemantic subspaces should lie nearer. As a number the bound tends to 1 for every gamma and
// depends on the scale of w; what can be tested is the order. Of the layer that reads the joined representations, for every eigenvector v of W'W,
// and for every neuron v = w_n / |w_n|:
//   distance(v) = |v v' - A / |A|_F|_F = sqrt(2 - 2 v'A v / |A|_F),   A = AGOP
//   gamma(v)    = sum_f (v . f)^2 over the features f: unit class directions (mean of a class minus mean of all) of every modality, in its columns
//   features(v) = how many f have (v . f)^2 > 4 / d, four times what a random direction would have
// and Spearman's correlations of either, and of the entropy of v over modalities, with the distance. The theorem wants the first two below 0.
// A. Chaudhuri et al., ICML 2025, Theorems 2 and 3; the experiment is not in the paper.
#include "analyze/agop.h"
#include "analyze/figures.h"
#include "analyze/network.h"
#include "analyze/pooled.h"
#include "base/memory.h"
#include "base/text.h"
#include "metrics/polysemanticity.h"
#include "spectral/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Subspaces {
  AnalyzeContext *context;
  const NetworkLayer *layer;
  const float *w;
  int d, m, classes, features, begin[MODALITIES_MOST + 1];
  double *agop;    // owned [d, d], of norm 1
  double *feature; // owned [m * classes, d]: unit vectors, the first `features` of them
} Subspaces;

// --- features -------------------------------------------------------------------------------------------------------------

// sum[classes + 1][d + m]: sums of the layer's inputs and counts of the samples that show a modality, by class; the last row holds all.
static void add_rows(const Subspaces *work, const View *input, const int *slice, double *here) {
  const AnalyzeContext *context = work->context;
  size_t stride = (size_t)(work->d + work->m), n = stride * (size_t)(work->classes + 1);
  for (int64_t r = 0; r < context->rows; r++) {
    int of[2] = {context->label[r], work->classes};
    for (int k = 0; context->label[r] >= 0 && k < 2; k++) {
      double *sum = here + (size_t)slice[r] * n + (size_t)of[k] * stride;
      for (int i = 0; i < work->m; i++) {
        if (context->mask[i][r] == 0)
          continue;
        sum[work->d + i]++;
        for (int j = work->begin[i]; j < work->begin[i + 1]; j++)
          sum[j] += (double)input->data[r * work->d + j];
      }
    }
  }
}

static void make_features(Subspaces *work, const double *sum) {
  size_t stride = (size_t)(work->d + work->m);
  const double *all = sum + (size_t)work->classes * stride;
  for (int i = 0; i < work->m; i++)
    for (int c = 0; c < work->classes; c++) {
      const double *own = sum + (size_t)c * stride;
      double *f = work->feature + (size_t)work->features * (size_t)work->d, square = 0;
      if (own[work->d + i] == 0 || own[work->d + i] == all[work->d + i])
        continue;
      memset(f, 0, (size_t)work->d * sizeof *f);
      for (int j = work->begin[i]; j < work->begin[i + 1]; j++) {
        f[j] = own[j] / own[work->d + i] - all[j] / all[work->d + i];
        square += f[j] * f[j];
      }
      if (square == 0)
        continue;
      for (int j = work->begin[i]; j < work->begin[i + 1]; j++)
        f[j] /= sqrt(square);
      work->features++;
    }
}

static Status find_features(Subspaces *work) {
  const AnalyzeContext *context = work->context;
  char name[PARAMETER_PATH + 16];
  int *slice = NULL, n = (work->d + work->m) * (work->classes + 1);
  double *here = NULL;
  text_print(name, sizeof name, "input/%s", work->layer->path);
  Status status = pooled_slice(context, &slice);
  if (status.code == 0)
    status = memory_take((void **)&here, (size_t)n * (size_t)(pooled_slices(context) + 1), sizeof *here, "class means");
  if (status.code == 0)
    status = memory_take((void **)&work->feature, (size_t)(work->m * work->classes) * (size_t)work->d, sizeof(double),
                         "class directions");
  status = comm_agree(context->comm, status);
  if (status.code == 0) {
    double *sum = here + (size_t)n * (size_t)pooled_slices(context);
    add_rows(work, context_view(context, name), slice, here);
    pooled_sum(context, sum, here, n);
    make_features(work, sum);
  }
  free(slice);
  free(here);
  return status;
}

static Status find_agop(Subspaces *work, int k) {
  AnalyzeContext *context = work->context;
  bool wanted[NETWORK_LAYERS] = {false};
  double square = 0;
  Agop agop;
  size_t size = (size_t)work->d * (size_t)work->d;
  wanted[k] = true;
  Status status = agop_open(&agop, context, wanted);
  if (status.code == 0)
    status = comm_agree(context->comm, memory_take((void **)&work->agop, size, sizeof(double), "gradient products"));
  if (status.code == 0)
    status = agop_total(work->agop, &agop, context, k);
  agop_close(&agop);
  if (status.code == 0) {
    for (size_t e = 0; e < size; e++)
      square += work->agop[e] * work->agop[e];
    for (size_t e = 0; square > 0 && e < size; e++)
      work->agop[e] /= sqrt(square);
  }
  return status;
}

// --- directions -----------------------------------------------------------------------------------------------------------

enum { GAMMA, FEATURES, ENTROPY, DISTANCE, NUMBERS };

// number[NUMBERS][count] of unit vector v at place k.
static void describe(const Subspaces *work, const double *v, double *number, int count, int k) {
  double energy[MODALITIES_MOST], along = 0;
  for (int f = 0; f < work->features; f++) {
    double inner = 0;
    for (int j = 0; j < work->d; j++)
      inner += v[j] * work->feature[(size_t)f * (size_t)work->d + (size_t)j];
    number[GAMMA * count + k] += inner * inner;
    number[FEATURES * count + k] += inner * inner > 4.0 / work->d;
  }
  modality_energy(energy, v, work->begin, work->m);
  number[ENTROPY * count + k] = share_entropy(energy, work->m);
  for (int i = 0; i < work->d; i++)
    for (int j = 0; j < work->d; j++)
      along += v[i] * work->agop[(size_t)i * (size_t)work->d + (size_t)j] * v[j];
  number[DISTANCE * count + k] = sqrt(fmax(0, 2 - 2 * along));
}

typedef struct SubspaceFigures {
  json_t *points, *correlation;
} SubspaceFigures;

static void add_kind(const Subspaces *work, const SubspaceFigures *figures, json_t *result, const char *what,
                     const double *number, int count) {
  static const char *const names[] = {"gamma", "features", "entropy", "distance"};
  json_t *object = json_object(), *correlations = json_object();
  char name[96];
  for (int q = 0; q < NUMBERS; q++) {
    json_t *values = json_array();
    for (int k = 0; k < count; k++)
      json_array_append_new(values, context_number(number[q * count + k]));
    json_object_set_new(object, names[q], values);
  }
  figure_series(figures->points, what, count, number + GAMMA * count, number + DISTANCE * count, NULL, NULL);
  for (int q = 0; q < DISTANCE; q++) {
    Interval interval;
    double value = summary_spearman(&interval, number + q * count, number + DISTANCE * count, count, LEVEL);
    text_print(name, sizeof name, "%s: %s", what, names[q]);
    figure_result(work->context, figures->correlation, correlations, name, name, (Estimate){value, interval, count});
  }
  json_object_set_new(object, "correlation", correlations);
  json_object_set_new(result, what, object);
}

static Status measure_eigenvectors(const Subspaces *work, const SubspaceFigures *figures, json_t *result) {
  size_t d = (size_t)work->d;
  double *block, *vector, *value, *number;
  TRY(memory_take((void **)&block, 2 * d * d + (NUMBERS + 1) * d, sizeof *block, "subspaces"));
  vector = block + d * d;
  value = vector + d * d;
  number = value + d;
  weight_gram(block, work->w, work->layer->out, work->d);
  Status status = dense_symmetric(value, vector, block, work->d);
  int rank = 0;
  for (int k = 0; status.code == 0 && k < work->d; k++)
    rank += value[k] > 1e-6 * value[work->d - 1];
  for (int k = 0; status.code == 0 && k < rank; k++)
    describe(work, vector + (d - 1 - (size_t)k) * d, number, rank, k);
  if (status.code == 0)
    add_kind(work, figures, result, "eigenvectors", number, rank);
  free(block);
  return status;
}

static Status measure_neurons(const Subspaces *work, const SubspaceFigures *figures, json_t *result) {
  size_t d = (size_t)work->d, out = (size_t)work->layer->out;
  double *number, *v;
  int count = 0, alive = 0;
  TRY(memory_take((void **)&number, NUMBERS * out + d, sizeof *number, "subspaces"));
  v = number + NUMBERS * out;
  for (int pass = 0; pass < 2; pass++, alive = count, count = 0)
    for (size_t k = 0; k < out; k++) {
      double square = 0;
      for (size_t j = 0; j < d; j++)
        square += (double)work->w[k * d + j] * (double)work->w[k * d + j];
      if (square == 0) // a neuron that weight decay has emptied
        continue;
      for (size_t j = 0; pass == 1 && j < d; j++)
        v[j] = (double)work->w[k * d + j] / sqrt(square);
      if (pass == 1)
        describe(work, v, number, alive, count);
      count++;
    }
  add_kind(work, figures, result, "neurons", number, alive);
  free(number);
  return STATUS_OK;
}

static Status measure(Subspaces *work, int k, json_t *result) {
  TRY(find_features(work));
  TRY(find_agop(work, k));
  json_object_set_new(result, "layer", json_string(work->layer->path));
  json_object_set_new(result, "features", json_integer(work->features));
  SubspaceFigures figures = {
      .points = figure_add(result, "points", "Subspaces and the gradient outer product",
                           "gamma: class directions' energy along the subspace", "distance from AGOP (0 to 1.41)",
                           "A point: an eigenvector of W'W, or a neuron. Theorem 2 wants the right lower."),
      .correlation =
          figure_add(result, "bars", "Polysemanticity against distance from AGOP", "Spearman's correlation", NULL,
                     "Below 0: more polysemantic subspaces lie nearer to AGOP, as Theorem 2 has it. n: subspaces. "
                     "Whiskers: 95 % (Fisher).")};
  figure_axis(figures.correlation, -1, 1);
  TRY(comm_agree(work->context->comm, measure_eigenvectors(work, &figures, result)));
  return comm_agree(work->context->comm, measure_neurons(work, &figures, result));
}

Status measure_subspaces(AnalyzeContext *context, json_t *result) {
  int k = joined_layer(context);
  if (k < 0) {
    json_object_set_new(result, "left_out", json_string("no layer of this fusion reads the joined representations"));
    return STATUS_OK;
  }
  const Stages *stages = network_stages(context);
  Subspaces work = {.context = context,
                    .layer = network_layer(context, k),
                    .d = network_layer(context, k)->in,
                    .m = stages->modalities,
                    .classes = stages->binary ? 2 : stages->outputs};
  work.w = network_parameter(context, work.layer->layer.weight);
  layer_blocks(context, k, work.begin);
  Status status = measure(&work, k, result);
  free(work.agop);
  free(work.feature);
  return status;
}
