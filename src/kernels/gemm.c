// c_ij = fma(a_ik-1, b_k-1j, … fma(a_i0, b_0j, +0)): one chain per element, in the order of k.
#include "kernels/gemm.h"

#include "kernels/tree.h"

#include <math.h>

static void multiply(float *c, int ldc, const float *a, int lda, int a_step, const float *b, int ldb, int b_step, int m,
                     int n, int k, bool accumulate) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float sum = accumulate ? c[(size_t)i * ldc + j] : 0.0f;
      for (int l = 0; l < k; l++)
        sum = fmaf(a[(size_t)i * lda + (size_t)l * a_step], b[(size_t)l * b_step + (size_t)j * ldb], sum);
      c[(size_t)i * ldc + j] = sum;
    }
}

void gemm_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, bool accumulate,
             int threads) {
  (void)threads;
  multiply(c, ldc, a, lda, 1, b, 1, ldb, m, n, k, accumulate);
}

void gemm_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, bool accumulate,
             int threads) {
  (void)threads;
  multiply(c, ldc, a, lda, 1, b, ldb, 1, m, n, k, accumulate);
}

void gemm_tn_slices(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, const int *row,
                    int slices, int threads) {
  (void)threads;
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float stack[TREE_DEPTH];
      int top = 0;
      for (int s = 0; s < slices; s++) {
        float sum = 0.0f;
        for (int r = row[s]; r < row[s + 1]; r++)
          sum = fmaf(a[(size_t)r * lda + i], b[(size_t)r * ldb + j], sum);
        stack[top++] = sum + 0.0f;
        for (int folds = tree_folds(s, slices, top); folds > 0; folds--, top--)
          stack[top - 2] += stack[top - 1];
      }
      c[(size_t)i * ldc + j] = top ? stack[0] : 0.0f;
    }
}

const char *gemm_kernel(void) { return "portable"; }
