#ifndef MODEL_FUSION_H
#define MODEL_FUSION_H
/// The fusion operator phi and the head g: from the representations z_1 … z_m of a sample to logits. A missing modality's row
/// is filled before it gets here (fusion_fill), zeros by default. Layers are fusion/K, then head.
///   concat     [z_1 … z_m] in the order of the config, then hidden layers
///   sum        z_1 + … + z_m (equal widths), then hidden layers
///   gated      sum_i sigmoid(G_i [z_1 … z_m] + b_i) * tanh(W_i z_i), width that of z_1; fusion/0 … m-1: W_i (no bias), m … 2m-1: G_i;
///              gated multimodal unit, Arevalo et al., 2017; then hidden layers
///   attention  tokens z_i (equal widths) through multi-head self-attention that does not see missing ones (fusion/0/q …), plus z_i,
///              mean over the tokens that are there, then hidden layers
/// Hidden layers are linear + ReLU; dropout stands before the head.
#include "base/status.h"
#include "config/config.h"
#include "graph/graph.h"

/// EXIT_CONFIG when widths do not suit the fusion.
Status fusion_check(const Config *config, const int *width);

/// z[i] with strength applied and missing rows filled: mask[i] [rows, 1] is 1 where the modality is there. x[i] must be 0 elsewhere.
Value fusion_fill(Graph *graph, const Config *config, int modality, Value x, Value mask);

/// Returns logits [outputs]; *representation is what enters the head.
Value fusion_build(Graph *graph, const Config *config, const Value *z, const Value *mask, int outputs, Value *representation);

/// Multiply-adds of a forward pass of one sample, about.
double fusion_cost(const Config *config, const int *width, int outputs);

#endif
