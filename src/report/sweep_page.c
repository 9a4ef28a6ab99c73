#include "report/sweep_page.h"

#include "base/text.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MOST = 8, COLUMNS_MOST = 8 };

static void cell(Page *page, const char *kind, const char *words) {
  page_add(page, "<td%s>", kind);
  page_words(page, words);
  page_add(page, "</td>");
}

static int count_evaluated(const Sweep *sweep) {
  int evaluated = 0;
  for (int g = 0; g < sweep->groups; g++)
    evaluated += sweep->group[g].evaluated;
  return evaluated;
}

void sweep_summary(Page *page, const Sweep *sweep, const char *name) {
  int evaluated = count_evaluated(sweep);
  page_add(page, "<h1>");
  page_words(page, name);
  page_add(
      page,
      "</h1>\n<p class=\"lead\">%d runs in %d groups; %d of them evaluated. Runs of a group differ in the seed only. ",
      sweep->runs, sweep->groups, evaluated);
  if (sweep->keys)
    page_add(page, "What differs between groups: ");
  for (int k = 0; k < sweep->keys; k++) {
    page_add(page, "%s<code>", k ? ", " : "");
    page_words(page, sweep->key[k]);
    page_add(page, "</code>");
  }
  page_add(page, "%s", sweep->keys ? "." : "");
  for (int f = 0; f < sweep->followers; f++) {
    page_add(page, "%s<code>", f ? ", " : " With them change: ");
    page_words(page, sweep->follower[f]);
    page_add(page, "</code>");
  }
  page_add(page, "%s</p>\n", sweep->followers ? "." : "");
  if (sweep->keys_left_out)
    page_add(page, "<p>%d more keys differ and are not told apart here.</p>\n", sweep->keys_left_out);
  int unreadable = 0;
  for (int i = 0; i < sweep->runs; i++)
    unreadable += sweep->run[i].status.code != 0;
  if (unreadable)
    page_add(page, "<p>%d could not be read; the list at the end says why.</p>\n", unreadable);
  if (evaluated + unreadable < sweep->runs)
    page_add(page, "<p>%d runs have no evaluation yet and are missing from plots and means.</p>\n",
             sweep->runs - evaluated - unreadable);
  page_add(page, "<p>Means are over seeds; shaded, and in brackets: the 95 %% interval of the mean by Student's t, "
                 "where a group has "
                 "two seeds or more.</p>\n");
}

// --- plots ---

// x, y, low and high of one line, cut from one block; freed through `block`.
typedef struct Line {
  Series series;
  double *block;
} Line;

static Line line_open(const char *name, int room) {
  Line line = {.block = calloc(4 * (size_t)room + 1, sizeof(double))};
  REQUIRE(line.block, "out of memory for a line of %d points", room);
  double *at = line.block;
  line.series = (Series){.name = name, .x = at, .y = at + room, .low = at + 2 * room, .high = at + 3 * room};
  return line;
}

static void line_add(Line *line, int room, double x, const Summary *summary) {
  int k = line->series.points++;
  line->block[k] = x;
  line->block[room + k] = summary->mean;
  line->block[2 * room + k] = summary->interval.low;
  line->block[3 * room + k] = summary->interval.high;
}

static void draw(Page *page, const Plot *plot, Line *line, int count) {
  Series series[LINES_MOST];
  for (int i = 0; i < count; i++)
    series[i] = line[i].series;
  if (count)
    plot_lines(page, plot, series, count);
  for (int i = 0; i < count; i++)
    free(line[i].block);
}

static int best_score(const Sweep *sweep) {
  for (int i = 0; i < sweep->runs; i++)
    for (int p = 0; p < sweep->run[i].record.patterns; p++)
      if (!isnan(sweep->run[i].record.pattern[p].value[SCORE_ACCURACY]))
        return SCORE_ACCURACY;
  return SCORE_AUROC;
}

// The longest list of rates that some run was evaluated at with all modalities withheld alike.
static const RunRecord *most_rates(const Sweep *sweep) {
  const RunRecord *most = NULL;
  for (int i = 0; i < sweep->runs; i++)
    if (sweep->run[i].group >= 0 && sweep->run[i].record.rates > (most ? most->rates : 0))
      most = &sweep->run[i].record;
  return most;
}

