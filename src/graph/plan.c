// The memory plan. Everything lies in one block:
//   data of values | gradients of values | what nodes keep from forward to backward | one work area, shared.
// Memory is saved where nobody can notice:
//   - an alias (flatten) lives in its input;
//   - an operation that may runs in place, when its input has no other reader, was not asked for by the caller, and no
//     backward pass looks at what would be lost;
//   - likewise the gradient of the input of an element-by-element operation is the gradient of its output, changed in
//   place;
//   - what runs inside of the operation before it leaves only its own output behind.
// A gradient is zeroed only where the caller may seed it; elsewhere the first contribution writes and later ones add.
#include "graph/operation.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

static size_t area_take(size_t *bytes, size_t size) {
  size_t at = *bytes;
  *bytes += (size + ALIGN - 1) / ALIGN * ALIGN;
  return at;
}

static Node *value_node(const Graph *graph, Value value) {
  int producer = graph->value[value].producer;
  return producer < 0 ? NULL : &graph->node[producer];
}

/// True when nothing but `node` will look at the memory of its input 0 again.
static bool input_is_free(const Graph *graph, const Node *node, bool training) {
  Value x = node->input[0];
  for (;;) { // x, and the values it was computed over or is an alias of
    const GraphValue *value = &graph->value[x];
    const Node *producer = value_node(graph, x);
    if (!producer || value->uses > 1 || value->kept)
      return false;
    if (training && (producer->operation->reads & SLOT_OUTPUT) && !producer->pull_skipped)
      return false;
    if (value->root == x)
      return true;
    x = producer->input[0];
  }
}

/// Lets the operation before a ReLU or a max_pool do its work where that can; only what is behind has memory then.
static void node_fuse(Graph *graph, Node *node) {
  Node *before = value_node(graph, node->input[0]);
  if (strcmp(node->operation->name, "relu") == 0 && before->operation->fuses_relu) {
    before->relu = node->skipped = true;
    node->pull_skipped = before->operation->pulls_relu;
  }
  if (strcmp(node->operation->name, "max_pool") != 0)
    return;
  if (before->pull_skipped)
    before = value_node(graph, before->input[0]);
  if (!before->operation->fuses_pool || before->pool >= 0)
    return;
  before->pool = (int)(node - graph->node);
  node->skipped = node->pull_skipped = true;
  for (Node *inner = node; inner != before;) {
    GraphValue *x = &graph->value[inner->input[0]];
    x->root = node->output;
    x->overwritten = true;
    inner = &graph->node[x->producer];
  }
}

static void plan_roots(Graph *graph, bool training) {
  for (int v = 0; v < graph->values; v++) {
    GraphValue *value = &graph->value[v];
    value->root = v;
    value->overwritten = false;
    Node *node = value_node(graph, v);
    if (!node)
      continue;
    const Operation *operation = node->operation;
    node->relu = node->skipped = node->pull_skipped = false;
    node->pool = -1;
    if (operation->alias) {
      value->root = graph->value[node->input[0]].root;
    } else if (operation->in_place && !(training && (operation->reads & SLOT_0)) &&
               input_is_free(graph, node, training)) {
      value->root = graph->value[node->input[0]].root;
      graph->value[node->input[0]].overwritten = true;
    }
    if (input_is_free(graph, node, training))
      node_fuse(graph, node);
  }
}

/// Which values need a gradient (something below them wants it), and which get one (something above them is seeded).
static void plan_flow(Graph *graph) {
  for (int v = 0; v < graph->values; v++) {
    GraphValue *value = &graph->value[v];
    const Node *node = value_node(graph, v);
    value->needs = node ? node->parameters > 0 : value->wanted;
    for (int i = 0; node && i < node->inputs; i++)
      value->needs |= slot_has(node->operation->pulls, i) && graph->value[node->input[i]].needs;
    value->zeroed = value->kind == VALUE_FLOATS && node && (value->seeded || value->uses == 0);
    value->reached = value->zeroed;
  }
  for (int n = graph->nodes - 1; n >= 0; n--) {
    Node *node = &graph->node[n];
    const GraphValue *output = &graph->value[node->output];
    node->active = output->reached && output->needs;
    for (int i = 0; node->active && i < node->inputs; i++)
      if (slot_has(node->operation->pulls, i) && graph->value[node->input[i]].needs)
        graph->value[node->input[i]].reached = true;
  }
}

static bool gradient_shares(const Graph *graph, const Node *node) {
  const GraphValue *x = &graph->value[node->input[0]];
  const bool in_place = (node->operation->in_place_gradient && node->pool < 0) || node->pull_skipped;
  return in_place && (node->operation->pulls & SLOT_0) && x->needs && x->uses == 1 && !x->zeroed;
}

