#include "base/slices.h"

#include "base/status.h"

int slice_nodes(SliceNode node[SLICE_NODES_MOST], int first, int end, int total) {
  REQUIRE(0 <= first && first <= end && end <= total && total <= SLICES_MOST, "slices [%d, %d) of %d", first, end,
          total);
  int nodes = 0;
  while (first < end) {
    // The largest aligned node that begins at `first` and does not pass `end`; one cut short by `total` counts as
    // whole.
    int length = 1;
    while (first % (2 * length) == 0 && (first + 2 * length <= end || end == total) && length < total)
      length *= 2;
    int node_end = first + length < total ? first + length : total;
    REQUIRE(node_end <= end && nodes < SLICE_NODES_MOST, "slice nodes overflow");
    node[nodes++] = (SliceNode){first, node_end};
    first = node_end;
  }
  return nodes;
}

int slice_folds(int end, int length) { return __builtin_ctz((unsigned)(end / length)); }

int slice_begin(int s, int n, int total) { return (int)((long long)s * n / total); }
