// Any cut of the slices into consecutive shares meets at the same sum.
#include "base/slices.h"

#include "base/random.h"
#include "check.h"

static float fold(const float *value, const SliceNode *node, int nodes) {
  float stack[SLICES_MOST];
  int top = 0;
  for (int i = 0; i < nodes; i++) {
    stack[top++] = value[i];
    int length = node[i].end - node[i].first;
    int folds = i + 1 == nodes || (length & (length - 1)) ? top - 1 : slice_folds(node[i].end, length);
    for (; folds > 0; folds--, top--)
      stack[top - 2] = stack[top - 2] + stack[top - 1];
  }
  return stack[0];
}

static float naive(const float *leaf, int first, int end, int total) {
  if (end - first == 1)
    return leaf[first];
  int length = 1;
  while (2 * length < end - first || first % (2 * length))
    length *= 2;
  int middle = first + length;
  return middle >= total ? naive(leaf, first, total, total)
                         : naive(leaf, first, middle, total) + naive(leaf, middle, end, total);
}

int main(void) {
  RandomStream stream = {.seed = 3, .purpose = RANDOM_FREE};
  for (int total = 1; total <= 40; total++) {
    float leaf[SLICES_MOST];
    for (int s = 0; s < total; s++)
      leaf[s] = random_normal(&stream, (uint64_t)total, (uint32_t)s);
    float want = naive(leaf, 0, total, total);
    for (int ranks = 1; ranks <= total; ranks++) {
      float value[SLICES_MOST];
      SliceNode all[SLICES_MOST];
      int count = 0;
      for (int r = 0; r < ranks; r++) {
        SliceNode node[SLICE_NODES_MOST];
        int nodes = slice_nodes(node, total * r / ranks, total * (r + 1) / ranks, total);
        for (int i = 0; i < nodes; i++) {
          value[count] = naive(leaf, node[i].first, node[i].end, total);
          all[count++] = node[i];
        }
      }
      float got = fold(value, all, count);
      CHECK(got == want, "%d slices on %d ranks: got %.9g, not %.9g", total, ranks, got, want);
    }
  }
  return 0;
}
