#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H
/// Matrix products whose every element is one chain of fused multiply-adds in the order of the inner index, starting from
/// +0 (or from what stands in c). So an element's bits depend neither on blocking, nor on how many rows stand beside it,
/// nor on threads, nor on the vector width of the machine: AVX-512, AVX2+FMA and plain fmaf() agree bit for bit.
/// All matrices are row-major; ld* is the distance between rows. No aliasing. threads >= 1 OpenMP threads share the work.
#include <stdbool.h>

/// c[m,n] = (accumulate ? c : 0) + a[m,k] b[k,n]
void gemm_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, bool accumulate, int threads);
/// c[m,n] = (accumulate ? c : 0) + a[m,k] b[n,k]'
void gemm_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, bool accumulate, int threads);
/// c[m,n] = sum over rows r of a[r,m] b[r,n], summed as base/slices.h says: leaves are the slices, slice i being rows
/// [row[i], row[i+1]) for i < slices; they are the slices of ONE node of the tree, so they fold into one sum.
void gemm_tn_slices(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, const int *row, int slices, int threads);

/// The instruction set in use: "avx512", "avx2" or "portable"; REBASIS_KERNEL in the environment may ask for a lower one.
const char *gemm_kernel(void);

#endif