/// Where gradients live, and who writes first.
static void plan_gradients(Graph *graph) {
  for (int v = 0; v < graph->values; v++) {
    GraphValue *value = &graph->value[v];
    value->gradient_root = v;
    value->has_gradient = value->zeroed || (value->wanted && !value->reached);
  }
  // has_gradient says from here on: something has been written.
  for (int n = graph->nodes - 1; n >= 0; n--) {
    Node *node = &graph->node[n];
    node->accumulates = 0;
    for (int i = 0; node->active && i < node->inputs; i++) {
      GraphValue *x = &graph->value[node->input[i]];
      if (!slot_has(node->operation->pulls, i) || !x->needs)
        continue;
      if (i == 0 && gradient_shares(graph, node))
        x->gradient_root = graph->value[node->output].gradient_root;
      else if (x->has_gradient)
        node->accumulates |= (uint64_t)1 << i;
      x->has_gradient = true;
    }
  }
}

static void plan_deferred(Graph *graph) {
  graph->defers = false;
  for (int n = 0; n < graph->nodes; n++) {
    Node *node = &graph->node[n];
    node->defers = false;
    for (int i = 0; i < node->parameters; i++)
      node->defers |= graph->use[node->use[i]].uses > 1;
    graph->defers |= node->defers;
  }
}

/// Sets every offset; returns the bytes in all.
static size_t plan_memory(Graph *graph, int rows, bool training, int threads) {
  size_t bytes = 0, work = 0;
  for (int v = 0; v < graph->values; v++) {
    GraphValue *value = &graph->value[v];
    size_t size = (size_t)rows * (size_t)value->width * sizeof(float);
    if (value->producer >= 0 && value->root == v)
      value->data_at = area_take(&bytes, size);
    if (training && value->has_gradient && value->gradient_root == v)
      value->gradient_at = area_take(&bytes, size);
  }
  for (int n = 0; n < graph->nodes; n++) {
    Node *node = &graph->node[n];
    Needs needs = {0};
    if (node->operation->needs)
      needs = node->operation->needs(graph, node, rows, training, threads);
    node->kept_at = area_take(&bytes, needs.kept);
    work = needs.work > work ? needs.work : work;
  }
  graph->work_at = area_take(&bytes, work);
  // A stack of partial sums, a leaf, and one more gradient to add to it: backward.c, deferred sums.
  enum { STACK = 12 };
  if (training && graph->defers)
    graph->leaf_at = area_take(&bytes, STACK * (size_t)graph_gradient_size(graph) * sizeof(float));
  return bytes;
}

static size_t plan_make(Graph *graph, int rows, bool training, int threads) {
  REQUIRE(rows >= 0 && threads >= 1, "a plan for %d rows and %d threads", rows, threads);
  plan_roots(graph, training);
  plan_flow(graph);
  plan_gradients(graph);
  plan_deferred(graph);
  return plan_memory(graph, rows, training, threads);
}

Status graph_plan(Graph *graph, int rows, bool training, int threads) {
  REQUIRE(!graph->planned, "a graph is planned once");
  graph->bytes = plan_make(graph, rows, training, threads);
  void *memory;
  TRY(memory_take(&memory, graph->bytes, 1, "the memory plan of a graph"));
  graph->memory = memory;
  graph->planned = true;
  graph->training = training;
  graph->rows = rows;
  graph->threads = threads;
  graph->work = graph->memory + graph->work_at;
  for (int v = 0; v < graph->values; v++) {
    GraphValue *value = &graph->value[v];
    if (value->producer >= 0 && value->root == v)
      value->data = (float *)(void *)(graph->memory + value->data_at);
    if (training && value->has_gradient && value->gradient_root == v)
      value->gradient = (float *)(void *)(graph->memory + value->gradient_at);
  }
  for (int n = 0; n < graph->nodes; n++)
    graph->node[n].kept = graph->memory + graph->node[n].kept_at;
  return STATUS_OK;
}

static void *list_copy(const void *list, int count, size_t size) {
  void *copy = malloc((size_t)(count + 1) * size);
  REQUIRE(copy, "out of memory for a graph");
  if (count > 0)
    memcpy(copy, list, (size_t)count * size);
  return copy;
}

size_t graph_bytes(const Graph *graph, int rows, bool training, int threads) {
  Graph copy = *graph;
  copy.value = list_copy(graph->value, graph->values, sizeof *graph->value);
  copy.node = list_copy(graph->node, graph->nodes, sizeof *graph->node);
  size_t bytes = plan_make(&copy, rows, training, threads);
  free(copy.value);
  free(copy.node);
  return bytes;
}
