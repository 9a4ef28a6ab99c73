#ifndef REPORT_SUMMARY_H
#define REPORT_SUMMARY_H
/// The page of a sweep whose runs were collected: drawn from DIR/summary.json alone, which `rebasis sweep collect` writes, so that it takes as
/// long for ten thousand runs as for ten.
#include "report/page.h"

/// Adds everything between head and end, with `runs`, what was drawn from the runs themselves (NULL: nothing), before the tables. EXIT_NO_INPUT, EXIT_DATA when there is no such file or it is not JSON.
Status summary_page(Page *page, const char *dir, const char *runs);

#endif