// `key` with its `value`: only the groups that have it, told apart by the other keys; key -1: all groups.
static void plot_rates(Page *page, const Sweep *sweep, const char *withheld, int key, const char *value) {
  const RunRecord *pattern = most_rates(sweep);
  Line line[LINES_MOST];
  char *label[LINES_MOST];
  int count = 0, left_out = 0, score = best_score(sweep);
  for (int g = 0; g < sweep->groups; g++) {
    if (key >= 0 && strcmp(sweep->group[g].value[key], value) != 0)
      continue;
    char *name = sweep_label_without(sweep, &sweep->group[g], key);
    int room = pattern->rates + 1;
    Line next = line_open(name, room);
    Summary nothing = sweep_rate(sweep, g, "all", 0, score); // withheld at rate 0 all modalities are alike
    if (strcmp(withheld, "all") != 0 && nothing.n)
      line_add(&next, room, 0, &nothing);
    for (int r = 0; r < pattern->rates; r++) {
      Summary summary = sweep_rate(sweep, g, withheld, pattern->rate[r].rate, score);
      bool again = next.series.points && pattern->rate[r].rate == 0;
      if (!strcmp(pattern->rate[r].name, withheld) && summary.n && !again)
        line_add(&next, room, pattern->rate[r].rate, &summary);
    }
    if (next.series.points && count < LINES_MOST) {
      label[count] = name;
      line[count++] = next;
    } else {
      left_out += next.series.points > 0;
      free(next.block);
      free(name);
    }
  }
  char *title = text_format("%s as %s is withheld%s%s%s%s", score_names[score],
                            !strcmp(withheld, "all") ? "every modality" : withheld, key < 0 ? "" : ", ",
                            key < 0 ? "" : sweep->name[key], key < 0 ? "" : " = ", key < 0 ? "" : value);
  Plot plot = {.title = title,
               .caption = left_out ? "The first eight groups; the table has all." : "",
               .x = {.label = "probability of being withheld in evaluation", .low = NAN, .high = NAN},
               .y = {.label = score_names[score], .low = NAN, .high = NAN},
               .rule = NAN};
  draw(page, &plot, line, count);
  for (int l = 0; l < count; l++)
    free(label[l]);
  free(title);
}

static bool many_groups(const Sweep *sweep, int key) { return key >= 0 && sweep->groups > 4; }

// One plot, or one for every value of a swept number when the lines would be too many for one.
static void plot_rates_of(Page *page, const Sweep *sweep, const char *withheld, int key) {
  if (!many_groups(sweep, key)) {
    plot_rates(page, sweep, withheld, -1, NULL);
    return;
  }
  for (int g = 0, drawn = 0; g < sweep->groups && drawn < LINES_MOST; g++) {
    bool seen = false;
    for (int i = 0; i < g && !seen; i++)
      seen = !strcmp(sweep->group[i].value[key], sweep->group[g].value[key]);
    if (!seen) {
      plot_rates(page, sweep, withheld, key, sweep->group[g].value[key]);
      drawn++;
    }
  }
}

// The values of a key are numbers, of which there are three at least: an axis. -1 if there is none.
int sweep_number_key(const Sweep *sweep) {
  for (int k = 0; k < sweep->keys; k++) {
    int different = 0;
    bool numbers = true;
    for (int g = 0; g < sweep->groups && numbers; g++) {
      double value;
      numbers = text_to_double(sweep->group[g].value[k], &value);
      bool seen = false;
      for (int i = 0; i < g && !seen; i++)
        seen = !strcmp(sweep->group[i].value[k], sweep->group[g].value[k]);
      different += !seen;
    }
    if (numbers && different >= 3)
      return k;
  }
  return -1;
}

static void plot_key(Page *page, const Sweep *sweep, int key, const char *pattern) {
  Line line[LINES_MOST];
  char *label[LINES_MOST];
  int count = 0, score = best_score(sweep);
  for (int g = 0; g < sweep->groups; g++) {
    Summary summary = sweep_pattern(sweep, g, pattern, score);
    char *name = sweep_label_without(sweep, &sweep->group[g], key);
    int l = 0;
    while (l < count && strcmp(label[l], name) != 0)
      l++;
    double x;
    if (l == LINES_MOST || !summary.n || !text_to_double(sweep->group[g].value[key], &x)) {
      free(name);
      continue;
    }
    if (l == count) {
      label[count] = name;
      line[count++] = line_open(name, sweep->groups);
    } else
      free(name);
    line_add(&line[l], sweep->groups, x, &summary);
  }
  char *title = text_format("%s with %s present", score_names[score], pattern);
  Plot plot = {.title = title,
               .caption = "",
               .x = {.label = sweep->name[key], .low = NAN, .high = NAN},
               .y = {.label = score_names[score], .low = NAN, .high = NAN},
               .rule = NAN};
  draw(page, &plot, line, count);
  for (int l = 0; l < count; l++)
    free(label[l]);
  free(title);
}

void sweep_plots(Page *page, const Sweep *sweep) {
  enum { PLOTS_MOST = 8 };
  const RunRecord *rates = most_rates(sweep);
  int key = sweep_number_key(sweep);
  if (!count_evaluated(sweep))
    return;
  page_add(page, "<h2>Scores</h2>\n<div class=\"plots\">\n");
  for (int p = 0; key >= 0 && p < sweep->patterns && p < PLOTS_MOST; p++)
    plot_key(page, sweep, key, sweep->pattern[p]);
  for (int r = 0, drawn = 0; rates && r < rates->rates && drawn < PLOTS_MOST; r++) {
    bool seen = false;
    for (int i = 0; i < r && !seen; i++)
      seen = !strcmp(rates->rate[i].name, rates->rate[r].name);
    bool wanted = !many_groups(sweep, key) || !strcmp(rates->rate[r].name, "all"); // the rest is in the CSV
    if (!seen && wanted) {
      plot_rates_of(page, sweep, rates->rate[r].name, key);
      drawn++;
    }
  }
  page_add(page, "</div>\n");
}

