#include "report/summary.h"

#include "base/json.h"
#include "base/text.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MOST = 8, FACETS_MOST = 12, ROWS_MOST = 200, TESTS_MOST = 120 };

// A key whose values are compared, and those that make conditions.
typedef struct View {
  const json_t *root, *groups;
  const char *compared, *score;
  char *level[LINES_MOST], *facet[FACETS_MOST];
  int levels, facets;
} View;

static const char *group_value(const json_t *group, const char *key) {
  return json_member_text(json_object_get(group, "values"), key);
}

/// "missingness.train: 0.4", of all keys that name groups but the compared one; owned by the caller.
static char *facet_of(const View *view, const json_t *group) {
  char *label = text_format("%s", "");
  size_t k;
  json_t *key;
  json_array_foreach(json_object_get(view->root, "keys"), k, key) {
    const char *name = json_member_text(key, "key");
    if (!json_is_true(json_object_get(key, "names")) || !strcmp(name, view->compared))
      continue;
    char *longer = text_format("%s%s%s: %s", label, *label ? ", " : "", name, group_value(group, name));
    free(label);
    label = longer;
  }
  return label;
}

static int remember(char **list, int *count, int most, const char *word) {
  for (int k = 0; k < *count; k++)
    if (!strcmp(list[k], word))
      return k;
  if (*count == most)
    return -1;
  list[*count] = text_format("%s", word);
  return (*count)++;
}

static void view_open(View *view, const json_t *root) {
  size_t g;
  json_t *group;
  *view = (View){.root = root,
                 .groups = json_object_get(root, "groups"),
                 .compared = json_member_text(root, "compared"),
                 .score = json_member_text(root, "score")};
  json_array_foreach(view->groups, g, group) {
    char *facet = facet_of(view, group);
    remember(view->level, &view->levels, LINES_MOST, group_value(group, view->compared));
    remember(view->facet, &view->facets, FACETS_MOST, facet);
    free(facet);
  }
}

static void view_close(View *view) {
  for (int k = 0; k < view->levels; k++)
    free(view->level[k]);
  for (int k = 0; k < view->facets; k++)
    free(view->facet[k]);
}

// --- the head

static void code(Page *page, const char *words) {
  page_add(page, "<code>");
  page_words(page, words);
  page_add(page, "</code>");
}

static void card(Page *page, const char *number, const char *what) {
  page_add(page, "<li><b>");
  page_words(page, number);
  page_add(page, "</b><span>%s</span></li>", what);
}

static void add_cards(Page *page, const View *view) {
  const json_t *states = json_object_get(view->root, "states");
  char number[64];
  page_add(page, "<ul class=\"cards\">");
  snprintf(number, sizeof number, "%.0f of %.0f", json_member_number(states, "done"),
           json_member_number(view->root, "runs"));
  card(page, number, "runs done");
  snprintf(number, sizeof number, "%zu", json_array_size(view->groups));
  card(page, number, "groups of runs that differ in the seed alone");
  snprintf(number, sizeof number, "%.0f", json_member_number(states, "failed"));
  card(page, number, "runs failed");
  snprintf(number, sizeof number, "%.3g", json_member_number(view->root, "core_seconds") / 3600);
  card(page, number, "hours of runs");
  page_add(page, "</ul>\n");
}

static void add_head(Page *page, const View *view) {
  const json_t *keys = json_object_get(view->root, "keys");
  size_t k;
  json_t *key;
  page_add(page, "<h1>");
  page_words(page, json_member_text(view->root, "name"));
  page_add(page, "</h1>\n<p class=\"lead\">Swept: ");
  json_array_foreach(keys, k, key) {
    page_add(page, "%s", k ? ", " : "");
    code(page, json_member_text(key, "key"));
    page_add(page, " (%.0f)", json_member_number(key, "values"));
  }
  page_add(page,
           "%s The whole sweep stands in <a href=\"sweep.yaml\">sweep.yaml</a>, every score in "
           "<a href=\"results.csv\">results.csv</a> and results.h5.</p>\n",
           json_array_size(keys) ? "." : "nothing.");
  add_cards(page, view);
}

// --- plots

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

