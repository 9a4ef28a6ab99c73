// Sums over bags of codes and their adjoint are the stated chains and trees to the bit.
#include "every_set.h"

#include "base/slices.h"
#include "kernels/bags.h"

typedef struct Case {
  int rows, out, vocabulary, longest, slices, threads;
} Case;

static float *entry(float *w, const Case *c, int code, int j) { return w + code * c->out + j; }

static void twin_forward(float *y, float *w, const float *b, const int64_t *offset, const int32_t *code,
                         const Case *c) {
  for (int r = 0; r < c->rows; r++)
    for (int j = 0; j < c->out; j++) {
      float sum = 0.0f;
      for (int64_t l = offset[r]; l < offset[r + 1]; l++)
        sum += *entry(w, c, code[l], j);
      y[r * c->out + j] = b ? sum + b[j] : sum;
    }
}

static void twin_backward(float *dw, const float *dy, const int64_t *offset, const int32_t *code, const Case *c,
                          const int *row) {
  for (int k = 0; k < c->vocabulary; k++)
    for (int j = 0; j < c->out; j++) {
      float leaf[SLICES_MOST];
      for (int s = 0; s < c->slices; s++) {
        leaf[s] = 0.0f;
        for (int r = row[s]; r < row[s + 1]; r++)
          for (int64_t l = offset[r]; l < offset[r + 1]; l++)
            leaf[s] += code[l] == k ? dy[r * c->out + j] : 0.0f;
      }
      *entry(dw, c, k, j) = tree_sum(leaf, c->slices);
    }
}

static void same(const float *got, const float *want, int n, const char *what, const Case *c) {
  for (int i = 0; i < n; i++)
    CHECK(memcmp(got + i, want + i, sizeof *got) == 0,
          "%s, %s, %d rows, out %d, vocabulary %d, %d slices, %d threads: [%d] is %a, not %a", gemm_kernel(), what,
          c->rows, c->out, c->vocabulary, c->slices, c->threads, i, (double)got[i], (double)want[i]);
}

static void compare(const Case *c, unsigned *seed) {
  const int size = c->out * c->vocabulary, results = c->rows * c->out;
  int64_t *offset = malloc((size_t)(c->rows + 1) * sizeof *offset);
  int32_t *code = malloc((size_t)(c->rows * c->longest + 9) * sizeof *code);
  CHECK(offset && code, "out of memory");
  const int used = 1 + draw(seed, c->vocabulary); // some codes never occur
  offset[0] = draw(seed, 9);                      // bags of a larger batch
  for (int r = 0; r < c->rows; r++) {
    offset[r + 1] = offset[r] + draw(seed, c->longest + 1);
    for (int64_t l = offset[r]; l < offset[r + 1]; l++)
      code[l] = c->vocabulary - 1 - draw(seed, used);
  }
  float *w = numbers((size_t)size, seed), *b = numbers((size_t)c->out, seed), *dy = numbers((size_t)results, seed);
  float *got = numbers((size_t)(size + results), seed), *want = numbers((size_t)(size + results), seed);
  for (int i = 0; i < results; i += 3)
    dy[i] = -0.0f;
  void *work = NULL;
  const size_t bytes = bags_work(c->out, c->vocabulary, offset[c->rows] - offset[0], c->threads);
  CHECK(posix_memalign(&work, 64, bytes + 64) == 0, "out of memory");
  memset(work, 0xa5, bytes + 64);
  for (int with_b = 0; with_b < 2; with_b++) {
    twin_forward(want, w, with_b ? b : NULL, offset, code, c);
    bags_forward(got, w, with_b ? b : NULL, offset, code, c->rows, c->out, c->threads);
    same(got, want, results, "forward", c);
  }
  int row[SLICES_MOST + 1];
  cut(row, c->slices, c->rows, seed);
  twin_backward(want, dy, offset, code, c, row);
  bags_backward(got, dy, offset, code, c->out, c->vocabulary, row, c->slices, work, c->threads);
  same(got, want, size, "backward", c);
  for (size_t i = 0; i < 64; i++)
    CHECK(((unsigned char *)work)[bytes + i] == 0xa5, "written behind the scratch memory");
  free(offset), free(code), free(w), free(b), free(dy), free(got), free(want), free(work);
}

static void test(void) {
  unsigned seed = 17;
  for (int trial = 0; trial < 120; trial++) {
    const Case c = {draw(&seed, 40),     1 + draw(&seed, trial % 8 ? 40 : 200),
                    1 + draw(&seed, 70), draw(&seed, 12),
                    1 + draw(&seed, 20), 1 + draw(&seed, 3)};
    compare(&c, &seed);
  }
  compare(&(Case){300, 5, 3, 4, SLICES_MOST, 1}, &seed);
  compare(&(Case){300, 5, 3, 4, 37, 2}, &seed);
  compare(&(Case){0, 5, 3, 4, 0, 2}, &seed);
}

int main(void) { return every_set(test); }
