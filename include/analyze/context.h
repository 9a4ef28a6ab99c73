#ifndef ANALYZE_CONTEXT_H
#define ANALYZE_CONTEXT_H
/// What a measure sees: a model, a split, and what the model makes of the split's samples. Samples are numbered 0 … n-1 in the order of the data
/// set, whatever the ranks; each is on one rank, and a rank's rows ascend. Everything is shown: masks are those of the source alone.
#include "analyze/analyze.h"

/// One value of the model for the rows here. Names:
///   encoder/NAME          what the modality's encoder stage gives (EBR: the latent g_i)
///   representation/NAME   what of the modality enters the fusion phi; 0 where the sample does not show it (zero fill)
///   representation/fusion what enters the head
///   input/LAYER           what enters a linear layer of the fusion stage: input/fusion/0, input/fusion/1, input/head, …
///   logits                [outputs]
typedef struct View {
  char name[PARAMETER_PATH + 24];
  int modality;      // of encoder/ and representation/NAME; else -1
  int width;
  Value value;       // in the network's graph
  float *data;       // [rows here, width], row-major; two names may share it
} View;

struct Network;

struct AnalyzeContext {
  Session *session;            // borrowed
  const Comm *comm;            // borrowed
  const char *run;             // the run directory
  Split split;
  int64_t step, epoch;         // of the model: steps and epochs done
  bool training;               // inside a training run: stay cheap
  bool table;                  // print what analyze_row is told
  const struct Targets *targets; // borrowed: models trained on sets of modalities (src/analyze/targets.h); NULL: none were named
  const char *measure;         // the one that runs now
  struct MetricsLog *log;      // inside training, else NULL
  int64_t n, *order;           // all samples of the split: order[n] are indices in the data set; the same on every rank
  int64_t rows, *position;     // here: row r is sample order[position[r]]
  int32_t *label;              // [rows]
  uint8_t *shown;              // [rows, modalities]: 1 where the sample shows the modality
  int batches;                 // the rows here come in batches as training has them
  int64_t *batch_row;          // [batches + 1]: rows here of batch b are [batch_row[b], batch_row[b+1])
  int views;
  View *view;
  struct Network *network;     // the fusion stage, open to look at
  float *mask[MODALITIES_MOST];// [rows, 1], as the fusion stage wants it
};

/// Collective. Takes the samples and runs the model over them, once.
Status context_open(AnalyzeContext *context, Session *session, Split split, int64_t samples);
void context_close(AnalyzeContext *context);

/// NULL: this model has no such value.
const View *context_view(const AnalyzeContext *context, const char *name);
const View *context_modality_view(const AnalyzeContext *context, const char *kind, int modality); // kind: "encoder", "representation"

/// Collective. whole[n, width] of a view, the same on every rank, in order of the samples; owned (free). For what one rank can hold.
Status context_gather(AnalyzeContext *context, const View *view, float **whole);
/// Collective. shown[n] of a modality, the same on every rank; owned (free).
Status context_gather_shown(AnalyzeContext *context, int modality, uint8_t **shown);

/// --- the fusion stage, layer by layer: all Local, for a rank's rows of one batch ----------------------------------------------------------
/// Linear layers in order; `path` is that of the weight without "/weight".
typedef struct NetworkLayer {
  char path[PARAMETER_PATH];
  GraphLayer layer;            // values of the network's graph, and the weight's index in stages.parameters
  int in, out;
} NetworkLayer;
int network_layers(const AnalyzeContext *context);
const NetworkLayer *network_layer(const AnalyzeContext *context, int k);
const float *network_parameter(const AnalyzeContext *context, int index); // of stages.parameters; complete on every rank
const Stages *network_stages(const AnalyzeContext *context);

/// Forward of batch b's rows here, as outside of training. network_data(value)[rows, width] then holds any layer's input or output, any entry,
/// the logits; valid until the next forward.
void network_forward(AnalyzeContext *context, int b, int *rows);
const float *network_data(const AnalyzeContext *context, Value value);
/// After network_forward of the same batch, as often as wanted: pulls seed[rows, outputs] = d objective / d logits back. Then
/// network_gradient(value)[rows, width] of any layer's input or output and of any entry.
void network_backward(AnalyzeContext *context, const float *seed);
const float *network_gradient(const AnalyzeContext *context, Value value);
/// seed[rows, outputs] of the mean cross-entropy over all n samples: d/d logits of sum CE / n; 0 where there is no label. After network_forward.
void network_seed_loss(AnalyzeContext *context, float *seed);
/// Adds this rank's part of the parameter's gradient by the last network_backward to sum[size], in the rows' fixed slices.
void network_add_gradient(const AnalyzeContext *context, int index, double *sum);

/// --- results ---------------------------------------------------------------------------------------------------------------------------------
/// Collective. One line of results: printed as a line of the table, or written to metrics.jsonl inside training; the same on every rank.
void context_row(AnalyzeContext *context, const char *item, int count, const char *const *key, const double *value);
/// A number, or null where it is not finite.
json_t *context_number(double value);

// The measures, in the order of the table.
Status measure_rank(AnalyzeContext *context, json_t *result);
Status measure_similarity(AnalyzeContext *context, json_t *result);
Status measure_agop(AnalyzeContext *context, json_t *result);
Status measure_polysemanticity(AnalyzeContext *context, json_t *result);
Status measure_classifier(AnalyzeContext *context, json_t *result);
Status measure_collision(AnalyzeContext *context, json_t *result);
Status measure_probe(AnalyzeContext *context, json_t *result);
Status measure_subspaces(AnalyzeContext *context, json_t *result);
Status measure_substitutability(AnalyzeContext *context, json_t *result);
Status measure_vif(AnalyzeContext *context, json_t *result);

#endif
