#include "report/figures.h"

#include "base/json.h"
#include "base/text.h"
#include "report/svg.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Measured {
  const char *name; // of the measure
  json_t *result;   // owned
} Measured;

static const struct {
  const char *name, *title, *words;
} measures[] = {
    {"similarity", "Similarity of modalities",
     "How alike the modalities' representations are, and how much of each the multimodal one keeps."},
    {"agop", "Gradients of the fusion stage",
     "AGOP, the average gradient outer product of a layer: in which directions of its input the logits are sensitive."},
    {"polysemanticity", "Polysemanticity",
     "How far the fusion's first layer shares its dimensions between inputs, and between modalities."},
    {"classifier", "Modalities of neurons",
     "Which modality a neuron of the fusion looks like, to a network that knows unimodal models (Table 9)."},
    {"collision", "Collisions", "How often a neuron that carries two features mixes two modalities (Lemma 1)."},
    {"probe", "Linear probes", "What a linear classifier reads off each representation."},
    {"subspaces", "Subspaces", "Whether more polysemantic subspaces lie nearer to AGOP (Theorem 2)."},
    {"substitutability", "Substitutes", "What best stands in for a missing modality."},
    {"vif", "Collinearity", "How much the features of a representation repeat each other."},
};
enum { MEASURES = sizeof measures / sizeof *measures, BARS_MOST = 64, SERIES_MOST = 8, POINTS_MOST = 4096 };

// --- reading --------------------------------------------------------------------------------------------------------------

static Status load(json_t **object, const char *path) {
  json_error_t error;
  *object = NULL;
  FILE *file = fopen(path, "re");
  if (!file)
    return errno == ENOENT ? STATUS_OK : status_error(EXIT_IO, "%s: %s", path, strerror(errno));
  *object = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
  fclose(file);
  return *object ? STATUS_OK
                 : status_error(EXIT_DATA, "%s:%d: %s; a JSON object is expected", path, error.line, error.text);
}

Status figures_read(Figures *figures, const char *dir) {
  *figures = (Figures){.measured = calloc(MEASURES, sizeof(Measured))};
  REQUIRE(figures->measured, "out of memory for measurements");
  for (int k = 0; k < MEASURES; k++) {
    json_t *result;
    char *path = text_format("%s/analysis/%s.json", dir, measures[k].name);
    Status status = load(&result, path);
    free(path);
    TRY(status);
    if (json_array_size(json_object_get(result, "figures")))
      figures->measured[figures->measures++] = (Measured){measures[k].name, result};
    else
      json_decref(result);
  }
  return STATUS_OK;
}

void figures_free(Figures *figures) {
  for (int k = 0; k < figures->measures; k++)
    json_decref(figures->measured[k].result);
  free(figures->measured);
}

// --- bars -----------------------------------------------------------------------------------------------------------------

// Values that differ by more than a factor of a thousand do not read on a linear axis.
static bool far_apart(const Bar *bar, int count) {
  double low = INFINITY, high = 0;
  for (int i = 0; i < count; i++)
    if (isfinite(bar[i].value)) {
      low = fmin(low, bar[i].value);
      high = fmax(high, bar[i].value);
    }
  return low > 0 && high > 1000 * low;
}

static void draw_bars(Page *page, const json_t *figure) {
  Bar bar[BARS_MOST];
  char note[BARS_MOST][64];
  int count = 0;
  size_t i;
  json_t *one;
  json_array_foreach(json_object_get(figure, "bars"), i, one) {
    if (count == BARS_MOST)
      break;
    double n = json_member_number(one, "n"), value = json_member_number(one, "value");
    text_print(note[count], sizeof *note, "%s", page_number(value, 3).text);
    if (n > 0)
      text_print(note[count] + strlen(note[count]), sizeof *note - strlen(note[count]), "  (n = %.0f)", n);
    bar[count] = (Bar){json_member_text(one, "name"), note[count], value, json_member_number(one, "low"),
                       json_member_number(one, "high")};
    count++;
  }
  double low = json_member_number(figure, "x_low"), high = json_member_number(figure, "x_high");
  AxisScale scale = isnan(high) && far_apart(bar, count) ? AXIS_LOG : AXIS_LINEAR;
  Plot plot = {.title = json_member_text(figure, "title"),
               .caption = json_member_text(figure, "caption"),
               .x = {.label = json_member_text(figure, "x"), .scale = scale, .low = low, .high = high},
               .rule = json_member_number(figure, "rule"),
               .rule_name = json_member_text(figure, "rule_name")};
  plot_bars(page, &plot, bar, count);
}

// --- lines and points -----------------------------------------------------------------------------------------------------

// numbers[points] of object[key]; returns how many there are.
static int numbers(double *to, const json_t *object, const char *key) {
  const json_t *array = json_object_get(object, key);
  size_t n = json_array_size(array);
  if (n > POINTS_MOST)
    n = POINTS_MOST;
  for (size_t i = 0; i < n; i++) {
    const json_t *value = json_array_get(array, i);
    to[i] = json_is_number(value) ? json_number_value(value) : NAN;
  }
  return (int)n;
}

static int smaller(int a, int b) { return a < b ? a : b; }

