// Every bar of every figure of a measurement is a number of a run; over the seeds of a group it has a mean and an interval, and over the groups
// it is a line against the key that was swept, or a mark among those of the other groups.
#include "report/sweep_measures.h"

#include "base/text.h"
#include "report/figures.h"
#include "report/svg.h"
#include "report/sweep_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MOST = 8, ITEMS_MOST = 512, PLOTS_A_FIGURE = 9, ROWS_MOST = 16 };

// One number that runs have: matrix of rank.json, or bar of a figure.
typedef struct Item {
  char *measure, *figure, *axis, *name; // owned
  double *value;                        // owned [runs]; NaN where a run does not have it
} Item;

typedef struct Items {
  int count, runs;
  Item *item; // owned
} Items;

static void put_value(Items *items, int run, const char *measure, const char *figure, const char *axis,
                      const char *name, double value) {
  int k = 0;
  while (k < items->count && (strcmp(items->item[k].measure, measure) != 0 ||
                              strcmp(items->item[k].figure, figure) != 0 || strcmp(items->item[k].name, name) != 0))
    k++;
  if (k == ITEMS_MOST)
    return;
  if (k == items->count) {
    Item *item = &items->item[items->count++];
    *item = (Item){text_format("%s", measure), text_format("%s", figure), text_format("%s", axis),
                   text_format("%s", name), malloc((size_t)items->runs * sizeof(double))};
    REQUIRE(item->value, "out of memory for %d runs", items->runs);
    for (int i = 0; i < items->runs; i++)
      item->value[i] = NAN;
  }
  items->item[k].value[run] = value;
}

typedef struct Taker {
  Items *items;
  int run;
} Taker;

static void take_bar(void *user, const char *measure, const char *figure, const char *axis, const char *name,
                     double value) {
  const Taker *taker = user;
  put_value(taker->items, taker->run, measure, figure, axis, name, value);
}

static void take_ranks(Items *items, int run, const RunRecord *record) {
  for (int m = 0; m < record->spectra; m++) {
    const Spectrum *spectrum = &record->spectrum[m];
    if (strncmp(spectrum->name, "representation/", 15) != 0)
      continue;
    put_value(items, run, "rank", "Effective rank", "effective rank", spectrum->name, spectrum->effective_rank);
    put_value(items, run, "rank", "Numerical rank", "numerical rank", spectrum->name, spectrum->numerical_rank);
  }
}

static Items items_of(const Sweep *sweep, const char *dir) {
  Items items = {.runs = sweep->runs, .item = calloc(ITEMS_MOST, sizeof(Item))};
  REQUIRE(items.item, "out of memory for measurements");
  for (int i = 0; i < sweep->runs; i++) {
    if (sweep->run[i].group < 0)
      continue;
    char *path = text_format("%s/runs/%s", dir, sweep->run[i].id);
    Figures figures = {0};
    take_ranks(&items, i, &sweep->run[i].record);
    if (!figures_read(&figures, path).code) // a broken file of one run spoils no sweep; its own report names it
      figures_bars(&figures, take_bar, &(Taker){&items, i});
    figures_free(&figures);
    free(path);
  }
  return items;
}

static void items_free(Items *items) {
  for (int k = 0; k < items->count; k++) {
    free(items->item[k].measure);
    free(items->item[k].figure);
    free(items->item[k].axis);
    free(items->item[k].name);
    free(items->item[k].value);
  }
  free(items->item);
}

// --- final values -----------------------------------------------------------------------------------------------------------

// Values of one line, of one row a point: x, mean, low, high, cut from one block.
static Series series_open(const char *name, int room) {
  double *at = calloc(4 * (size_t)room + 1, sizeof *at);
  REQUIRE(at, "out of memory for %d points", room);
  return (Series){.name = name, .x = at, .y = at + room, .low = at + 2 * room, .high = at + 3 * room};
}

static void series_set(Series *series, int room, int k, double x, const Summary *summary) {
  double *at = (double *)series->x;
  at[k] = x;
  at[room + k] = summary->n ? summary->mean : NAN;
  at[2 * room + k] = summary->interval.low;
  at[3 * room + k] = summary->interval.high;
}

