// Spectra and ranks, matrix by matrix, in four groups that are compared among themselves; and their course while training.
#include "report/sections.h"

#include "report/svg.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 8 };

typedef enum Group { GROUP_WEIGHTS, GROUP_BLOCKS, GROUP_REPRESENTATIONS, GROUP_GRADIENTS, GROUPS } Group;

static const char *const group_names[GROUPS] = {"weights of the fusion stage", "blocks of its first layer, by modality",
                                                "representations", "gradients"};

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static Group group_of(const char *name) {
  if (begins(name, "gradient/"))
    return GROUP_GRADIENTS;
  if (begins(name, "representation/") || begins(name, "encoder/"))
    return GROUP_REPRESENTATIONS;
  return strstr(name, "/weight/") ? GROUP_BLOCKS : GROUP_WEIGHTS;
}

// Where there are more lines than a plot can bear, the last ones: they are nearest to the output.
static int first_drawn(const RunRecord *record, Group group, int *left_out) {
  int count = 0, m = record->spectra;
  while (m > 0 && count < LINES)
    count += group_of(record->spectrum[--m].name) == group;
  *left_out = 0;
  for (int k = 0; k < m; k++)
    *left_out += group_of(record->spectrum[k].name) == group;
  return m;
}

static char *caption_of(const RunRecord *record, const char *text, int left_out) {
  const char *about = record->rank_about ? record->rank_about : "";
  return left_out ? text_format("%s %s %d more are in the table.", text, about, left_out)
                  : text_format("%s %s", text, about);
}

// Singular values over their index, relative to the largest.
static void draw_spectra(Page *page, const RunRecord *record, Group group) {
  Series series[LINES];
  double *block[LINES];
  int count = 0, left_out;
  for (int m = first_drawn(record, group, &left_out); m < record->spectra; m++) {
    const Spectrum *spectrum = &record->spectrum[m];
    size_t n = (size_t)spectrum->count;
    if (group_of(spectrum->name) != group)
      continue;
    block[count] = calloc(2 * n + 1, sizeof(double));
    REQUIRE(block[count], "out of memory for a spectrum of %zu", n);
    for (size_t i = 0; i < n; i++) {
      block[count][i] = (double)i + 1;
      block[count][n + i] = spectrum->value[0] > 0 ? fmax(spectrum->value[i] / spectrum->value[0], 1e-9) : NAN;
    }
    series[count] =
        (Series){.name = spectrum->name, .points = spectrum->count, .x = block[count], .y = block[count] + n};
    count++;
  }
  char *title = text_format("Singular values: %s", group_names[group]);
  char *caption = caption_of(record, "Relative to each matrix's largest; values below 1e-9 are drawn there.", left_out);
  Plot plot = {.title = title,
               .caption = caption,
               .x = {.label = "index", .low = NAN, .high = NAN},
               .y = {.label = "relative to the largest", .scale = AXIS_LOG, .low = NAN, .high = NAN},
               .rule = NAN};
  if (count)
    plot_lines(page, &plot, series, count);
  free(title);
  free(caption);
  for (int i = 0; i < count; i++)
    free(block[i]);
}

// "rank.ITEM.effective_rank" of the lines that were written while training: ITEM, or NULL.
static char *item_of(const Track *track, const char *number) {
  size_t length = strlen(track->key), tail = strlen(number);
  if (strcmp(track->split, "analysis") != 0 || !begins(track->key, "rank.") || length <= tail + 5 ||
      strcmp(track->key + length - tail, number) != 0)
    return NULL;
  return text_format("%.*s", (int)(length - tail - 5), track->key + 5);
}

static void draw_course(Page *page, const RunRecord *record, Group group, const char *number, const char *name) {
  Series series[LINES];
  char *item[LINES];
  int count = 0;
  for (int t = record->tracks - 1; t >= 0 && count < LINES; t--) {
    const Track *track = &record->track[t];
    char *own = item_of(track, number);
    if (own && group_of(own) == group && track->count > 1) {
      item[count] = own;
      series[count++] = (Series){.name = own, .points = track->count, .x = track->done, .y = track->value};
    } else
      free(own);
  }
  for (int k = 0; k < count / 2; k++) { // found from the last to the first
    Series other = series[k];
    series[k] = series[count - 1 - k];
    series[count - 1 - k] = other;
  }
  char *title = text_format("%s over training: %s", name, group_names[group]);
  Plot plot = {.title = title,
               .caption = "Measured at the end of epochs, on validation samples where there are any.",
               .x = {.label = "epochs done", .low = NAN, .high = NAN},
               .y = {.label = "rank", .low = 0, .high = NAN},
               .rule = NAN};
  if (count)
    plot_lines(page, &plot, series, count);
  free(title);
  for (int k = 0; k < count; k++)
    free(item[k]);
}

static void draw_table(Page *page, const RunRecord *record) {
  page_add(page, "<div class=\"scroll\"><table><tr><th>Matrix</th><th class=\"r\">values</th><th "
                 "class=\"r\">numerical</th>"
                 "<th class=\"r\">tolerance</th><th class=\"r\">effective</th><th class=\"r\">stable</th></tr>\n");
  for (int m = 0; m < record->spectra; m++) {
    const Spectrum *spectrum = &record->spectrum[m];
    page_add(page, "<tr><td>");
    page_words(page, spectrum->name);
    page_add(page,
             "</td><td class=\"r\">%d</td><td class=\"r\">%s</td><td class=\"r\">%s</td><td class=\"r\">%s</td><td "
             "class=\"r\">%s</td></tr>\n",
             spectrum->count, page_number(spectrum->numerical_rank, 9).text, page_number(spectrum->tolerance, 3).text,
             page_number(spectrum->effective_rank, 4).text, page_number(spectrum->stable_rank, 4).text);
  }
  page_add(page, "</table></div>\n");
}

void section_ranks(Page *page, const RunRecord *record) {
  if (!record->spectra)
    return;
  page_add(page, "<h2>Ranks</h2>\n<p>Numerical rank: singular values above the tolerance. Effective rank: exp of the "
                 "entropy of s / Σ s. "
                 "Stable rank: Σ s² / max s². (<a href=\"report-ranks.csv\">CSV</a>)</p>\n<div class=\"plots\">\n");
  for (int group = 0; group < GROUPS; group++)
    draw_spectra(page, record, (Group)group);
  for (int group = 0; group < GROUPS; group++) {
    draw_course(page, record, (Group)group, ".effective_rank", "Effective rank");
    if (group == GROUP_REPRESENTATIONS || group == GROUP_GRADIENTS) // weights keep theirs: random numbers see to that
      draw_course(page, record, (Group)group, ".numerical_rank", "Numerical rank");
  }
  page_add(page, "</div>\n");
  draw_table(page, record);
}
