#ifndef MODEL_ENCODER_H
#define MODEL_ENCODER_H
/// Encoders f_i: from a modality's input to its representation, one vector per sample. Layers are PATH/K, K counting those
/// that have parameters, with PATH = encoders/NAME.
///   linear  y = W x + b                                                    out
///   mlp     hidden layers, each [linear, layer norm if `norm`, activation, dropout], then linear to out
///   lenet   conv 5x5 1->5, max-pool 2, ReLU, conv 5x5 5->10, dropout (.5), max-pool 2, ReLU, flatten: 160 for 28x28
///   snet    three conv 2x2 (1->32->48->20), each with batch norm and ReLU, max-pool 2 stride 4, dropout (.25), flatten: 320 for 20x20
///           (lenet, snet: SMIL, Ma et al., AAAI 2021; a linear layer follows when `out` differs from the flattened width)
///   cnn     stages of [conv 3x3, batch norm, activation] twice and max-pool 2, flatten, dropout, linear to out
/// A modality of kind codes is a bag: the first linear layer reads its multi-hot counts (graph_bag).
#include "base/status.h"
#include "config/config.h"
#include "data/dataset.h"
#include "graph/graph.h"

/// Whether this encoder can read this modality: EXIT_CONFIG says what it would need.
Status encoder_check(const ModalityConfig *config, const DatasetModality *modality);

/// Adds input and layers to the graph; *input is to be bound to floats [rows, width] or to Bags. Returns the representation [d_i].
Value encoder_build(Graph *graph, Value *input, const ModalityConfig *config, const DatasetModality *modality);

/// d_i, the width of the representation.
int representation_width(const ModalityConfig *config, const DatasetModality *modality);

/// Multiply-adds of a forward pass of one sample, about: for placing ranks and for `plan`.
double encoder_cost(const ModalityConfig *config, const DatasetModality *modality);

/// A stack of linear layers with ReLU between and none after the last: PATH/0 … with widths hidden[0], …, out;
/// dropout behind the ReLUs. For h, h^-1 and psi.
Value encoder_mlp(Graph *graph, Value x, const IntList *hidden, int out, double dropout, const char *path);

#endif
