/// W = min(sum of ranks of d > 0, sum of ranks of d < 0). Without ties each of the 2^n signs is equally likely, and the
/// number of them with rank sum w obeys c_k(w) = c_{k-1}(w) + c_{k-1}(w - k); p = 2 P(W <= w), at most 1. Normal: mean
/// n(n+1)/4, variance n(n+1)(2n+1)/24 - sum over groups of t equal sizes of (t^3 - t)/48, z = (|W - mean| - 1/2) / sd.
#include "metrics/significance.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { EXACT_MOST = 50, RANK_SUMS = EXACT_MOST * (EXACT_MOST + 1) / 2 + 1 };

static int size_compare(const void *a, const void *b) {
  double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
  return (x > y) - (x < y);
}

/// P(W <= w) for n pairs, w an integer.
static double exact_tail(int n, double w) {
  double ways[RANK_SUMS] = {1}; // integers up to 2^50: exact in double
  int most = 0;
  for (int k = 1; k <= n; k++) {
    most += k;
    for (int sum = most; sum >= k; sum--)
      ways[sum] += ways[sum - k];
  }
  double below = 0;
  for (int sum = 0; sum <= most && sum <= w; sum++)
    below += ways[sum];
  return ldexp(below, -n);
}

/// Ranks the sorted differences; returns sum over groups of t^3 - t.
static double rank_differences(Wilcoxon *result, const double *difference, int pairs) {
  double ties = 0;
  for (int first = 0, end; first < pairs; first = end) {
    for (end = first + 1; end < pairs && fabs(difference[end]) == fabs(difference[first]);)
      end++;
    double rank = (first + 1 + end) / 2.0, t = end - first;
    ties += t * t * t - t;
    for (int i = first; i < end; i++)
      *(difference[i] > 0 ? &result->plus : &result->minus) += rank;
  }
  return ties;
}

Status significance_wilcoxon(Wilcoxon *result, const double *a, const double *b, int n) {
  *result = (Wilcoxon){.p = 1};
  void *block;
  TRY(memory_take(&block, (size_t)n, sizeof(double), "paired differences"));
  double *difference = block;
  for (int i = 0; i < n; i++) {
    double d = a[i] - b[i];
    REQUIRE(isfinite(d), "pair %d is not a number", i);
    if (d != 0)
      difference[result->pairs++] = d;
  }
  qsort(difference, (size_t)result->pairs, sizeof *difference, size_compare);
  double ties = rank_differences(result, difference, result->pairs);
  free(difference);
  double pairs = result->pairs, least = fmin(result->plus, result->minus);
  result->exact = result->pairs <= EXACT_MOST && ties == 0;
  if (result->exact) {
    result->p = fmin(1, 2 * exact_tail(result->pairs, least));
    return STATUS_OK;
  }
  double mean = pairs * (pairs + 1) / 4, variance = pairs * (pairs + 1) * (2 * pairs + 1) / 24 - ties / 48;
  double z = fmax(0, mean - least - 0.5) / sqrt(variance);
  result->p = erfc(z / sqrt(2));
  return STATUS_OK;
}

typedef struct Asked {
  double p;
  int index;
} Asked;

static int asked_compare(const void *a, const void *b) {
  const Asked *x = a, *y = b;
  return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->index > y->index) - (x->index < y->index);
}

Status significance_holm(double *adjusted, const double *p, int n) {
  void *block;
  TRY(memory_take(&block, (size_t)n, sizeof(Asked), "p-values to sort"));
  Asked *asked = block;
  int made = 0;
  for (int i = 0; i < n; i++) {
    adjusted[i] = p[i];
    if (!isnan(p[i]))
      asked[made++] = (Asked){p[i], i};
  }
  qsort(asked, (size_t)made, sizeof *asked, asked_compare);
  double most = 0;
  for (int k = 0; k < made; k++) {
    most = fmax(most, fmin(1, asked[k].p * (made - k)));
    adjusted[asked[k].index] = most;
  }
  free(asked);
  return STATUS_OK;
}
