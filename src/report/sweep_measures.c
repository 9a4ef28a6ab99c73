// Every bar of every figure of a measurement is a number of a run; over the seeds of a group it has a mean and an interval, and over the groups
// it is a line against the key that was swept, or bars.
#include "report/sweep_measures.h"

#include "base/text.h"
#include "report/figures.h"
#include "report/svg.h"
#include "report/sweep_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MOST = 8, ITEMS_MOST = 512, PLOTS_A_FIGURE = 9 };

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

static Summary over_seeds(const Sweep *sweep, int group, const double *of_run) {
  double *value = malloc((size_t)sweep->runs * sizeof *value);
  int n = 0;
  REQUIRE(value, "out of memory for %d runs", sweep->runs);
  for (int i = 0; i < sweep->runs; i++)
    if (sweep->run[i].group == group && !isnan(of_run[i]))
      value[n++] = of_run[i];
  Summary summary = summary_of(value, n, 0.95);
  free(value);
  return summary;
}

// --- final values -----------------------------------------------------------------------------------------------------------

static void draw_over_groups(Page *page, const Sweep *sweep, const Item *item, const Plot *plot) {
  Bar *bar = calloc((size_t)sweep->groups, sizeof *bar);
  char(*note)[48] = calloc((size_t)sweep->groups, sizeof *note);
  int count = 0;
  REQUIRE(bar && note, "out of memory for %d groups", sweep->groups);
  for (int g = 0; g < sweep->groups; g++) {
    Summary summary = over_seeds(sweep, g, item->value);
    if (!summary.n)
      continue;
    text_print(note[count], sizeof *note, "%s (n = %d)", page_number(summary.mean, 3).text, summary.n);
    bar[count] = (Bar){sweep->group[g].label, note[count], summary.mean, summary.interval.low, summary.interval.high};
    count++;
  }
  plot_bars(page, plot, bar, count);
  free(bar);
  free(note);
}

static void draw_over_key(Page *page, const Sweep *sweep, int key, const Item *item, const Plot *plot) {
  Series series[LINES_MOST];
  double *block[LINES_MOST];
  char *label[LINES_MOST];
  int count = 0, room = sweep->groups;
  for (int g = 0; g < sweep->groups; g++) {
    Summary summary = over_seeds(sweep, g, item->value);
    char *name = sweep_label_without(sweep, &sweep->group[g], key);
    double x;
    int l = 0;
    while (l < count && strcmp(label[l], name) != 0)
      l++;
    if (!summary.n || l == LINES_MOST || !text_to_double(sweep->group[g].value[key], &x)) {
      free(name);
      continue;
    }
    if (l == count) {
      double *at = block[l] = calloc(4 * (size_t)room, sizeof *at);
      REQUIRE(at, "out of memory for %d groups", room);
      label[count++] = name;
      series[l] = (Series){.name = name, .x = at, .y = at + room, .low = at + 2 * room, .high = at + 3 * room};
    } else
      free(name);
    int k = series[l].points++;
    block[l][k] = x;
    block[l][room + k] = summary.mean;
    block[l][2 * room + k] = summary.interval.low;
    block[l][3 * room + k] = summary.interval.high;
  }
  plot_lines(page, plot, series, count);
  for (int l = 0; l < count; l++) {
    free(block[l]);
    free(label[l]);
  }
}

