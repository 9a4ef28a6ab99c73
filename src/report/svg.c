// A figure is drawn in a box of WIDTH units with the plot's frame inside: value v of an axis [low, high] stands at
//   begin + (v - low) / (high - low) * length,      with log10 of all three on a log axis.
#include "report/svg.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 440, HEIGHT = 230, LEFT = 66, RIGHT = 14, BOTTOM = 46, ROW = 20, LETTER = 7, TICKS = 12, STYLES = 8 };

static const char *const colours[STYLES] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                            "#222222", "#56b4e9", "#e69f00", "#7f7f2a"};
static const char *const dashes[STYLES] = {"none", "7 3", "2 3", "9 3 2 3", "none", "5 5", "1 4", "9 2 2 2 2 2"};

int axis_ticks(double tick[12], AxisScale scale, double low, double high) {
  int count = 0;
  if (scale == AXIS_LOG) {
    double first = ceil(log10(low) - 1e-9), last = floor(log10(high) + 1e-9);
    double step = fmax(1, ceil((last - first) / 6));
    for (double power = first; power <= last && count < TICKS; power += step)
      tick[count++] = pow(10, power);
    if (count > 2 || !(last - first < 2))
      return count;
    count = 0; // less than three powers of ten: 1, 2 and 5 of each
    for (double power = floor(log10(low) + 1e-9); power <= last; power++)
      for (int k = 0; k < 3 && count < TICKS; k++) {
        double value = pow(10, power) * (k == 0 ? 1 : k == 1 ? 2 : 5);
        if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9))
          tick[count++] = value;
      }
    return count;
  }
  double rough = (high - low) / 6, unit = pow(10, floor(log10(rough)));
  double step = rough <= unit ? unit : rough <= 2 * unit ? 2 * unit : rough <= 5 * unit ? 5 * unit : 10 * unit;
  for (double k = ceil(low / step - 1e-9); k * step <= high + 1e-9 * step && count < TICKS; k++)
    tick[count++] = k * step;
  return count;
}

// Of a count nothing stands between whole numbers.
static int ticks_of(double tick[12], const Axis *axis) {
  int count = 0;
  if (axis->whole && axis->scale == AXIS_LINEAR && axis->high - axis->low < 6)
    for (double k = ceil(axis->low - 1e-9); k <= axis->high + 1e-9; k++)
      tick[count++] = k;
  return count ? count : axis_ticks(tick, axis->scale, axis->low, axis->high);
}

// "5e-4": printf's exponents have two digits at least.
static void power_text(char *to, size_t size, double value, int power) {
  if (value == 0)
    text_print(to, size, "0");
  else if (power == 0)
    text_print(to, size, "%g", value);
  else
    text_print(to, size, "%ge%d", round(value / pow(10, power) * 1e6) / 1e6, power);
}

// As many decimals as tell neighbouring ticks apart; large and small numbers in units of a power of ten.
static void tick_text(char *to, size_t size, AxisScale scale, const double *tick, int count, int i) {
  double step = count > 1 ? tick[1] - tick[0] : fabs(tick[i]), largest = fmax(fabs(tick[0]), fabs(tick[count - 1]));
  double value = fabs(tick[i]) < 1e-6 * step ? 0 : tick[i];
  int power = value == 0 ? 0 : (int)floor(log10(fabs(value)) + 1e-9);
  if (scale == AXIS_LOG)
    power_text(to, size, value, power < -2 || power > 3 ? power : 0);
  else if (largest >= 1e4)
    text_print(to, size, "%g%c", value / (largest >= 1e6 ? 1e6 : 1e3), largest >= 1e6 ? 'M' : 'k');
  else if (largest < 1e-2)
    power_text(to, size, value, (int)floor(log10(largest) + 1e-9));
  else
    text_print(to, size, "%.*f", (int)fmin(4, fmax(0, ceil(-log10(step) - 1e-9))), value);
}

static double place(const Axis *axis, double value, double begin, double length) {
  double low = axis->low, high = axis->high;
  if (axis->scale == AXIS_LOG) {
    low = log10(low);
    high = log10(high);
    value = log10(fmax(value, 1e-300));
  }
  double share = (value - low) / (high - low);
  return begin + fmin(fmax(share, -0.01), 1.01) * length;
}

