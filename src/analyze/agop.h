#ifndef ANALYZE_AGOP_H
#define ANALYZE_AGOP_H
/// Average gradient outer products of the fusion stage: of layer l with input u (width d), over the samples x of the split,
///   AGOP_l = 1/n sum_x sum_c (d logit_c / du)' (d logit_c / du)    [d, d]
/// summed over the tokens where u has several (attention). Where other layers read the same u, what flows through them counts too.
/// A. Radhakrishnan, D. Beaglehole, P. Pandit, M. Belkin: Mechanism for feature learning in neural networks, Science 383, 2024.
#include "analyze/context.h"

enum { AGOP_PANEL = 1 << 15 }; // entries of a matrix that travel together, for every slice

typedef struct Agop {
  int layers, slices;       // slices here
  double **sum;             // owned [layers][slices, d (d + 1) / 2]: sums over the rows of each local slice, the upper triangle by rows
} Agop;

/// Collective. wanted[layers] (NULL: all): which layers. What it holds grows with the sum of their squared widths.
Status agop_open(Agop *agop, AnalyzeContext *context, const bool *wanted);
void agop_close(Agop *agop);

/// Collective. Calls visit for every entry (i, j >= i) of a layer's matrix, row by row, with its sums over the rows of each slice, slice[slices in
/// all], not divided by n. No rank ever has more than a few rows of all slices.
Status agop_visit(const Agop *agop, const AnalyzeContext *context, int layer,
                  void (*visit)(void *user, int i, int j, const double *slice), void *user);

/// Collective. total[d, d] = the sum over all slices, not divided by n.
Status agop_total(double *total, const Agop *agop, const AnalyzeContext *context, int layer);

/// Cosine of two matrices as vectors [size]; NaN when either is 0.
double matrix_cosine(const double *a, const double *b, int64_t size);

/// root[n, n]: the positive semidefinite square root of a[n, n]; value[n] its eigenvalues, ascending, negative ones (rounding) as 0.
Status matrix_root(double *root, double *value, const double *a, int n);

#endif
