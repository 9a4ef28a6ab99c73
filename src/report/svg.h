#ifndef REPORT_SVG_H
#define REPORT_SVG_H
/// Plots as inline SVG figures. Colours are told apart by the colour-blind (Okabe and Ito 2008), and lines differ in dash and mark too, so
/// that a grey print still reads. A figure is 440 units wide and keeps its letters legible down to a screen of 390 pixels.
#include "report/page.h"

#include <stdbool.h>

typedef enum AxisScale { AXIS_LINEAR, AXIS_LOG } AxisScale;

/// low, high: NaN takes them from the data. A log axis needs positive values; others are left out.
typedef struct Axis {
  const char *label; // with the unit
  AxisScale scale;
  double low, high;
  bool whole;        // ticks at whole numbers; lines find out for x by themselves
} Axis;

/// A series without points keeps its colour from the others and is not in the legend. x[points], y[points]; y NaN is a gap; low[points], high[points] bound a band, or NULL. All borrowed.
typedef struct Series {
  const char *name;
  int points;
  const double *x, *y, *low, *high;
} Series;

/// Lowest and highest finite y; infinity and -infinity where there is none.
void series_range(const Series *series, int count, double *low, double *high);

/// `rule`: a dashed horizontal (lines) or vertical (bars) line for comparison, NaN for none.
typedef struct Plot {
  const char *title, *caption;
  Axis x, y;
  double rule;
  const char *rule_name;
  bool scatter;              // lines: points that nothing joins
} Plot;

/// Lines with bands. Long series are thinned to the extremes of each pixel's points.
void plot_lines(Page *page, const Plot *plot, const Series *series, int count);

/// One horizontal bar from 0 to `value` per row with an interval [low, high] (NaN: none) and a note at its end. On a log axis, which has no 0, a
/// mark at `value`.
typedef struct Bar {
  const char *name, *note; // borrowed
  double value, low, high;
} Bar;

/// plot->x is the axis of values; plot->y is not used.
void plot_bars(Page *page, const Plot *plot, const Bar *bar, int count);

/// Rows by name, and in each a mark with its interval for every series: y[rows], low[rows], high[rows], NaN where there is none; x is not
/// used. plot->x is the axis of values, plot->rule a vertical line.
void plot_dots(Page *page, const Plot *plot, const char *const *row, int rows, const Series *series, int count);

/// "Mean over n = 10 seeds; shaded: its 95 % interval (Student's t)."; owned by the caller (free). drawn: what the interval looks like.
char *caption_of_seeds(int least, int most, const char *drawn);

/// Places of ticks: returns how many (<= 12) and writes them, all within [low, high]. Linear: multiples of 1, 2 or 5 times a power of ten.
int axis_ticks(double tick[12], AxisScale scale, double low, double high);

#endif
