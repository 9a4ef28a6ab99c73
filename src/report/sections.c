#include "report/sections.h"

#include "report/svg.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *method_name(MethodType type) {
  return type == METHOD_KD    ? "knowledge distillation (KD)"
         : type == METHOD_EBR ? "explicit basis reallocation (EBR)"
                              : "vanilla";
}

// "0.981 [0.967, 0.993]"
static void with_interval(char *to, size_t size, const Evaluated *row, int score) {
  if (isnan(row->value[score]))
    text_print(to, size, "–");
  else if (isnan(row->low[score]) || isnan(row->high[score]))
    text_print(to, size, "%.3f", row->value[score]);
  else
    text_print(to, size, "%.3f [%.3f, %.3f]", row->value[score], row->low[score], row->high[score]);
}

static const char *interval_words(const RunRecord *record) {
  for (int i = 0; i < record->patterns + record->rates; i++) {
    const Evaluated *row = i < record->patterns ? &record->pattern[i] : &record->rate[i - record->patterns];
    for (int s = 0; s < SCORES; s++)
      if (!isnan(row->low[s]))
        return "Intervals of accuracy hold 95 % (Wilson's score interval): what other test samples would change, not "
               "other seeds. ";
  }
  return "evaluation.json holds no intervals. ";
}

// --- summary ---

static void card(Page *page, const char *value, const char *what) {
  page_add(page, "<li><b>");
  page_words(page, value);
  page_add(page, "</b><span>");
  page_words(page, what);
  page_add(page, "</span></li>\n");
}

static void card_pattern(Page *page, const Evaluated *row, const char *prefix) {
  char value[24], *what, score[64];
  text_print(value, sizeof value, "%.3f", row->value[SCORE_ACCURACY]);
  with_interval(score, sizeof score, row, SCORE_ACCURACY);
  const char *interval = strchr(score, '[');
  what = text_format("accuracy, %s%s (n = %lld%s%s)", prefix, row->name, (long long)row->n, interval ? "; " : "",
                     interval ? interval : "");
  card(page, value, what);
  free(what);
}

// The pattern with the most modalities first, then the best and the worst one of a single modality: what a collapse
// shows in.
static void pattern_cards(Page *page, const RunRecord *record) {
  const Evaluated *all = NULL, *best = NULL, *worst = NULL;
  for (int i = 0; i < record->patterns; i++) {
    const Evaluated *row = &record->pattern[i];
    if (isnan(row->value[SCORE_ACCURACY]))
      continue;
    if (row->present > (all ? all->present : 0))
      all = row;
    if (row->present == 1 && (!best || row->value[SCORE_ACCURACY] > best->value[SCORE_ACCURACY]))
      best = row;
    if (row->present == 1 && (!worst || row->value[SCORE_ACCURACY] < worst->value[SCORE_ACCURACY]))
      worst = row;
  }
  if (all)
    card_pattern(page, all, all->present > 1 ? "with " : "");
  if (best && best != all)
    card_pattern(page, best, "best single modality: ");
  if (worst && worst != best)
    card_pattern(page, worst, "weakest single modality: ");
}

static void course_cards(Page *page, const RunRecord *record) {
  const Track *accuracy = run_track(record, "validation", "accuracy"), *loss = run_track(record, "train", "loss.total");
  int best = -1;
  for (int i = 0; accuracy && i < accuracy->count; i++)
    if (isfinite(accuracy->value[i]) && (best < 0 || accuracy->value[i] > accuracy->value[best]))
      best = i;
  char value[24], what[96];
  if (best >= 0) {
    text_print(value, sizeof value, "%.3f", accuracy->value[best]);
    if (isnan(accuracy->done[best]))
      text_print(what, sizeof what, "best validation accuracy, at step %.0f", accuracy->step[best]);
    else
      text_print(what, sizeof what, "best validation accuracy, in epoch %.0f", accuracy->done[best]);
    card(page, value, what);
  }
  if (loss && loss->count) {
    text_print(value, sizeof value, "%.0f", loss->step[loss->count - 1]);
    card(page, value, "steps of the optimiser");
  }
}

