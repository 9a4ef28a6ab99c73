#ifndef BASE_SLICES_H
#define BASE_SLICES_H
/// The batch is cut into S slices of consecutive rows, and every sum over rows is made in one association, whoever adds:
///   leaf  = the chain over the slice's rows in order, starting from +0, plus +0 (so no leaf is -0);
///   node  = [k 2^l, min((k+1) 2^l, S)) for l > 0: left half + right half, or the left half alone where the right is empty.
/// A rank holds consecutive slices, hence a few whole nodes of this tree; sums of any grid of ranks meet at the same root.
/// An empty slice is a leaf of value +0, and x + (+0) = x for every x that is not -0: it may be added or left out.

enum { SLICES_MOST = 256, SLICE_NODES_MOST = 18 };

/// The slices of the batch that are here: [first, first + count) out of `total`; slice first+i is local rows [row[i], row[i+1]).
typedef struct Slices {
  int total, first, count;
  int row[SLICES_MOST + 1];
} Slices;

/// A node of the tree: slices [first, end), end <= total.
typedef struct SliceNode {
  int first, end;
} SliceNode;

/// The fewest nodes, in order, that make up slices [first, end) out of `total`; returns their number (<= SLICE_NODES_MOST).
int slice_nodes(SliceNode node[SLICE_NODES_MOST], int first, int end, int total);

/// Adding with a stack of partial sums: push the value of slices [end - length, end) (length a power of two that divides
/// end; both counted from the first slice of the node, or of the batch, that is being summed), then this many times replace
/// the two topmost by lower + upper. Behind the last value, fold what remains in the same way.
int slice_folds(int end, int length);

/// Row 0 <= r <= n at which slice s of `total` begins in a batch of n rows: floor(s n / total).
int slice_begin(int s, int n, int total);

#endif
