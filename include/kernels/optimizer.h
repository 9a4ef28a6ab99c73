#ifndef KERNELS_OPTIMIZER_H
#define KERNELS_OPTIMIZER_H
/// One pass over a segment of the flat parameter block: p, its gradient g and the optimiser's memory, n floats each. Elementwise,
/// so a segment may be cut anywhere and the bits stay. Every rule first takes g scale (clipping; 1: none). Formulas are PyTorch's;
/// only that memory (v, m) below 2^-126 becomes 0, since such numbers are slow and never fade.
#include <stddef.h>
#include <stdint.h>

typedef struct SgdRule {
  double lr, momentum, weight_decay, scale;
} SgdRule;

/// g = scale g + weight_decay p;  v = momentum v + g;  p -= lr v. v starts as 0; v may be NULL when momentum is 0.
void sgd_step(float *p, float *v, const float *g, size_t n, const SgdRule *rule);

typedef struct AdamRule {
  double lr, beta1, beta2, epsilon, weight_decay, scale;
} AdamRule;

/// Adam (Kingma and Ba 2015) with the L2 penalty in the gradient: g = scale g + weight_decay p;  m = beta1 m + (1 - beta1) g;
/// v = beta2 v + (1 - beta2) g^2;  p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon). t = 1 is the first step.
void adam_step(float *p, float *m, float *v, const float *g, size_t n, const AdamRule *rule, int64_t t);

/// AdamW (Loshchilov and Hutter 2019): p *= 1 - lr weight_decay first, and no penalty in the gradient.
void adamw_step(float *p, float *m, float *v, const float *g, size_t n, const AdamRule *rule, int64_t t);

enum { SQUARE_BLOCK = 4096 };

/// sum[j] = sum of the squares of g[j SQUARE_BLOCK .. (j+1) SQUARE_BLOCK) (the last block may be short), in double and in one fixed
/// order; ceil(n / SQUARE_BLOCK) sums. Adding the sums in order gives the squared norm, the same however blocks are shared out.
void block_square_sums(double *sum, const float *g, size_t n);

#endif
