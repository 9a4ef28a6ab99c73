// A row a condition, or a set of modalities in a condition; in it a mark and its interval for every compared value.
#include "report/summary_view.h"

#include "base/json.h"
#include "base/text.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 16 };

typedef struct Row {
  char *name; // owned
  int facet;
  const char *of, *pattern; // member of a group; or NULL and a set of modalities
} Row;

static int facet_of(const View *view, const json_t *group) {
  char *label = view_facet(view, group);
  int f = view->facets;
  while (--f >= 0 && strcmp(view->facet[f], label) != 0)
    continue;
  free(label);
  return f;
}

static const json_t *summary_of_row(const json_t *group, const Row *row) {
  size_t p;
  json_t *one;
  if (!row->pattern)
    return json_object_get(group, row->of);
  json_array_foreach(json_object_get(group, "patterns"), p,
                     one) if (!strcmp(json_member_text(one, "pattern"), row->pattern)) return one;
  return NULL;
}

static void draw_rows(Page *page, const View *view, const char *title, const Row *row, int rows) {
  Series series[LINES_MOST];
  const char *name[ROWS_MOST];
  int least = 0, most = 0;
  size_t g;
  json_t *group;
  double *block = malloc((size_t)(4 * view->levels * rows + 1) * sizeof *block);
  REQUIRE(block, "out of memory for %d rows", rows);
  for (int k = 0; k < 4 * view->levels * rows; k++)
    block[k] = NAN;
  for (int l = 0; l < view->levels; l++) {
    double *at = block + 4 * (size_t)(l * rows);
    series[l] = (Series){view->level[l], rows, at, at + rows, at + 2 * rows, at + 3 * rows};
  }
  for (int r = 0; r < rows; r++)
    name[r] = row[r].name;
  json_array_foreach(view->groups, g, group) {
    int level = view_level(view, group), facet = facet_of(view, group);
    for (int r = 0; r < rows && level >= 0; r++) {
      const json_t *summary = summary_of_row(group, &row[r]);
      int n = summary ? (int)json_member_number(summary, "n") : 0;
      if (row[r].facet != facet || n < 1)
        continue;
      double *at = block + 4 * (size_t)(level * rows) + r;
      at[rows] = json_member_number(summary, "mean");
      if (n > 1) { // a share: what lies outside of [0, 1] is impossible
        at[2 * rows] = fmax(json_member_number(summary, "low"), 0);
        at[3 * rows] = fmin(json_member_number(summary, "high"), 1);
      }
      least = most && least < n ? least : n;
      most = most > n ? most : n;
    }
  }
  char *seeds = caption_of_seeds(least, most, "the line through a mark"),
       *caption = text_format("%s Numbers: the means, in the legend's order.", seeds);
  Plot plot = {.title = title, .caption = caption, .x = {.label = view->score, .low = NAN, .high = NAN}, .rule = NAN};
  if (most)
    plot_dots(page, &plot, name, rows, series, view->levels);
  free(seeds);
  free(caption);
  free(block);
}

void rows_of_conditions(Page *page, const View *view, const char *of, const char *title) {
  Row row[ROWS_MOST] = {0};
  int rows = 0;
  for (int f = 0; f < view->facets && rows < ROWS_MOST; f++)
    row[rows++] = (Row){text_format("%s", *view->facet[f] ? view->facet[f] : "all runs"), f, of, NULL};
  draw_rows(page, view, title, row, rows);
  for (int r = 0; r < rows; r++)
    free(row[r].name);
}

static int modalities_of(const char *pattern) {
  int count = 1;
  for (; *pattern; pattern++)
    count += *pattern == '+';
  return count;
}

// "audio, data/b.h5": of a condition by one key its value says enough.
static char *pattern_name(const char *pattern, const char *facet) {
  const char *value = strstr(facet, ": ");
  bool one_key = value && !strstr(value, ", ");
  return text_format("%s%s%s", pattern, *facet ? ", " : "", one_key ? value + 2 : facet);
}

void rows_of_patterns(Page *page, const View *view) {
  const json_t *patterns = json_object_get(json_array_get(view->groups, 0), "patterns");
  Row row[ROWS_MOST] = {0};
  size_t p, count = json_array_size(patterns);
  json_t *pattern;
  int rows = 0, most = 0;
  if (count < 2 || count * (size_t)view->facets > ROWS_MOST)
    return;
  json_array_foreach(patterns, p, pattern) most = (int)fmax(most, modalities_of(json_member_text(pattern, "pattern")));
  for (int there = most; there > 0; there--)
    json_array_foreach(patterns, p, pattern) for (int f = 0; f < view->facets; f++) {
      const char *name = json_member_text(pattern, "pattern");
      if (modalities_of(name) == there)
        row[rows++] = (Row){pattern_name(name, view->facet[f]), f, NULL, name};
    }
  draw_rows(page, view, "by the modalities that are there", row, rows);
  for (int r = 0; r < rows; r++)
    free(row[r].name);
}
