// y_r = sum over codes c of row r of w_c (+ b);  dw_c = sum over the rows r that hold c of dy_r.
//
// Backward sorts the occurrences by code and sums code by code.
#include "kernels/bags.h"

#include "kernels/passes.h"
#include "kernels/tree.h"

#include <omp.h>
#include <string.h>

/// Codes that a thread takes at a time.
enum { BATCH = 32, STRIPE = BAG_STRIPE };

typedef struct Occurrence {
  int32_t row, slice;
} Occurrence;

static size_t whole_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Takes n items of `size` bytes off the scratch memory; with memory NULL only counts.
static void *take(char **memory, size_t *bytes, size_t n, size_t size) {
  void *area = memory ? *memory : NULL;
  n = whole_lines(n * size);
  if (memory)
    *memory += n;
  *bytes += n;
  return area;
}

/// What backward needs: the occurrences of code c are [start[c], start[c + 1]); per thread a stack of
/// partial sums, rows of `out`.
typedef struct Sorted {
  int64_t *start;
  Occurrence *occurrence;
  float *stack;
  size_t stack_size; // floats a thread
} Sorted;

static Sorted sorted_lay(char *memory, size_t *bytes, int out, int vocabulary, int64_t codes, int threads) {
  Sorted sorted;
  sorted.stack_size = whole_lines((size_t)out * TREE_DEPTH * sizeof(float)) / sizeof(float);
  sorted.start = take(memory ? &memory : NULL, bytes, (size_t)vocabulary + 2, sizeof *sorted.start);
  sorted.occurrence = take(memory ? &memory : NULL, bytes, (size_t)codes, sizeof *sorted.occurrence);
  sorted.stack = take(memory ? &memory : NULL, bytes, sorted.stack_size * (size_t)threads, sizeof *sorted.stack);
  return sorted;
}

size_t bags_work(int out, int vocabulary, int64_t codes, int threads) {
  size_t bytes = 64;
  sorted_lay(NULL, &bytes, out, vocabulary, codes, threads);
  return bytes;
}

void bags_forward(float *y, const float *w, const float *b, const int64_t *offset, const int32_t *code, int rows,
                  int out, int threads) {
  if (rows == 0)
    return;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int j = 0; j < out; j += STRIPE)
    passes()->bag_rows(y + j, out, w + j, (size_t)out, b ? b + j : NULL, offset, code + offset[0], rows,
                       out - j < STRIPE ? out - j : STRIPE);
}

static void occurrences_sort(const Sorted *sorted, const int64_t *offset, const int32_t *code, int vocabulary,
                             const int *row, int slices) {
  int64_t *next = sorted->start + 1; // next[c] moves from the start of c to its end
  memset(sorted->start, 0, ((size_t)vocabulary + 2) * sizeof *sorted->start);
  for (int64_t l = offset[row[0]]; l < offset[row[slices]]; l++)
    sorted->start[code[l] + 2]++;
  for (int c = 2; c <= vocabulary; c++)
    sorted->start[c] += sorted->start[c - 1];
  for (int s = 0; s < slices; s++)
    for (int r = row[s]; r < row[s + 1]; r++)
      for (int64_t l = offset[r]; l < offset[r + 1]; l++)
        sorted->occurrence[next[code[l]]++] = (Occurrence){r, s};
}

/// Above which level of the tree the paths from the root to leaves a and b part.
static inline int level_of(int32_t a, int32_t b) { return 32 - __builtin_clz((unsigned)(a ^ b)); }

/// sum[out] = the tree of leaves over the occurrences from `at` to `end` (one at least); stack holds TREE_DEPTH rows. Empty
/// leaves are left out: two partial sums fold before a leaf comes that is farther from them in the tree than they are apart.
static void code_sum(float *sum, float *stack, const float *dy, const Occurrence *at, const Occurrence *end, int out) {
  const Passes *pass = passes();
  const size_t n = (size_t)out;
  float *part[TREE_DEPTH + 1] = {sum};
  int apart[TREE_DEPTH + 1] = {0}, top = 0; // part[top] is open; apart[i]: the level where part[i - 1] and part[i] meet
  for (int i = 0; i < TREE_DEPTH; i++)
    part[i + 1] = stack + (size_t)i * n;
  pass->positive(sum, dy + (size_t)at->row * n, n);
  while (++at < end) {
    const float *from = dy + (size_t)at->row * n;
    if (at->slice == at[-1].slice) {
      pass->add(part[top], from, n);
      continue;
    }
    const int level = level_of(at[-1].slice, at->slice);
    for (; top > 0 && apart[top] < level; top--)
      pass->add(part[top - 1], part[top], n);
    // A leaf of one row that folds at once needs no place of its own.
    if (at + 1 == end || (at[1].slice != at->slice && level_of(at->slice, at[1].slice) > level)) {
      pass->add(part[top], from, n);
    } else {
      apart[++top] = level;
      pass->positive(part[top], from, n);
    }
  }
  for (; top > 0; top--)
    pass->add(part[top - 1], part[top], n);
}

void bags_backward(float *dw, const float *dy, const int64_t *offset, const int32_t *code, int out, int vocabulary,
                   const int *row, int slices, void *work, int threads) {
  size_t bytes = 0;
  const size_t n = (size_t)out;
  const Sorted sorted = sorted_lay(work, &bytes, out, vocabulary, offset[row[slices]] - offset[row[0]], threads);
  occurrences_sort(&sorted, offset, code, vocabulary, row, slices);
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static, BATCH)
  for (int c = 0; c < vocabulary; c++) {
    float *stack = sorted.stack + sorted.stack_size * (size_t)omp_get_thread_num();
    const Occurrence *begin = sorted.occurrence + sorted.start[c], *end = sorted.occurrence + sorted.start[c + 1];
    if (begin < end)
      code_sum(dw + (size_t)c * n, stack, dy, begin, end, out);
    else
      memset(dw + (size_t)c * n, 0, n * sizeof *dw);
  }
}