static const char *fact_value(const RunRecord *record, const char *key) {
  for (int i = 0; i < record->facts; i++)
    if (!strcmp(record->fact[i].key, key))
      return record->fact[i].value;
  return "–";
}

void section_summary(Page *page, const RunRecord *record) {
  const Config *config = record->config;
  page_add(page, "<h1>");
  page_words(page, config->run.name);
  page_add(page, "</h1>\n<p class=\"lead\">Method: %s. Task <b>", method_name(config->method.type));
  page_words(page, *config->data.task ? config->data.task : fact_value(record, "evaluated: task"));
  page_add(page, "</b> of <code>");
  page_words(page, config->data.file);
  page_add(page, "</code>; modalities ");
  for (int i = 0; i < config->modalities; i++) {
    page_add(page, "%s", i ? ", " : "");
    page_words(page, config->modality[i].name);
  }
  page_add(page, "; seed %llu; batch %d.</p>\n", (unsigned long long)config->run.seed, config->data.batch);
  page_add(page, "<ul class=\"cards\">\n");
  pattern_cards(page, record);
  course_cards(page, record);
  page_add(page, "</ul>\n");
  if (!record->has_metrics)
    page_add(page, "<p>There is no metrics.jsonl: the run has not trained yet.</p>\n");
  if (!record->has_evaluation)
    page_add(page, "<p>There is no evaluation.json: scores under missing modalities come from <code>rebasis "
                   "evaluate</code>.</p>\n");
}

// --- missing modalities ---

static bool any_value(const Evaluated *list, int count, int score) {
  for (int i = 0; i < count; i++)
    if (!isnan(list[i].value[score]))
      return true;
  return false;
}

// What guessing would score; NaN where that is not known.
static double chance(const RunRecord *record, int score) {
  if (score == SCORE_AUROC)
    return 0.5;
  return score == SCORE_ACCURACY && record->classes > 1 ? 1.0 / record->classes : NAN;
}

static void draw_patterns(Page *page, const RunRecord *record, int score) {
  enum { LONGEST = 34 };
  Bar *bar = calloc((size_t)record->patterns, sizeof *bar);
  char(*note)[40] = calloc((size_t)record->patterns, sizeof *note);
  char **name = calloc((size_t)record->patterns, sizeof *name);
  REQUIRE(bar && note && name, "out of memory for %d bars", record->patterns);
  for (int i = 0; i < record->patterns; i++) {
    const Evaluated *row = &record->pattern[i];
    bool cut = strlen(row->name) > LONGEST;
    name[i] =
        cut ? text_format("%d modalities: %.*s…", row->present, LONGEST - 20, row->name) : text_format("%s", row->name);
    text_print(note[i], sizeof note[i], "%.3f  (n = %lld)", row->value[score], (long long)row->n);
    bar[i] = (Bar){name[i], note[i], row->value[score], row->low[score], row->high[score]};
  }
  char *title = text_format("%s by modalities present", score_names[score]);
  char guessing[48];
  text_print(guessing, sizeof guessing, "what guessing would score: %s", page_number(chance(record, score), 3).text);
  Plot plot = {
      .title = title,
      .caption = "Bars: score on the test samples that show exactly these modalities to the model; whiskers: interval.",
      .x = {.label = score_names[score], .low = 0, .high = 1},
      .rule = chance(record, score),
      .rule_name = guessing};
  plot_bars(page, &plot, bar, record->patterns);
  for (int i = 0; i < record->patterns; i++)
    free(name[i]);
  free(title);
  free(name);
  free(note);
  free(bar);
}

