// Forward walks the nodes in order, backward in reverse: dx_i (+)= (dy/dx_i)' dy for each node whose dy exists.
//
// Parameter gradients are sums over rows, made per node of the tree of base/slices.h. A parameter used by several nodes
// of the graph has as leaf the sum of the leaves of its uses, in order of the graph; adding the uses above the leaves
// would make the association depend on which slices are here. So those sums wait until every dy is there, and are
// folded leaf by leaf with a stack.
#include "graph/operation.h"

#include "kernels/math.h"

#include <string.h>

// --- what operations see
// -------------------------------------------------------------------------------------------------
static const void *value_data(const Graph *graph, Value value) {
  const GraphValue *root = &graph->value[graph->value[value].root];
  return root->producer < 0 ? root->bound : root->data;
}

const float *node_x(const Graph *graph, const Node *node, int i) { return value_data(graph, node->input[i]); }
const void *node_bound(const Graph *graph, const Node *node, int i) { return value_data(graph, node->input[i]); }

float *node_y(const Graph *graph, const Node *node) { return graph->value[graph->value[node->output].root].data; }

float *node_dy(const Graph *graph, const Node *node) {
  return graph->value[graph->value[node->output].gradient_root].gradient;
}

float *node_dx(const Graph *graph, const Node *node, int i, bool *accumulate) {
  const GraphValue *x = &graph->value[node->input[i]];
  *accumulate = node->accumulates >> i & 1;
  return x->needs && slot_has(node->operation->pulls, i) ? graph->value[x->gradient_root].gradient : NULL;
}

const float *node_w(const Graph *graph, const Node *node, const Pass *pass, int i) {
  return pass->parameters + graph->parameters->item[graph->use[node->use[i]].index].offset;
}

float *node_running(const Graph *graph, const Node *node, const Pass *pass, int i) {
  return pass->state + graph->state->item[node->state[i]].offset;
}

int64_t node_width(const Graph *graph, const Node *node, int i) { return graph->value[node->input[i]].width; }
int64_t node_width_y(const Graph *graph, const Node *node) { return graph->value[node->output].width; }

const int *node_rows(int scaled[SLICES_MOST + 1], const Pass *pass, int first, int slices, int times) {
  if (times == 1)
    return pass->slices.row + first;
  for (int s = 0; s <= slices; s++)
    scaled[s] = pass->slices.row[first + s] * times;
  return scaled;
}

void pass_pool(const Pass *pass, double *total, const double *per_slice, int n) {
  if (pass->pool) {
    pass->pool(pass->pool_user, total, per_slice, n);
    return;
  }
  for (int i = 0; i < n; i++)
    total[i] = 0;
  for (int s = 0; s < pass->slices.count; s++)
    for (int i = 0; i < n; i++)
      total[i] += per_slice[(size_t)s * (size_t)n + (size_t)i];
}

int threads_for(const Pass *pass, int64_t n) { return pass->threads > 1 && n >= 1 << 15 ? pass->threads : 1; }

// --- the two walks
// -------------------------------------------------------------------------------------------------------
static void pass_check(const Graph *graph, const Pass *pass) {
  const Slices *slices = &pass->slices;
  REQUIRE(graph->planned, "a pass through a graph that was not planned");
  REQUIRE(0 <= pass->rows && pass->rows <= graph->rows, "%d rows in a graph planned for %d", pass->rows, graph->rows);
  REQUIRE(graph->training || !pass->training, "a training pass through a graph that was not planned for training");
  REQUIRE(0 < pass->threads && pass->threads <= graph->threads, "%d threads, planned for %d", pass->threads,
          graph->threads);
  REQUIRE(0 <= slices->count && slices->count <= SLICES_MOST && slices->row[0] == 0 &&
              slices->row[slices->count] == pass->rows,
          "the slices do not cover the rows");
}

void graph_forward(Graph *graph, const Pass *pass) {
  pass_check(graph, pass);
  for (int v = 0; v < graph->values; v++) {
    const GraphValue *value = &graph->value[v];
    REQUIRE(value->producer >= 0 || value->bound || value->uses == 0 || pass->rows == 0, "input %d was not bound", v);
    if (graph->training && (value->zeroed || (value->wanted && !value->reached)))
      memset(value->gradient, 0, (size_t)pass->rows * (size_t)value->width * sizeof(float));
  }
  for (int n = 0; n < graph->nodes; n++) {
    const Node *node = &graph->node[n];
    if (node->operation->forward && !node->skipped)
      node->operation->forward(graph, node, pass);
  }
}

