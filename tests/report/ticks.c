// Ticks are round, on the axis and few, whatever the range, and no coordinate that is drawn is anything but a number.
#include "report/svg.h"

#include "check.h"

#include <math.h>
#include <string.h>

static void linear(double low, double high) {
  double tick[12];
  int count = axis_ticks(tick, AXIS_LINEAR, low, high);
  CHECK(count >= 2 && count <= 12, "[%g, %g] has %d ticks", low, high, count);
  for (int i = 0; i < count; i++) {
    double slack = 1e-6 * (high - low);
    CHECK(tick[i] >= low - slack && tick[i] <= high + slack, "tick %g is off [%g, %g]", tick[i], low, high);
    double step = i ? tick[i] - tick[i - 1] : 1, mantissa = step / pow(10, floor(log10(step) + 1e-6));
    double nearest = mantissa < 1.5 ? 1 : mantissa < 3.5 ? 2 : mantissa < 7.5 ? 5 : 10;
    CHECK(fabs(mantissa - nearest) < 1e-3, "step %g of [%g, %g] is not round", step, low, high);
  }
}

static void numbers_only(const Series *series, AxisScale scale) {
  Page page = {0};
  Plot plot = {.title = "t", .x = {.label = "x", .low = NAN, .high = NAN}, .rule = NAN};
  plot.y = (Axis){.label = "y", .scale = scale, .low = NAN, .high = NAN};
  plot_lines(&page, &plot, series, 1);
  CHECK(!strstr(page.text, "nan") && !strstr(page.text, "inf"), "a coordinate is no number:\n%s", page.text);
  page_free(&page);
}

static void bars(void) {
  Bar bar[] = {{"a", "n", NAN, NAN, NAN}, {"b", NULL, 0.5, 0.4, 0.6}};
  Page page = {0};
  Plot plot = {.title = "t", .x = {.label = "x", .low = 0, .high = 1}, .rule = 0.1, .rule_name = "r"};
  plot_bars(&page, &plot, bar, 2);
  CHECK(!strstr(page.text, "nan"), "a bar is no number:\n%s", page.text);
  page_free(&page);
}

int main(void) {
  for (double base = 1e-9; base < 1e10; base *= 3.7)
    for (double offset = -2; offset <= 2; offset += 0.37)
      linear(base * offset, base * offset + base);
  double tick[12];
  int count = axis_ticks(tick, AXIS_LOG, 1e-9, 1);
  CHECK(count >= 3 && fabs(tick[0] - 1e-9) < 1e-12, "a log axis begins at %g with %d ticks", tick[0], count);

  double x[] = {0, 1, 2, 3}, gaps[] = {NAN, 1, NAN, INFINITY}, nothing[] = {NAN, NAN, NAN, NAN}, flat[] = {0, 0, 0, 0};
  double mixed[] = {-1, 0, 1e-300, 1e300};
  double *all[] = {gaps, nothing, flat, mixed, x};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (int points = 0; points <= 4; points++) {
      Series series = {.name = "s", .points = points, .x = x, .y = all[i], .low = gaps, .high = all[i]};
      numbers_only(&series, AXIS_LINEAR);
      numbers_only(&series, AXIS_LOG);
    }
  bars();
  return 0;
}
