#ifndef GRAPH_OPERATION_H
#define GRAPH_OPERATION_H
/// Inside of the graph: what an operation is, and what it sees. A new operation is one constructor, one Operation with its
/// functions next to it, and one line in operations.c.
#include "graph/graph.h"

typedef struct Node Node;

enum { NODE_INPUTS = 62, NODE_PARAMETERS = 2, NODE_STATES = 2, NODE_NUMBERS = 4 };

/// Bits of Operation.reads and Operation.pulls: single inputs, all inputs, and (reads only) the output.
enum { SLOT_0 = 1, SLOT_1 = 2, SLOT_2 = 4, SLOT_ALL = (1 << 29) - 1, SLOT_OUTPUT = 1 << 29 };

/// Is input i among the slots? Inputs from 28 on go together.
static inline bool slot_has(unsigned slots, int i) { return slots >> (i < 28 ? i : 28) & 1; }

/// Memory of a node in bytes: `kept` lives from forward to backward, `work` for one call of any of its functions.
typedef struct Needs {
  size_t kept, work;
} Needs;

/// A kind of operation: how its memory may be laid out, and its functions. The shape rule is its constructor graph_NAME.
typedef struct Operation {
  const char *name;
  unsigned reads; // data that backward or sum look at: never overwritten before
  unsigned pulls; // inputs that a gradient flows into
  bool alias;     // y = x: the output is the memory of input 0, there is no forward
  bool in_place;  // forward may write y over input 0
  bool in_place_gradient; // backward may write dx of input 0 over dy (not where sum still wants dy)
  bool fuses_relu;        // forward honours node->relu
  bool pulls_relu;        // backward too: dy is that of the ReLU
  bool fuses_pool;        // forward and backward honour node->pool: y and dy are those of the pool
  Needs (*needs)(const Graph *graph, const Node *node, int rows, bool training, int threads);
  void (*forward)(Graph *graph, const Node *node, const Pass *pass);
  /// Writes (or adds, node_dx says) the gradients of the inputs; called only when dy exists.
  void (*backward)(Graph *graph, const Node *node, const Pass *pass);
  /// Writes into out[i] the gradient of parameter i over the local slices [first, first + slices), which belong to one node of
  /// the tree of base/slices.h. Called after backward; never looks into what backward left in the work memory.
  void (*sum)(Graph *graph, const Node *node, const Pass *pass, float *const *out, int first, int slices);
  Value (*example)(Graph *graph, uint64_t seed);
} Operation;

struct Node {
  const Operation *operation;
  Value output, *input; // owned array
  int inputs;
  int parameters, use[NODE_PARAMETERS]; // positions in the list of parameters that the graph uses
  int states, state[NODE_STATES];       // indices in the state list
  int number[NODE_NUMBERS];             // what the constructor wants to remember
  double factor;
  uint32_t site;                        // key of random numbers
  // by the plan
  uint64_t accumulates;                 // bit i (inputs are 62 at most): dx of input i is added to what is there
  bool active;                          // dy exists and somebody wants what backward gives
  bool relu, skipped, pull_skipped;     // the ReLU behind is done here; the node before does this one's forward, and backward
  int pool;                             // the max_pool behind (and behind the ReLU) that is done here, or -1
  bool defers;                          // a parameter is used elsewhere too: its sum waits for the end
  size_t kept_at;
  void *kept;
};

typedef enum ValueKind { VALUE_FLOATS, VALUE_LABELS, VALUE_BAGS } ValueKind;

/// A value; `root` is the value whose memory it lives in, likewise for the gradient.
typedef struct GraphValue {
  ValueKind kind;
  Shape shape;
  int64_t width;
  int producer;                   // node, or -1: an input
  int uses;                       // input slots that read it
  int vocabulary;                 // of bags
  int64_t most;                   // codes in a bag
  bool wanted, kept, seeded;      // asked for by the caller
  const void *bound;              // data of an input
  // by the plan
  Value root, gradient_root;
  bool overwritten;               // an operation ran in place on it: its data are gone
  bool needs, reached, has_gradient, zeroed;
  size_t data_at, gradient_at;
  float *data, *gradient;
} GraphValue;

