#ifndef KERNELS_BAGS_H
#define KERNELS_BAGS_H
/// Sums of rows of a table for bags of codes: what a multi-hot input does to a linear layer, without the zeros.
/// Row r of the batch has the codes code[offset[r]] .. code[offset[r+1] - 1], each 0 <= code < vocabulary; a code may repeat.
/// The table is w [vocabulary, out]: a linear layer's weight turned, so that what belongs to a code stands together.
/// Sums are chains of additions in a stated order, so their bits depend on neither threads nor vector width.
/// `work` is scratch of the stated size, 64-byte aligned, contents arbitrary. No aliasing.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of scratch for the gradient when the bags of one call hold at most `codes` codes.
size_t bags_work(int out, int vocabulary, int64_t codes, int threads);

/// y[rows, out] = (chain over the row's codes in order, from +0, of w's entries for the code) + b[out]; b NULL: nothing is added.
void bags_forward(float *y, const float *w, const float *b, const int64_t *offset, const int32_t *code, int rows, int out,
                  int threads);

/// dw (the shape of w, written in full: codes that do not occur get +0) = sum over slices as base/slices.h says of leaves =
/// chain of additions of dy[r, :] over the occurrences of the code in rows [row[i], row[i+1]), in order. dy [.., out] and offset
/// are indexed by the same rows. The slices are those of one node of the tree.
void bags_backward(float *dw, const float *dy, const int64_t *offset, const int32_t *code, int out, int vocabulary,
                   const int *row, int slices, void *work, int threads);

#endif
