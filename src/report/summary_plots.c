#include "report/summary_view.h"

#include "base/json.h"
#include "base/text.h"
#include "report/settings.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Line {
  double *block; // x, y, low, high of `room` points each
  int points, room;
  int least, most; // seeds that its means are over
} Line;

static Line line_open(int room) {
  Line line = {.block = calloc(4 * (size_t)room + 1, sizeof(double)), .room = room};
  REQUIRE(line.block, "out of memory for a line");
  return line;
}

static void line_add(Line *line, double x, const json_t *summary) {
  bool known = isfinite(json_member_number(summary, "low"));
  if (!isfinite(x) || !isfinite(json_member_number(summary, "mean")) || line->points == line->room)
    return;
  int at = line->points++, n = (int)json_member_number(summary, "n");
  line->least = line->most && line->least < n ? line->least : n;
  line->most = line->most > n ? line->most : n;
  for (; at > 0 && line->block[at - 1] > x; at--) // a file may list numbers in any order
    for (int row = 0; row < 4; row++)
      line->block[row * line->room + at] = line->block[row * line->room + at - 1];
  line->block[at] = x;
  line->block[line->room + at] = json_member_number(summary, "mean");
  line->block[2 * line->room + at] =
      known ? fmax(json_member_number(summary, "low"), 0) : NAN; // a share: what lies outside of [0, 1] is impossible
  line->block[3 * line->room + at] = known ? fmin(json_member_number(summary, "high"), 1) : NAN;
}

static void draw(Page *page, Plot *plot, char *const *name, Line *line, int count) {
  Series series[LINES_MOST];
  int points = 0, least = 0, most = 0;
  for (int k = 0; k < count; k++) {
    double *at = line[k].block;
    series[k] = (Series){name[k], line[k].points, at, at + line[k].room, at + 2 * line[k].room, at + 3 * line[k].room};
    if (!line[k].points)
      continue;
    points += line[k].points;
    least = most && least < line[k].least ? least : line[k].least;
    most = most > line[k].most ? most : line[k].most;
  }
  char *caption = caption_of_seeds(least, most, "shaded");
  plot->caption = caption;
  if (points)
    plot_lines(page, plot, series, count);
  free(caption);
  for (int k = 0; k < count; k++)
    free(line[k].block);
}

/// The score over the rates at which all modalities are withheld in the test, one line a compared value.
static void plot_facet(Page *page, const View *view, int facet) {
  Line line[LINES_MOST];
  size_t g, r;
  json_t *group, *rate;
  for (int k = 0; k < view->levels; k++)
    line[k] = line_open(64);
  json_array_foreach(view->groups, g, group) {
    char *label = view_facet(view, group);
    int level = view_level(view, group);
    if (level >= 0 && !strcmp(label, view->facet[facet]))
      json_array_foreach(json_object_get(group, "rates"), r,
                         rate) if (!strcmp(json_member_text(rate, "modality"), "all"))
          line_add(&line[level], json_member_number(rate, "rate"), rate);
    free(label);
  }
  Plot plot = {.title = *view->facet[facet] ? view->facet[facet] : "every modality withheld at a rate",
               .x = {.label = "probability of being withheld in the test", .low = NAN, .high = NAN},
               .y = {.label = view->score, .low = NAN, .high = NAN},
               .rule = NAN};
  draw(page, &plot, view->level, line, view->levels);
}

/// The only other key that names groups, if its values are numbers.
static const char *swept_number(const View *view) {
  const char *found = NULL;
  size_t k;
  json_t *key, *group;
  json_array_foreach(json_object_get(view->root, "keys"), k, key) {
    if (!json_is_true(json_object_get(key, "names")) || view_compares(view, json_member_text(key, "key")))
      continue;
    if (found)
      return NULL;
    found = json_member_text(key, "key");
  }
  double number;
  json_array_foreach(view->groups, k,
                     group) if (found && !text_to_double(view_value(group, found), &number)) return NULL;
  return found;
}

static void plot_over(Page *page, const View *view, const char *key, const char *of, const char *title) {
  Line line[LINES_MOST];
  size_t g;
  json_t *group;
  int room = (int)json_array_size(view->groups);
  for (int k = 0; k < view->levels; k++)
    line[k] = line_open(room);
  json_array_foreach(view->groups, g, group) {
    double x = NAN;
    int level = view_level(view, group);
    if (level >= 0 && text_to_double(view_value(group, key), &x))
      line_add(&line[level], x, json_object_get(group, of));
  }
  char *axis = settings_axis(key);
  Plot plot = {.title = title,
               .x = {.label = axis, .low = NAN, .high = NAN},
               .y = {.label = view->score, .low = NAN, .high = NAN},
               .rule = NAN};
  draw(page, &plot, view->level, line, view->levels);
  free(axis);
}

/// How many rates at which all modalities are withheld alike the test has.
static int rates_of(const View *view) {
  int rates = 0;
  size_t r;
  json_t *rate;
  json_array_foreach(json_object_get(json_array_get(view->groups, 0), "rates"), r, rate) rates +=
      !strcmp(json_member_text(rate, "modality"), "all");
  return rates;
}

// Over a swept number two conditions say most: its first and its last value. The others wait behind a click.
static void plot_facets(Page *page, const View *view, bool number, int rates) {
  int middle = number && rates > 1 && view->facets > 3 ? view->facets - 2 : 0;
  for (int k = 0; k < view->facets && rates > 1; k++)
    if (!middle || k == 0 || k == view->facets - 1)
      plot_facet(page, view, k);
  page_add(page, "</div>\n");
  if (middle)
    page_add(page, "<details><summary>%d conditions between these</summary><div class=\"plots\">\n", middle);
  for (int k = 1; k <= middle; k++)
    plot_facet(page, view, k);
  page_add(page, "%s", middle ? "</div></details>\n" : "");
}

void summary_plots(Page *page, const View *view) {
  const char *number = swept_number(view);
  page_add(page, "<h2>Missing modalities</h2>\n<p>What is withheld in the test is a function of seed and sample, its "
                 "hash stands in every evaluation.json.</p>\n"
                 "<div class=\"plots\">\n");
  if (number) {
    plot_over(page, view, number, "complete", "nothing withheld in the test");
    plot_over(page, view, number, "curve", "mean over the rates of the test");
  }
  int rates = rates_of(view);
  if (!number && (view->facets > 1 || rates < 2))
    rows_of_conditions(page, view, "complete", "nothing withheld in the test");
  if (!number && view->facets > 1 && rates > 1)
    rows_of_conditions(page, view, "curve", "mean over the rates of the test");
  rows_of_patterns(page, view);
  plot_facets(page, view, number != NULL, rates);
  if (view->facets == FACETS_MOST || view->levels == LINES_MOST)
    page_add(page, "<p>Drawn are the first %d conditions and %d lines; the tables have all.</p>\n", FACETS_MOST,
             LINES_MOST);
}