/// Sums of one node's parameters over every node of the tree, straight into the gradient blocks.
static void sum_now(Graph *graph, const Node *node, const Pass *pass, float *const *gradient, const SliceNode *tree,
                    int trees) {
  for (int j = 0; j < trees; j++) {
    float *out[NODE_PARAMETERS] = {0};
    for (int i = 0; i < node->parameters; i++)
      out[i] = gradient[j] + graph->use[node->use[i]].offset;
    node->operation->sum(graph, node, pass, out, tree[j].first - pass->slices.first, tree[j].end - tree[j].first);
  }
}

/// leaf[] = for each parameter of deferred nodes the sum of its leaves of slice s over its uses, in order of the graph.
static void leaf_sum(Graph *graph, const Pass *pass, float *leaf, float *scratch, int s) {
  memset(leaf, 0, (size_t)graph_gradient_size(graph) * sizeof *leaf);
  for (int n = 0; n < graph->nodes; n++) {
    const Node *node = &graph->node[n];
    if (!node->defers || !node->active)
      continue;
    float *out[NODE_PARAMETERS] = {0};
    for (int i = 0; i < node->parameters; i++)
      out[i] = scratch + graph->use[node->use[i]].offset;
    node->operation->sum(graph, node, pass, out, s, 1);
    for (int i = 0; i < node->parameters; i++)
      floats_add(leaf + graph->use[node->use[i]].offset, out[i], (size_t)graph->use[node->use[i]].size);
  }
}

static bool use_defers(const Graph *graph, int use) {
  for (int n = 0; n < graph->nodes; n++)
    for (int i = 0; graph->node[n].defers && i < graph->node[n].parameters; i++)
      if (graph->node[n].use[i] == use)
        return true;
  return false;
}

static void sum_deferred(Graph *graph, const Pass *pass, float *gradient, int first, int slices) {
  size_t size = (size_t)graph_gradient_size(graph);
  float *stack = (float *)(void *)(graph->memory + graph->leaf_at), *scratch = stack + 11 * size;
  int top = 0;
  for (int s = 0; s < slices; s++) {
    leaf_sum(graph, pass, stack + (size_t)top++ * size, scratch, first + s);
    for (int folds = s + 1 == slices ? top - 1 : slice_folds(s + 1, 1); folds > 0; folds--, top--)
      floats_add(stack + (size_t)(top - 2) * size, stack + (size_t)(top - 1) * size, size);
  }
  for (int u = 0; u < graph->uses; u++)
    if (use_defers(graph, u))
      floats_copy(gradient + graph->use[u].offset, stack + graph->use[u].offset, (size_t)graph->use[u].size);
}

static void node_backward(Graph *graph, const Node *node, const Pass *pass, float *const *gradient,
                          const SliceNode *tree, int trees) {
  if (node->active && !node->pull_skipped && node->operation->backward)
    node->operation->backward(graph, node, pass);
  if (node->parameters == 0 || node->defers)
    return;
  if (node->active)
    sum_now(graph, node, pass, gradient, tree, trees);
  else
    for (int j = 0; j < trees; j++)
      for (int i = 0; i < node->parameters; i++)
        memset(gradient[j] + graph->use[node->use[i]].offset, 0, (size_t)graph->use[node->use[i]].size * sizeof(float));
}

void graph_backward(Graph *graph, const Pass *pass, float *const *gradient, const SliceNode *node, int nodes) {
  pass_check(graph, pass);
  REQUIRE(graph->training, "backward through a graph that was not planned for training");
  int next = pass->slices.first;
  for (int j = 0; j < nodes; j++) {
    REQUIRE(node[j].first == next && next < node[j].end, "the nodes of the tree do not follow each other");
    next = node[j].end;
  }
  REQUIRE(next == pass->slices.first + pass->slices.count, "the nodes of the tree are not the slices that are here");
  for (int n = graph->nodes - 1; n >= 0; n--)
    node_backward(graph, &graph->node[n], pass, gradient, node, nodes);
  for (int j = 0; graph->defers && j < nodes; j++)
    sum_deferred(graph, pass, gradient[j], node[j].first - pass->slices.first, node[j].end - node[j].first);
}
