// The registry: one line for each kind of operation.
#include "graph/operation.h"

extern const Operation operation_linear, operation_bag, operation_embedding_mean, operation_conv2d, operation_max_pool,
    operation_batch_norm, operation_layer_norm, operation_relu, operation_gelu, operation_tanh, operation_sigmoid,
    operation_softplus, operation_softmax, operation_dropout, operation_reverse, operation_detach, operation_flatten,
    operation_concat, operation_stack, operation_add, operation_multiply, operation_scale, operation_attention,
    operation_gate, operation_mean_tokens, operation_fill, operation_fill_mean, operation_cross_entropy,
    operation_binary_cross_entropy, operation_mse, operation_kl, operation_cosine, operation_normalize,
    operation_contrast;

const Operation *const graph_operations[] = {&operation_linear,
                                             &operation_bag,
                                             &operation_embedding_mean,
                                             &operation_conv2d,
                                             &operation_max_pool,
                                             &operation_batch_norm,
                                             &operation_layer_norm,
                                             &operation_relu,
                                             &operation_gelu,
                                             &operation_tanh,
                                             &operation_sigmoid,
                                             &operation_softplus,
                                             &operation_softmax,
                                             &operation_dropout,
                                             &operation_reverse,
                                             &operation_detach,
                                             &operation_flatten,
                                             &operation_concat,
                                             &operation_stack,
                                             &operation_add,
                                             &operation_multiply,
                                             &operation_scale,
                                             &operation_attention,
                                             &operation_gate,
                                             &operation_mean_tokens,
                                             &operation_fill,
                                             &operation_fill_mean,
                                             &operation_cross_entropy,
                                             &operation_binary_cross_entropy,
                                             &operation_mse,
                                             &operation_kl,
                                             &operation_cosine,
                                             &operation_normalize,
                                             &operation_contrast};

const int graph_operations_count = sizeof graph_operations / sizeof graph_operations[0];

int graph_kinds(void) { return graph_operations_count; }

static const Operation *operation_at(int kind) {
  REQUIRE(0 <= kind && kind < graph_operations_count, "no kind %d", kind);
  return graph_operations[kind];
}

const char *graph_kind_name(int kind) { return operation_at(kind)->name; }
Value graph_kind_example(Graph *graph, int kind, uint64_t seed) { return operation_at(kind)->example(graph, seed); }
