#include "report/summary.h"

#include "base/json.h"
#include "base/text.h"
#include "report/summary_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 200, TESTS_MOST = 120 };

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
  card(page, number, "core-hours");
  page_add(page, "</ul>\n");
}

static void add_head(Page *page, const View *view) {
  const json_t *keys = json_object_get(view->root, "keys");
  size_t k;
  json_t *key;
  page_add(page, "<h1>");
  page_words(page, json_member_text(view->root, "name"));
  page_add(page, "</h1>\n<p class=\"lead\">Swept: ");
  int swept = 0;
  json_array_foreach(keys, k, key) if (json_member_number(key, "values") > 1) {
    page_add(page, "%s", swept++ ? ", " : "");
    code(page, json_member_text(key, "key"));
    page_add(page, " (%.0f values)", json_member_number(key, "values"));
  }
  page_add(page,
           "%s The whole sweep stands in <a href=\"sweep.yaml\">sweep.yaml</a>, every score in "
           "<a href=\"results.csv\">results.csv</a> and results.h5.</p>\n",
           swept ? "." : "nothing.");
  add_cards(page, view);
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

// The keys whose values, in this order, are the name of a group.
static void add_names(Page *page, const View *view) {
  size_t k;
  json_t *key;
  bool any = false;
  json_array_foreach(json_object_get(view->root, "keys"), k, key) if (json_is_true(json_object_get(key, "names"))) {
    page_add(page, "%s", any ? ", " : "");
    page_words(page, json_member_text(key, "key"));
    any = true;
  }
  page_add(page, "%s", any ? "" : "group");
}

static void add_groups(Page *page, const View *view) {
  size_t g, r;
  json_t *group, *rate;
  page_add(page,
           "<h2>All groups</h2>\n<div class=\"scroll\"><table><caption>%s: mean ± half of the 95 %% "
           "interval</caption>\n<tr><th>",
           view->score);
  add_names(page, view);
  page_add(page, "</th><th class=\"r\">seeds</th><th class=\"r\">nothing withheld</th><th class=\"r\">mean over "
                 "rates</th>");
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

static bool together(const json_t *test) { return !strcmp(json_member_text(test, "where"), "all together"); }

static void add_test(Page *page, const json_t *test) {
  const json_t *difference = json_object_get(test, "difference");
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

// The tests that take all conditions together, or those of one condition.
static void add_test_table(Page *page, const json_t *tests, bool all) {
  int shown = 0;
  size_t k;
  json_t *test;
  page_add(page, "<div class=\"scroll\"><table><tr><th>a − b</th><th>where</th><th>of</th><th class=\"r\">pairs</th>"
                 "<th class=\"r\">mean difference</th><th class=\"r\">95 %% interval</th><th class=\"r\">p</th>"
                 "<th class=\"r\">p (Holm)</th></tr>\n");
  json_array_foreach(tests, k, test) if (together(test) == all && shown++ < TESTS_MOST) add_test(page, test);
  page_add(page, "</table></div>\n");
  if (shown > TESTS_MOST)
    page_add(page, "<p>The first %d of %d tests; <a href=\"summary.json\">summary.json</a> has all.</p>\n", TESTS_MOST,
             shown);
}

static void add_tests(Page *page, const View *view) {
  const json_t *tests = json_object_get(view->root, "tests");
  size_t k, all = 0, count = json_array_size(tests);
  json_t *test;
  if (!count)
    return;
  json_array_foreach(tests, k, test) all += together(test);
  page_add(page, "<h2>Is the difference more than chance?</h2>\n<p>Values of ");
  code(page, view->compared);
  page_add(
      page,
      " in pairs of runs that agree in all else, seed by seed. p: Wilcoxon's signed-rank test, two-sided; p (Holm): "
      "corrected for all %zu tests of this section; bold below 0.05.%s</p>\n",
      count,
      all < count ? " Where all conditions are taken together pairs of one seed are not independent, so those p are "
                    "too small rather than too large."
                  : "");
  if (all)
    add_test_table(page, tests, true);
  if (all == count)
    return;
  if (all)
    page_add(page, "<details><summary>%zu tests, each in one condition</summary>\n", count - all);
  add_test_table(page, tests, false);
  page_add(page, "%s", all ? "</details>\n" : "");
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
    json_array_foreach(view->groups, g, group) if (view_level(view, group) == level) {
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

Status summary_page(Page *page, const char *dir, const char *runs) {
  char *path = text_format("%s/summary.json", dir);
  json_error_t error;
  View view;
  json_t *root = json_load_file(path, 0, &error);
  Status status = root ? STATUS_OK : status_error(EXIT_DATA, "%s:%d: %.200s", path, error.line, error.text);
  free(path);
  if (status.code)
    return status;
  view_shorten_maps(root);
  view_open(&view, root);
  add_head(page, &view);
  summary_plots(page, &view);
  add_tests(page, &view);
  page_add(page, "%s", runs ? runs : "");
  add_groups(page, &view);
  add_best(page, &view);
  add_failures(page, &view);
  add_cost(page, &view);
  view_close(&view);
  json_decref(root);
  return STATUS_OK;
}
