// Building a graph, and what can be asked of it. Values and nodes are lists in the order of making, which is an order
// in which everything can be computed; backward walks it in reverse.
#include "graph/operation.h"

#include "base/hash.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

Graph *graph_open(Parameters *parameters, Parameters *state) {
  Graph *graph = calloc(1, sizeof *graph);
  REQUIRE(graph, "out of memory for a graph");
  graph->parameters = parameters;
  graph->state = state;
  graph->reverse_weight = 1;
  return graph;
}

void graph_close(Graph *graph) {
  if (!graph)
    return;
  for (int i = 0; i < graph->nodes; i++)
    free(graph->node[i].input);
  for (int i = 0; i < graph->owneds; i++)
    free(graph->owned[i]);
  free(graph->owned);
  free(graph->value);
  free(graph->node);
  free(graph->use);
  free(graph->memory);
  free(graph);
}

/// Room for one more of `size` bytes behind `count` of them: grows at powers of two.
static void *list_grow(void *list, int count, size_t size) {
  if (count & (count - 1))
    return list;
  list = realloc(list, (count ? 2 * (size_t)count : 1) * size);
  REQUIRE(list, "out of memory for a graph");
  return list;
}

// --- shapes ----------------------------------------------------------------------------------------------------------
Shape shape_vector(int n) { return (Shape){1, {n}}; }
Shape shape_matrix(int rows, int columns) { return (Shape){2, {rows, columns}}; }
Shape shape_image(int channels, int height, int width) { return (Shape){3, {channels, height, width}}; }
int shape_last(Shape shape) { return shape.dim[shape.dimensions - 1]; }

int64_t shape_width(Shape shape) {
  int64_t width = 1;
  for (int d = 0; d < shape.dimensions; d++)
    width *= shape.dim[d];
  return width;
}

bool shape_equal(Shape a, Shape b) {
  return a.dimensions == b.dimensions && memcmp(a.dim, b.dim, (size_t)a.dimensions * sizeof a.dim[0]) == 0;
}

// --- values and nodes
// --------------------------------------------------------------------------------------------------
static Value value_append(Graph *graph, ValueKind kind, Shape shape, int producer) {
  REQUIRE(!graph->planned, "a graph is built before it is planned");
  REQUIRE(0 < shape.dimensions && shape.dimensions <= SHAPE_DIMENSIONS, "a shape of %d dimensions", shape.dimensions);
  for (int d = 0; d < shape.dimensions; d++)
    REQUIRE(shape.dim[d] > 0, "dimension %d of a value is %d", d, shape.dim[d]);
  graph->value = list_grow(graph->value, graph->values, sizeof *graph->value);
  graph->value[graph->values] =
      (GraphValue){.kind = kind, .shape = shape, .width = shape_width(shape), .producer = producer};
  return graph->values++;
}

Value graph_input(Graph *graph, Shape shape) { return value_append(graph, VALUE_FLOATS, shape, -1); }
Value graph_input_labels(Graph *graph) { return value_append(graph, VALUE_LABELS, shape_vector(1), -1); }
Value graph_input_indices(Graph *graph, int n) { return value_append(graph, VALUE_LABELS, shape_vector(n), -1); }

Value graph_input_bags(Graph *graph, int vocabulary) {
  Value bags = value_append(graph, VALUE_BAGS, shape_vector(1), -1);
  graph->value[bags].vocabulary = vocabulary;
  graph->value[bags].most = vocabulary;
  return bags;
}

static GraphValue *value_at(const Graph *graph, Value value) {
  REQUIRE(0 <= value && value < graph->values, "no value %d in a graph of %d", value, graph->values);
  return &graph->value[value];
}

void graph_bags_most(Graph *graph, Value bags, int64_t codes) {
  REQUIRE(!graph->planned && value_at(graph, bags)->kind == VALUE_BAGS, "value %d: bags, before planning", bags);
  graph->value[bags].most = codes;
}

const GraphValue *graph_floats(const Graph *graph, Value value, const char *operation) {
  const GraphValue *x = value_at(graph, value);
  REQUIRE(x->kind == VALUE_FLOATS, "%s wants numbers", operation);
  return x;
}

/// Key of the random numbers of a node: its number in the graph, and the parameter last used (or declared) before it.
static uint32_t node_site(const Graph *graph, int number) {
  const char *path = "";
  if (graph->uses > 0)
    path = graph->parameters->item[graph->use[graph->uses - 1].index].path;
  else if (graph->parameters && graph->parameters->count > 0)
    path = graph->parameters->item[graph->parameters->count - 1].path;
  char text[PARAMETER_PATH + 16];
  text_print(text, sizeof text, "%d %s", number, path);
  return (uint32_t)hash_bytes(text, strlen(text));
}

Node *graph_append(Graph *graph, const Operation *operation, const Value *input, int inputs, Shape shape) {
  REQUIRE(inputs <= NODE_INPUTS, "%s of %d values; %d at most", operation->name, inputs, NODE_INPUTS);
  graph->node = list_grow(graph->node, graph->nodes, sizeof *graph->node);
  Node *node = &graph->node[graph->nodes];
  *node = (Node){.operation = operation, .inputs = inputs, .input = malloc((size_t)(inputs + 1) * sizeof *input)};
  REQUIRE(node->input, "out of memory for a graph");
  for (int i = 0; i < inputs; i++) {
    value_at(graph, input[i])->uses++;
    node->input[i] = input[i];
  }
  node->site = node_site(graph, graph->nodes);
  node->output = value_append(graph, VALUE_FLOATS, shape, graph->nodes++);
  return node;
}