static void draw_series(Page *page, const json_t *figure, bool scatter) {
  Series series[SERIES_MOST];
  double *block = calloc(SERIES_MOST * 4 * POINTS_MOST, sizeof *block);
  int count = 0;
  size_t i;
  json_t *one;
  REQUIRE(block, "out of memory for a plot");
  json_array_foreach(json_object_get(figure, "series"), i, one) {
    if (count == SERIES_MOST)
      break;
    double *x = block + (size_t)count * 4 * POINTS_MOST, *y = x + POINTS_MOST, *low = y + POINTS_MOST,
           *high = low + POINTS_MOST;
    int points = smaller(numbers(x, one, "x"), numbers(y, one, "y"));
    bool band = numbers(low, one, "low") >= points && numbers(high, one, "high") >= points;
    series[count++] = (Series){.name = json_member_text(one, "name"),
                               .points = points,
                               .x = x,
                               .y = y,
                               .low = band ? low : NULL,
                               .high = band ? high : NULL};
  }
  Plot plot = {.title = json_member_text(figure, "title"),
               .caption = json_member_text(figure, "caption"),
               .x = {.label = json_member_text(figure, "x"), .low = NAN, .high = NAN},
               .y = {.label = json_member_text(figure, "y"), .low = NAN, .high = NAN},
               .rule = json_member_number(figure, "rule"),
               .rule_name = json_member_text(figure, "rule_name"),
               .scatter = scatter};
  plot_lines(page, &plot, series, count);
  free(block);
}

static void draw(Page *page, const json_t *figure) {
  const char *kind = json_member_text(figure, "kind");
  if (!strcmp(kind, "bars"))
    draw_bars(page, figure);
  else if (!strcmp(kind, "lines") || !strcmp(kind, "points"))
    draw_series(page, figure, !strcmp(kind, "points"));
}

// --- sections -------------------------------------------------------------------------------------------------------------

static void open_section(Page *page, const Measured *measured) {
  const json_t *about = json_object_get(measured->result, "about");
  for (int k = 0; k < MEASURES; k++)
    if (!strcmp(measures[k].name, measured->name))
      page_add(page, "<h2>%s</h2>\n<p>%s ", measures[k].title, measures[k].words);
  page_add(page, "Step %.0f; ", json_member_number(about, "step"));
  page_words(page, json_member_text(about, "split"));
  page_add(page,
           " split, n = %.0f samples. (<a href=\"analysis/%s.csv\">CSV</a>, <a "
           "href=\"analysis/%s.json\">JSON</a>)</p>\n<div class=\"plots\">\n",
           json_member_number(about, "n"), measured->name, measured->name);
}

void section_figures(Page *page, const Figures *figures) {
  for (int k = 0; k < figures->measures; k++) {
    size_t i;
    json_t *figure;
    open_section(page, &figures->measured[k]);
    json_array_foreach(json_object_get(figures->measured[k].result, "figures"), i, figure) draw(page, figure);
    page_add(page, "</div>\n");
  }
}

void figures_bars(const Figures *figures,
                  void (*take)(void *user, const char *measure, const char *figure, const char *axis, const char *name,
                               double value),
                  void *user) {
  for (int k = 0; k < figures->measures; k++) {
    size_t i, j;
    json_t *figure, *bar;
    json_array_foreach(json_object_get(figures->measured[k].result, "figures"), i, figure)
        json_array_foreach(json_object_get(figure, "bars"), j, bar)
            take(user, figures->measured[k].name, json_member_text(figure, "title"), json_member_text(figure, "x"),
                 json_member_text(bar, "name"), json_member_number(bar, "value"));
  }
}

// --- CSV ------------------------------------------------------------------------------------------------------------------

static void cell(Page *page, double value) { page_add(page, isfinite(value) ? ",%.17g" : ",", value); }

static void csv_bars(Page *page, const json_t *figure) {
  size_t i;
  json_t *one;
  json_array_foreach(json_object_get(figure, "bars"), i, one) {
    page_field(page, json_member_text(figure, "title"));
    page_add(page, ",");
    page_field(page, json_member_text(one, "name"));
    page_add(page, ",");
    cell(page, json_member_number(one, "value"));
    cell(page, json_member_number(one, "low"));
    cell(page, json_member_number(one, "high"));
    cell(page, json_member_number(one, "n"));
    page_add(page, "\n");
  }
}

static void csv_series(Page *page, const json_t *figure) {
  double *block = calloc(4 * POINTS_MOST, sizeof *block), *x = block, *y = x + POINTS_MOST, *low = y + POINTS_MOST,
         *high = low + POINTS_MOST;
  size_t i;
  json_t *one;
  REQUIRE(block, "out of memory for a plot");
  json_array_foreach(json_object_get(figure, "series"), i, one) {
    int points = smaller(numbers(x, one, "x"), numbers(y, one, "y")), lows = numbers(low, one, "low"),
        highs = numbers(high, one, "high");
    for (int p = 0; p < points; p++) {
      page_field(page, json_member_text(figure, "title"));
      page_add(page, ",");
      page_field(page, json_member_text(one, "name"));
      cell(page, x[p]);
      cell(page, y[p]);
      cell(page, p < lows ? low[p] : NAN);
      cell(page, p < highs ? high[p] : NAN);
      page_add(page, ",\n");
    }
  }
  free(block);
}

static Status write_csv(const Measured *measured, const char *dir) {
  Page page = {0};
  size_t i;
  json_t *figure;
  page_add(&page, "figure,series,x,value,low,high,n\n");
  json_array_foreach(json_object_get(measured->result, "figures"), i, figure) {
    csv_bars(&page, figure);
    csv_series(&page, figure);
  }
  char *folder = text_format("%s/analysis", dir), *name = text_format("%s.csv", measured->name);
  Status status = page_write(&page, folder, name);
  page_free(&page);
  free(folder);
  free(name);
  return status;
}

Status figures_csv(const Figures *figures, const char *dir) {
  for (int k = 0; k < figures->measures; k++)
    TRY(write_csv(&figures->measured[k], dir));
  return STATUS_OK;
}
