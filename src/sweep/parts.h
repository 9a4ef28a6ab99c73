#ifndef SWEEP_PARTS_H
#define SWEEP_PARTS_H
/// The files that sweep/collect.h promises, one function each.
#include "sweep/tests.h"

#include <jansson.h>

Status collect_csv(const Results *results, const char *dir);
Status collect_h5(const Results *results, const char *dir);

/// The summary as JSON (owned by the caller), and as tables on standard output.
json_t *summary_make(const Results *results, const PairTests *tests, int score);
void summary_print(const json_t *summary);

#endif
