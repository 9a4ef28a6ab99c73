// Images: conv2d and max_pool; the arithmetic is in kernels/conv.h. A value [h, w] is an image of one channel.
#include "graph/operation.h"

#include "kernels/conv.h"

extern const Operation operation_conv2d, operation_max_pool;

static Shape image_shape(const Graph *graph, Value x, const char *operation) {
  Shape shape = graph_floats(graph, x, operation)->shape;
  REQUIRE(shape.dimensions >= 2, "%s wants an image", operation);
  return shape.dimensions == 3 ? shape : shape_image(1, shape.dim[0], shape.dim[1]);
}

// --- conv2d
// --------------------------------------------------------------------------------------------------------------
enum { KERNEL, STRIDE, PADDING };

static ConvShape conv_shape(const Graph *graph, const Node *node) {
  Shape x = image_shape(graph, node->input[0], "conv2d"), y = graph->value[node->output].shape;
  return (ConvShape){.ci = x.dim[0],
                     .h = x.dim[1],
                     .w = x.dim[2],
                     .co = y.dim[0],
                     .kernel = node->number[KERNEL],
                     .stride = node->number[STRIDE],
                     .padding = node->number[PADDING]};
}

static Needs conv_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)rows, (void)training;
  ConvShape shape = conv_shape(graph, node);
  return (Needs){.work = conv2d_work(&shape, threads)};
}

static void conv_forward(Graph *graph, const Node *node, const Pass *pass) {
  ConvShape shape = conv_shape(graph, node);
  const float *b = node->parameters > 1 ? node_w(graph, node, pass, 1) : NULL;
  conv2d_forward(node_y(graph, node), node_x(graph, node, 0), node_w(graph, node, pass, 0), b, &shape, pass->rows,
                 graph->work, pass->threads);
}

static void conv_backward(Graph *graph, const Node *node, const Pass *pass) {
  ConvShape shape = conv_shape(graph, node);
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  if (dx)
    conv2d_backward_input(dx, node_dy(graph, node), node_w(graph, node, pass, 0), &shape, pass->rows, accumulate,
                          graph->work, pass->threads);
}

static void conv_sum(Graph *graph, const Node *node, const Pass *pass, float *const *out, int first, int slices) {
  ConvShape shape = conv_shape(graph, node);
  conv2d_backward_weights(out[0], node->parameters > 1 ? out[1] : NULL, node_dy(graph, node), node_x(graph, node, 0),
                          &shape, pass->slices.row + first, slices, graph->work, pass->threads);
}

Value graph_conv2d(Graph *graph, Value x, int out, int kernel, int stride, int padding, bool bias, const char *path) {
  Shape image = image_shape(graph, x, "conv2d");
  ConvShape shape = {image.dim[0], image.dim[1], image.dim[2], out, kernel, stride, padding};
  REQUIRE(kernel > 0 && stride > 0 && padding >= 0 && kernel <= shape.h + 2 * padding &&
              kernel <= shape.w + 2 * padding,
          "%s: kernel %d, stride %d, padding %d on %d x %d", path, kernel, stride, padding, shape.h, shape.w);
  Node *node =
      graph_append(graph, &operation_conv2d, &x, 1, shape_image(out, conv2d_height(&shape), conv2d_width(&shape)));
  node->number[KERNEL] = kernel;
  node->number[STRIDE] = stride;
  node->number[PADDING] = padding;
  int fan_in = shape.ci * kernel * kernel;
  node_parameter(graph, node, path, "weight", (int[]){out, shape.ci, kernel, kernel}, 4, INIT_UNIFORM, fan_in);
  if (bias)
    node_parameter(graph, node, path, "bias", (int[]){out}, 1, INIT_UNIFORM, fan_in);
  return node->output;
}

static Value conv_example(Graph *graph, uint64_t seed) {
  Value x = graph_conv2d(graph, example_input(graph, shape_image(2, 6, 7), seed), 3, 3, 2, 1, true, "first");
  return graph_conv2d(graph, x, 2, 2, 1, 0, false, "second");
}

const Operation operation_conv2d = {.name = "conv2d",
                                    .reads = SLOT_0,
                                    .pulls = SLOT_0,
                                    .needs = conv_needs,
                                    .forward = conv_forward,
                                    .backward = conv_backward,
                                    .sum = conv_sum,
                                    .example = conv_example};

// --- max_pool
// ------------------------------------------------------------------------------------------------------------
static Needs pool_needs(const Graph *graph, const Node *node, int rows, bool training, int threads) {
  (void)training, (void)threads;
  return (Needs){.kept = (size_t)rows * (size_t)node_width_y(graph, node) * sizeof(int32_t)};
}

Pool node_pool(const Graph *graph, const Node *node) {
  const Node *pool = &graph->node[node->pool];
  Shape x = image_shape(graph, pool->input[0], "max_pool"), y = graph->value[pool->output].shape;
  return (Pool){.h = x.dim[1],
                .w = x.dim[2],
                .out = y.dim[1] * y.dim[2],
                .kernel = pool->number[KERNEL],
                .stride = pool->number[STRIDE],
                .argmax = pool->kept};
}

static void pool_forward(Graph *graph, const Node *node, const Pass *pass) {
  Shape x = image_shape(graph, node->input[0], "max_pool");
  max_pool_forward(node_y(graph, node), node->kept, node_x(graph, node, 0), x.dim[0], x.dim[1], x.dim[2],
                   node->number[KERNEL], node->number[STRIDE], pass->rows, pass->threads);
}

static void pool_backward(Graph *graph, const Node *node, const Pass *pass) {
  Shape x = image_shape(graph, node->input[0], "max_pool");
  bool accumulate;
  float *dx = node_dx(graph, node, 0, &accumulate);
  max_pool_backward(dx, node_dy(graph, node), node->kept, x.dim[0], x.dim[1], x.dim[2], node->number[KERNEL],
                    node->number[STRIDE], pass->rows, accumulate, pass->threads);
}

Value graph_max_pool(Graph *graph, Value x, int kernel, int stride) {
  Shape image = image_shape(graph, x, "max_pool");
  REQUIRE(kernel > 0 && stride > 0 && kernel <= image.dim[1] && kernel <= image.dim[2],
          "max_pool: kernel %d, stride %d on %d x %d", kernel, stride, image.dim[1], image.dim[2]);
  Shape shape = shape_image(image.dim[0], (image.dim[1] - kernel) / stride + 1, (image.dim[2] - kernel) / stride + 1);
  Node *node = graph_append(graph, &operation_max_pool, &x, 1, shape);
  node->number[KERNEL] = kernel;
  node->number[STRIDE] = stride;
  return node->output;
}

static Value pool_example(Graph *graph, uint64_t seed) {
  return graph_max_pool(graph, example_levels(graph, shape_image(2, 5, 5), seed), 3, 2);
}

const Operation operation_max_pool = {.name = "max_pool",
                                      .pulls = SLOT_0,
                                      .needs = pool_needs,
                                      .forward = pool_forward,
                                      .backward = pool_backward,
                                      .example = pool_example};
