// The passes themselves, included by passes_*.c with TARGET (the functions' attribute), LANES (floats a
// register), WIDEN (half a register of floats to one of doubles) and PASSES (the table's name) defined.
// Loops carry no dependence from element to element even where arrays coincide, hence "omp simd".
#define INLINE static inline __attribute__((always_inline)) TARGET
#include "kernels/elementary.h"
#include "kernels/optimizer.h"
#include "kernels/passes.h"
#include "kernels/tree.h"

#include <math.h>
#include <string.h>

#define EACH(n) _Pragma("omp simd") for (size_t i = 0; i < (n); i++)

INLINE float relu_of(float x) { return x <= 0 ? 0.0f : x; }
INLINE float gate_of(float x, float gate) { return gate > 0 ? x : 0.0f; }

#define MAP(name, value)                                                                                               \
  static TARGET void name(float *y, const float *x, size_t n) { EACH(n) y[i] = value; }

MAP(exponential, exp_of(x[i]))
MAP(logarithm, log_of(x[i]))
MAP(hyperbolic_tangent, tanh_of(x[i]))
MAP(sigmoid, sigmoid_of(x[i]))
MAP(softplus, softplus_of(x[i]))
MAP(error_function, erf_of(x[i]))
MAP(gelu, gelu_of(x[i]))
MAP(relu, relu_of(x[i]))
MAP(add, y[i] + x[i])
MAP(positive, x[i] + 0.0f)

#define SLOPE(name, slope)                                                                                             \
  static TARGET void name(float *dx, const float *dy, const float *y, size_t n, bool accumulate) {                     \
    if (accumulate)                                                                                                    \
      EACH(n) dx[i] += slope;                                                                                          \
    else                                                                                                               \
      EACH(n) dx[i] = slope;                                                                                           \
  }

SLOPE(tanh_slope, dy[i] * fmaf(-y[i], y[i], 1.0f))
SLOPE(sigmoid_slope, dy[i] * (y[i] * (1.0f - y[i])))
SLOPE(softplus_slope, dy[i] * sigmoid_of(y[i]))
SLOPE(gelu_slope, dy[i] * gelu_slope_of(y[i]))
SLOPE(relu_slope, gate_of(dy[i], y[i]))

#define BIAS(name, value)                                                                                              \
  static TARGET void name(float *y, const float *b, int rows, int columns) {                                           \
    for (int r = 0; r < rows; r++, y += columns)                                                                       \
      EACH((size_t)columns) y[i] = value;                                                                              \
  }

BIAS(bias, y[i] + b[i])
BIAS(bias_then_relu, relu_of(y[i] + b[i]))

static TARGET void scale(float *y, float a, const float *x, size_t n) { EACH(n) y[i] = a * x[i]; }

static TARGET void axpy(float *y, float a, const float *x, size_t n) { EACH(n) y[i] = fmaf(a, x[i], y[i]); }

static TARGET void multiply(float *y, const float *x1, const float *x2, size_t n, bool accumulate) {
  if (accumulate)
    EACH(n) y[i] = fmaf(x1[i], x2[i], y[i]);
  else
    EACH(n) y[i] = x1[i] * x2[i];
}

// Sums over rows and over codes: a stripe of columns, as many as registers hold, goes down together.
enum { STRIPE = BAG_STRIPE, REGISTERS = STRIPE / LANES };
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
#define EACH_REGISTER _Pragma("GCC unroll 16") for (int v = 0; v < REGISTERS; v++)

INLINE void stripe_chain(float *sum, const float *dy, size_t n, int rows) {
  Lanes lanes[REGISTERS] = {{0}};
  for (int r = 0; r < rows; r++, dy += n)
    EACH_REGISTER lanes[v] += *(const Lanes *)(dy + v * LANES);
  EACH_REGISTER *(Lanes *)(sum + v * LANES) = lanes[v] + 0.0f;
}

INLINE void ragged_chain(float *sum, const float *dy, size_t n, int rows, size_t columns) {
  memset(sum, 0, STRIPE * sizeof *sum);
  for (int r = 0; r < rows; r++, dy += n)
    EACH(columns) sum[i] += dy[i];
  EACH(columns) sum[i] += 0.0f;
}

static TARGET void sum_rows(float *db, const float *dy, int n, const int *row, int slices) {
  float stack[TREE_DEPTH][STRIPE] = {{0}};
  for (int j = 0; j < n; j += STRIPE) {
    const size_t columns = n - j < STRIPE ? (size_t)(n - j) : STRIPE;
    int top = 0;
    for (int s = 0; s < slices; s++) {
      const float *from = dy + (size_t)row[s] * (size_t)n + j;
      if (columns == STRIPE)
        stripe_chain(stack[top++], from, (size_t)n, row[s + 1] - row[s]);
      else
        ragged_chain(stack[top++], from, (size_t)n, row[s + 1] - row[s], columns);
      for (int folds = tree_folds(s, slices, top); folds > 0; folds--, top--)
        EACH(columns) stack[top - 2][i] += stack[top - 1][i];
    }
    memcpy(db + j, stack[0], columns * sizeof *db);
  }
}

