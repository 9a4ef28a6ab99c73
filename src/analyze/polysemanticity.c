// Of the layer that reads the joined representations, W[neurons, d], with the columns of every modality:
//   capacity_j = (w_j . w_j)^2 / sum_k (w_j . w_k)^2       of input j; summed over a modality: how many dimensions the layer spends on it
//   energy_i   = |w_n restricted to modality i|^2 / |w_n|^2                       of neuron n: what its weights say
//   power_i    = E (w_ni . z_i)^2 / sum_i E (w_ni . z_i)^2                        of neuron n: what reaches it, over the samples of the split
//   entropy H  = - sum_i p_i ln p_i  of either; 0: one modality, ln m: all alike. A neuron counts as cross-modal when H > ln(2) / 2.
// and of every subspace of W'W (its eigenvectors v_k, those of the leading eigenvalues): the energy of v_k over the modalities.
// A. Scherlis et al., arXiv:2210.01892; A. Chaudhuri et al., ICML 2025, sections 3.1 and 3.2, which split nothing by modality.
#include "metrics/polysemanticity.h"
#include "analyze/figures.h"
#include "analyze/pooled.h"
#include "base/memory.h"
#include "base/text.h"
#include "spectral/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Layer {
  AnalyzeContext *context;
  const NetworkLayer *layer;
  const float *w; // [out, in]
  int out, in, m, begin[MODALITIES_MOST + 1];
  double *gram, *vector, *value; // [in, in], [in, in], [in]
  double *capacity, *foreign;    // [in]
  double *power;                 // [out, m]: sums of squared contributions
  double *entropy;               // [out] or [in]
} Layer;

static Status take(Layer *layer, double **block) {
  size_t in = (size_t)layer->in, out = (size_t)layer->out, m = (size_t)layer->m;
  TRY(memory_take((void **)block, 2 * in * in + 3 * in + out * m + (in > out ? in : out), sizeof **block,
                  "capacities"));
  layer->gram = *block;
  layer->vector = layer->gram + in * in;
  layer->value = layer->vector + in * in;
  layer->capacity = layer->value + in;
  layer->foreign = layer->capacity + in;
  layer->power = layer->foreign + in;
  layer->entropy = layer->power + out * m;
  weight_gram(layer->gram, layer->w, layer->out, layer->in);
  weight_capacity(layer->capacity, layer->foreign, layer->gram, layer->in, layer->begin, layer->m);
  return dense_symmetric(layer->value, layer->vector, layer->gram, layer->in);
}

// here[slice][out, m] += (w_ni . z_i)^2 of every row.
static void add_contributions(const Layer *layer, const View *input, const int *slice, double *here) {
  size_t n = (size_t)layer->out * (size_t)layer->m;
  for (int64_t r = 0; r < layer->context->rows; r++) {
    const float *z = input->data + r * input->width, *w = layer->w;
    double *sum = here + (size_t)slice[r] * n;
    for (int k = 0; k < layer->out; k++, w += layer->in)
      for (int i = 0; i < layer->m; i++) {
        double part = 0;
        for (int j = layer->begin[i]; j < layer->begin[i + 1]; j++)
          part += (double)w[j] * (double)z[j];
        *sum++ += part * part;
      }
  }
}

static Status measure_power(Layer *layer) {
  const AnalyzeContext *context = layer->context;
  char name[PARAMETER_PATH + 16];
  int *slice = NULL, n = layer->out * layer->m;
  double *here = NULL;
  text_print(name, sizeof name, "input/%s", layer->layer->path);
  const View *input = context_view(context, name);
  Status status = pooled_slice(context, &slice);
  if (status.code == 0)
    status = memory_take((void **)&here, (size_t)n * (size_t)pooled_slices(context), sizeof *here, "contributions");
  status = comm_agree(context->comm, status);
  if (status.code == 0) {
    add_contributions(layer, input, slice, here);
    pooled_sum(context, layer->power, here, n);
  }
  free(slice);
  free(here);
  return status;
}

static Estimate mean_of(const double *value, int n) {
  Summary summary = summary_of(value, n, LEVEL);
  return (Estimate){summary.mean, summary.interval, n};
}

static void add_capacity(const Layer *layer, json_t *result) {
  const Config *config = &layer->context->session->config;
  json_t *spent = json_object(), *mean = json_object(), *foreign = json_object(), *all = json_array();
  json_t *figure = figure_add(
      result, "bars", "Capacity by modality", "mean capacity, 0 to 1", NULL,
      "1: the fusion's first layer represents the input on its own; less: it shares dimensions with others. n: inputs. "
      "Whiskers: 95 % (Student) over inputs.");
  json_t *mixing = figure_add(
      result, "bars", "Entanglement with other modalities", "foreign part of the overlap", NULL,
      "Of the squared products of an input's weight vector with all, the part with inputs of other modalities. "
      "n: inputs. Whiskers: 95 % (Student) over inputs.");
  figure_axis(figure, 0, 1);
  figure_axis(mixing, 0, 1);
  for (int i = 0; i < layer->m; i++) {
    int first = layer->begin[i], n = layer->begin[i + 1] - first;
    const char *name = config->modality[i].name;
    double sum = 0;
    char item[160];
    for (int j = first; j < first + n; j++)
      sum += layer->capacity[j];
    json_object_set_new(spent, name, context_number(sum));
    text_print(item, sizeof item, "capacity of %s", name);
    figure_result(layer->context, figure, mean, item, name, mean_of(layer->capacity + first, n));
    text_print(item, sizeof item, "foreign overlap of %s", name);
    figure_result(layer->context, mixing, foreign, item, name, mean_of(layer->foreign + first, n));
  }
  for (int j = 0; j < layer->in; j++)
    json_array_append_new(all, context_number(layer->capacity[j]));
  json_object_set_new(result, "capacity", mean);
  json_object_set_new(result, "capacity_spent", spent);
  json_object_set_new(result, "foreign_overlap", foreign);
  json_object_set_new(result, "capacities", all);
}

