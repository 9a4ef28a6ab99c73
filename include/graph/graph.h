#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H
/// A stage of the step as a small graph of operations, forward only: the backward pass follows from the operations. Built
/// once, memory planned once, nothing allocated in a step. No MPI: what must be summed over other ranks goes through `pool`.
///
/// Every value has rows (samples) and a shape per row, row-major. Operations work row by row, so rows may be anywhere;
/// the two exceptions are sums over rows (parameter gradients: by the association of base/slices.h) and batch
/// normalisation (statistics over all rows of the batch, wherever they are: `pool`).
#include "base/slices.h"
#include "base/status.h"
#include "graph/parameters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHAPE_DIMENSIONS = 3 };

typedef struct Shape {
  int dimensions, dim[SHAPE_DIMENSIONS]; // of one row, e.g. {3, {channels, height, width}}; {1, {n}} for a vector
} Shape;

enum { GRAPH_EXAMPLE_ROWS = 6 }; // rows of the registry's examples

typedef struct Graph Graph;
typedef int Value; // index of a value in its graph

/// A bag of codes per row, borrowed: row r has codes code[offset[r] .. offset[r+1]).
typedef struct Bags {
  const int64_t *offset; // [rows+1]
  const int32_t *code;
} Bags;

/// Everything a pass needs to know that is not in the graph. Borrowed for the call.
typedef struct Pass {
  const float *parameters;   // flat block (Parameters of graph_open)
  float *state;              // flat block of the state list: running statistics, updated in training
  int rows;                  // local rows; 0 is fine: pools are still called
  Slices slices;             // where they stand in the batch; slices.row[slices.count] == rows
  const int64_t *sample;     // [rows] index in the data set: key of per-sample random numbers
  uint64_t seed;
  uint32_t epoch;            // key of dropout: changes every epoch
  bool training;             // dropout on, batch statistics, state updated
  int threads;
  /// total[n] = sum over all slices of the batch, in slice order from +0, of per_slice[slice][n] (here: the local slices).
  /// Every rank that runs this stage calls it equally often. NULL: this process has all slices.
  void (*pool)(void *user, double *total, const double *per_slice, int n);
  void *pool_user;
} Pass;

/// Opens an empty graph that declares its parameters in `parameters` and its running statistics in `state` (both borrowed).
Graph *graph_open(Parameters *parameters, Parameters *state);
void graph_close(Graph *graph);

