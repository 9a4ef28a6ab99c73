#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H
/// Draws what a run or a sweep has left behind; never computes anew. One process, no MPI.
#include "base/status.h"

/// Reads run directory `dir` (config.yaml; and where they exist metrics.jsonl, run.json, evaluation.json, analysis/NAME.json), or sweep directory
/// `dir` (runs/ID/, each a run directory), and writes
///   DIR/report.html        one self-contained page: inline SVG, no script, nothing fetched
///   DIR/report-NAME.csv    the numbers behind each plot, one row a point
///   DIR/analysis/NAME.csv  those behind the figures of a measurement: figure,series,x,value,low,high,n
/// A sweep directory with sweep.yaml and summary.json, as `rebasis sweep` leaves it, is drawn from the latter, with curves, tests, best groups,
/// failures and cost; the numbers then stand in results.csv.
/// Each file is written under another name and renamed. What a run does not have is left out of the page and said there.
/// EXIT_NO_INPUT when `dir` holds neither config.yaml nor runs/, EXIT_DATA with file and line when a file is malformed (a torn last line of
/// metrics.jsonl is no error: the run was cut there), EXIT_CANNOT_CREATE, EXIT_IO.
Status report_write(const char *dir);

#endif