static void draw_item(Page *page, const Sweep *sweep, int key, const Item *item) {
  char *title = text_format("%s: %s", item->figure, item->name);
  Plot plot = {.title = title, .caption = "", .rule = NAN};
  Axis values = {.label = item->axis, .low = NAN, .high = NAN};
  if (key < 0) {
    plot.x = values;
    draw_over_groups(page, sweep, item, &plot);
  } else {
    plot.x = (Axis){.label = sweep->key[key], .low = NAN, .high = NAN};
    plot.y = values;
    draw_over_key(page, sweep, key, item, &plot);
  }
  free(title);
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

void sweep_measures(Page *page, Page *csv, const Sweep *sweep, const char *dir) {
  Items items = items_of(sweep, dir);
  int key = sweep_number_key(sweep);
  if (items.count) {
    page_add(
        page,
        "<h2>Measurements</h2>\n<p>Of <code>rebasis analyze</code>, mean over seeds with its 95 %% interval. All "
        "numbers: <a "
        "href=\"report-measures.csv\">report-measures.csv</a>; figures with more than %d items show the first.</p>\n"
        "<div class=\"plots\">\n",
        PLOTS_A_FIGURE);
    page_add(csv, "id");
    for (int k = 0; k < sweep->keys; k++)
      page_add(csv, ",%s", sweep->key[k]);
    page_add(csv, ",run.seed,measure,figure,name,value\n");
  }
  for (int k = 0; k < items.count; k++) {
    int before = 0;
    for (int j = 0; j < k; j++)
      before += !strcmp(items.item[j].figure, items.item[k].figure);
    if (before < PLOTS_A_FIGURE)
      draw_item(page, sweep, key, &items.item[k]);
    add_csv(csv, sweep, &items.item[k]);
  }
  page_add(page, "%s", items.count ? "</div>\n" : "");
  items_free(&items);
}

// --- courses ----------------------------------------------------------------------------------------------------------------

// Point k of every run's track, over the seeds of a group: as long as at least half of the group's runs have one.
static Series course_of(double **block, const Sweep *sweep, int group, const char *split, const char *key) {
  int longest = 0, runs = 0;
  for (int i = 0; i < sweep->runs; i++) {
    const Track *track = sweep->run[i].group == group ? run_track(&sweep->run[i].record, split, key) : NULL;
    longest = track && track->count > longest ? track->count : longest;
    runs += track != NULL;
  }
  double *at = *block = calloc(4 * (size_t)longest + (size_t)sweep->runs + 1, sizeof *at), *of_run = at + 4 * longest;
  REQUIRE(at, "out of memory for a course of %d points", longest);
  Series series = {
      .name = sweep->group[group].label, .x = at, .y = at + longest, .low = at + 2 * longest, .high = at + 3 * longest};
  for (int k = 0; k < longest; k++) {
    for (int i = 0; i < sweep->runs; i++) {
      const Track *track = sweep->run[i].group == group ? run_track(&sweep->run[i].record, split, key) : NULL;
      of_run[i] = track && k < track->count ? track->value[k] : NAN;
      if (track && k < track->count)
        at[k] = isnan(track->done[k]) ? track->step[k] : track->done[k];
    }
    Summary summary = over_seeds(sweep, group, of_run);
    if (2 * summary.n < runs || !summary.n)
      break;
    at[longest + k] = summary.mean;
    at[2 * longest + k] = summary.interval.low;
    at[3 * longest + k] = summary.interval.high;
    series.points++;
  }
  return series;
}

static void draw_course(Page *page, const Sweep *sweep, const char *split, const char *key, const char *title,
                        const char *unit) {
  Series series[LINES_MOST];
  double *block[LINES_MOST];
  int count = 0, left_out = 0;
  for (int g = 0; g < sweep->groups; g++) {
    if (count == LINES_MOST) {
      left_out++;
      continue;
    }
    series[count] = course_of(&block[count], sweep, g, split, key);
    if (series[count].points)
      count++;
    else
      free(block[count]);
  }
  char *caption = text_format("On the %s split; as long as half of the seeds still train.%s", split,
                              left_out ? " The first eight groups." : "");
  Plot plot = {.title = title,
               .caption = caption,
               .x = {.label = "epochs done", .low = NAN, .high = NAN},
               .y = {.label = unit, .low = NAN, .high = NAN},
               .rule = NAN};
  if (count)
    plot_lines(page, &plot, series, count);
  for (int l = 0; l < count; l++)
    free(block[l]);
  free(caption);
}

static bool any_track(const Sweep *sweep, const char *split, const char *key) {
  for (int i = 0; i < sweep->runs; i++)
    if (sweep->run[i].group >= 0 && run_track(&sweep->run[i].record, split, key))
      return true;
  return false;
}

void sweep_courses(Page *page, const Sweep *sweep) {
  const Config *config = NULL;
  for (int i = 0; i < sweep->runs && !config; i++)
    config = sweep->run[i].group >= 0 ? sweep->run[i].record.config : NULL;
  if (!config || !any_track(sweep, "train", "loss.semantic"))
    return;
  page_add(page, "<h2>Training</h2>\n<div class=\"plots\">\n");
  draw_course(page, sweep, "train", "loss.semantic", "Loss of the task", "loss (nats)");
  if (any_track(sweep, "validation", "accuracy"))
    draw_course(page, sweep, "validation", "accuracy", "Accuracy", "share of samples");
  for (int m = 0; m < config->modalities; m++) {
    char *key = text_format("probe.%s", config->modality[m].name),
         *title = text_format("Linear probe of %s", config->modality[m].name);
    if (any_track(sweep, "validation", key))
      draw_course(page, sweep, "validation", key, title, "accuracy");
    free(key);
    free(title);
  }
  page_add(page, "</div>\n");
}
