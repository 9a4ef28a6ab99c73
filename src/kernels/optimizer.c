// The formulas stand in the header; here they are one pass each. Powers of beta by squaring: no libm.
#include "kernels/optimizer.h"

#include <math.h>

void sgd_step(float *p, float *v, const float *g, size_t n, const SgdRule *rule) {
  const float lr = (float)rule->lr, momentum = (float)rule->momentum, decay = (float)rule->weight_decay,
              scale = (float)rule->scale;
  for (size_t i = 0; i < n; i++) {
    float step = fmaf(decay, p[i], scale * g[i]);
    if (v)
      step = v[i] = fmaf(momentum, v[i], step);
    p[i] = fmaf(-lr, step, p[i]);
  }
}

static double power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1)
      result *= base;
  return result;
}

static void step(float *p, float *m, float *v, const float *g, size_t n, const AdamRule *rule, int64_t t, float shrink,
                 float decay) {
  const float beta1 = (float)rule->beta1, beta2 = (float)rule->beta2, rest1 = (float)(1 - rule->beta1),
              rest2 = (float)(1 - rule->beta2), scale = (float)rule->scale, epsilon = (float)rule->epsilon,
              lr = (float)(rule->lr / (1 - power(rule->beta1, t))), root = (float)(1 / sqrt(1 - power(rule->beta2, t)));
  for (size_t i = 0; i < n; i++) {
    float slope = fmaf(decay, p[i], scale * g[i]);
    m[i] = fmaf(beta1, m[i], rest1 * slope);
    v[i] = fmaf(beta2, v[i], rest2 * slope * slope);
    p[i] = fmaf(-lr, m[i] / fmaf(sqrtf(v[i]), root, epsilon), shrink * p[i]);
  }
}

void adam_step(float *p, float *m, float *v, const float *g, size_t n, const AdamRule *rule, int64_t t) {
  step(p, m, v, g, n, rule, t, 1.0f, (float)rule->weight_decay);
}

void adamw_step(float *p, float *m, float *v, const float *g, size_t n, const AdamRule *rule, int64_t t) {
  step(p, m, v, g, n, rule, t, (float)(1 - rule->lr * rule->weight_decay), 0.0f);
}

enum { LANES = 16 };

void block_square_sums(double *sum, const float *g, size_t n) {
  for (size_t begin = 0; begin < n; begin += SQUARE_BLOCK) {
    size_t length = n - begin < SQUARE_BLOCK ? n - begin : SQUARE_BLOCK;
    double lane[LANES] = {0};
    for (size_t i = 0; i < length; i++)
      lane[i % LANES] += (double)g[begin + i] * g[begin + i];
    for (int width = LANES / 2; width > 0; width /= 2)
      for (int i = 0; i < width; i++)
        lane[i] += lane[i + width];
    *sum++ = lane[0];
  }
}
