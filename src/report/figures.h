#ifndef REPORT_FIGURES_H
#define REPORT_FIGURES_H
/// Figures that measurements describe themselves: "figures" of RUN/analysis/NAME.json (src/analyze/figures.h says what stands in it).
#include "report/page.h"

typedef struct Figures {
  int measures;
  struct Measured *measured; // owned
} Figures;

/// Reads all there is of RUN `dir`; free with figures_free also after a failure. EXIT_DATA "FILE:LINE: …", EXIT_IO. What is not as it should be
/// inside a figure is left out.
Status figures_read(Figures *figures, const char *dir);
void figures_free(Figures *figures);

/// Calls take(user, measure, title, label of the axis, name, value) for every bar of every figure.
void figures_bars(const Figures *figures,
                  void (*take)(void *user, const char *measure, const char *figure, const char *axis, const char *name, double value),
                  void *user);

/// One section per measurement.
void section_figures(Page *page, const Figures *figures);
/// DIR/analysis/NAME.csv beside every NAME.json: figure,series,x,value,low,high,n.
Status figures_csv(const Figures *figures, const char *dir);

#endif
