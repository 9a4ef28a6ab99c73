// Elementary functions are within 3 ulp of libm's in double everywhere, and the same bits on every instruction set.
#include "every_set.h"

#include "kernels/math.h"
#include "kernels/passes.h"

#include <math.h>

enum { N = 1 << 16, EDGES = 24 };

static const float edge[EDGES] = {0.0f,
                                  -0.0f,
                                  INFINITY,
                                  -INFINITY,
                                  NAN,
                                  0x1p-149f,
                                  -0x1p-149f,
                                  0x1p-126f,
                                  -0x1p-126f,
                                  0x1.fffffep-127f,
                                  0x1.fffffep+127f,
                                  -0x1.fffffep+127f,
                                  88.7228394f,
                                  88.722847f,
                                  -87.33655f,
                                  -103.97208f,
                                  -103.97f,
                                  -104.5f,
                                  1.0f,
                                  -1.0f,
                                  0x1.6a09e6p-1f,
                                  0x1.6a09e8p-1f,
                                  -0.7517916f,
                                  15.0f};

static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double normal(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }
static double gelu(double x) { return x == -INFINITY ? -0.0 : x * normal(x); }
static double gelu_slope(double x) {
  return fabs(x) > 40 ? x > 0 : normal(x) + x * exp(-0.5 * x * x) * 0.3989422804014327;
}

static void ones(float *y, size_t n) {
  for (size_t i = 0; i < n; i++)
    y[i] = 1.0f;
}

static void gelu_bend(float *y, const float *x, size_t n) {
  ones(y, n);
  gelu_backward(y, y, x, n, false);
}

static void softplus_bend(float *y, const float *x, size_t n) {
  ones(y, n);
  softplus_backward(y, y, x, n, false);
}

typedef struct Function {
  const char *name;
  Map *map;
  double (*exact)(double);
  float (*one)(float);
} Function;

static const Function functions[] = {
    {"exp", floats_exp, exp, float_exp},
    {"log", floats_log, log, float_log},
    {"tanh", floats_tanh, tanh, float_tanh},
    {"sigmoid", floats_sigmoid, sigmoid, float_sigmoid},
    {"softplus", floats_softplus, softplus, float_softplus},
    {"erf", floats_erf, erf, float_erf},
    {"gelu", floats_gelu, gelu, NULL},
    {"softplus_backward", softplus_bend, sigmoid, NULL},
    {"gelu_backward", gelu_bend, gelu_slope, NULL},
};

enum { FUNCTIONS = sizeof functions / sizeof *functions };

/// Half the floats are any bits, the others of moderate size.
static void fill_all(float *x, unsigned *seed) {
  for (int i = 0; i < N; i++) {
    unsigned bits = (unsigned)draw(seed, 1 << 16) << 16 | (unsigned)draw(seed, 1 << 16);
    memcpy(x + i, &bits, sizeof bits);
    if (i % 2)
      x[i] = (float)draw(seed, 1 << 24) / (1 << 24) * (i % 4 == 1 ? 200.0f : 8.0f) - (i % 4 == 1 ? 100.0f : 4.0f);
  }
  memcpy(x, edge, sizeof edge);
}

static void check_values(const Function *f, const float *x) {
  static float y[N];
  f->map(y, x, N);
  for (int i = 0; i < N; i++) {
    const double exact = f->exact(x[i]);
    if (isnan(exact)) {
      CHECK(isnan(y[i]), "%s(%a) is %a", f->name, (double)x[i], (double)y[i]);
      continue;
    }
    if (isinf((float)exact)) {
      CHECK(y[i] == (float)exact, "%s(%a) is %a", f->name, (double)x[i], (double)y[i]);
      continue;
    }
    // The slope of GELU has a zero: there the larger of its terms sets the scale.
    double scale = fabs(exact);
    if (f->map == gelu_bend && x[i] < 0)
      scale = fmax(scale, normal(x[i]));
    int power;
    frexp(fmax(scale, 0x1p-126), &power);
    CHECK(fabs(y[i] - exact) <= 3 * ldexp(1, power - 24), "%s(%a) is %a, not %a", f->name, (double)x[i], (double)y[i],
          exact);
    CHECK(exact != 0 || x[i] != 0 || !signbit(y[i]) == !signbit(exact), "%s(%a) has the wrong sign", f->name,
          (double)x[i]);
  }
  // One at a time, and from any place of an array.
  for (int i = 0; i < 1000; i++) {
    float last[20], single = f->one ? f->one(x[i]) : y[i];
    f->map(last, x + i, 1 + (size_t)(i % 20));
    CHECK((isnan(y[i]) && isnan(single)) || memcmp(&single, y + i, sizeof single) == 0, "%s(%a) alone is %a, not %a",
          f->name, (double)x[i], (double)single, (double)y[i]);
    CHECK(isnan(y[i]) || memcmp(last, y + i, sizeof *y) == 0, "%s(%a) depends on its place", f->name, (double)x[i]);
  }
}

static void check_sets(const float *x) {
  static float want[N], got[N], one[N];
  const Passes *set = passes(), *plain = &passes_portable;
  ones(one, N);
  Map *a[] = {set->exp, set->log, set->tanh, set->sigmoid, set->softplus, set->erf, set->gelu};
  Map *b[] = {plain->exp, plain->log, plain->tanh, plain->sigmoid, plain->softplus, plain->erf, plain->gelu};
  for (int f = 0; f < 9; f++) {
    if (f < 7)
      a[f](got, x, N), b[f](want, x, N);
    else
      (f == 7 ? set->softplus_backward : set->gelu_backward)(got, one, x, N, false),
          (f == 7 ? plain->softplus_backward : plain->gelu_backward)(want, one, x, N, false);
    for (int i = 0; i < N; i++)
      CHECK((isnan(got[i]) && isnan(want[i])) || memcmp(got + i, want + i, sizeof *got) == 0,
            "function %d of %a is %a, not %a as in plain C", f, (double)x[i], (double)got[i], (double)want[i]);
  }
}

static void test(void) {
  static float x[N];
  unsigned seed = 5;
  fill_all(x, &seed);
  for (int f = 0; f < FUNCTIONS; f++)
    check_values(functions + f, x);
  check_sets(x);
}

int main(void) { return every_set(test); }
