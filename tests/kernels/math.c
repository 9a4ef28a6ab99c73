// Passes over arrays do to the bit what their formulas say, at every length and in place.
#include "every_set.h"

#include "base/slices.h"
#include "kernels/math.h"

#include <math.h>

enum { MOST = 150 };

static void same(const float *got, const float *want, int n, const char *what) {
  for (int i = 0; i < n; i++)
    CHECK(memcmp(got + i, want + i, sizeof *got) == 0 || (isnan(got[i]) && isnan(want[i])),
          "%s: [%d] of %d is %a, not %a (%s)", what, i, n, (double)got[i], (double)want[i], gemm_kernel());
}

static float relu(float x) { return x <= 0 ? 0.0f : x; }

static void check_slopes(int n, unsigned *seed) {
  float y[MOST], dy[MOST], start[MOST], want[MOST] = {0};
  fill(y, MOST, seed), fill(dy, MOST, seed), fill(start, MOST, seed);
  y[0] = -0.0f, y[1] = NAN, y[2] = INFINITY;
  void (*slope[])(float *, const float *, const float *, size_t, bool) = {tanh_backward, sigmoid_backward,
                                                                          relu_backward};
  const char *name[] = {"tanh_backward", "sigmoid_backward", "relu_backward"};
  for (int f = 0; f < 3; f++)
    for (int accumulate = 0; accumulate < 2; accumulate++) {
      float got[MOST];
      memcpy(got, accumulate ? start : dy, sizeof got);
      for (int i = 0; i < n; i++) {
        float d = f == 0     ? dy[i] * fmaf(-y[i], y[i], 1.0f)
                  : f == 1   ? dy[i] * (y[i] * (1.0f - y[i]))
                  : y[i] > 0 ? dy[i]
                             : 0.0f;
        want[i] = accumulate ? start[i] + d : d;
      }
      slope[f](got, accumulate ? dy : got, y, (size_t)n, accumulate);
      same(got, want, n, name[f]);
    }
}

static void check_plain(int n, unsigned *seed) {
  float x[MOST], z[MOST], y[MOST], got[MOST], want[MOST] = {0};
  fill(x, MOST, seed), fill(z, MOST, seed), fill(y, MOST, seed);
#define PLAIN(call, value)                                                                                             \
  do {                                                                                                                 \
    memcpy(got, y, sizeof got);                                                                                        \
    call;                                                                                                              \
    for (int i = 0; i < n; i++)                                                                                        \
      want[i] = value;                                                                                                 \
    same(got, want, n, #call);                                                                                         \
  } while (0)
  PLAIN(floats_copy(got, x, (size_t)n), x[i]);
  PLAIN(floats_scale(got, 0.3f, x, (size_t)n), 0.3f * x[i]);
  PLAIN(floats_scale(got, 0.3f, got, (size_t)n), 0.3f * y[i]);
  PLAIN(floats_add(got, x, (size_t)n), y[i] + x[i]);
  PLAIN(floats_axpy(got, 0.3f, x, (size_t)n), fmaf(0.3f, x[i], y[i]));
  PLAIN(floats_multiply(got, x, z, (size_t)n, false), x[i] * z[i]);
  PLAIN(floats_multiply(got, x, z, (size_t)n, true), fmaf(x[i], z[i], y[i]));
  PLAIN(floats_relu(got, x, (size_t)n), relu(x[i]));
  PLAIN(floats_relu(got, got, (size_t)n), relu(y[i]));
#undef PLAIN
}

static void check_rows(int rows, int n, int slices, unsigned *seed) {
  float *y = numbers((size_t)rows * n, seed), *b = numbers((size_t)n, seed),
        *want = numbers((size_t)(rows + 1) * n, seed), *got = numbers((size_t)rows * n, seed);
  for (int rectified = 0; rectified < 2; rectified++) {
    for (int i = 0; i < rows * n; i++)
      want[i] = rectified ? relu(y[i] + b[i % n]) : y[i] + b[i % n];
    memcpy(got, y, sizeof *y * (size_t)(rows * n));
    (rectified ? bias_relu : bias_add)(got, b, rows, n);
    same(got, want, rows * n, "bias");
  }
  int row[SLICES_MOST + 1];
  cut(row, slices, rows, seed);
  for (int j = 0; j < n; j++) {
    float leaf[SLICES_MOST];
    for (int s = 0; s < slices; s++) {
      leaf[s] = 0;
      for (int r = row[s]; r < row[s + 1]; r++)
        leaf[s] += y[r * n + j];
    }
    want[j] = tree_sum(leaf, slices);
  }
  float *sum = numbers((size_t)n, seed);
  sum_rows_slices(sum, y, n, row, slices);
  same(sum, want, n, "sum_rows_slices");
  free(y), free(b), free(want), free(got), free(sum);
}

static void test(void) {
  unsigned seed = 11;
  for (int n = 0; n <= MOST; n++) {
    check_slopes(n, &seed);
    check_plain(n, &seed);
    check_rows(1 + draw(&seed, 60), n, draw(&seed, 30), &seed);
  }
  check_rows(600, 3, SLICES_MOST, &seed);
  check_rows(0, 70, 4, &seed);
}

int main(void) { return every_set(test); }