// --- building: each returns the value it makes; PATH is that of the layer ("encoders/image/0") -----------------------------
Value graph_input(Graph *graph, Shape shape);                 // floats [rows, shape], set by graph_bind
Value graph_input_labels(Graph *graph);                       // int32 [rows], -1: none
Value graph_input_indices(Graph *graph, int n);                // int32 [rows, n]
Value graph_input_bags(Graph *graph, int vocabulary);         // Bags
/// The batch holds at most rows x `codes` codes (checked); without the call `vocabulary` a row. Before graph_plan: scratch depends on it.
void graph_bags_most(Graph *graph, Value bags, int64_t codes);
Value graph_linear(Graph *graph, Value x, int out, bool bias, const char *path);   // y = x w' + b over the last dimension; w [out, in], b [out]
/// y = sum over the bag of rows of w' + b: a multi-hot input times the same w [out, vocabulary] as graph_linear's.
Value graph_bag(Graph *graph, Value bags, int out, bool bias, const char *path);
Value graph_embedding_mean(Graph *graph, Value bags, int out, const char *path);   // mean of rows of w [vocabulary, out]; 0 for an empty bag
/// stride 1 or more, zero padding on both sides. x [channels, h, w] (or [h, w]: one channel); w [out, channels, kernel, kernel].
Value graph_conv2d(Graph *graph, Value x, int out, int kernel, int stride, int padding, bool bias, const char *path);
Value graph_max_pool(Graph *graph, Value x, int kernel, int stride);               // floor, no padding; first maximum wins
/// Per channel (dim[0]) over rows and positions; eps 1e-5. State PATH/mean and PATH/variance: momentum .1, variance unbiased, left alone by a
/// batch of one element (which has no variance); nothing moves when the batch is empty.
Value graph_batch_norm(Graph *graph, Value x, const char *path);
Value graph_layer_norm(Graph *graph, Value x, const char *path); // over the last dimension; eps 1e-5
Value graph_relu(Graph *graph, Value x);
Value graph_gelu(Graph *graph, Value x);                      // exact, with erf
Value graph_tanh(Graph *graph, Value x);
Value graph_sigmoid(Graph *graph, Value x);
Value graph_softplus(Graph *graph, Value x);
Value graph_softmax(Graph *graph, Value x);                   // over the last dimension
/// Element i is kept when random_uniform({seed, RANDOM_DROPOUT, epoch, site}, sample, i) >= rate, and scaled by 1/(1-rate). The site is a hash of
/// the operation's number in its graph and of the parameter used last before it (or declared last, where the graph has none yet).
Value graph_dropout(Graph *graph, Value x, double rate);
Value graph_reverse(Graph *graph, Value x);                   // gradient reversal: y = x, dx = -weight dy; weight by graph_reverse_weight
Value graph_detach(Graph *graph, Value x);                    // y = x, no gradient
Value graph_flatten(Graph *graph, Value x);
Value graph_concat(Graph *graph, const Value *x, int count);  // vectors, in order
Value graph_stack(Graph *graph, const Value *x, int count);   // vectors of one width -> [count, width]
Value graph_add(Graph *graph, Value a, Value b);
Value graph_multiply(Graph *graph, Value a, Value b);         // element by element; b of width 1 scales the row
Value graph_scale(Graph *graph, Value x, double factor);
/// Multi-head self-attention over tokens x [tokens, width]; mask: floats [tokens] per row, 0 hides a token as a key (a row with no
/// token gives 0). w_q, w_k, w_v, w_o with biases: PATH/q/weight … as four linear layers; scores are divided by sqrt(width / heads).
Value graph_attention(Graph *graph, Value x, Value mask, int heads, const char *path);
Value graph_mean_tokens(Graph *graph, Value x, Value mask);   // masked mean over tokens [tokens, width] -> [width]; 0 if none
/// where mask [rows, 1] is 0 the row becomes the parameter PATH [width] (learned fill); elsewhere x.
Value graph_fill(Graph *graph, Value x, Value mask, const char *path);
/// where mask is 0 the row becomes a running mean (momentum .1 per batch) of the rows where mask is 1, kept in the state PATH/mean [width]
/// and PATH/count [1]; no gradient goes into the mean. The mean used is the one before this batch; the first batch that has such a row sets
/// it, and count is the number of batches that had one.
Value graph_fill_mean(Graph *graph, Value x, Value mask, const char *path);
// losses: one number per row
Value graph_cross_entropy(Graph *graph, Value logits, Value labels);        // -log softmax[label]; 0 where label is -1
Value graph_binary_cross_entropy(Graph *graph, Value logit, Value labels);  // on logits
Value graph_mse(Graph *graph, Value a, Value b);                            // mean over the row of (a-b)^2; gradients into both
Value graph_kl(Graph *graph, Value student, Value teacher, double temperature); // T^2 KL(softmax(t/T) || softmax(s/T)); gradient into student only
Value graph_cosine(Graph *graph, Value a, Value b);                         // cosine of the two rows, norms at least 1e-8; gradients into both

Value graph_normalize(Graph *graph, Value x);                               // y = x / |x|, the norm at least 1e-8
/// Noise-contrastive loss of x [width] against a bank of `rows` unit vectors, kept in the state as BANK [rows, width]: index [1 + K] names the
/// row's own entry (-1: the row takes no part, its loss is 0) and K others; formula in op_contrast.c. Z stands in the state PATH [1]: 0 until
/// the first batch with such rows sets it, over all rows of the batch wherever they are (`pool`, as a batch norm). No gradient goes into
/// the bank, which the caller updates. Outside of training the loss is 0.
Value graph_contrast(Graph *graph, Value x, Value index, int rows, double temperature, const char *bank, const char *path);