static bool drawable(const Axis *axis, double value) {
  return isfinite(value) && (axis->scale == AXIS_LINEAR || value > 0);
}

static void widen(const Axis *axis, double value, double *low, double *high) {
  if (drawable(axis, value)) {
    *low = fmin(*low, value);
    *high = fmax(*high, value);
  }
}

// Fills in the ends the caller left open: those of the data, with a little air above and below where `air`.
static void settle(Axis *axis, double low, double high, bool air) {
  if (!(low <= high)) {
    low = axis->scale == AXIS_LOG ? 0.1 : 0;
    high = 1;
  }
  double margin = air ? 0.05 * (high - low) : 0, factor = air ? pow(high / low, 0.05) : 1;
  if (high == low) {
    margin = high == 0 ? 0.5 : 0.1 * fabs(high);
    factor = 2;
  }
  bool log_scale = axis->scale == AXIS_LOG;
  if (isnan(axis->low))
    axis->low = log_scale ? low / factor : low >= 0 && low - margin < 0 ? 0 : low - margin;
  if (isnan(axis->high))
    axis->high = log_scale ? high * factor : high + margin;
  if (!(axis->high > axis->low))
    axis->high = axis->low + 1;
}

void series_range(const Series *series, int count, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (int s = 0; s < count; s++)
    for (int i = 0; i < series[s].points; i++)
      if (isfinite(series[s].y[i])) {
        *low = fmin(*low, series[s].y[i]);
        *high = fmax(*high, series[s].y[i]);
      }
}

static Plot settled(const Plot *plot, const Series *series, int count) {
  Plot result = *plot;
  double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, -INFINITY};
  widen(&plot->y, plot->rule, &y[0], &y[1]);
  result.x.whole = true;
  for (int s = 0; s < count; s++)
    for (int i = 0; i < series[s].points; i++) {
      result.x.whole &= series[s].x[i] == floor(series[s].x[i]);
      if (!drawable(&plot->x, series[s].x[i]) || !drawable(&plot->y, series[s].y[i]))
        continue;
      widen(&plot->x, series[s].x[i], &x[0], &x[1]);
      widen(&plot->y, series[s].y[i], &y[0], &y[1]);
      widen(&plot->y, series[s].low ? series[s].low[i] : NAN, &y[0], &y[1]);
      widen(&plot->y, series[s].high ? series[s].high[i] : NAN, &y[0], &y[1]);
    }
  settle(&result.x, x[0], x[1], false);
  settle(&result.y, y[0], y[1], true);
  return result;
}

static int width_of(const char *text) {
  int letters = 0;
  for (; *text; text++)
    letters += ((unsigned char)*text & 0xc0) != 0x80;
  return letters * LETTER;
}

