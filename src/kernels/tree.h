#ifndef KERNELS_TREE_H
#define KERNELS_TREE_H
/// The tree of base/slices.h over arrays: a stack of partial sums, level by level.
#include "base/slices.h"

#include <stddef.h>

/// Levels a stack of SLICES_MOST leaves can reach.
enum { TREE_DEPTH = 10 };

/// How often the two topmost partial sums are to be folded once leaf s of `slices` has been pushed as number `top` - 1: that
/// is slice_folds(s + 1, 1), here without a call, since the sums are in registers.
static inline int tree_folds(int s, int slices, int top) {
  return s + 1 == slices ? top - 1 : __builtin_ctz((unsigned)s + 1);
}

#endif
