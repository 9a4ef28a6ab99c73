// Every element of a product is the chain of fused multiply-adds that plain fmaf() makes, to the bit.
#include "every_set.h"

#include "base/slices.h"

#include <math.h>

enum { NN, NT, TN, OPERATIONS };

static void twin(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k,
                 int operation, bool accumulate, const int *row, int slices) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float leaf[SLICES_MOST];
      for (int s = 0; s < slices; s++) {
        float sum = accumulate ? c[i * ldc + j] : 0.0f;
        for (int l = operation == TN ? row[s] : 0; l < (operation == TN ? row[s + 1] : k); l++)
          sum = fmaf(operation == TN ? a[l * lda + i] : a[i * lda + l],
                     operation == NT ? b[j * ldb + l] : b[l * ldb + j], sum);
        leaf[s] = sum;
      }
      c[i * ldc + j] = operation == TN ? tree_sum(leaf, slices) : leaf[0];
    }
}

static void compare(int m, int n, int k, int operation, bool accumulate, int slices, int threads, unsigned *state) {
  const int lda = (operation == TN ? m : k) + draw(state, 3), ldb = (operation == NT ? k : n) + draw(state, 3),
            ldc = n + draw(state, 3);
  float *a = numbers((size_t)(operation == TN ? k : m) * lda, state);
  float *b = numbers((size_t)(operation == NT ? n : k) * ldb, state);
  float *want = numbers((size_t)m * ldc, state), *got = numbers((size_t)m * ldc, state);
  memcpy(got, want, (size_t)m * ldc * sizeof *got);
  int row[SLICES_MOST + 1];
  cut(row, slices, k, state);
  twin(want, ldc, a, lda, b, ldb, m, n, k, operation, accumulate, row, operation == TN ? slices : 1);
  if (operation == NN)
    gemm_nn(got, ldc, a, lda, b, ldb, m, n, k, accumulate, threads);
  else if (operation == NT)
    gemm_nt(got, ldc, a, lda, b, ldb, m, n, k, accumulate, threads);
  else
    gemm_tn_slices(got, ldc, a, lda, b, ldb, m, n, row, slices, threads);
  for (int i = 0; i < m * ldc; i++)
    CHECK(memcmp(got + i, want + i, sizeof *got) == 0,
          "%s %d %d %d, operation %d, %d slices, %d threads: [%d, %d] is %a, not %a", gemm_kernel(), m, n, k, operation,
          slices, threads, i / ldc, i % ldc, (double)got[i], (double)want[i]);
  free(a), free(b), free(want), free(got);
}

static void test(void) {
  unsigned state = 7;
  for (int trial = 0; trial < 900; trial++) {
    const int most = trial % 9 == 0 ? 120 : 40, operation = trial % OPERATIONS;
    const int m = draw(&state, most), n = draw(&state, most), k = draw(&state, most);
    compare(m, n, k, operation, operation != TN && draw(&state, 2), 1 + draw(&state, 20), 1 + draw(&state, 3), &state);
  }
  // The cuts of the plan: deep chains, wide factors beyond the scratch, more slices than rows, none at all.
  compare(5, 17, 2100, NN, true, 1, 1, &state);
  compare(3, 20, 4500, NT, false, 1, 1, &state);
  compare(20, 3, 2050, NT, true, 1, 2, &state);
  compare(18, 400, 1100, NN, false, 1, 1, &state);
  compare(18, 300, 1100, TN, false, 60, 1, &state);
  compare(7, 9, 70, TN, false, 200, 1, &state);
  compare(7, 9, 2000, TN, false, SLICES_MOST, 3, &state);
  compare(20, 9, 17000, TN, false, 3, 1, &state);
  compare(4, 5, 0, TN, false, 0, 1, &state);
}

int main(void) { return every_set(test); }
