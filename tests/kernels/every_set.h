#ifndef EVERY_SET_H
#define EVERY_SET_H
/// Runs a test once per instruction set, each in a process of its own, since a process keeps the set it first chose.
#include "check.h"
#include "kernels/gemm.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static inline int every_set(void (*test)(void)) {
  const char *name[] = {"avx512", "avx2", "portable"};
  for (int i = 0; i < 3; i++) {
    pid_t child = fork();
    CHECK(child >= 0, "cannot fork");
    if (child == 0) {
      setenv("REBASIS_KERNEL", name[i], 1);
      test();
      exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "wrong with REBASIS_KERNEL=%s", name[i]);
  }
  return 0;
}

/// The next of a row of pseudo-random numbers (Numerical Recipes' generator), below `bound`.
static inline int draw(unsigned *state, int bound) {
  *state = *state * 1664525u + 1013904223u;
  return (int)((*state >> 8) % (unsigned)bound);
}

/// Numbers in (-1, 1), every tenth one 0 and every thousandth so small that products vanish.
static inline void fill(float *x, size_t n, unsigned *state) {
  for (size_t i = 0; i < n; i++) {
    x[i] = (float)(draw(state, 2000001) - 1000000) / 1000003.0f;
    if (draw(state, 10) == 0)
      x[i] = draw(state, 100) ? 0.0f : x[i] * 1e-30f;
  }
}

static inline float *numbers(size_t n, unsigned *state) {
  float *x = calloc(n + 1, sizeof *x);
  CHECK(x, "out of memory");
  fill(x, n, state);
  return x;
}

/// Row s of a random cut of n rows into `slices`, some of them empty.
static inline void cut(int *row, int slices, int n, unsigned *state) {
  row[0] = 0;
  for (int s = 1; s <= slices; s++)
    row[s] = s == slices ? n : row[s - 1] + draw(state, 2 * (n - row[s - 1]) / (slices - s + 1) + 1);
  for (int s = 1; s <= slices; s++)
    row[s] = row[s] < n ? row[s] : n;
}

/// The sum of leaf[0 .. slices) as base/slices.h defines it, by recursion.
static inline float tree_sum(const float *leaf, int slices) {
  if (slices <= 1)
    return slices ? leaf[0] + 0.0f : 0.0f;
  int half = 1;
  while (2 * half < slices)
    half *= 2;
  return tree_sum(leaf, half) + tree_sum(leaf + half, slices - half);
}

#endif