// --- planning and running --------------------------------------------------------------------------------------------------
/// Takes all memory for passes of at most `rows` rows and `threads` threads: activations, and gradients too when `training` (without, a pass
/// must not be a training pass). Call once, after building.
Status graph_plan(Graph *graph, int rows, bool training, int threads);
size_t graph_bytes(const Graph *graph, int rows, bool training, int threads); // what graph_plan would take

void graph_bind(Graph *graph, Value input, const void *data); // float *, int32_t *, or Bags *; borrowed until the next bind
/// Computes every value for pass->rows rows. Collective over the stage's ranks if the graph has a batch norm or a mean fill and pass->training.
void graph_forward(Graph *graph, const Pass *pass);
float *graph_data(const Graph *graph, Value value);           // [rows, shape], valid until the next forward
/// Gradient of a value [rows, shape]. Before graph_backward: seeds of a value that no operation reads, or that graph_seed named; zeroed by
/// graph_forward, to be set by the caller, used up by graph_backward. After it: for inputs asked for with graph_want_gradient, the gradient.
float *graph_gradient(const Graph *graph, Value value);
void graph_want_gradient(Graph *graph, Value input);          // before graph_plan
/// Before graph_plan: the caller will seed this value although operations of the graph read it too (a representation that also
/// leaves the stage). Values that no operation reads need no call. Seeds and the gradient from inside add up.
void graph_seed(Graph *graph, Value value);
/// Before graph_plan: the caller will look at this inner value's data; otherwise an operation may run in place on it. graph_seed
/// implies it; values that no operation reads need no call.
void graph_keep(Graph *graph, Value value);
void graph_reverse_weight(Graph *graph, double weight);       // of all reversals of the graph
/// The pull-back of the seeds; same pass as the forward. Parameter gradients are WRITTEN (not added) to gradient[j], j < nodes: a compact block
/// of graph_gradient_size floats holding the sum over the slices of node[j] (whole nodes of the tree that together are the local slices).
/// Parameters that no seed reaches get zeros; the padding between parameters is not touched. A parameter used several times in the graph has as
/// leaf the sum of the leaves of its uses, in order of the graph. May be repeated after one forward when all seeds are set anew.
/// Collective as graph_forward for a batch norm.
void graph_backward(Graph *graph, const Pass *pass, float *const *gradient, const SliceNode *node, int nodes);

// --- what a graph uses -------------------------------------------------------------------------------------------------------
Shape graph_shape(const Graph *graph, Value value);
int64_t graph_width(const Graph *graph, Value value);         // product of the shape
int graph_parameters(const Graph *graph);                     // number of parameters used, in order of first use
int graph_parameter(const Graph *graph, int i);               // index in the Parameters list
int64_t graph_gradient_offset(const Graph *graph, int i);     // of parameter i in the compact gradient block; multiples of 16
int64_t graph_gradient_size(const Graph *graph);              // floats, padding included

/// The linear layers in order of the graph: layer k reads `input`, gives `output` (before what follows it), weight [out, in] is this parameter.
typedef struct GraphLayer {
  Value input, output;
  int weight;                                                  // index in the Parameters list
} GraphLayer;
int graph_layers(const Graph *graph);
GraphLayer graph_layer(const Graph *graph, int k);

/// The registry: every kind of operation with a way to build a small instance of it, for the gradient check that runs over all of them.
int graph_kinds(void);
const char *graph_kind_name(int kind);
/// Builds an instance, its inputs bound to random numbers (GRAPH_EXAMPLE_ROWS rows, owned by the graph) and their gradients asked for;
/// returns the value to differentiate.
Value graph_kind_example(Graph *graph, int kind, uint64_t seed);

#endif
