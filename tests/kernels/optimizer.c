// A step of SGD, Adam or AdamW is PyTorch's rule within 1e-5, wherever a segment is cut, and squares add up in blocks.
#include "every_set.h"

#include "kernels/optimizer.h"

#include <math.h>

enum { N = 203, STEPS = 5 };

static const double LR = 0.01, MOMENTUM = 0.9, DECAY = 0.03, SCALE = 0.7, BETA1 = 0.9, BETA2 = 0.99, EPSILON = 1e-6;

typedef enum Rule { SGD, SGD_MOMENTUM, ADAM, ADAMW, RULES } Rule;

typedef struct State {
  float p[N], m[N], v[N];
} State;

static void run(State *state, const float *g, size_t begin, size_t n, Rule rule, int64_t t) {
  const SgdRule sgd = {LR, rule == SGD ? 0 : MOMENTUM, DECAY, SCALE};
  const AdamRule adam = {LR, BETA1, BETA2, EPSILON, DECAY, SCALE};
  float *p = state->p + begin, *m = state->m + begin, *v = state->v + begin;
  if (rule == SGD || rule == SGD_MOMENTUM)
    sgd_step(p, rule == SGD ? NULL : m, g + begin, n, &sgd);
  else
    (rule == ADAM ? adam_step : adamw_step)(p, m, v, g + begin, n, &adam, t);
}

/// One parameter in double, as PyTorch's documentation writes the rules.
static void twin(double *p, double *m, double *v, double g, Rule rule, int t) {
  g *= SCALE;
  if (rule == ADAMW)
    *p -= LR * DECAY * *p;
  else
    g += DECAY * *p;
  if (rule == SGD || rule == SGD_MOMENTUM) {
    *m = (rule == SGD ? 0 : MOMENTUM) * *m + g;
    *p -= LR * *m;
    return;
  }
  *m = BETA1 * *m + (1 - BETA1) * g;
  *v = BETA2 * *v + (1 - BETA2) * g * g;
  *p -= LR * (*m / (1 - pow(BETA1, t))) / (sqrt(*v / (1 - pow(BETA2, t))) + EPSILON);
}

static void check_rule(Rule rule, unsigned *seed) {
  State whole = {.p = {0}}, cut_up = {.p = {0}};
  double p[N], m[N] = {0}, v[N] = {0};
  float g[N];
  fill(whole.p, N, seed);
  memcpy(cut_up.p, whole.p, sizeof whole.p);
  for (int i = 0; i < N; i++)
    p[i] = whole.p[i];
  for (int t = 1; t <= STEPS; t++) {
    fill(g, N, seed);
    run(&whole, g, 0, N, rule, t);
    for (size_t begin = 0, n; begin < N; begin += n) {
      n = (size_t)draw(seed, 40);
      n = n < N - begin ? n : N - begin;
      run(&cut_up, g, begin, n, rule, t);
    }
    for (int i = 0; i < N; i++) {
      twin(p + i, m + i, v + i, g[i], rule, t);
      CHECK(fabs(whole.p[i] - p[i]) <= 1e-5 * fabs(p[i]) + 1e-7, "rule %d, step %d: p[%d] is %.9g, not %.9g", rule, t,
            i, (double)whole.p[i], p[i]);
    }
  }
  CHECK(memcmp(&whole, &cut_up, sizeof whole) == 0, "rule %d depends on how a segment is cut", rule);
}

/// What no gradient feeds any more ends as 0 and not as a number that takes a hundred cycles.
static void check_fading(void) {
  const SgdRule sgd = {LR, MOMENTUM, 0, 1};
  const AdamRule adam = {LR, BETA1, BETA2, EPSILON, 0, 1};
  float g[N], p[N], m[N], v[N], speed[N];
  for (int i = 0; i < N; i++)
    g[i] = 1.0f, p[i] = m[i] = v[i] = speed[i] = 0.0f;
  for (int t = 1; t <= 10000; t++) {
    sgd_step(p, speed, g, N, &sgd);
    adam_step(p, m, v, g, N, &adam, t);
    memset(g, 0, sizeof g);
  }
  for (int i = 0; i < N; i++)
    CHECK(m[i] == 0 && v[i] == 0 && speed[i] == 0, "[%d] stays at %a, %a, %a", i, (double)m[i], (double)v[i],
          (double)speed[i]);
}

static void check_squares(unsigned *seed) {
  const size_t n = 2 * SQUARE_BLOCK + 777;
  float *g = numbers(n, seed);
  double sum[3];
  block_square_sums(sum, g, n);
  for (size_t j = 0; j < 3; j++) {
    double lane[16] = {0};
    for (size_t i = j * SQUARE_BLOCK; i < n && i < (j + 1) * SQUARE_BLOCK; i++)
      lane[i % 16] += (double)g[i] * g[i];
    for (int width = 8; width > 0; width /= 2)
      for (int l = 0; l < width; l++)
        lane[l] += lane[l + width];
    CHECK(sum[j] == lane[0], "block %zu: %a, not %a", j, sum[j], lane[0]);
  }
  free(g);
}

/// The bits that every set must make; the portable ones, since fmaf() and sqrtf() are exact there by definition.
static void check_bits(unsigned *seed) {
  float p[N], m[N], v[N], g[N], got_p[N], got_m[N], got_v[N];
  fill(p, N, seed), fill(m, N, seed), fill(g, N, seed);
  for (int i = 0; i < N; i++)
    v[i] = m[i] * m[i];
  memcpy(got_p, p, sizeof p), memcpy(got_m, m, sizeof m), memcpy(got_v, v, sizeof v);
  const AdamRule rule = {0.125, 0.5, 0.75, 0.0009765625, 0.25, 2.0};
  adam_step(got_p, got_m, got_v, g, N, &rule, 1);
  for (int i = 0; i < N; i++) {
    const float slope = fmaf(0.25f, p[i], 2.0f * g[i]);
    m[i] = fmaf(0.5f, m[i], 0.5f * slope);
    v[i] = fmaf(0.75f, v[i], 0.25f * slope * slope);
    p[i] = fmaf(-0.25f, m[i] / fmaf(sqrtf(v[i]), 2.0f, 0.0009765625f), p[i]);
  }
  CHECK(memcmp(p, got_p, sizeof p) == 0 && memcmp(m, got_m, sizeof m) == 0 && memcmp(v, got_v, sizeof v) == 0,
        "Adam's bits are not those of single roundings");
}

static void test(void) {
  unsigned seed = 3;
  for (Rule rule = 0; rule < RULES; rule++)
    check_rule(rule, &seed);
  check_fading();
  check_squares(&seed);
  check_bits(&seed);
}

int main(void) { return every_set(test); }