typedef struct Seeds {
  int least, most; // that some mean is over
} Seeds;

static void count_seeds(Seeds *seeds, const Summary *summary) {
  if (!summary->n)
    return;
  seeds->least = seeds->most ? (int)fmin(seeds->least, summary->n) : summary->n;
  seeds->most = (int)fmax(seeds->most, summary->n);
}

// Shares read on a linear axis; of numbers without an upper end those that a linear axis would press to its floor do not.
static AxisScale scale_of(const Series *series, int count) {
  double low, high;
  series_range(series, count, &low, &high);
  return low > 0 && high > 20 * low && high > 10 ? AXIS_LOG : AXIS_LINEAR;
}

// More groups than there are colours: a bar each.
static void draw_over_groups(Page *page, const Sweep *sweep, const Item *item) {
  Bar *bar = calloc((size_t)sweep->groups, sizeof *bar);
  char(*note)[48] = calloc((size_t)sweep->groups, sizeof *note);
  Seeds seeds = {0};
  int count = 0;
  REQUIRE(bar && note, "out of memory for %d groups", sweep->groups);
  for (int g = 0; g < sweep->groups; g++) {
    Summary summary = sweep_over_seeds(sweep, g, item->value);
    if (!summary.n)
      continue;
    count_seeds(&seeds, &summary);
    text_print(note[count], sizeof *note, "%s (n = %d)", page_number(summary.mean, 3).text, summary.n);
    bar[count] = (Bar){sweep->group[g].label, note[count], summary.mean, summary.interval.low, summary.interval.high};
    count++;
  }
  char *title = text_format("%s: %s", item->figure, item->name),
       *caption = caption_of_seeds(seeds.least, seeds.most, "whiskers");
  Plot plot = {.title = title, .caption = caption, .x = {.label = item->axis, .low = NAN, .high = NAN}, .rule = NAN};
  plot_bars(page, &plot, bar, count);
  free(title);
  free(caption);
  free(bar);
  free(note);
}

// One line for every combination of the other keys, in the same order, hence colour, in every plot.
static int lines_of(const Sweep *sweep, int key, char *label[LINES_MOST]) {
  int count = 0;
  for (int g = 0; g < sweep->groups; g++) {
    char *name = sweep_label_without(sweep, &sweep->group[g], key);
    int l = 0;
    while (l < count && strcmp(label[l], name) != 0)
      l++;
    if (l == count && count < LINES_MOST)
      label[count++] = name;
    else
      free(name);
  }
  return count;
}

static void draw_over_key(Page *page, const Sweep *sweep, int key, const Item *item) {
  Series series[LINES_MOST];
  char *label[LINES_MOST];
  Seeds seeds = {0};
  int count = lines_of(sweep, key, label), room = sweep->groups;
  for (int l = 0; l < count; l++) {
    series[l] = series_open(label[l], room);
    for (int g = 0; g < sweep->groups; g++) {
      Summary summary = sweep_over_seeds(sweep, g, item->value);
      char *name = sweep_label_without(sweep, &sweep->group[g], key);
      double x;
      if (summary.n && !strcmp(name, label[l]) && text_to_double(sweep->group[g].value[key], &x)) {
        series_set(&series[l], room, series[l].points++, x, &summary);
        count_seeds(&seeds, &summary);
      }
      free(name);
    }
  }
  char *title = text_format("%s: %s", item->figure, item->name),
       *caption = caption_of_seeds(seeds.least, seeds.most, "shaded"), *axis = settings_axis(sweep->name[key]);
  Plot plot = {.title = title,
               .caption = caption,
               .x = {.label = axis, .low = NAN, .high = NAN},
               .y = {.label = item->axis, .scale = scale_of(series, count), .low = NAN, .high = NAN},
               .rule = NAN};
  plot_lines(page, &plot, series, count);
  for (int l = 0; l < count; l++) {
    free((double *)series[l].x);
    free(label[l]);
  }
  free(title);
  free(caption);
  free(axis);
}

static double best_of(const Sweep *sweep, const Item *item) {
  double best = -INFINITY;
  for (int g = 0; g < sweep->groups; g++) {
    Summary summary = sweep_over_seeds(sweep, g, item->value);
    best = summary.n ? fmax(best, summary.mean) : best;
  }
  return best;
}

