// The formulas stand in the header, the passes in passes_body.h. Constants are computed in double and rounded once; powers of
// beta by squaring: no libm.
#include "kernels/optimizer.h"

#include "kernels/passes.h"

#include <math.h>

void sgd_step(float *p, float *v, const float *g, size_t n, const SgdRule *rule) {
  const SgdPass pass = {(float)rule->lr, (float)rule->momentum, (float)rule->weight_decay, (float)rule->scale};
  passes()->sgd(p, v, g, n, &pass);
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
  const AdamPass pass = {.beta1 = (float)rule->beta1,
                         .beta2 = (float)rule->beta2,
                         .rest1 = (float)(1 - rule->beta1),
                         .rest2 = (float)(1 - rule->beta2),
                         .scale = (float)rule->scale,
                         .epsilon = (float)rule->epsilon,
                         .lr = (float)(rule->lr / (1 - power(rule->beta1, t))),
                         .root = (float)(1 / sqrt(1 - power(rule->beta2, t))),
                         .shrink = shrink,
                         .decay = decay};
  passes()->adam(p, m, v, g, n, &pass);
}

void adam_step(float *p, float *m, float *v, const float *g, size_t n, const AdamRule *rule, int64_t t) {
  step(p, m, v, g, n, rule, t, 1.0f, (float)rule->weight_decay);
}

void adamw_step(float *p, float *m, float *v, const float *g, size_t n, const AdamRule *rule, int64_t t) {
  step(p, m, v, g, n, rule, t, (float)(1 - rule->lr * rule->weight_decay), 0.0f);
}

void block_square_sums(double *sum, const float *g, size_t n) { passes()->square_sums(sum, g, n); }
