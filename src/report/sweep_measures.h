#ifndef REPORT_SWEEP_MEASURES_H
#define REPORT_SWEEP_MEASURES_H
/// What was measured in the runs of a sweep, against what was swept: final values of `rebasis analyze`, and courses over training.
#include "report/page.h"
#include "report/sweep.h"

/// Sections, left out where there is nothing. dir: the sweep's.
void sweep_measures(Page *page, Page *csv, const Sweep *sweep, const char *dir);
void sweep_courses(Page *page, const Sweep *sweep);

#endif