// "450 samples a point.", or the range; owned by the caller.
static char *samples_words(const Evaluated *list, int count) {
  int64_t least = -1, most = -1;
  for (int i = 0; i < count; i++)
    if (list[i].n >= 0) {
      least = least < 0 || list[i].n < least ? list[i].n : least;
      most = list[i].n > most ? list[i].n : most;
    }
  if (most < 0)
    return text_format("%s", "The number of samples is not said.");
  if (least == most)
    return text_format("%lld samples a point.", (long long)most);
  return text_format("%lld to %lld samples a point.", (long long)least, (long long)most);
}

enum { LINES_MOST = 8 };

// One line per modality withheld; x, y, low and high of each are cut from one block.
typedef struct RateLines {
  Series series[LINES_MOST];
  double *block;
  size_t room;
  int count;
  bool interval, left_out;
} RateLines;

static void add_point(RateLines *lines, int s, const Evaluated *row, int score) {
  double *x = lines->block + 4 * lines->room * (size_t)s, *y = x + lines->room, *low = y + lines->room,
         *high = low + lines->room;
  int k = lines->series[s].points++;
  x[k] = row->rate;
  y[k] = row->value[score];
  low[k] = row->low[score];
  high[k] = row->high[score];
  lines->interval = lines->interval || isfinite(low[k]);
  lines->series[s] = (Series){lines->series[s].name, k + 1, x, y, low, high};
}

// At rate 0 nothing is withheld, so that point belongs to every line; the file may have it once.
static void begin_line(RateLines *lines, const RunRecord *record, const Evaluated *first, int score) {
  lines->series[lines->count++] = (Series){.name = first->name};
  for (int i = 0; i < record->rates && first->rate > 0; i++)
    if (record->rate[i].rate == 0) {
      add_point(lines, lines->count - 1, &record->rate[i], score);
      return;
    }
}

static RateLines rate_lines(const RunRecord *record, int score) {
  RateLines lines = {.room = (size_t)record->rates + 1};
  lines.block = calloc(4 * LINES_MOST * lines.room, sizeof *lines.block);
  REQUIRE(lines.block, "out of memory for rate curves");
  for (int i = 0; i < record->rates; i++) {
    const Evaluated *row = &record->rate[i];
    int s = 0;
    while (s < lines.count && strcmp(lines.series[s].name, row->name) != 0)
      s++;
    lines.left_out = lines.left_out || s == LINES_MOST;
    if (s == LINES_MOST || isnan(row->rate))
      continue;
    if (s == lines.count)
      begin_line(&lines, record, row, score);
    add_point(&lines, s, row, score);
  }
  return lines;
}

static void draw_rates(Page *page, const RunRecord *record, int score) {
  RateLines lines = rate_lines(record, score);
  char *title = text_format("%s as more is missing", score_names[score]),
       *samples = samples_words(record->rate, record->rates);
  char *caption = text_format(
      "Each modality named (all: every one) is withheld from a test sample with this probability; a sample always "
      "keeps one. %s%s%s",
      samples, lines.interval ? " Shaded: interval." : "", lines.left_out ? " The table has the others." : "");
  Plot plot = {.title = title,
               .caption = caption,
               .x = {.label = "probability of being withheld", .low = NAN, .high = NAN},
               .y = {.label = score_names[score], .low = NAN, .high = NAN},
               .rule = NAN};
  plot_lines(page, &plot, lines.series, lines.count);
  free(title);
  free(samples);
  free(caption);
  free(lines.block);
}

