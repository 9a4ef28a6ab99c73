// Speed of gemm_nn, gemm_nt and gemm_tn_slices beside OpenBLAS and oneDNN, all three in turn in every round, medians
// over rounds.
//
//   cc -O2 -D_GNU_SOURCE -Iinclude $(pkg-config --cflags openblas) tools/bench/gemm.c build/librebasis_core.a \
//     $(pkg-config --libs openblas) -ldnnl -fopenmp -lm -o /tmp/bench_gemm
//   env -u OPENBLAS_CORETYPE OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 taskset -c 1 /tmp/bench_gemm [rounds]
#include "kernels/gemm.h"

#include <cblas.h>
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NN, NT, TN, OURS = 0, UNSLICED, OPENBLAS, ONEDNN, RIVALS, ROUNDS_MOST = 1001 };

typedef struct Case {
  int m, n, k, operation, slices;
} Case;

static const Case cases[] = {
    {128, 512, 784, NT, 0},   {128, 784, 512, NN, 0},  {512, 784, 128, TN, 8},   {128, 256, 512, NT, 0},
    {128, 512, 256, NN, 0},   {256, 512, 128, TN, 8},  {128, 64, 256, NT, 0},    {64, 256, 128, TN, 8},
    {64, 512, 784, NT, 0},    {256, 512, 2048, NT, 0}, {256, 2048, 512, NN, 0},  {512, 2048, 256, TN, 8},
    {256, 128, 3072, NT, 0},  {512, 768, 256, TN, 8},  {512, 2048, 2048, NT, 0}, {512, 2048, 2048, NN, 0},
    {2048, 2048, 512, TN, 8}, {256, 10, 256, NT, 0},   {10, 256, 256, TN, 8},    {256, 256, 10, NN, 0},
    {256, 1, 512, NT, 0},     {16, 512, 784, NT, 0},   {16, 784, 512, NN, 0},    {512, 784, 16, TN, 1},
    {8, 512, 784, NT, 0},     {8, 784, 512, NN, 0},    {512, 784, 8, TN, 1},     {256, 512, 32, NT, 0},
    {512, 32, 256, TN, 8},    {32, 32, 32, NN, 0},     {16, 16, 16, NN, 0}};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); // other programs may run beside
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run(int rival, const Case *x, float *c, const float *a, const float *b) {
  const int lda = x->operation == TN ? x->m : x->k, ldb = x->operation == NT ? x->k : x->n;
  int row[65] = {0};
  const int slices = rival == UNSLICED || x->slices == 0 ? 1 : x->slices;
  for (int s = 0; s <= slices; s++)
    row[s] = x->k * s / slices;
  if (rival == OPENBLAS)
    cblas_sgemm(CblasRowMajor, x->operation == TN ? CblasTrans : CblasNoTrans,
                x->operation == NT ? CblasTrans : CblasNoTrans, x->m, x->n, x->k, 1, a, lda, b, ldb, 0, c, x->n);
  else if (rival == ONEDNN)
    dnnl_sgemm(x->operation == TN ? 'T' : 'N', x->operation == NT ? 'T' : 'N', x->m, x->n, x->k, 1, a, lda, b, ldb, 0,
               c, x->n);
  else if (x->operation == NN)
    gemm_nn(c, x->n, a, lda, b, ldb, x->m, x->n, x->k, false, 1);
  else if (x->operation == NT)
    gemm_nt(c, x->n, a, lda, b, ldb, x->m, x->n, x->k, false, 1);
  else
    gemm_tn_slices(c, x->n, a, lda, b, ldb, x->m, x->n, row, slices, 1);
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static float *numbers(size_t n) {
  float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
  for (size_t i = 0; i < n; i++)
    x[i] = (float)rand() / (float)RAND_MAX - 0.5f;
  return x;
}

int main(int argc, char **argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 21;
  static double seconds[RIVALS][ROUNDS_MOST];
  printf("%s; OpenBLAS %s; GF/s\n%16s %5s %8s %8s %8s %8s | %8s %8s %8s\n", gemm_kernel(), openblas_get_corename(),
         "m n k", "", "ours", "1 slice", "OpenBLAS", "oneDNN", "/OpenB", "/oneDNN", "slicing");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const Case *x = cases + i;
    float *a = numbers((size_t)x->m * x->k), *b = numbers((size_t)x->n * x->k), *c = numbers((size_t)x->m * x->n);
    const double work = 2.0 * x->m * x->n * x->k;
    const int repeats = (int)(2e8 / work) + 1;
    for (int r = 0; r < rounds && r < ROUNDS_MOST; r++)
      for (int rival = 0; rival < RIVALS; rival++) {
        run(rival, x, c, a, b);
        double start = now();
        for (int q = 0; q < repeats; q++)
          run(rival, x, c, a, b);
        seconds[rival][r] = (now() - start) / repeats;
      }
    double speed[RIVALS];
    for (int rival = 0; rival < RIVALS; rival++) {
      qsort(seconds[rival], (size_t)rounds, sizeof(double), compare);
      speed[rival] = work / seconds[rival][rounds / 2] * 1e-9;
    }
    printf("%5d %4d %5d %5s %8.1f %8.1f %8.1f %8.1f | %8.2f %8.2f %7.1f%%\n", x->m, x->n, x->k,
           (const char *[]){"NN", "NT", "TN"}[x->operation], speed[OURS], speed[UNSLICED], speed[OPENBLAS],
           speed[ONEDNN], speed[OURS] / speed[OPENBLAS], speed[OURS] / speed[ONEDNN],
           100 * (speed[UNSLICED] / speed[OURS] - 1));
    free(a), free(b), free(c);
  }
  return 0;
}
