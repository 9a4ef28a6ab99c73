// y_r = sum over codes c of row r of w_c (+ b);  dw_c = sum over the rows r that hold c of dy_r.
//
// A linear layer's w holds what belongs to a code in a column. Forward therefore turns the columns that occur into rows, a
// stripe of outputs at a time, and adds up those. Backward sorts the occurrences by code, sums code by code, and turns a
// batch of codes back into columns.
#include "kernels/bags.h"

#include "kernels/passes.h"
#include "kernels/tree.h"

#include <omp.h>
#include <string.h>

/// Codes that are turned together: two cache lines of a row of w, which the processor fetches as one.
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

/// What forward needs: slot[vocabulary] of a code in the table of turned columns, the codes' slots, and a table per thread,
/// with a last row for columns that nobody wants.
typedef struct Turned {
  int32_t *slot, *index;
  float *table;
  size_t table_size; // floats a thread
} Turned;

static Turned turned_lay(char *memory, size_t *bytes, int vocabulary, int64_t codes, int threads) {
  Turned turned;
  const int64_t rows = (codes < vocabulary ? codes : vocabulary) + 1;
  turned.table_size = (size_t)rows * STRIPE;
  turned.slot = take(memory ? &memory : NULL, bytes, (size_t)vocabulary, sizeof *turned.slot);
  turned.index = take(memory ? &memory : NULL, bytes, (size_t)codes, sizeof *turned.index);
  turned.table = take(memory ? &memory : NULL, bytes, turned.table_size * (size_t)threads, sizeof *turned.table);
  return turned;
}

/// What backward needs: the occurrences of code c are [start[c], start[c + 1]); per thread the sums of a batch of codes and a
/// stack of partial sums, rows of `out`, all zero in the last one.
typedef struct Sorted {
  int64_t *start;
  Occurrence *occurrence;
  float *sums;
  size_t sums_size; // floats a thread
} Sorted;

static Sorted sorted_lay(char *memory, size_t *bytes, int out, int vocabulary, int64_t codes, int threads) {
  Sorted sorted;
  sorted.sums_size = whole_lines((size_t)out * (BATCH + TREE_DEPTH + 1) * sizeof(float)) / sizeof(float);
  sorted.start = take(memory ? &memory : NULL, bytes, (size_t)vocabulary + 2, sizeof *sorted.start);
  sorted.occurrence = take(memory ? &memory : NULL, bytes, (size_t)codes, sizeof *sorted.occurrence);
  sorted.sums = take(memory ? &memory : NULL, bytes, sorted.sums_size * (size_t)threads, sizeof *sorted.sums);
  return sorted;
}

size_t bags_work(int out, int vocabulary, int64_t codes, int threads) {
  size_t forward = 64, backward = 64;
  turned_lay(NULL, &forward, vocabulary, codes, threads);
  sorted_lay(NULL, &backward, out, vocabulary, codes, threads);
  return forward > backward ? forward : backward;
}

typedef float Quad __attribute__((vector_size(16), aligned(4)));
typedef int32_t Lane __attribute__((vector_size(16)));

/// to[i][j] = from[j][i], i and j < 4; the rows of both are where the pointers say, `at` and `in` floats behind.
static inline void turn_quad(float *const *to, size_t at, const float *const *from, size_t in) {
  const Quad a = *(const Quad *)(from[0] + in), b = *(const Quad *)(from[1] + in), c = *(const Quad *)(from[2] + in),
             d = *(const Quad *)(from[3] + in);
  const Lane low = {0, 4, 1, 5}, high = {2, 6, 3, 7}, first = {0, 1, 4, 5}, second = {2, 3, 6, 7};
  const Quad ab_low = __builtin_shuffle(a, b, low), ab_high = __builtin_shuffle(a, b, high);
  const Quad cd_low = __builtin_shuffle(c, d, low), cd_high = __builtin_shuffle(c, d, high);
  *(Quad *)(to[0] + at) = __builtin_shuffle(ab_low, cd_low, first);
  *(Quad *)(to[1] + at) = __builtin_shuffle(ab_low, cd_low, second);
  *(Quad *)(to[2] + at) = __builtin_shuffle(ab_high, cd_high, first);
  *(Quad *)(to[3] + at) = __builtin_shuffle(ab_high, cd_high, second);
}

/// to[i][j] = from[j][i], i < rows, j < columns. The outer loop goes along w (`scatter`: along `to`, else along `from`), whose
/// rows may be a power of two apart: their lines are done with one by one, since the cache cannot hold many of them.
static void turn(float *const *to, const float *const *from, int rows, int columns, bool scatter) {
  const int whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  if (scatter)
    for (int i = 0; i < whole_rows; i += 4)
      for (int j = 0; j < whole_columns; j += 4)
        turn_quad(to + i, (size_t)j, from + j, (size_t)i);
  else
    for (int j = 0; j < whole_columns; j += 4)
      for (int i = 0; i < whole_rows; i += 4)
        turn_quad(to + i, (size_t)j, from + j, (size_t)i);
  for (int i = 0; i < rows; i++)
    for (int j = i < whole_rows ? whole_columns : 0; j < columns; j++)
      to[i][j] = from[j][i];
}