static void evaluated_table(Page *page, const char *caption, const char *first, const Evaluated *list, int count) {
  char cell[64];
  bool rate = list == NULL ? false : !isnan(list[0].rate);
  page_add(page, "<div class=\"scroll\"><table><caption>%s</caption>\n<tr><th>%s</th>%s<th class=\"r\">n</th>", caption,
           first, rate ? "<th class=\"r\">rate</th>" : "");
  for (int s = 0; s < SCORES; s++)
    if (any_value(list, count, s))
      page_add(page, "<th class=\"r\">%s</th>", score_names[s]);
  page_add(page, "</tr>\n");
  for (int i = 0; i < count; i++) {
    page_add(page, "<tr><td>");
    page_words(page, list[i].name);
    page_add(page, "</td>");
    if (rate)
      page_add(page, "<td class=\"r\">%s</td>", page_number(list[i].rate, 4).text);
    page_add(page, "<td class=\"r\">%s</td>", list[i].n < 0 ? "–" : page_number((double)list[i].n, 12).text);
    for (int s = 0; s < SCORES; s++)
      if (any_value(list, count, s)) {
        with_interval(cell, sizeof cell, &list[i], s);
        page_add(page, "<td class=\"r\">%s</td>", cell);
      }
    page_add(page, "</tr>\n");
  }
  page_add(page, "</table></div>\n");
}

void section_missing(Page *page, const RunRecord *record) {
  if (!record->patterns && !record->rates)
    return;
  page_add(page, "<h2>When modalities are missing</h2>\n<p>%s</p>\n<div class=\"plots\">\n", interval_words(record));
  // Of many classes the areas are averages that the table has; of two they are what matters.
  for (int s = SCORE_ACCURACY; s <= (record->classes == 2 ? SCORE_AUPRC : SCORE_ACCURACY); s++) {
    if (any_value(record->pattern, record->patterns, s))
      draw_patterns(page, record, s);
    if (any_value(record->rate, record->rates, s))
      draw_rates(page, record, s);
  }
  page_add(page, "</div>\n");
  if (record->patterns)
    evaluated_table(page, "Scores by modalities present (<a href=\"report-patterns.csv\">report-patterns.csv</a>)",
                    "Present", record->pattern, record->patterns);
  if (record->rates) {
    page_add(page, "<details><summary>Scores by rate of withholding, as a table</summary>\n");
    evaluated_table(page, "<a href=\"report-rates.csv\">report-rates.csv</a>", "Withheld", record->rate, record->rates);
    page_add(page, "</details>\n");
  }
}

// --- facts ---

static void fact(Page *page, const char *key, const char *value) {
  page_add(page, "<tr><th>");
  page_words(page, key);
  page_add(page, "</th><td>");
  page_words(page, value);
  page_add(page, "</td></tr>\n");
}

static double last_value(const Track *track) { return track && track->count ? track->value[track->count - 1] : NAN; }

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(const Track *track) {
  double *sorted = track && track->count ? malloc((size_t)track->count * sizeof *sorted) : NULL;
  int n = 0;
  for (int i = 0; sorted && i < track->count; i++)
    if (isfinite(track->value[i]))
      sorted[n++] = track->value[i];
  if (n)
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
  double middle = n ? (sorted[(n - 1) / 2] + sorted[n / 2]) / 2 : NAN;
  free(sorted);
  return middle;
}

void section_facts(Page *page, const RunRecord *record) {
  const Config *config = record->config;
  char text[32];
  page_add(page, "<h2>The run</h2>\n<div class=\"scroll\"><table class=\"facts\">\n");
  fact(page, "data", config->data.file);
  for (int i = 0; i < record->facts; i++)
    fact(page, record->fact[i].key, record->fact[i].value);
  double seconds = last_value(run_track(record, "train", "wall_s")),
         rate = median(run_track(record, "train", "samples_per_s"));
  if (!isnan(seconds)) {
    text_print(text, sizeof text, "%.1f s", seconds);
    fact(page, "time of training (wall clock)", text);
  }
  if (!isnan(rate)) {
    text_print(text, sizeof text, "%.0f samples/s", rate);
    fact(page, "throughput (median)", text);
  }
  fact(page, "drawn by", "rebasis " REBASIS_VERSION);
  char *whole = config_print(config);
  page_add(page, "</table></div>\n<details><summary>Resolved configuration (config.yaml)</summary>\n<pre>");
  page_words(page, whole);
  page_add(page, "</pre></details>\n");
  free(whole);
}
