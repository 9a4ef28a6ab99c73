#include "report/summary_view.h"

#include "base/json.h"
#include "base/text.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Line {
  double *block; // x, y, low, high of `room` points each
  int points, room;
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
  int at = line->points++;
  line->block[at] = x;
  line->block[line->room + at] = json_member_number(summary, "mean");
  line->block[2 * line->room + at] =
      known ? fmax(json_member_number(summary, "low"), 0) : NAN; // a share: what lies outside of [0, 1] is impossible
  line->block[3 * line->room + at] = known ? fmin(json_member_number(summary, "high"), 1) : NAN;
}

static void draw(Page *page, const Plot *plot, char *const *name, Line *line, int count) {
  Series series[LINES_MOST];
  int kept = 0;
  for (int k = 0; k < count; k++) {
    double *at = line[k].block;
    if (line[k].points)
      series[kept++] =
          (Series){name[k], line[k].points, at, at + line[k].room, at + 2 * line[k].room, at + 3 * line[k].room};
  }
  if (kept)
    plot_lines(page, plot, series, kept);
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
               .caption = "",
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
    if (!json_is_true(json_object_get(key, "names")) || !strcmp(json_member_text(key, "key"), view->compared))
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
  Plot plot = {.title = title,
               .caption = "",
               .x = {.label = key, .low = NAN, .high = NAN},
               .y = {.label = view->score, .low = NAN, .high = NAN},
               .rule = NAN};
  draw(page, &plot, view->level, line, view->levels);
}

void summary_plots(Page *page, const View *view) {
  const char *number = swept_number(view);
  page_add(
      page,
      "<h2>Missing modalities</h2>\n<p>Means over seeds; shaded: the 95 %% interval of the mean by Student's t. "
      "What is withheld in the test is a function of seed and sample, its hash stands in every evaluation.json.</p>\n"
      "<div class=\"plots\">\n");
  if (number) {
    plot_over(page, view, number, "complete", "nothing withheld in the test");
    plot_over(page, view, number, "curve", "mean over the rates of the test");
  }
  for (int k = 0; k < view->facets; k++)
    plot_facet(page, view, k);
  page_add(page, "</div>\n");
  if (view->facets == FACETS_MOST || view->levels == LINES_MOST)
    page_add(page, "<p>Drawn are the first %d conditions and %d lines; the tables have all.</p>\n", FACETS_MOST,
             LINES_MOST);
}