static int list_declare(Parameters *list, const char *path, const char *name, const int *dim, int dimensions,
                        ParameterInit init, int fan_in) {
  char full[PARAMETER_PATH];
  REQUIRE(list, "%s needs a list to be declared in", path);
  REQUIRE(text_print(full, sizeof full, name ? "%s/%s" : "%s", path, name), "the path %s is too long", path);
  return parameters_declare(list, full, dim, dimensions, init, fan_in);
}

void node_parameter(Graph *graph, Node *node, const char *path, const char *name, const int *dim, int dimensions,
                    ParameterInit init, int fan_in) {
  int index = list_declare(graph->parameters, path, name, dim, dimensions, init, fan_in);
  int use = 0;
  while (use < graph->uses && graph->use[use].index != index)
    use++;
  if (use == graph->uses) {
    graph->use = list_grow(graph->use, graph->uses, sizeof *graph->use);
    int64_t offset = graph_gradient_size(graph);
    graph->use[graph->uses++] = (GraphUse){index, 0, offset, graph->parameters->item[index].size};
  }
  REQUIRE(node->parameters < NODE_PARAMETERS, "%s has too many parameters", node->operation->name);
  node->use[node->parameters++] = use;
  graph->use[use].uses++;
}

void node_state(Graph *graph, Node *node, const char *path, const char *name, int size, ParameterInit init) {
  REQUIRE(node->states < NODE_STATES, "%s has too many states", node->operation->name);
  node->state[node->states++] = list_declare(graph->state, path, name, &size, 1, init, 0);
}

// --- what the caller wants
// -----------------------------------------------------------------------------------------------
void graph_bind(Graph *graph, Value input, const void *data) {
  REQUIRE(value_at(graph, input)->producer < 0, "value %d is not an input", input);
  graph->value[input].bound = data;
}

void graph_keep(Graph *graph, Value value) {
  REQUIRE(!graph->planned, "graph_keep comes before graph_plan");
  value_at(graph, value)->kept = true;
}

void graph_seed(Graph *graph, Value value) {
  graph_floats(graph, value, "graph_seed");
  graph_keep(graph, value);
  graph->value[value].seeded = true;
}

void graph_want_gradient(Graph *graph, Value input) {
  REQUIRE(!graph->planned, "graph_want_gradient comes before graph_plan");
  REQUIRE(graph_floats(graph, input, "graph_want_gradient")->producer < 0, "value %d is not an input", input);
  graph->value[input].wanted = true;
}

void graph_reverse_weight(Graph *graph, double weight) { graph->reverse_weight = weight; }

float *graph_data(const Graph *graph, Value value) {
  const GraphValue *x = value_at(graph, value);
  REQUIRE(graph->planned, "data of a graph that was not planned");
  REQUIRE(!x->overwritten, "value %d was computed over; ask for it with graph_keep before graph_plan", value);
  const GraphValue *root = &graph->value[x->root];
  return root->producer < 0 ? (float *)(uintptr_t)root->bound : root->data;
}

float *graph_gradient(const Graph *graph, Value value) {
  const GraphValue *x = value_at(graph, value);
  REQUIRE(graph->planned && graph->training, "gradients of a graph that was not planned for training");
  REQUIRE(x->zeroed || x->wanted,
          "value %d: ask for its gradient with graph_seed or graph_want_gradient before graph_plan", value);
  return graph->value[x->gradient_root].gradient;
}

// --- what a graph uses
// -----------------------------------------------------------------------------------------------------
Shape graph_shape(const Graph *graph, Value value) { return value_at(graph, value)->shape; }
int64_t graph_width(const Graph *graph, Value value) { return value_at(graph, value)->width; }
int graph_parameters(const Graph *graph) { return graph->uses; }

static const GraphUse *use_at(const Graph *graph, int i) {
  REQUIRE(0 <= i && i < graph->uses, "no parameter %d in a graph of %d", i, graph->uses);
  return &graph->use[i];
}

int graph_parameter(const Graph *graph, int i) { return use_at(graph, i)->index; }
int64_t graph_gradient_offset(const Graph *graph, int i) { return use_at(graph, i)->offset; }

int64_t graph_gradient_size(const Graph *graph) {
  if (graph->uses == 0)
    return 0;
  const GraphUse *last = &graph->use[graph->uses - 1];
  return last->offset + (last->size + 15) / 16 * 16;
}

static bool is_layer(const Graph *graph, int n) { return strcmp(graph->node[n].operation->name, "linear") == 0; }

int graph_layers(const Graph *graph) {
  int layers = 0;
  for (int n = 0; n < graph->nodes; n++)
    layers += is_layer(graph, n);
  return layers;
}

GraphLayer graph_layer(const Graph *graph, int k) {
  int n = 0;
  for (int before = 0; n < graph->nodes; n++)
    if (is_layer(graph, n) && before++ == k)
      break;
  REQUIRE(k >= 0 && n < graph->nodes, "no linear layer %d", k);
  const Node *node = &graph->node[n];
  return (GraphLayer){node->input[0], node->output, graph->use[node->use[0]].index};
}