typedef struct GraphUse {
  int index, uses;
  int64_t offset, size;
} GraphUse;

struct Graph {
  Parameters *parameters, *state; // borrowed
  GraphValue *value;
  Node *node;
  GraphUse *use;
  void **owned;                   // memory of examples
  int values, nodes, uses, owneds;
  double reverse_weight;
  // by the plan
  bool planned, training, defers;
  int rows, threads;
  char *memory;
  size_t bytes, work_at, leaf_at;
  void *work;
};

// --- for constructors ------------------------------------------------------------------------------------------------
/// Appends a node and its output; the pointer is good until the next value is made.
Node *graph_append(Graph *graph, const Operation *operation, const Value *input, int inputs, Shape shape);
/// Declares (or finds) the parameter PATH/NAME (PATH alone if name is NULL) and makes it the node's next one.
void node_parameter(Graph *graph, Node *node, const char *path, const char *name, const int *dim, int dimensions,
                    ParameterInit init, int fan_in);
void node_state(Graph *graph, Node *node, const char *path, const char *name, int size, ParameterInit init);
const GraphValue *graph_floats(const Graph *graph, Value value, const char *operation); // REQUIREs floats
Shape shape_vector(int n);
Shape shape_matrix(int rows, int columns);
Shape shape_image(int channels, int height, int width);
int64_t shape_width(Shape shape);
int shape_last(Shape shape);
bool shape_equal(Shape a, Shape b);

// --- for forward, backward and sum ---------------------------------------------------------------------------------
const float *node_x(const Graph *graph, const Node *node, int i);
const void *node_bound(const Graph *graph, const Node *node, int i);                      // labels and bags
float *node_y(const Graph *graph, const Node *node);
float *node_dy(const Graph *graph, const Node *node);
/// NULL when input i wants no gradient.
float *node_dx(const Graph *graph, const Node *node, int i, bool *accumulate);
const float *node_w(const Graph *graph, const Node *node, const Pass *pass, int i);       // parameter i
float *node_running(const Graph *graph, const Node *node, const Pass *pass, int i);       // state i
int64_t node_width(const Graph *graph, const Node *node, int i);                          // of input i
int64_t node_width_y(const Graph *graph, const Node *node);
/// The rows of local slices [first, first + slices), each `times` rows long (tokens); `scaled` holds them when times > 1.
const int *node_rows(int scaled[SLICES_MOST + 1], const Pass *pass, int first, int slices, int times);
/// What max_pool does with n images of [channels, h, w]; argmax is of the first.
typedef struct Pool {
  int h, w, out, kernel, stride; // out: positions of an output image
  int32_t *argmax;               // [rows, channels, out]
} Pool;
Pool node_pool(const Graph *graph, const Node *node);                                     // of node->pool
void pass_pool(const Pass *pass, double *total, const double *per_slice, int n);
/// Threads worth starting for a loop over n floats.
int threads_for(const Pass *pass, int64_t n);

// --- for examples ------------------------------------------------------------------------------------------------------
enum { EXAMPLE_ROWS = GRAPH_EXAMPLE_ROWS };
Value example_input(Graph *graph, Shape shape, uint64_t seed);        // standard normal, gradient wanted
Value example_away(Graph *graph, Shape shape, uint64_t seed);         // the same, but at least 0.2 away from 0
Value example_levels(Graph *graph, Shape shape, uint64_t seed);       // any two values of a row differ by 0.1 or more
Value example_mask(Graph *graph, int width, uint64_t seed);           // zeros and ones; the last row all zero; no gradient
Value example_labels(Graph *graph, int classes, uint64_t seed);       // the last one -1
Value example_indices(Graph *graph, int n, int most, uint64_t seed); // [n] below `most`; the last row begins with -1
Value example_bags(Graph *graph, int vocabulary, uint64_t seed);      // the first bag empty

extern const Operation *const graph_operations[];
extern const int graph_operations_count;

#endif
