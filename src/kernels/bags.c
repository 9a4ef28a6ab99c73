// y_r = sum over codes c of row r of w_c (+ b);  dw_c = sum over the rows r that hold c of dy_r.
#include "kernels/bags.h"

#include "kernels/tree.h"

size_t bags_work(int out, int vocabulary, int64_t codes, int threads) {
  (void)out, (void)vocabulary, (void)codes, (void)threads;
  return 64;
}

void bags_forward(float *y, const float *w, const float *b, const int64_t *offset, const int32_t *code, int rows,
                  int out, int vocabulary, bool embedding, void *work, int threads) {
  (void)work, (void)threads;
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < out; j++) {
      float sum = 0.0f;
      for (int64_t l = offset[r]; l < offset[r + 1]; l++)
        sum += embedding ? w[(size_t)code[l] * out + j] : w[(size_t)j * vocabulary + code[l]];
      y[(size_t)r * out + j] = b ? sum + b[j] : sum;
    }
}

static float leaf(const float *dy, const int64_t *offset, const int32_t *code, int out, int begin, int end, int j,
                  int wanted) {
  float sum = 0.0f;
  for (int r = begin; r < end; r++)
    for (int64_t l = offset[r]; l < offset[r + 1]; l++)
      if (code[l] == wanted)
        sum += dy[(size_t)r * out + j];
  return sum + 0.0f;
}

void bags_backward(float *dw, const float *dy, const int64_t *offset, const int32_t *code, int out, int vocabulary,
                   bool embedding, const int *row, int slices, void *work, int threads) {
  (void)work, (void)threads;
  for (int c = 0; c < vocabulary; c++)
    for (int j = 0; j < out; j++) {
      float stack[TREE_DEPTH] = {0};
      int top = 0;
      for (int s = 0; s < slices; s++) {
        stack[top++] = leaf(dy, offset, code, out, row[s], row[s + 1], j, c);
        for (int folds = tree_folds(s, slices, top); folds > 0; folds--, top--)
          stack[top - 2] += stack[top - 1];
      }
      dw[embedding ? (size_t)c * out + j : (size_t)j * vocabulary + c] = stack[0];
    }
}