// Entropies that are numbers, packed; NaN is a neuron without weights.
static int pack(double *value, int n) {
  int kept = 0;
  for (int k = 0; k < n; k++)
    if (!isnan(value[k]))
      value[kept++] = value[k];
  return kept;
}

static void add_entropy(const Layer *layer, json_t *figure, json_t *crossing, json_t *object, const char *what,
                        int count) {
  json_t *one = json_object(), *all = json_array();
  double cross = 0;
  char item[160];
  for (int k = 0; k < count; k++)
    json_array_append_new(all, layer->m > 0 ? context_number(layer->entropy[k]) : json_null());
  int n = pack(layer->entropy, count);
  for (int k = 0; k < n; k++)
    cross += layer->entropy[k] > log(2) / 2;
  text_print(item, sizeof item, "entropy of %s", what);
  figure_result(layer->context, figure, one, item, what, mean_of(layer->entropy, n));
  text_print(item, sizeof item, "cross-modal share of %s", what);
  Estimate share = {n > 0 ? cross / n : NAN, summary_wilson(cross, n, LEVEL), n};
  figure_result(layer->context, crossing, one, item, what, share);
  json_t *entry = json_pack("{s:O, s:o, s:o}", "entropy", json_object_get(one, what), "cross_modal",
                            estimate_json(share), "entropies", all);
  json_object_set_new(object, what, entry);
  json_decref(one);
}

static void add_entropies(Layer *layer, json_t *result) {
  json_t *object = json_object();
  json_t *figure = figure_add(result, "bars", "Mixing of modalities", "entropy over modalities (nats)", NULL,
                              "Of the weights' energy in each neuron, of what reaches it from each modality, and of "
                              "the leading eigenvectors of W'W. "
                              "0: one modality only. n: neurons or eigenvectors. Whiskers: 95 % (Student) over them.");
  figure_rule(figure, log(layer->m), "all modalities alike: ln m");
  json_t *crossing = figure_add(result, "bars", "Cross-modal neurons", "share above ln(2) / 2", NULL,
                                "Of neurons (by their weights, by what reaches them) and of eigenvectors, those whose "
                                "entropy over modalities is above ln(2) / 2. "
                                "n: neurons or eigenvectors. Whiskers: 95 % (Wilson).");
  figure_axis(crossing, 0, 1);
  double energy[MODALITIES_MOST],
      *row = layer->vector; // row k of W goes through the last eigenvector's place only after it was used
  int rank = 0;
  for (int k = 0; k < layer->in; k++)
    rank += layer->value[k] > 1e-6 * layer->value[layer->in - 1];
  for (int k = 0; k < rank; k++) {
    modality_energy(energy, layer->vector + (size_t)(layer->in - 1 - k) * (size_t)layer->in, layer->begin, layer->m);
    layer->entropy[k] = share_entropy(energy, layer->m);
  }
  add_entropy(layer, figure, crossing, object, "subspaces", rank);
  for (int k = 0; k < layer->out; k++) {
    for (int j = 0; j < layer->in; j++)
      row[j] = (double)layer->w[(size_t)k * (size_t)layer->in + (size_t)j];
    modality_energy(energy, row, layer->begin, layer->m);
    layer->entropy[k] = share_entropy(energy, layer->m);
  }
  add_entropy(layer, figure, crossing, object, "weights", layer->out);
  for (int k = 0; k < layer->out; k++) {
    double sum = 0, *power = layer->power + (size_t)k * (size_t)layer->m;
    for (int i = 0; i < layer->m; i++)
      sum += power[i];
    for (int i = 0; i < layer->m; i++)
      energy[i] = sum > 0 ? power[i] / sum : 0;
    layer->entropy[k] = share_entropy(energy, layer->m);
  }
  add_entropy(layer, figure, crossing, object, "inputs", layer->out);
  json_object_set_new(result, "entropy", object);
}

Status measure_polysemanticity(AnalyzeContext *context, json_t *result) {
  int k = joined_layer(context);
  double *block = NULL;
  if (k < 0) {
    json_object_set_new(result, "left_out", json_string("no layer of this fusion reads the joined representations"));
    return STATUS_OK;
  }
  Layer layer = {.context = context, .layer = network_layer(context, k), .m = context->session->config.modalities};
  layer.w = network_parameter(context, layer.layer->layer.weight);
  layer.out = layer.layer->out;
  layer.in = layer.layer->in;
  layer_blocks(context, k, layer.begin);
  Status status = comm_agree(context->comm, take(&layer, &block));
  if (status.code == 0)
    status = measure_power(&layer);
  if (status.code == 0) {
    json_object_set_new(result, "layer", json_string(layer.layer->path));
    add_capacity(&layer, result);
    add_entropies(&layer, result);
  }
  free(block);
  return status;
}