static void figure_begin(Page *page, const Plot *plot, int height) {
  page_add(page, "<figure><h3>");
  page_words(page, plot->title);
  page_add(page, "</h3>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, height);
  page_words(page, plot->title);
  page_add(page, "\">\n");
}

static void figure_end(Page *page, const Plot *plot) {
  page_add(page, "</svg>\n<figcaption>");
  page_words(page, plot->caption ? plot->caption : "");
  page_add(page, "</figcaption></figure>\n");
}

static void mark(Page *page, int style, double x, double y) {
  const char *colour = colours[style % STYLES];
  switch (style % 4) {
  case 0:
    page_add(page, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>", x, y, colour);
    break;
  case 1:
    page_add(page, "<rect x=\"%.1f\" y=\"%.1f\" width=\"6\" height=\"6\" fill=\"%s\"/>", x - 3, y - 3, colour);
    break;
  case 2:
    page_add(page, "<path d=\"M%.1f %.1fl4 7h-8z\" fill=\"%s\"/>", x, y - 4, colour);
    break;
  default:
    page_add(page, "<path d=\"M%.1f %.1fl4 4l-4 4l-4 -4z\" fill=\"%s\"/>", x, y - 4, colour);
  }
}

static bool marked(const Series *series) { return series->points <= 24; }

// A line without points has its colour and no entry.
static bool listed(const Series *series, int s, int count) { return s == count || series[s].points > 0; }

// Places the legend's entries row by row; draws them unless page is NULL. Returns its height.
static int legend(Page *page, const Plot *plot, const Series *series, int count) {
  int x = LEFT, y = 0, entries = count + !isnan(plot->rule);
  if (entries < 2)
    return 6;
  for (int s = 0; s < entries; s++) {
    if (!listed(series, s, count))
      continue;
    const char *name = s < count ? series[s].name : plot->rule_name;
    int width = 34 + width_of(name);
    if (x > LEFT && x + width > WIDTH - RIGHT) {
      x = LEFT;
      y += ROW;
    }
    if (page) {
      const char *colour = s < count ? colours[s % STYLES] : "#767676", *dash = s < count ? dashes[s % STYLES] : "3 3";
      if (s == count || !plot->scatter)
        page_add(page, "<path d=\"M%d %dh22\" class=\"l\" stroke=\"%s\" stroke-dasharray=\"%s\"/>", x, y + 11, colour,
                 dash);
      if (s < count && (plot->scatter || marked(&series[s])))
        mark(page, s, x + 11, y + 11);
      page_add(page, "<text x=\"%d\" y=\"%d\">", x + 27, y + 15);
      page_words(page, name);
      page_add(page, "</text>\n");
    }
    x += width + 6;
  }
  return y + ROW + 6;
}

static void axis_x(Page *page, const Axis *axis, double top, double bottom, double left, double right) {
  double tick[TICKS];
  char label[32];
  int count = ticks_of(tick, axis);
  for (int i = 0; i < count; i++) {
    double x = place(axis, tick[i], left, right - left);
    tick_text(label, sizeof label, axis->scale, tick, count, i);
    page_add(page, "<path class=\"g\" d=\"M%.1f %.1fV%.1f\"/><text class=\"m\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x,
             top, bottom, fmin(x, WIDTH - LETTER * (double)strlen(label) / 2), bottom + 16, label);
  }
  page_add(page, "<text class=\"m\" x=\"%.1f\" y=\"%.1f\">", (left + right) / 2, bottom + 36);
  page_words(page, axis->label);
  page_add(page, "</text>\n");
}

static void axis_y(Page *page, const Axis *axis, double top, double bottom) {
  double tick[TICKS];
  char label[32];
  int count = ticks_of(tick, axis);
  for (int i = 0; i < count; i++) {
    double y = place(axis, tick[i], bottom, top - bottom);
    tick_text(label, sizeof label, axis->scale, tick, count, i);
    page_add(page, "<path class=\"g\" d=\"M%d %.1fH%d\"/><text class=\"e\" x=\"%d\" y=\"%.1f\">%s</text>\n", LEFT, y,
             WIDTH - RIGHT, LEFT - 6, y + 4, label);
  }
  page_add(page, "<text class=\"m\" transform=\"translate(13 %.1f) rotate(-90)\">", (top + bottom) / 2);
  page_words(page, axis->label);
  page_add(page, "</text>\n");
}

typedef struct Frame {
  const Plot *plot;
  double top, bottom;
} Frame;

static double frame_x(const Frame *frame, double x) { return place(&frame->plot->x, x, LEFT, WIDTH - RIGHT - LEFT); }
static double frame_y(const Frame *frame, double y) {
  return place(&frame->plot->y, y, frame->bottom, frame->top - frame->bottom);
}

static void band(Page *page, const Frame *frame, const Series *s, int style) {
  if (!s->low || !s->high)
    return;
  if (s->points == 1 && isfinite(s->low[0]) && isfinite(s->high[0])) // nothing to shade
    page_add(page, "<path class=\"l\" stroke=\"%s\" d=\"M%.1f %.1fV%.1f\"/>\n", colours[style % STYLES],
             frame_x(frame, s->x[0]), frame_y(frame, s->low[0]), frame_y(frame, s->high[0]));
  if (s->points < 2)
    return;
  page_add(page, "<path fill=\"%s\" fill-opacity=\"0.16\" d=\"", colours[style % STYLES]);
  int drawn = 0;
  for (int i = 0; i < s->points; i++)
    if (isfinite(s->high[i]))
      page_add(page, "%c%.1f %.1f", drawn++ ? 'L' : 'M', frame_x(frame, s->x[i]), frame_y(frame, s->high[i]));
  for (int i = s->points; i-- > 0;)
    if (isfinite(s->low[i]))
      page_add(page, "%c%.1f %.1f", drawn++ ? 'L' : 'M', frame_x(frame, s->x[i]), frame_y(frame, s->low[i]));
  page_add(page, "%s\"/>\n", drawn ? "z" : "M0 0");
}

// Of the points that fall on one pixel column only the lowest and the highest are drawn, in their order.
static void line(Page *page, const Frame *frame, const Series *s, int style) {
  page_add(page, "<path class=\"l\" stroke=\"%s\" stroke-dasharray=\"%s\" d=\"", colours[style % STYLES],
           dashes[style % STYLES]);
  bool joined = false, any = false;
  for (int i = 0; i < s->points;) {
    if (!drawable(&frame->plot->x, s->x[i]) || !drawable(&frame->plot->y, s->y[i])) {
      joined = false;
      i++;
      continue;
    }
    int lowest = i, highest = i, end = i + 1;
    double column = floor(frame_x(frame, s->x[i]));
    for (; end < s->points && drawable(&frame->plot->x, s->x[end]) && drawable(&frame->plot->y, s->y[end]) &&
           floor(frame_x(frame, s->x[end])) == column;
         end++) {
      lowest = s->y[end] < s->y[lowest] ? end : lowest;
      highest = s->y[end] > s->y[highest] ? end : highest;
    }
    int first = lowest < highest ? lowest : highest, second = lowest < highest ? highest : lowest;
    page_add(page, "%c%.1f %.1f", joined ? 'L' : 'M', frame_x(frame, s->x[first]), frame_y(frame, s->y[first]));
    if (second != first)
      page_add(page, "L%.1f %.1f", frame_x(frame, s->x[second]), frame_y(frame, s->y[second]));
    joined = any = true;
    i = end;
  }
  page_add(page, "%s\"/>\n", any ? "" : "M0 0");
  for (int i = 0; marked(s) && i < s->points; i++)
    if (drawable(&frame->plot->x, s->x[i]) && drawable(&frame->plot->y, s->y[i]))
      mark(page, style, frame_x(frame, s->x[i]), frame_y(frame, s->y[i]));
}

static void scatter(Page *page, const Frame *frame, const Series *s, int style) {
  page_add(page, "<g fill-opacity=\"0.7\">");
  for (int i = 0; i < s->points; i++)
    if (drawable(&frame->plot->x, s->x[i]) && drawable(&frame->plot->y, s->y[i]))
      mark(page, style, frame_x(frame, s->x[i]), frame_y(frame, s->y[i]));
  page_add(page, "</g>\n");
}

void plot_lines(Page *page, const Plot *plot, const Series *series, int count) {
  Plot whole = settled(plot, series, count);
  int top = legend(NULL, plot, series, count), height = top + HEIGHT + BOTTOM;
  Frame frame = {.plot = &whole, .top = top, .bottom = top + HEIGHT};
  figure_begin(page, plot, height);
  legend(page, plot, series, count);
  axis_x(page, &whole.x, frame.top, frame.bottom, LEFT, WIDTH - RIGHT);
  axis_y(page, &whole.y, frame.top, frame.bottom);
  if (!isnan(plot->rule))
    page_add(page, "<path class=\"l\" stroke=\"#767676\" stroke-dasharray=\"3 3\" d=\"M%d %.1fH%d\"/>\n", LEFT,
             frame_y(&frame, plot->rule), WIDTH - RIGHT);
  for (int s = 0; s < count; s++)
    band(page, &frame, &series[s], s);
  for (int s = 0; s < count; s++)
    (plot->scatter ? scatter : line)(page, &frame, &series[s], s);
  page_add(page, "<path class=\"a\" d=\"M%d %.1fV%.1fH%d\"/>\n", LEFT, frame.top, frame.bottom, WIDTH - RIGHT);
  figure_end(page, plot);
}

enum { BAR_STEP = 38, BAR_HEAD = 24, BAR_SIDE = 12 };

// Where bars begin: at 0, or nowhere on a log axis.
static double bar_base(const Axis *axis, double left, double length) { return place(axis, 0, left, length); }

static void bar_row(Page *page, const Plot *plot, const Axis *axis, const Bar *bar, double y) {
  double left = BAR_SIDE, right = WIDTH - RIGHT, length = right - left;
  page_add(page, "<text x=\"%.1f\" y=\"%.1f\">", left, y - 5);
  page_words(page, bar->name);
  page_add(page, "</text><text class=\"e n\" x=\"%.1f\" y=\"%.1f\">", right, y - 5);
  page_words(page, bar->note ? bar->note : "");
  page_add(page, "</text>\n");
  if (axis->scale == AXIS_LOG && drawable(axis, bar->value))
    mark(page, 0, place(axis, bar->value, left, length), y + 6);
  else if (axis->scale == AXIS_LINEAR) {
    double base = bar_base(axis, left, length), end = isnan(bar->value) ? base : place(axis, bar->value, left, length);
    page_add(page, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"12\" fill=\"%s\"/>", fmin(base, end), y,
             fabs(end - base), colours[0]);
  }
  if (isfinite(bar->low) && isfinite(bar->high)) {
    double low = place(axis, bar->low, left, length), high = place(axis, bar->high, left, length);
    page_add(page, "<path class=\"w\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8\"/>", low, y + 6, high, low, y + 2,
             high, y + 2);
  }
  if (!isnan(plot->rule)) // beside the bar only, so that it crosses no name
    page_add(page, "<path class=\"l\" stroke=\"%s\" d=\"M%.1f %.1fv16\"/>", colours[1],
             place(axis, plot->rule, left, length), y - 2);
  page_add(page, "\n");
}

void plot_bars(Page *page, const Plot *plot, const Bar *bar, int count) {
  Axis axis = plot->x;
  bool log_scale = axis.scale == AXIS_LOG;
  double low = log_scale ? INFINITY : 0, high = log_scale ? -INFINITY : 0;
  widen(&axis, plot->rule, &low, &high);
  for (int i = 0; i < count; i++) {
    widen(&axis, bar[i].value, &low, &high);
    widen(&axis, bar[i].low, &low, &high);
    widen(&axis, bar[i].high, &low, &high);
  }
  settle(&axis, low, high, log_scale);
  bool rule = !isnan(plot->rule);
  double head = rule ? BAR_HEAD : 4, bottom = head + BAR_STEP * (double)count;
  figure_begin(page, plot, (int)bottom + BOTTOM);
  if (rule) {
    page_add(page, "<path class=\"l\" stroke=\"%s\" d=\"M%d 3v16\"/><text x=\"%d\" y=\"16\">", colours[1], BAR_SIDE + 4,
             BAR_SIDE + 12);
    page_words(page, plot->rule_name);
    page_add(page, "</text>\n");
  }
  axis_x(page, &axis, head, bottom, BAR_SIDE, WIDTH - RIGHT);
  for (int i = 0; i < count; i++)
    bar_row(page, plot, &axis, &bar[i], head + BAR_STEP * (double)i + 20);
  if (axis.low < 0 && axis.high > 0)
    page_add(page, "<path class=\"a\" d=\"M%.1f %.1fV%.1f\"/>\n", bar_base(&axis, BAR_SIDE, WIDTH - RIGHT - BAR_SIDE),
             head, bottom);
  figure_end(page, plot);
}

enum { DOT_STEP = 10, DOT_HEAD = 26, DOT_LETTERS = 52 };

static int dots_in(const Series *series, int count, int row) {
  int dots = 0;
  for (int s = 0; s < count; s++)
    dots += isfinite(series[s].y[row]);
  return dots;
}

static double dots_height(const Series *series, int count, int row) {
  return DOT_HEAD + DOT_STEP * (double)dots_in(series, count, row);
}

// "0.747 · 0.808 · 0.911": shares with as many decimals each.
static char *dots_means(const Series *series, int count, int row) {
  char *means = text_format("%s", "");
  for (int s = 0; s < count; s++) {
    double value = series[s].y[row];
    if (!isfinite(value))
      continue;
    bool plain = fabs(value) < 1e6;
    char *one = plain ? text_format("%.*f",
                                    fabs(value) < 10    ? 3
                                    : fabs(value) < 100 ? 1
                                                        : 0,
                                    value)
                      : text_format("%s", page_number(value, 3).text),
         *longer = text_format("%s%s%s", means, *means ? " · " : "", one);
    free(means);
    free(one);
    means = longer;
  }
  return means;
}

// Every mark of a row on a line of its own, so that intervals do not hide one another; the means at the end of the row's name.
static void dot_row(Page *page, const Plot *plot, const Axis *axis, const char *name, int row, const Series *series,
                    int count, double y) {
  double left = BAR_SIDE, right = WIDTH - RIGHT, length = right - left, at = y + 6;
  for (int s = 0; s < count; s++) {
    if (!drawable(axis, series[s].y[row]))
      continue;
    if (isfinite(series[s].low[row]) && isfinite(series[s].high[row]))
      page_add(page, "<path class=\"l\" stroke=\"%s\" d=\"M%.1f %.1fH%.1f\"/>", colours[s % STYLES],
               place(axis, series[s].low[row], left, length), at, place(axis, series[s].high[row], left, length));
    mark(page, s, place(axis, series[s].y[row], left, length), at);
    at += DOT_STEP;
  }
  page_add(page, "<text x=\"%.1f\" y=\"%.1f\">", left, y - 4);
  page_words(page, name);
  page_add(page, "</text>");
  char *means = dots_means(series, count, row);
  if (width_of(name) + width_of(means) <= DOT_LETTERS * LETTER)
    page_add(page, "<text class=\"e n\" x=\"%.1f\" y=\"%.1f\">%s</text>", right, y - 4, means);
  free(means);
  if (!isnan(plot->rule)) // beside the marks only, so that it crosses no name
    page_add(page, "<path class=\"l\" stroke=\"#767676\" stroke-dasharray=\"3 3\" d=\"M%.1f %.1fV%.1f\"/>",
             place(axis, plot->rule, left, length), y, at - 2);
  page_add(page, "\n");
}

void plot_dots(Page *page, const Plot *plot, const char *const *row, int rows, const Series *series, int count) {
  Axis axis = plot->x;
  double low = INFINITY, high = -INFINITY;
  widen(&axis, plot->rule, &low, &high);
  for (int s = 0; s < count; s++)
    for (int r = 0; r < rows; r++) {
      widen(&axis, series[s].y[r], &low, &high);
      widen(&axis, series[s].low[r], &low, &high);
      widen(&axis, series[s].high[r], &low, &high);
    }
  settle(&axis, low, high, true);
  Plot points = *plot;
  points.scatter = true;
  double head = legend(NULL, &points, series, count), bottom = head;
  for (int r = 0; r < rows; r++)
    bottom += dots_height(series, count, r);
  figure_begin(page, plot, (int)bottom + BOTTOM);
  legend(page, &points, series, count);
  axis_x(page, &axis, head, bottom, BAR_SIDE, WIDTH - RIGHT);
  for (int r = 0; r < rows; r++) {
    dot_row(page, plot, &axis, row[r], r, series, count, head + 18);
    head += dots_height(series, count, r);
  }
  page_add(page, "<path class=\"a\" d=\"M%d %.1fH%d\"/>\n", BAR_SIDE, bottom, WIDTH - RIGHT);
  figure_end(page, plot);
}

char *caption_of_seeds(int least, int most, const char *drawn) {
  if (most < 2)
    return text_format("One seed: no interval.");
  char *n = least < most ? text_format("%d to %d", least, most) : text_format("%d", most);
  char *caption = text_format("Mean over n = %s seeds; %s: its 95 %% interval (Student's t).", n, drawn);
  free(n);
  return caption;
}
