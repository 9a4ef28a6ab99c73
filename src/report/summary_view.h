#ifndef REPORT_SUMMARY_VIEW_H
#define REPORT_SUMMARY_VIEW_H
/// How the summary of a sweep is looked at: one key whose values are compared, and the conditions that the others make.
#include "report/page.h"

#include <jansson.h>
#include <stdbool.h>

enum { LINES_MOST = 8, FACETS_MOST = 12 };

typedef struct View {
  const json_t *root, *groups; // borrowed
  const char *compared, *score;
  char *level[LINES_MOST], *facet[FACETS_MOST]; // values of the compared key; conditions as view_facet names them; the first ones
  int levels, facets;
} View;

void view_open(View *view, const json_t *root);
void view_close(View *view);

/// "missingness.train: 0.4", of all keys that name groups but the compared one; owned by the caller.
char *view_facet(const View *view, const json_t *group);
/// Whether the key changes together with the compared one; a new text: the value of the compared key and of those that name groups with it.
bool view_compares(const View *view, const char *key);
char *view_level_name(const View *view, const json_t *group);
/// Which of the levels the group has; -1: none of those that are drawn.
int view_level(const View *view, const json_t *group);
/// "" where the group has none.
const char *view_value(const json_t *group, const char *key);

/// In all texts of a summary, of a map of maps the names stay; where two texts would become one, all stay as they are.
void view_shorten_maps(json_t *value);

/// Plots of rows: the conditions by a member of each group ("complete", "curve"); which modalities are there, in every condition, where that
/// is not too many rows.
void rows_of_conditions(Page *page, const View *view, const char *of, const char *title);
void rows_of_patterns(Page *page, const View *view);

/// The section of plots.
void summary_plots(Page *page, const View *view);

#endif