INLINE void bag_stripe(float *y, const float *table, size_t step, const int32_t *index, int64_t codes) {
  Lanes lanes[REGISTERS] = {{0}};
  for (int64_t l = 0; l < codes; l++) {
    const float *from = table + (size_t)index[l] * step;
    EACH_REGISTER lanes[v] += *(const Lanes *)(from + v * LANES);
  }
  EACH_REGISTER *(Lanes *)(y + v * LANES) = lanes[v];
}

static TARGET void bag_rows(float *y, int ld, const float *table, size_t step, const float *b, const int64_t *offset,
                            const int32_t *index, int rows, int columns) {
  for (int r = 0; r < rows; r++, y += ld) {
    const int64_t codes = offset[r + 1] - offset[r];
    if (columns == BAG_STRIPE) {
      bag_stripe(y, table, step, index, codes);
    } else {
      memset(y, 0, (size_t)columns * sizeof *y);
      for (int64_t l = 0; l < codes; l++)
        EACH((size_t)columns) y[i] += table[(size_t)index[l] * step + i];
    }
    if (b)
      EACH((size_t)columns) y[i] += b[i];
    index += codes;
  }
}

// Optimisers. Moments of units that no longer learn fade into numbers below 2^-126, at which a processor takes some hundred
// cycles an operation, and stay there: the rounding holds them up. They are set to 0 instead.
INLINE float not_tiny(float x) { return fabsf(x) < 0x1p-126f ? 0.0f : x; }

static TARGET void sgd(float *p, float *v, const float *g, size_t n, const SgdPass *rule) {
  const SgdPass k = *rule;
  if (!v)
    EACH(n) p[i] = fmaf(-k.lr, fmaf(k.decay, p[i], k.scale * g[i]), p[i]);
  else
    EACH(n) {
      const float speed = not_tiny(fmaf(k.momentum, v[i], fmaf(k.decay, p[i], k.scale * g[i])));
      v[i] = speed;
      p[i] = fmaf(-k.lr, speed, p[i]);
    }
}

static TARGET void adam(float *p, float *m, float *v, const float *g, size_t n, const AdamPass *rule) {
  const AdamPass k = *rule;
  EACH(n) {
    const float slope = fmaf(k.decay, p[i], k.scale * g[i]);
    const float mean = not_tiny(fmaf(k.beta1, m[i], k.rest1 * slope));
    const float square = not_tiny(fmaf(k.beta2, v[i], k.rest2 * slope * slope));
    m[i] = mean;
    v[i] = square;
    p[i] = fmaf(-k.lr, mean / fmaf(sqrtf(square), k.root, k.epsilon), k.shrink * p[i]);
  }
}

// Lane l of a block adds the squares of elements l, l + 16, …; then lanes fold in halves. A float's square is exact in double.
enum { SQUARE_LANES = 16, WIDE = LANES / 2 };
typedef float Narrow __attribute__((vector_size(WIDE * sizeof(float)), aligned(4)));
typedef int32_t NarrowMask __attribute__((vector_size(WIDE * sizeof(int32_t))));
typedef double Wide __attribute__((vector_size(WIDE * sizeof(double)), aligned(8)));

static TARGET void square_sums(double *sum, const float *g, size_t n) {
  for (size_t begin = 0; begin < n; begin += SQUARE_BLOCK, g += SQUARE_BLOCK) {
    const size_t length = n - begin < SQUARE_BLOCK ? n - begin : SQUARE_BLOCK,
                 whole = length / SQUARE_LANES * SQUARE_LANES;
    Wide squares[SQUARE_LANES / WIDE] = {{0}};
    for (size_t i = 0; i < whole; i += SQUARE_LANES)
      _Pragma("GCC unroll 8") for (int v = 0; v < SQUARE_LANES / WIDE; v++) {
        const Wide x = WIDEN(*(const Narrow *)(g + i + v * WIDE));
        squares[v] += x * x;
      }
    double lane[SQUARE_LANES];
    memcpy(lane, squares, sizeof lane);
    for (size_t i = whole; i < length; i++)
      lane[i - whole] += (double)g[i] * g[i];
    for (int width = SQUARE_LANES / 2; width > 0; width /= 2)
      for (int i = 0; i < width; i++)
        lane[i] += lane[i + width];
    *sum++ = lane[0];
  }
}

#include "kernels/norm_body.h"

const Passes PASSES = {
    .exp = exponential,
    .log = logarithm,
    .tanh = hyperbolic_tangent,
    .sigmoid = sigmoid,
    .softplus = softplus,
    .erf = error_function,
    .gelu = gelu,
    .relu = relu,
    .add = add,
    .positive = positive,
    .tanh_backward = tanh_slope,
    .sigmoid_backward = sigmoid_slope,
    .relu_backward = relu_slope,
    .softplus_backward = softplus_slope,
    .gelu_backward = gelu_slope,
    .bias_add = bias,
    .bias_relu = bias_then_relu,
    .sum_rows = sum_rows,
    .bag_rows = bag_rows,
    .scale = scale,
    .axpy = axpy,
    .multiply = multiply,
    .sgd = sgd,
    .adam = adam,
    .square_sums = square_sums,
    .norm_sums = norm_sums_pass,
    .norm_squares = norm_squares_pass,
    .norm_forward = norm_forward_pass,
    .norm_moments = norm_moments_pass,
    .norm_backward = norm_backward_pass,
};
