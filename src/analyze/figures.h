#ifndef ANALYZE_FIGURES_H
#define ANALYZE_FIGURES_H
/// What a reader should see of a result: result["figures"] is a list of
///   {"kind": "bars",   "title", "x", "caption", "rule" (a value to compare with, or null), "rule_name", "x_low", "x_high",
///    "bars": [{"name", "value", "low", "high", "n"}]}
///   {"kind": "points" | "lines", "title", "x", "y", "caption", "series": [{"name", "x": [], "y": [], "low": [], "high": []}]}
/// x and y are labels with units; low, high hold 95 % unless the caption says otherwise, null where there is none. `rebasis report` draws them and
/// writes the numbers as CSV.
#include "analyze/context.h"
#include "metrics/summary.h"

enum { LEVEL_PERCENT = 95 };
static const double LEVEL = LEVEL_PERCENT / 100.0;

/// A number, and how sure it is; n: samples (or neurons, or pairs: the caption says) that it rests on.
typedef struct Estimate {
  double value;
  Interval interval; // NaN: none
  int64_t n;
} Estimate;

/// {"value", "low", "high", "n"}.
json_t *estimate_json(Estimate estimate);

/// A figure of `kind`, added to result; borrowed. y NULL for bars.
json_t *figure_add(json_t *result, const char *kind, const char *title, const char *x, const char *y, const char *caption);
/// Fixes the ends of the axis of values (x of bars): low, high; NaN leaves an end to the data.
void figure_axis(json_t *figure, double low, double high);
void figure_rule(json_t *figure, double value, const char *name);
void figure_bar(json_t *figure, const char *name, Estimate estimate);
/// low, high may be NULL.
void figure_series(json_t *figure, const char *name, int points, const double *x, const double *y, const double *low, const double *high);

/// Collective. A bar, the same numbers in object[name], and a line of the table (`item` of context_row).
void figure_result(AnalyzeContext *context, json_t *figure, json_t *object, const char *item, const char *name, Estimate estimate);

#endif