static int groups_with(const Sweep *sweep, const Item *item) {
  int groups = 0;
  for (int g = 0; g < sweep->groups; g++)
    groups += sweep_over_seeds(sweep, g, item->value).n > 0;
  return groups;
}

// What all groups have comes before what some lack. Ways of standing in for a modality are compared with one another: best first. `target` is
// not a way but what they are measured by, and the same for all groups.
static int rows_of(const Sweep *sweep, const Items *items, int first, const Item *row[ITEMS_MOST],
                   const Item **reference) {
  int rows = 0;
  bool ranked = !strcmp(items->item[first].measure, "substitutability");
  for (int k = first; k < items->count; k++) {
    const Item *item = &items->item[k];
    if (strcmp(item->figure, items->item[first].figure) != 0)
      continue;
    if (ranked && !strcmp(item->name, "target")) {
      *reference = item;
      continue;
    }
    int at = rows++;
    double weight = ranked ? best_of(sweep, item) : groups_with(sweep, item);
    for (; at > 0 && (ranked ? best_of(sweep, row[at - 1]) : groups_with(sweep, row[at - 1])) < weight; at--)
      row[at] = row[at - 1];
    row[at] = item;
  }
  return rows < ROWS_MOST ? rows : ROWS_MOST;
}

// All items of a figure in one picture: groups by colour.
static void draw_rows(Page *page, const Sweep *sweep, const Items *items, int first) {
  const Item *row[ITEMS_MOST], *reference = NULL;
  const char *name[ROWS_MOST];
  Series series[LINES_MOST];
  Seeds seeds = {0};
  char rule[96] = "";
  int rows = rows_of(sweep, items, first, row, &reference);
  for (int g = 0; g < sweep->groups; g++) {
    series[g] = series_open(sweep->group[g].label, rows);
    series[g].points = rows;
    for (int r = 0; r < rows; r++) {
      Summary summary = sweep_over_seeds(sweep, g, row[r]->value);
      series_set(&series[g], rows, r, 0, &summary);
      count_seeds(&seeds, &summary);
      name[r] = row[r]->name;
    }
  }
  Summary target = {0};
  for (int g = 0; g < sweep->groups && reference && !target.n; g++)
    target = sweep_over_seeds(sweep, g, reference->value);
  if (target.n > 1)
    text_print(rule, sizeof rule, "target: %.3f ± %.3f", target.mean, target.mean - target.interval.low);
  else if (target.n)
    text_print(rule, sizeof rule, "target: %.3f", target.mean);
  char *of = caption_of_seeds(seeds.least, seeds.most, "the line through a mark"),
       *caption = text_format(
           "%s Numbers: the means, in the legend's order.%s", of,
           target.n ? " Target: models trained for each set of modalities; no test can have the class oracle." : "");
  Plot plot = {
      .title = items->item[first].figure,
      .caption = caption,
      .x = {.label = items->item[first].axis, .scale = scale_of(series, sweep->groups), .low = NAN, .high = NAN},
      .rule = target.n ? target.mean : NAN,
      .rule_name = rule};
  plot_dots(page, &plot, name, rows, series, sweep->groups);
  free(of);
  free(caption);
  for (int g = 0; g < sweep->groups; g++)
    free((double *)series[g].x);
}

// The same number in every run that has it: NaN if it is not.
static double constant(const Item *item, int runs) {
  double value = NAN;
  for (int i = 0; i < runs; i++) {
    if (!isnan(item->value[i]) && !isnan(value) && item->value[i] != value)
      return NAN;
    value = isnan(item->value[i]) ? value : item->value[i];
  }
  return value;
}

// The item before k of the same figure whose plot would look the same: within 0.5 % of it in every run. NULL: none.
static const Item *twin_of(const Items *items, int k) {
  const Item *item = &items->item[k];
  for (int j = 0; j < k; j++) {
    const Item *other = &items->item[j];
    bool same = !strcmp(other->figure, item->figure) && isnan(constant(other, items->runs));
    for (int i = 0; i < items->runs && same; i++)
      same = isnan(item->value[i]) == isnan(other->value[i]) &&
             !(fabs(item->value[i] - other->value[i]) > 0.005 * fabs(other->value[i]));
    if (same)
      return other;
  }
  return NULL;
}

