#ifndef REPORT_SWEEP_PAGE_H
#define REPORT_SWEEP_PAGE_H
/// The parts of a sweep's page.
#include "report/page.h"
#include "report/sweep.h"

void sweep_summary(Page *page, const Sweep *sweep, const char *name); // how many runs, what differs, what is still missing
void sweep_plots(Page *page, const Sweep *sweep);                     // scores over a swept number, and over rates of withholding
void sweep_table(Page *page, const Sweep *sweep);                     // one row a group
void sweep_runs(Page *page, const Sweep *sweep);                      // one row a run

/// The first key whose values are numbers, at least three different ones: an axis. -1 if there is none.
int sweep_number_key(const Sweep *sweep);

/// id, every key that differs, seed, kind (pattern or rate), name, rate, metric, value, low, high: one row a score of a run.
void csv_sweep(Page *page, const Sweep *sweep);

#endif
