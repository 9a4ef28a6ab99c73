// Batch norm over planes (kernels/norm.h), included by passes_body.h, whose definitions it uses. A chain of additions waits for
// its last sum: several planes go side by side, so that their chains fill the time.
enum { CHAINS = 8, SIDE_BY_SIDE = 4, PARTS = CHAINS / WIDE };

typedef struct Chains {
  Wide part[PARTS];
} Chains;

INLINE Wide widened(const float *x) { return WIDEN(*(const Narrow *)x); }

/// (x - mean) factor + b > 0 ? dy : 0
INLINE float gated(float dy, float x, float mean, float factor, float b) {
  return gate_of(dy, (x - mean) * factor + b);
}

INLINE double chains_sum(const Chains *chains, const double *last, int lasts) {
  double lane[CHAINS];
  memcpy(lane, chains, sizeof lane);
  for (int i = 0; i < lasts; i++)
    lane[i] += last[i];
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

#define EACH_PART _Pragma("GCC unroll 8") for (int v = 0; v < PARTS; v++)
#define EACH_PLANE(planes) _Pragma("GCC unroll 8") for (int p = 0; p < (planes); p++)

INLINE void planes_sums(double *sum, const float *x, size_t n, const int planes) {
  const size_t whole = n / CHAINS * CHAINS;
  Chains chains[SIDE_BY_SIDE] = {0};
  for (size_t i = 0; i < whole; i += CHAINS)
    EACH_PLANE(planes)
  EACH_PART chains[p].part[v] += widened(x + p * n + i + v * WIDE);
  EACH_PLANE(planes) {
    double last[CHAINS];
    for (size_t i = whole; i < n; i++)
      last[i - whole] = x[p * n + i];
    sum[p] += chains_sum(&chains[p], last, (int)(n - whole));
  }
}

static TARGET void norm_sums_pass(double *sum, const float *x, int channels, int positions) {
  const size_t n = (size_t)positions;
  int c = 0;
  for (; c + SIDE_BY_SIDE <= channels; c += SIDE_BY_SIDE)
    planes_sums(sum + c, x + c * n, n, SIDE_BY_SIDE);
  for (; c < channels; c++)
    planes_sums(sum + c, x + c * n, n, 1);
}

INLINE void planes_squares(double *sum, const float *x, const float *mean, size_t n, const int planes) {
  const size_t whole = n / CHAINS * CHAINS;
  Chains chains[SIDE_BY_SIDE] = {0};
  for (size_t i = 0; i < whole; i += CHAINS)
    EACH_PLANE(planes)
  EACH_PART {
    const Wide centred = widened(x + p * n + i + v * WIDE) - (double)mean[p];
    chains[p].part[v] += centred * centred;
  }
  EACH_PLANE(planes) {
    double last[CHAINS];
    for (size_t i = whole; i < n; i++)
      last[i - whole] = ((double)x[p * n + i] - (double)mean[p]) * ((double)x[p * n + i] - (double)mean[p]);
    sum[p] += chains_sum(&chains[p], last, (int)(n - whole));
  }
}

static TARGET void norm_squares_pass(double *sum, const float *x, const float *mean, int channels, int positions) {
  const size_t n = (size_t)positions;
  int c = 0;
  for (; c + SIDE_BY_SIDE <= channels; c += SIDE_BY_SIDE)
    planes_squares(sum + c, x + c * n, mean + c, n, SIDE_BY_SIDE);
  for (; c < channels; c++)
    planes_squares(sum + c, x + c * n, mean + c, n, 1);
}

static TARGET void norm_forward_pass(float *y, const float *x, const Norm *norm, int channel, int channels) {
  const size_t n = (size_t)norm->positions;
  for (int c = channel; c < channel + channels; c++, x += n, y += n) {
    const float mean = norm->mean[c], factor = norm->factor[c], b = norm->b[c];
    if (norm->relu)
      EACH(n) y[i] = relu_of((x[i] - mean) * factor + b);
    else
      EACH(n) y[i] = (x[i] - mean) * factor + b;
  }
}

INLINE void planes_moments(double *sum, double *product, const float *dy, const float *x, const Norm *norm, int channel,
                           const int planes, const bool relu) {
  const size_t n = (size_t)norm->positions, whole = n / CHAINS * CHAINS;
  const float *mean = norm->mean + channel, *factor = norm->factor + channel, *b = norm->b + channel;
  Chains sums[SIDE_BY_SIDE] = {0}, products[SIDE_BY_SIDE] = {0};
  for (size_t i = 0; i < whole; i += CHAINS)
    EACH_PLANE(planes)
  EACH_PART {
    const size_t at = p * n + i + v * WIDE;
    const Narrow here = *(const Narrow *)(x + at);
    Narrow g = *(const Narrow *)(dy + at);
    if (relu)
      g = (Narrow)((NarrowMask)g & ((here - mean[p]) * factor[p] + b[p] > 0));
    const Wide wide = WIDEN(g);
    sums[p].part[v] += wide;
    products[p].part[v] += wide * (WIDEN(here) - (double)mean[p]);
  }
  EACH_PLANE(planes) {
    double last[CHAINS], last_product[CHAINS];
    for (size_t i = whole; i < n; i++) {
      const float here = x[p * n + i], g = dy[p * n + i];
      last[i - whole] = relu ? gated(g, here, mean[p], factor[p], b[p]) : g;
      last_product[i - whole] = last[i - whole] * ((double)here - (double)mean[p]);
    }
    sum[p] += chains_sum(&sums[p], last, (int)(n - whole));
    product[p] += chains_sum(&products[p], last_product, (int)(n - whole));
  }
}

static TARGET void norm_moments_pass(double *sum, double *product, const float *dy, const float *x, const Norm *norm,
                                     int channel, int channels) {
  enum { PAIR = 2 };
  const size_t n = (size_t)norm->positions;
  int c = 0;
  for (; c + PAIR <= channels; c += PAIR)
    if (norm->relu)
      planes_moments(sum + c, product + c, dy + c * n, x + c * n, norm, channel + c, PAIR, true);
    else
      planes_moments(sum + c, product + c, dy + c * n, x + c * n, norm, channel + c, PAIR, false);
  for (; c < channels; c++)
    if (norm->relu)
      planes_moments(sum + c, product + c, dy + c * n, x + c * n, norm, channel + c, 1, true);
    else
      planes_moments(sum + c, product + c, dy + c * n, x + c * n, norm, channel + c, 1, false);
}

INLINE void plane_backward(float *dx, const float *dy, const float *x, const Norm *norm, int c, const bool relu,
                           const bool accumulate) {
  const float mean = norm->mean[c], factor = norm->factor[c], b = norm->b[c], shift = norm->shift[c],
              slope = norm->slope[c];
  EACH((size_t)norm->positions) {
    const float g = relu ? gated(dy[i], x[i], mean, factor, b) : dy[i];
    dx[i] = (accumulate ? dx[i] : 0.0f) + factor * (g - shift - (x[i] - mean) * slope);
  }
}

static TARGET void norm_backward_pass(float *dx, const float *dy, const float *x, const Norm *norm, int channel,
                                      int channels, bool accumulate) {
  const size_t n = (size_t)norm->positions;
  for (int c = channel; c < channel + channels; c++, dx += n, dy += n, x += n)
    if (accumulate)
      plane_backward(dx, dy, x, norm, c, norm->relu, true);
    else if (norm->relu)
      plane_backward(dx, dy, x, norm, c, true, false);
    else
      plane_backward(dx, dy, x, norm, c, false, false);
}
