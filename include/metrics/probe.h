#ifndef METRICS_PROBE_H
#define METRICS_PROBE_H
/// How much of a task a linear function can read out of a representation, cheaply enough to be asked after every epoch.
#include "base/status.h"

#include <stdint.h>

/// Share of the rows of x[n, d] (row-major) whose class a linear classifier names that was fitted to all other rows: ridge regression of the
/// classes, coded 1 and 0, on the features and a constant; ridge PROBE_RIDGE times the mean square of a feature times n; the largest answer
/// wins, ties go to the first class. Leaving one out needs no second fit (formula in probe.c). label[n] in [0, classes).
/// NaN for n < 2. Everything inside is double, in one order. answer[n, classes] gets the answers themselves; may be NULL.
Status probe_leave_one_out(double *accuracy, double *answer, const float *x, int n, int d, const int32_t *label, int classes);

#define PROBE_RIDGE 0.01

#endif