static void say(Page *page, bool first, const char *figure, const char *words) {
  page_add(page, "%s", first ? "<p class=\"still\"><b>" : "; ");
  if (first) {
    page_words(page, figure);
    page_add(page, "</b>, not drawn: ");
  }
  page_words(page, words);
}

static bool of_the_whole(const Item *item) { return strstr(item->name, "fus") || strstr(item->name, "head"); }

// A plot for every item of the figure over the swept number, the multimodal representation first; what never changes, or looks like another, is only said.
static void draw_plots(Page *page, const Sweep *sweep, int key, const Items *items, int first) {
  int drawn = 0, still = 0;
  for (int turn = 0; turn < 2; turn++)
    for (int k = first; k < items->count; k++) {
      const Item *item = &items->item[k];
      bool wanted = !strcmp(item->figure, items->item[first].figure) && of_the_whole(item) == (turn == 0) &&
                    isnan(constant(item, items->runs)) && !twin_of(items, k);
      if (wanted && drawn++ < PLOTS_A_FIGURE)
        (key < 0 ? draw_over_groups(page, sweep, item) : draw_over_key(page, sweep, key, item));
    }
  for (int k = first; k < items->count; k++) {
    const Item *item = &items->item[k], *twin = twin_of(items, k);
    double value = constant(item, items->runs);
    if (strcmp(item->figure, items->item[first].figure) != 0 || (isnan(value) && !twin))
      continue;
    char *words = isnan(value) ? text_format("%s is within 0.5 %% of %s", item->name, twin->name)
                               : text_format("%s is always %s", item->name, page_number(value, 3).text);
    say(page, still++ == 0, item->figure, words);
    free(words);
  }
  page_add(page, "%s", still ? ".</p>\n" : "");
}

static void add_csv(Page *csv, const Sweep *sweep, const Item *item) {
  for (int i = 0; i < sweep->runs; i++) {
    if (sweep->run[i].group < 0 || isnan(item->value[i]))
      continue;
    page_field(csv, sweep->run[i].id);
    for (int k = 0; k < sweep->keys; k++) {
      page_add(csv, ",");
      page_field(csv, sweep->group[sweep->run[i].group].value[k]);
    }
    page_add(csv, ",%s,", settings_find(&sweep->run[i].settings, "run.seed"));
    page_field(csv, item->measure);
    page_add(csv, ",");
    page_field(csv, item->figure);
    page_add(csv, ",");
    page_field(csv, item->name);
    page_add(csv, ",%.17g\n", item->value[i]);
  }
}

static bool first_of_figure(const Items *items, int k) {
  for (int j = 0; j < k; j++)
    if (!strcmp(items->item[j].figure, items->item[k].figure))
      return false;
  return true;
}

static void csv_head(Page *csv, const Sweep *sweep) {
  page_add(csv, "id");
  for (int k = 0; k < sweep->keys; k++)
    page_add(csv, ",%s", sweep->key[k]);
  page_add(csv, ",run.seed,measure,figure,name,value\n");
}

void sweep_measures(Page *page, Page *csv, const Sweep *sweep, const char *dir) {
  Items items = items_of(sweep, dir);
  int key = sweep_number_key(sweep);
  bool together = key < 0 && sweep->groups <= LINES_MOST;
  if (items.count) {
    page_add(page,
             "<h2>Measurements</h2>\n<p>Of <code>rebasis analyze</code>; intervals are of the mean over seeds. All "
             "numbers: <a href=\"report-measures.csv\">report-measures.csv</a>; of figures with more than %d items the "
             "first are drawn.</p>\n<div class=\"plots\">\n",
             together ? ROWS_MOST : PLOTS_A_FIGURE);
    csv_head(csv, sweep);
  }
  for (int k = 0; k < items.count; k++) {
    if (first_of_figure(&items, k))
      (together ? draw_rows(page, sweep, &items, k) : draw_plots(page, sweep, key, &items, k));
    add_csv(csv, sweep, &items.item[k]);
  }
  page_add(page, "%s", items.count ? "</div>\n" : "");
  items_free(&items);
}