/// Numbers the codes that occur; returns how many do. The others share the slot behind those.
static int32_t slots_number(const Turned *turned, const int32_t *code, int64_t codes, int vocabulary) {
  memset(turned->slot, 0, (size_t)vocabulary * sizeof *turned->slot);
  for (int64_t l = 0; l < codes; l++)
    turned->slot[code[l]] = 1;
  int32_t used = 0;
  for (int c = 0; c < vocabulary; c++)
    used += turned->slot[c];
  for (int32_t c = 0, next = 0; c < vocabulary; c++)
    turned->slot[c] = turned->slot[c] ? next++ : used;
  for (int64_t l = 0; l < codes; l++)
    turned->index[l] = turned->slot[code[l]];
  return used;
}

/// table[slot of c][0 .. columns) = w[.., c] for the codes that occur, w [columns, vocabulary].
static void stripe_turn(float *table, const int32_t *slot, int32_t used, const float *w, int vocabulary, int columns) {
  for (int c = 0; c < vocabulary; c += BATCH) {
    const int batch = vocabulary - c < BATCH ? vocabulary - c : BATCH;
    float *to[BATCH];
    const float *from[STRIPE];
    bool wanted = false;
    for (int i = 0; i < batch; i++) {
      to[i] = table + (size_t)slot[c + i] * STRIPE;
      wanted |= slot[c + i] < used;
    }
    for (int j = 0; wanted && j < columns; j++)
      from[j] = w + (size_t)j * (size_t)vocabulary + c;
    if (wanted)
      turn(to, from, batch, columns, false);
  }
}

void bags_forward(float *y, const float *w, const float *b, const int64_t *offset, const int32_t *code, int rows,
                  int out, int vocabulary, bool embedding, void *work, int threads) {
  if (rows == 0)
    return;
  size_t bytes = 0;
  const int64_t codes = offset[rows] - offset[0];
  const Turned turned = turned_lay(work, &bytes, vocabulary, codes, threads);
  const int32_t *index = code + offset[0];
  int32_t used = 0;
  if (!embedding) {
    used = slots_number(&turned, index, codes, vocabulary);
    index = turned.index;
  }
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int j = 0; j < out; j += STRIPE) {
    const int columns = out - j < STRIPE ? out - j : STRIPE;
    const float *table = w + j;
    if (!embedding) {
      float *mine = turned.table + turned.table_size * (size_t)omp_get_thread_num();
      stripe_turn(mine, turned.slot, used, w + (size_t)j * (size_t)vocabulary, vocabulary, columns);
      table = mine;
    }
    passes()->bag_rows(y + j, out, table, embedding ? (size_t)out : STRIPE, b ? b + j : NULL, offset, index, rows,
                       columns);
  }
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

/// The gradients of codes [c, c + batch), into rows of dw or, turned, into columns; area holds the rows of Sorted.sums.
static void batch_backward(float *dw, const Sorted *sorted, float *area, const float *dy, int out, int vocabulary,
                           bool embedding, int c, int batch) {
  const size_t n = (size_t)out;
  float *stack = area + BATCH * n, *zero = stack + TREE_DEPTH * n;
  const float *sums[BATCH];
  for (int i = 0; i < batch; i++) {
    float *sum = embedding ? dw + (size_t)(c + i) * n : area + (size_t)i * n;
    const Occurrence *begin = sorted->occurrence + sorted->start[c + i];
    const Occurrence *end = sorted->occurrence + sorted->start[c + i + 1];
    sums[i] = begin < end ? sum : zero;
    if (begin < end)
      code_sum(sum, stack, dy, begin, end, out);
    else if (embedding)
      memset(sum, 0, n * sizeof *sum);
  }
  float *to[BATCH];
  for (int j = 0; !embedding && j < out; j += BATCH) {
    const int rows = out - j < BATCH ? out - j : BATCH;
    for (int i = 0; i < rows; i++)
      to[i] = dw + (size_t)(j + i) * (size_t)vocabulary + c;
    turn(to, sums, rows, batch, true);
    for (int i = 0; i < batch; i++)
      sums[i] += BATCH;
  }
}

void bags_backward(float *dw, const float *dy, const int64_t *offset, const int32_t *code, int out, int vocabulary,
                   bool embedding, const int *row, int slices, void *work, int threads) {
  size_t bytes = 0;
  const Sorted sorted = sorted_lay(work, &bytes, out, vocabulary, offset[row[slices]] - offset[row[0]], threads);
  occurrences_sort(&sorted, offset, code, vocabulary, row, slices);
  for (int t = 0; t < threads; t++)
    memset(sorted.sums + sorted.sums_size * (size_t)t + (size_t)out * (BATCH + TREE_DEPTH), 0,
           (size_t)out * sizeof *dw);
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int c = 0; c < vocabulary; c += BATCH)
    batch_backward(dw, &sorted, sorted.sums + sorted.sums_size * (size_t)omp_get_thread_num(), dy, out, vocabulary,
                   embedding, c, vocabulary - c < BATCH ? vocabulary - c : BATCH);
}
