// A track of every run is, over the seeds of a group, a line with its interval over epochs.
#include "report/sweep_measures.h"

#include "base/text.h"
#include "report/svg.h"
#include "report/sweep_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MOST = 8 };

// Point k of every run's track, over the seeds of a group: as long as at least half of the group's runs have one.
static Series course_of(double **block, const Sweep *sweep, int group, const char *split, const char *key, int *least,
                        int *most) {
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
    Summary summary = sweep_over_seeds(sweep, group, of_run);
    if (2 * summary.n < runs || !summary.n)
      break;
    *least = summary.n < *least ? summary.n : *least;
    *most = summary.n > *most ? summary.n : *most;
    at[longest + k] = summary.mean;
    bool share = strncmp(key, "loss.", 5) != 0; // what lies outside of [0, 1] is impossible
    at[2 * longest + k] = share && summary.n > 1 ? fmax(summary.interval.low, 0) : summary.interval.low;
    at[3 * longest + k] = share && summary.n > 1 ? fmin(summary.interval.high, 1) : summary.interval.high;
    series.points++;
  }
  return series;
}

// A loss that falls by more than a factor of ten shows what differs on a log axis alone.
static AxisScale scale_of(const char *key, const Series *series, int count) {
  double low, high;
  series_range(series, count, &low, &high);
  return !strncmp(key, "loss.", 5) && low > 0 && high > 10 * low ? AXIS_LOG : AXIS_LINEAR;
}

typedef struct Course {
  const char *split, *key, *title, *unit;
  int facet; // -1, or the key of which only one value is drawn
  const char *value;
} Course;

static void draw_course(Page *page, const Sweep *sweep, const Course *course) {
  Series series[LINES_MOST];
  double *block[LINES_MOST];
  char *label[LINES_MOST];
  int count = 0, left_out = 0, points = 0, least = sweep->runs, most = 0;
  for (int g = 0; g < sweep->groups; g++) {
    if (course->facet >= 0 && strcmp(sweep->group[g].value[course->facet], course->value) != 0)
      continue;
    if (count == LINES_MOST) {
      left_out++;
      continue;
    }
    series[count] = course_of(&block[count], sweep, g, course->split, course->key, &least, &most);
    series[count].name = label[count] = sweep_label_without(sweep, &sweep->group[g], course->facet);
    points += series[count++].points;
  }
  bool part = course->facet >= 0;
  char *title = text_format("%s%s%s%s%s", course->title, part ? ", " : "", part ? sweep->name[course->facet] : "",
                            part ? ": " : "", part ? course->value : ""),
       *seeds = caption_of_seeds(least, most, "shaded"),
       *caption = text_format("%s split. %s%s", !strcmp(course->split, "train") ? "Training" : "Validation", seeds,
                              left_out ? " The first eight groups." : "");
  Plot plot = {.title = title,
               .caption = caption,
               .x = {.label = "epochs done", .low = NAN, .high = NAN},
               .y = {.label = course->unit, .scale = scale_of(course->key, series, count), .low = NAN, .high = NAN},
               .rule = NAN};
  if (points)
    plot_lines(page, &plot, series, count);
  for (int l = 0; l < count; l++) {
    free(block[l]);
    free(label[l]);
  }
  free(title);
  free(seeds);
  free(caption);
}

// The key whose first and last value stand for all when there are more groups than one plot should have: a swept number, or the first that is
// not the method. -1: none.
static int facet_of(const Sweep *sweep) {
  int key = sweep_number_key(sweep);
  if (sweep->groups <= 4)
    return -1;
  for (int k = 0; k < sweep->keys && key < 0 && sweep->groups > LINES_MOST; k++)
    if (strcmp(sweep->key[k], "method.type") != 0)
      key = k;
  return key;
}

static void draw_courses(Page *page, const Sweep *sweep, Course course) {
  int key = course.facet = facet_of(sweep), lines = 0, first = 0, last = 0;
  for (int g = 1; g < sweep->groups && key >= 0; g++) {
    double x, low, high;
    bool number = text_to_double(sweep->group[g].value[key], &x) &&
                  text_to_double(sweep->group[first].value[key], &low) &&
                  text_to_double(sweep->group[last].value[key], &high);
    first = number && x < low ? g : first;
    last = !number || x > high ? g : last; // words: the last group's
  }
  for (int g = 0; g < sweep->groups && key >= 0; g++)
    lines += !strcmp(sweep->group[g].value[key], sweep->group[first].value[key]);
  if (lines < 2 || !strcmp(sweep->group[first].value[key], sweep->group[last].value[key])) {
    course.facet = -1;
    draw_course(page, sweep, &course);
    return;
  }
  course.value = sweep->group[first].value[key];
  draw_course(page, sweep, &course);
  course.value = sweep->group[last].value[key];
  draw_course(page, sweep, &course);
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
  page_add(
      page,
      "<h2>Training</h2>\n<p>Lines end where less than half of the seeds still train.</p>\n<div class=\"plots\">\n");
  draw_courses(page, sweep, (Course){"train", "loss.semantic", "Loss of the task", "cross-entropy (nats)", -1, NULL});
  if (any_track(sweep, "validation", "accuracy"))
    draw_courses(page, sweep, (Course){"validation", "accuracy", "Accuracy", "share of samples", -1, NULL});
  for (int m = 0; m < config->modalities; m++) {
    char *key = text_format("probe.%s", config->modality[m].name),
         *title = text_format("Linear probe of %s", config->modality[m].name);
    if (any_track(sweep, "validation", key))
      draw_courses(page, sweep, (Course){"validation", key, title, "accuracy", -1, NULL});
    free(key);
    free(title);
  }
  page_add(page, "</div>\n");
}
