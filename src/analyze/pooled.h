#ifndef ANALYZE_POOLED_H
#define ANALYZE_POOLED_H
/// Sums over samples that do not depend on how the ranks hold them: each row belongs to a slice of its batch, a slice is on one rank, and sums of
/// slices meet in order.
#include "analyze/context.h"
#include "metrics/summary.h"

/// slice[rows]: the local slice of each row (0 … pooled_slices - 1); owned (free).
Status pooled_slice(const AnalyzeContext *context, int **slice);
/// Slices that are here, and in all.
int pooled_slices(const AnalyzeContext *context);
int pooled_slices_total(const AnalyzeContext *context);

/// Collective. total[n] = sum over all slices of here[local slice][n].
void pooled_sum(const AnalyzeContext *context, double *total, const double *here, int n);
/// Collective. all[slices in all][n] from here[local slice][n]: for a jackknife, which leaves out one at a time.
void pooled_gather(const AnalyzeContext *context, double *all, const double *here, int n);

/// Mean and Student's interval from n, sum and sum of squares.
Summary pooled_summary(double n, double sum, double squares, double level);

/// Columns of a layer's input by modality, where it reads the joined representations: begin[m + 1]; false for any other layer.
bool layer_blocks(const AnalyzeContext *context, int layer, int *begin);
/// The first such layer, or -1.
int joined_layer(const AnalyzeContext *context);

#endif
