#include "model/fusion.h"

#include "base/text.h"

Status fusion_check(const Config *config, const int *width) {
  if (config->fusion.type == FUSION_SUM || config->fusion.type == FUSION_ATTENTION)
    for (int i = 1; i < config->modalities; i++)
      if (width[i] != width[0])
        return status_error(EXIT_CONFIG,
                            "fusion.type: sum and attention need representations of one width, but %s has %d and %s "
                            "%d; set encoder.out alike",
                            config->modality[0].name, width[0], config->modality[i].name, width[i]);
  if (config->fusion.type == FUSION_ATTENTION && width[0] % config->fusion.heads)
    return status_error(EXIT_CONFIG, "fusion.heads: %d heads do not divide the width %d", config->fusion.heads,
                        width[0]);
  return STATUS_OK;
}

Value fusion_fill(Graph *graph, const Config *config, int modality, Value x, Value mask) {
  char path[PARAMETER_PATH];
  REQUIRE(text_print(path, sizeof path, "fill/%s", config->modality[modality].name), "a name is too long");
  if (config->missingness.fill == FILL_LEARNED)
    x = graph_fill(graph, x, mask, path);
  else if (config->missingness.fill == FILL_MEAN)
    x = graph_fill_mean(graph, x, mask, path);
  double strength = config->fusion.strength.item[modality];
  return strength == 1 ? x : graph_scale(graph, x, strength);
}

static Value layer(Graph *graph, Value x, int out, bool bias, int k) {
  char path[PARAMETER_PATH];
  text_print(path, sizeof path, "fusion/%d", k);
  return graph_linear(graph, x, out, bias, path);
}

static Value join(Graph *graph, const Config *config, const Value *z, const Value *mask, int *layers) {
  int m = config->modalities;
  if (config->fusion.type == FUSION_CONCAT)
    return m == 1 ? z[0] : graph_concat(graph, z, m);
  if (config->fusion.type == FUSION_ATTENTION) {
    Value there = m == 1 ? mask[0] : graph_concat(graph, mask, m), tokens = graph_stack(graph, z, m);
    Value mixed = graph_add(graph, tokens, graph_attention(graph, tokens, there, config->fusion.heads, "fusion/0"));
    *layers = 1;
    return graph_mean_tokens(graph, mixed, there);
  }
  if (config->fusion.type == FUSION_SUM) {
    Value sum = z[0];
    for (int i = 1; i < m; i++)
      sum = graph_add(graph, sum, z[i]);
    return sum;
  }
  int width = (int)graph_width(graph, z[0]);
  Value all = m == 1 ? z[0] : graph_concat(graph, z, m), sum = -1;
  for (int i = 0; i < m; i++) {
    Value content = graph_tanh(graph, layer(graph, z[i], width, false, i));
    Value gate = graph_sigmoid(graph, layer(graph, all, width, true, m + i));
    Value part = graph_multiply(graph, gate, content);
    sum = i == 0 ? part : graph_add(graph, sum, part);
  }
  *layers = 2 * m;
  return sum;
}

Value fusion_build(Graph *graph, const Config *config, const Value *z, const Value *mask, int outputs,
                   Value *representation) {
  int layers = 0;
  Value x = join(graph, config, z, mask, &layers);
  for (int k = 0; k < config->fusion.hidden.count; k++)
    x = graph_relu(graph, layer(graph, x, config->fusion.hidden.item[k], true, layers + k));
  *representation = x;
  if (config->fusion.dropout > 0)
    x = graph_dropout(graph, x, config->fusion.dropout);
  return graph_linear(graph, x, outputs, true, "head");
}

double fusion_cost(const Config *config, const int *width, int outputs) {
  double in = 0, cost = 0, m = config->modalities;
  for (int i = 0; i < config->modalities; i++)
    in += width[i];
  if (config->fusion.type == FUSION_GATED)
    cost = in * width[0] * (m + 1);
  if (config->fusion.type == FUSION_ATTENTION)
    cost = 4.0 * width[0] * width[0] * m;
  if (config->fusion.type != FUSION_CONCAT)
    in = width[0];
  for (int k = 0; k <= config->fusion.hidden.count; k++) {
    double out = k < config->fusion.hidden.count ? config->fusion.hidden.item[k] : outputs;
    cost += in * out;
    in = out;
  }
  return cost;
}
