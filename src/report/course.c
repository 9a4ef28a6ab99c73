#include "report/sections.h"

#include "report/svg.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Epochs are what readers think in; where several lines fall into one epoch, steps tell them apart.
static bool by_epoch(const RunRecord *record) {
  for (int t = 0; t < record->tracks; t++)
    for (int i = 0; i < record->track[t].count; i++)
      if (isnan(record->track[t].done[i]) || (i && !(record->track[t].done[i] > record->track[t].done[i - 1])))
        return false;
  return true;
}

static bool has_values(const Track *track) {
  for (int i = 0; i < track->count; i++)
    if (isfinite(track->value[i]))
      return true;
  return false;
}

static bool changes(const Track *track) {
  for (int i = 1; track && i < track->count; i++)
    if (track->value[i] != track->value[0])
      return true;
  return false;
}

static bool wide_range(const Series *series, int count) {
  double low, high;
  series_range(series, count, &low, &high);
  return low > 0 && high > 100 * low;
}

static void draw_course(Page *page, const RunRecord *record, const char *title, const char *unit, const char *caption,
                        Series *series, int count) {
  if (!count)
    return;
  Plot plot = {
      .title = title,
      .caption = caption,
      .x = {.label = by_epoch(record) ? "epochs done" : "step of the optimiser", .low = NAN, .high = NAN},
      .y = {.label = unit, .scale = wide_range(series, count) ? AXIS_LOG : AXIS_LINEAR, .low = NAN, .high = NAN},
      .rule = NAN};
  plot_lines(page, &plot, series, count);
}

static Series series_of(const RunRecord *record, const Track *track, const char *name) {
  return (Series){
      .name = name, .points = track->count, .x = by_epoch(record) ? track->done : track->step, .y = track->value};
}

// One plot of one metric, a line per split.
static void draw_metric(Page *page, const RunRecord *record, const char *key, const char *title, const char *unit) {
  enum { SPLITS_MOST = 6 };
  Series series[SPLITS_MOST];
  int count = 0;
  for (int t = 0; t < record->tracks && count < SPLITS_MOST; t++)
    if (!strcmp(record->track[t].key, key) && has_values(&record->track[t]))
      series[count++] = series_of(record, &record->track[t], record->track[t].split);
  char *caption = count == 1 ? text_format("On the %s split.", series[0].name) : text_format("%s", "");
  draw_course(page, record, title, unit, caption, series, count);
  free(caption);
}

// In training the total has the method's own terms, too: beside the other splits, which have none, stands the part that they share.
static void draw_loss(Page *page, const RunRecord *record) {
  enum { SPLITS_MOST = 6 };
  Series series[SPLITS_MOST];
  int count = 0;
  for (int t = 0; t < record->tracks && count < SPLITS_MOST; t++) {
    const Track *track = &record->track[t], *task = run_track(record, track->split, "loss.semantic");
    if (!strcmp(track->key, "loss.total") && has_values(track))
      series[count++] = series_of(record, task && has_values(task) ? task : track, track->split);
  }
  draw_course(page, record, "Loss of the task", "cross-entropy (nats)", "", series, count);
}

// One plot of the parts of a sum: the keys "PREFIX.NAME" of one split, "PREFIX.total" left out.
static void draw_parts(Page *page, const RunRecord *record, const char *split, const char *prefix, const char *title,
                       const char *unit) {
  enum { PARTS_MOST = 12 };
  Series series[PARTS_MOST];
  int count = 0;
  size_t length = strlen(prefix);
  for (int t = 0; t < record->tracks && count < PARTS_MOST; t++) {
    const Track *track = &record->track[t];
    const char *name = track->key + length;
    if (!strcmp(track->split, split) && !strncmp(track->key, prefix, length) && *name == '.' &&
        strcmp(name, ".total") != 0 && has_values(track))
      series[count++] = series_of(record, track, name + 1);
  }
  char *caption = text_format("On the %s split.", split);
  if (count > (strcmp(prefix, "loss") == 0))
    draw_course(page, record, title, unit, caption, series, count);
  free(caption);
}

void section_training(Page *page, const RunRecord *record) {
  if (!record->tracks)
    return;
  page_add(
      page,
      "<h2>Training</h2>\n<p>Numbers behind these plots: <a href=\"report-training.csv\">report-training.csv</a>.</p>\n"
      "<div class=\"plots\">\n");
  draw_loss(page, record);
  draw_metric(page, record, "accuracy", "Accuracy", "share of samples");
  draw_metric(page, record, "auroc", "AUROC", "area under the curve");
  draw_metric(page, record, "auprc", "AUPRC", "area under the curve");
  draw_parts(page, record, "train", "loss", "Parts of the loss", "loss (nats)");
  if (changes(run_track(record, "train", "learning_rate")))
    draw_metric(page, record, "learning_rate", "Learning rate", "per step");
  draw_metric(page, record, "gradient_norm", "Norm of the gradient", "Euclidean norm");
  draw_metric(page, record, "samples_per_s", "Throughput", "samples per second");
  page_add(page, "</div>\n");
}

// "gradient_norm.image" with image a modality: the prefix is a family, drawn once, a line per modality.
static bool family(const RunRecord *record, const Track *track, char *prefix, size_t size) {
  const char *dot = strrchr(track->key, '.');
  if (!dot || config_modality(record->config, dot + 1) < 0 || !strncmp(track->key, "loss.", 5))
    return false;
  return text_print(prefix, size, "%.*s", (int)(dot - track->key), track->key);
}

static bool first_of_family(const RunRecord *record, int t, const char *prefix) {
  char other[96];
  for (int i = 0; i < t; i++)
    if (!strcmp(record->track[i].split, record->track[t].split) &&
        family(record, &record->track[i], other, sizeof other) && !strcmp(other, prefix))
      return false;
  return true;
}

// What the numbers of a family are.
static const char *unit_of(const char *family) {
  static const char *const units[][2] = {{"probe", "accuracy of a linear probe"},
                                         {"gradient_share", "share of the squared gradient"},
                                         {"similarity", "mean cosine to the best modality"},
                                         {"discriminator", "share of latents told apart"},
                                         {"gradient_norm", "Euclidean norm"}};
  for (size_t k = 0; k < sizeof units / sizeof *units; k++)
    if (!strcmp(family, units[k][0]))
      return units[k][1];
  return family;
}

void section_modalities(Page *page, const RunRecord *record) {
  char prefix[96];
  bool open = false;
  for (int t = 0; t < record->tracks; t++) {
    if (!family(record, &record->track[t], prefix, sizeof prefix) || !first_of_family(record, t, prefix))
      continue;
    if (!open)
      page_add(page, "<h2>Modalities while training</h2>\n<div class=\"plots\">\n");
    open = true;
    char *title = text_format("%s by modality", prefix);
    draw_parts(page, record, record->track[t].split, prefix, title, unit_of(prefix));
    free(title);
  }
  if (open)
    page_add(page, "</div>\n");
}