// --- tables ---

void sweep_table(Page *page, const Sweep *sweep) {
  int score = best_score(sweep), columns = sweep->patterns < COLUMNS_MOST ? sweep->patterns : COLUMNS_MOST;
  page_add(page,
           "<h2>Groups</h2>\n<p><b>%s by modalities present, mean over seeds</b> "
           "(<a href=\"report-sweep.csv\">report-sweep.csv</a>)</p>\n<div class=\"scroll\"><table>\n<tr>",
           score_names[score]);
  for (int k = 0; k < sweep->keys; k++) {
    page_add(page, "<th>");
    page_words(page, sweep->key[k]);
    page_add(page, "</th>");
  }
  page_add(page, "<th class=\"r\">seeds</th>");
  for (int p = 0; p < columns; p++) {
    page_add(page, "<th class=\"r\">");
    page_words(page, sweep->pattern[p]);
    page_add(page, "</th>");
  }
  page_add(page, "</tr>\n");
  for (int g = 0; g < sweep->groups; g++) {
    page_add(page, "<tr>");
    for (int k = 0; k < sweep->keys; k++)
      cell(page, "", sweep->group[g].value[k]);
    page_add(page, "<td class=\"r\">%d of %d</td>", sweep->group[g].evaluated, sweep->group[g].runs);
    for (int p = 0; p < columns; p++) {
      Summary summary = sweep_pattern(sweep, g, sweep->pattern[p], score);
      page_add(page, "<td class=\"r\">");
      if (summary.n)
        page_add(page, "%.3f", summary.mean);
      if (!isnan(summary.interval.low))
        page_add(page, " [%.3f, %.3f]", summary.interval.low, summary.interval.high);
      page_add(page, "%s</td>", summary.n ? "" : "–");
    }
    page_add(page, "</tr>\n");
  }
  page_add(page, "</table></div>\n");
}

static const char *state(const SweepRun *run) {
  if (run->status.code)
    return run->status.text;
  return run->record.has_evaluation ? "evaluated" : run->record.has_metrics ? "training, or cut" : "not begun";
}

void sweep_runs(Page *page, const Sweep *sweep) {
  page_add(page,
           "<details><summary>All %d runs</summary>\n<div class=\"scroll\"><table><tr><th>run</th><th>group</th>"
           "<th class=\"r\">seed</th><th>state</th></tr>\n",
           sweep->runs);
  for (int i = 0; i < sweep->runs; i++) {
    const SweepRun *run = &sweep->run[i];
    page_add(page, "<tr><td><a href=\"runs/");
    page_words(page, run->id);
    page_add(page, "/\">");
    page_words(page, run->id);
    page_add(page, "</a></td>");
    cell(page, "", run->group < 0 ? "–" : sweep->group[run->group].label);
    cell(page, " class=\"r\"", run->group < 0 ? "–" : settings_find(&run->settings, "run.seed"));
    cell(page, "", state(run));
    page_add(page, "</tr>\n");
  }
  page_add(page, "</table></div></details>\n");
}

static void csv_row(Page *page, const Sweep *sweep, const SweepRun *run, const Evaluated *row, int score) {
  const double numbers[] = {row->value[score], row->low[score], row->high[score]};
  page_field(page, run->id);
  for (int k = 0; k < sweep->keys; k++) {
    page_add(page, ",");
    page_field(page, sweep->group[run->group].value[k]);
  }
  page_add(page, ",%s,%s,", settings_find(&run->settings, "run.seed"), isnan(row->rate) ? "pattern" : "rate");
  page_field(page, row->name);
  page_add(page, ",");
  if (!isnan(row->rate))
    page_add(page, "%.17g", row->rate);
  page_add(page, ",%s", score_keys[score]);
  for (int i = 0; i < 3; i++)
    if (isnan(numbers[i]))
      page_add(page, ",");
    else
      page_add(page, ",%.17g", numbers[i]);
  page_add(page, "\n");
}

void csv_sweep(Page *page, const Sweep *sweep) {
  page_add(page, "id");
  for (int k = 0; k < sweep->keys; k++)
    page_add(page, ",%s", sweep->key[k]);
  page_add(page, ",run.seed,kind,name,rate,metric,value,low,high\n");
  for (int i = 0; i < sweep->runs; i++) {
    const SweepRun *run = &sweep->run[i];
    for (int e = 0; run->group >= 0 && e < run->record.patterns + run->record.rates; e++)
      for (int s = 0; s < SCORES; s++) {
        const Evaluated *row =
            e < run->record.patterns ? &run->record.pattern[e] : &run->record.rate[e - run->record.patterns];
        if (!isnan(row->value[s]))
          csv_row(page, sweep, run, row, s);
      }
  }
}
