#ifndef METRICS_SIGNIFICANCE_H
#define METRICS_SIGNIFICANCE_H
/// Whether a difference between paired scores is more than chance, and what remains of it when many are asked.
#include "base/status.h"

#include <stdbool.h>

typedef struct Wilcoxon {
  int pairs;          // differences that are not zero
  double plus, minus; // sums of the ranks of the positive and of the negative differences a - b
  double p;           // two-sided; 1 without pairs
  bool exact;         // by the exact distribution, not the normal one
} Wilcoxon;

/// Wilcoxon's signed-rank test of a[n] against b[n] (Biometrics Bulletin 1, 1945): zero differences dropped, average
/// ranks for equal sizes; exact for at most 50 pairs without equal sizes, otherwise normal with corrections for ties
/// and continuity.
Status significance_wilcoxon(Wilcoxon *result, const double *a, const double *b, int n);

/// adjusted[n] = p-values after Holm (Scand. J. Stat. 6, 1979): p_(k) (n - k + 1) in ascending order, running maximum,
/// at most 1. adjusted may be p. A NaN (a test that was not made) stays NaN and is not counted.
Status significance_holm(double *adjusted, const double *p, int n);

#endif