static int level_of(const View *view, const json_t *group) {
  for (int k = 0; k < view->levels; k++)
    if (!strcmp(view->level[k], group_value(group, view->compared)))
      return k;
  return -1;
}

/// The score over the rates at which all modalities are withheld in the test, one line a compared value.
static void plot_facet(Page *page, const View *view, int facet) {
  Line line[LINES_MOST];
  size_t g, r;
  json_t *group, *rate;
  for (int k = 0; k < view->levels; k++)
    line[k] = line_open(64);
  json_array_foreach(view->groups, g, group) {
    char *label = facet_of(view, group);
    int level = level_of(view, group);
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
                     group) if (found && !text_to_double(group_value(group, found), &number)) return NULL;
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
    int level = level_of(view, group);
    if (level >= 0 && text_to_double(group_value(group, key), &x))
      line_add(&line[level], x, json_object_get(group, of));
  }
  Plot plot = {.title = title,
               .caption = "",
               .x = {.label = key, .low = NAN, .high = NAN},
               .y = {.label = view->score, .low = NAN, .high = NAN},
               .rule = NAN};
  draw(page, &plot, view->level, line, view->levels);
}

static void add_plots(Page *page, const View *view) {
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

// --- tables

static void cell(Page *page, const char *words) {
  page_add(page, "<td>");
  page_words(page, words);
  page_add(page, "</td>");
}

static void mean_cell(Page *page, const json_t *summary) {
  double mean = json_member_number(summary, "mean"), low = json_member_number(summary, "low");
  if (!isfinite(mean))
    page_add(page, "<td class=\"r\">–</td>");
  else if (isfinite(low))
    page_add(page, "<td class=\"r\">%.3f ± %.3f</td>", mean, mean - low);
  else
    page_add(page, "<td class=\"r\">%.3f</td>", mean);
}

static void add_groups(Page *page, const View *view) {
  size_t g, r;
  json_t *group, *rate;
  page_add(
      page,
      "<h2>All groups</h2>\n<div class=\"scroll\"><table><caption>%s: mean ± half of the 95 %% interval</caption>\n"
      "<tr><th>group</th><th class=\"r\">seeds</th><th class=\"r\">nothing withheld</th><th class=\"r\">mean over "
      "rates</th>",
      view->score);
  json_array_foreach(json_object_get(json_array_get(view->groups, 0), "rates"), r,
                     rate) if (!strcmp(json_member_text(rate, "modality"), "all"))
      page_add(page, "<th class=\"r\">rate %.4g</th>", json_member_number(rate, "rate"));
  page_add(page, "</tr>\n");
  json_array_foreach(view->groups, g, group) {
    if (g == ROWS_MOST)
      break;
    page_add(page, "<tr>");
    cell(page, json_member_text(group, "label"));
    page_add(page, "<td class=\"r\">%.0f of %.0f</td>", json_member_number(group, "done"),
             json_member_number(group, "runs"));
    mean_cell(page, json_object_get(group, "complete"));
    mean_cell(page, json_object_get(group, "curve"));
    json_array_foreach(json_object_get(group, "rates"), r, rate) if (!strcmp(json_member_text(rate, "modality"), "all"))
        mean_cell(page, rate);
    page_add(page, "</tr>\n");
  }
  page_add(page, "</table></div>\n");
  if (json_array_size(view->groups) > ROWS_MOST)
    page_add(page, "<p>The first %d groups; <a href=\"summary.json\">summary.json</a> has all.</p>\n", ROWS_MOST);
}

static void add_p(Page *page, double p) {
  const char *mark = p < 0.05 ? "b" : "span";
  if (isfinite(p))
    page_add(page, "<td class=\"r\"><%s>%.2g</%s></td>", mark, p, mark);
  else
    page_add(page, "<td class=\"r\">–</td>");
}

static void add_tests(Page *page, const View *view) {
  const json_t *tests = json_object_get(view->root, "tests");
  size_t k;
  json_t *test;
  if (!json_array_size(tests))
    return;
  page_add(page, "<h2>Is the difference more than chance?</h2>\n<p>Values of ");
  code(page, view->compared);
  page_add(
      page,
      " in pairs of runs that agree in all else, seed by seed. p: Wilcoxon's signed-rank test, two-sided; p (Holm): "
      "corrected for all %zu tests of this table; bold below 0.05. In the rows that take all conditions together pairs "
      "of one "
      "seed are not independent, so those p are too small rather than too large.</p>\n"
      "<div class=\"scroll\"><table><tr><th>a − b</th><th>where</th><th>of</th><th class=\"r\">pairs</th>"
      "<th class=\"r\">mean difference</th><th class=\"r\">95 %% interval</th><th class=\"r\">p</th>"
      "<th class=\"r\">p (Holm)</th></tr>\n",
      json_array_size(tests));
  json_array_foreach(tests, k, test) {
    const json_t *difference = json_object_get(test, "difference");
    if (k == TESTS_MOST)
      break;
    page_add(page, "<tr><td>");
    page_words(page, json_member_text(test, "a"));
    page_add(page, " − ");
    page_words(page, json_member_text(test, "b"));
    page_add(page, "</td>");
    cell(page, json_member_text(test, "where"));
    cell(page, json_member_text(test, "of"));
    page_add(page, "<td class=\"r\">%.0f</td><td class=\"r\">%+.4f</td>", json_member_number(difference, "n"),
             json_member_number(difference, "mean"));
    if (isfinite(json_member_number(difference, "low")))
      page_add(page, "<td class=\"r\">[%+.4f, %+.4f]</td>", json_member_number(difference, "low"),
               json_member_number(difference, "high"));
    else
      page_add(page, "<td class=\"r\">–</td>");
    add_p(page, json_member_number(test, "p"));
    add_p(page, json_member_number(test, "p_holm"));
    page_add(page, "</tr>\n");
  }
  page_add(page, "</table></div>\n");
  if (json_array_size(tests) > TESTS_MOST)
    page_add(page, "<p>The first %d tests; <a href=\"summary.json\">summary.json</a> has all.</p>\n", TESTS_MOST);
}

static void add_values(Page *page, const json_t *values) {
  const char *key;
  json_t *item;
  bool first = true;
  page_add(page, "<td>");
  json_object_foreach((json_t *)values, key, item) {
    page_add(page, "%s", first ? "" : ", ");
    page_words(page, key);
    page_add(page, ": ");
    page_words(page, json_string_value(item) ? json_string_value(item) : "");
    first = false;
  }
  page_add(page, "</td>");
}

static void add_best(Page *page, const View *view) {
  static const char *const by[] = {"curve", "complete"};
  static const char *const title[] = {"by the mean over the rates of the test", "by the score with nothing withheld"};
  page_add(page,
           "<h2>Best configurations</h2>\n<p>Chosen by the test score itself, so their score is somewhat too good: "
           "whoever reports one should choose by validation, or test it anew.</p>\n");
  for (int b = 0; b < 2; b++) {
    const json_t *best = json_object_get(json_object_get(view->root, "best"), by[b]);
    size_t k;
    json_t *place;
    if (!json_array_size(best))
      continue;
    page_add(page,
             "<div class=\"scroll\"><table><caption>%s</caption><tr><th>values</th><th class=\"r\">%s</th></tr>\n",
             title[b], view->score);
    json_array_foreach(best, k, place) {
      const json_t *group = json_array_get(view->groups, (size_t)json_integer_value(place));
      page_add(page, "<tr>");
      add_values(page, json_object_get(group, "values"));
      mean_cell(page, json_object_get(group, by[b]));
      page_add(page, "</tr>\n");
    }
    page_add(page, "</table></div>\n");
  }
}

// --- failures, gaps, cost

static void add_failures(Page *page, const View *view) {
  const json_t *failures = json_object_get(view->root, "failures"), *gaps = json_object_get(view->root, "gaps");
  size_t k;
  json_t *item;
  if (!json_array_size(gaps))
    return;
  page_add(page, "<h2>What is not there</h2>\n");
  if (json_array_size(failures))
    page_add(page,
             "<div class=\"scroll\"><table><caption>failed</caption><tr><th>run</th><th>cause</th><th class=\"r\">exit "
             "code</th><th class=\"r\">step</th><th>values</th></tr>\n");
  json_array_foreach(failures, k, item) {
    if (k == ROWS_MOST)
      break;
    page_add(page, "<tr><td><a href=\"runs/");
    page_words(page, json_member_text(item, "id"));
    page_add(page, "/\">");
    page_words(page, json_member_text(item, "id"));
    page_add(page, "</a></td>");
    cell(page, json_member_text(item, "cause"));
    page_add(page, "<td class=\"r\">%.0f</td><td class=\"r\">%.0f</td>", json_member_number(item, "code"),
             json_member_number(item, "step"));
    add_values(page, json_object_get(item, "values"));
    page_add(page, "</tr>\n");
  }
  page_add(page, "%s<details><summary>%zu runs without scores</summary><ul>\n",
           json_array_size(failures) ? "</table></div>\n" : "", json_array_size(gaps));
  json_array_foreach(gaps, k, item) {
    if (k == ROWS_MOST)
      break;
    page_add(page, "<li>");
    code(page, json_member_text(item, "id"));
    page_add(page, " ");
    page_words(page, json_member_text(item, "state"));
    page_add(page, " ");
    page_words(page, json_member_text(item, "trouble"));
    page_add(page, "</li>\n");
  }
  page_add(page, "</ul></details>\n");
}

static void add_cost(Page *page, const View *view) {
  page_add(page, "<h2>Cost</h2>\n<div class=\"scroll\"><table><tr><th>");
  page_words(page, *view->compared ? view->compared : "runs");
  page_add(
      page,
      "</th><th class=\"r\">runs done</th><th class=\"r\">seconds a run</th><th class=\"r\">hours in all</th></tr>\n");
  for (int level = 0; level < view->levels; level++) {
    double done = 0, seconds = 0;
    size_t g;
    json_t *group;
    json_array_foreach(view->groups, g, group) if (level_of(view, group) == level) {
      done += json_member_number(group, "done");
      seconds += json_member_number(group, "seconds");
    }
    page_add(page, "<tr>");
    cell(page, *view->level[level] ? view->level[level] : "all");
    page_add(page, "<td class=\"r\">%.0f</td><td class=\"r\">", done);
    page_add(page, done > 0 ? "%.3g" : "–", seconds / done);
    page_add(page, "</td><td class=\"r\">%.3g</td></tr>\n", seconds / 3600);
  }
  page_add(page, "</table></div>\n<p>Seconds from the beginning of a run to its scores, over all its attempts, on its "
                 "team of ranks.</p>\n");
}

// "{a: {encoder: {out: 4}}, b: {}}, 0.5" -> "{a, b}, 0.5": of a map of maps the names say enough.
static char *without_inner_maps(const char *from) {
  char *to = text_format("%s", from), *out = to;
  int depth = 0;
  for (const char *at = from; *at; at++) {
    if (depth == 1 && !strncmp(at, ": {", 3)) {
      int inner = 0;
      for (at += 2; *at; at++) {
        inner += *at == '{';
        inner -= *at == '}';
        if (inner == 0)
          break;
      }
      if (!*at)
        break;
      continue;
    }
    depth += *at == '{';
    depth -= *at == '}';
    *out++ = *at;
  }
  *out = 0;
  return to;
}

static void shorten_maps(json_t *value) {
  const char *key;
  json_t *inner;
  size_t i;
  if (json_is_string(value) && strchr(json_string_value(value), '{')) {
    char *shorter = without_inner_maps(json_string_value(value));
    json_string_set(value, shorter);
    free(shorter);
  }
  json_object_foreach(value, key, inner) shorten_maps(inner);
  json_array_foreach(value, i, inner) shorten_maps(inner);
}

Status summary_page(Page *page, const char *dir) {
  char *path = text_format("%s/summary.json", dir);
  json_error_t error;
  View view;
  json_t *root = json_load_file(path, 0, &error);
  Status status = root ? STATUS_OK : status_error(EXIT_DATA, "%s:%d: %.200s", path, error.line, error.text);
  free(path);
  if (status.code)
    return status;
  shorten_maps(root);
  view_open(&view, root);
  add_head(page, &view);
  add_plots(page, &view);
  add_tests(page, &view);
  add_groups(page, &view);
  add_best(page, &view);
  add_failures(page, &view);
  add_cost(page, &view);
  view_close(&view);
  json_decref(root);
  return STATUS_OK;
}
