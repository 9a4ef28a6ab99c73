// Lemma 1: a neuron that carries two features carries features of two modalities with probability at least
//   m (m-1) (min_i d_i)^2 / (sum_i d_i)^2,
// d_i the width of modality i's representation. Beside it: the exact probability for pairs drawn at random, the same by drawing them, and what the
// trained layer does: the share of its neurons whose two strongest inputs (|weight| times the input's root mean square) are of two modalities.
// A. Chaudhuri et al., ICML 2025, Lemma 1.
#include "analyze/figures.h"
#include "analyze/pooled.h"
#include "base/memory.h"
#include "base/text.h"
#include "metrics/polysemanticity.h"

#include <math.h>
#include <stdlib.h>

enum { DRAWS = 1000000 };

// size[in]: root mean square of every input of the layer.
static Status input_sizes(const AnalyzeContext *context, const View *input, double **size) {
  int *slice = NULL, d = input->width;
  double *here = NULL;
  Status status = pooled_slice(context, &slice);
  if (status.code == 0)
    status = memory_take((void **)&here, (size_t)d * (size_t)pooled_slices(context), sizeof *here, "sizes of inputs");
  if (status.code == 0)
    status = memory_take((void **)size, (size_t)d, sizeof **size, "sizes of inputs");
  status = comm_agree(context->comm, status);
  if (status.code == 0) {
    for (int64_t r = 0; r < context->rows; r++)
      for (int j = 0; j < d; j++)
        here[(size_t)slice[r] * (size_t)d + (size_t)j] +=
            (double)input->data[r * d + j] * (double)input->data[r * d + j];
    pooled_sum(context, *size, here, d);
    for (int j = 0; j < d; j++)
      (*size)[j] = sqrt((*size)[j] / (double)context->n);
  }
  free(slice);
  free(here);
  return status;
}

static int owner(const int *begin, int column) {
  int i = 0;
  while (column >= begin[i + 1])
    i++;
  return i;
}

// Neurons whose two strongest inputs are of two modalities; *neurons: those that have two inputs at all.
static int count_crossing(const NetworkLayer *layer, const float *w, const double *size, const int *begin,
                          int *neurons) {
  int crossing = 0;
  *neurons = 0;
  for (int k = 0; k < layer->out; k++, w += layer->in) {
    int first = -1, second = -1;
    for (int j = 0; j < layer->in; j++) {
      double strength = fabs((double)w[j]) * size[j];
      if (strength == 0)
        continue;
      if (first < 0 || strength > fabs((double)w[first]) * size[first]) {
        second = first;
        first = j;
      } else if (second < 0 || strength > fabs((double)w[second]) * size[second])
        second = j;
    }
    if (second < 0)
      continue;
    ++*neurons;
    crossing += owner(begin, first) != owner(begin, second);
  }
  return crossing;
}

static Status add_observed(AnalyzeContext *context, json_t *figure, json_t *object) {
  int k = joined_layer(context), begin[MODALITIES_MOST + 1], neurons;
  char name[PARAMETER_PATH + 16];
  double *size = NULL;
  if (k < 0)
    return STATUS_OK;
  const NetworkLayer *layer = network_layer(context, k);
  layer_blocks(context, k, begin);
  text_print(name, sizeof name, "input/%s", layer->path);
  Status status = input_sizes(context, context_view(context, name), &size);
  if (status.code == 0) {
    double crossing = count_crossing(layer, network_parameter(context, layer->layer.weight), size, begin, &neurons);
    figure_result(context, figure, object, "neurons", "neurons of this model",
                  (Estimate){neurons ? crossing / neurons : NAN, summary_wilson(crossing, neurons, LEVEL), neurons});
  }
  free(size);
  return status;
}

Status measure_collision(AnalyzeContext *context, json_t *result) {
  int m = context->session->config.modalities, width[MODALITIES_MOST];
  json_t *object = json_object();
  Interval none = {NAN, NAN};
  for (int i = 0; i < m; i++) {
    const View *view = context_modality_view(context, "representation", i);
    width[i] = (view ? view : context_modality_view(context, "encoder", i))->width;
  }
  json_t *figure = figure_add(result, "bars", "Cross-modal pairs of features", "probability", NULL,
                              "How likely two features in one neuron are of two modalities. n: pairs drawn, or "
                              "neurons. Whiskers: 95 % (Wilson).");
  json_object_set_new(result, "probability", object);
  figure_axis(figure, 0, 1);
  figure_result(context, figure, object, "bound", "bound of Lemma 1", (Estimate){collision_bound(width, m), none, 0});
  figure_result(context, figure, object, "chance", "all pairs alike", (Estimate){collision_chance(width, m), none, 0});
  double drawn = (double)collision_draw(width, m, DRAWS, context->session->config.run.seed);
  figure_result(context, figure, object, "drawn", "pairs drawn",
                (Estimate){drawn / DRAWS, summary_wilson(drawn, DRAWS, LEVEL), DRAWS});
  return add_observed(context, figure, object);
}
