// A collected sweep's page has one order of groups, hence of colours, for all its plots; ways of substitution are ordered by what they reach.
#include "report/report.h"
#include "report/sweep.h"

#include "base/text.h"
#include "check.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

static char dir[256];

static void put(const char *folder, const char *name, const char *text) {
  char path[512];
  text_print(path, sizeof path, "%s%s", dir, folder);
  mkdir(path, 0700);
  text_print(path, sizeof path, "%s%s/%s", dir, folder, name);
  FILE *file = fopen(path, "w");
  CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0, "cannot write %s", path);
}

// Zeros reach `zeros`, the model itself 0.7, a model trained for the set 0.9.
static void run(const char *id, int seed, const char *method, double zeros) {
  char folder[64],
      *config = text_format("run: {name: r, seed: %d}\ndata: {file: d.h5}\nmodalities: {a: {}, b: {}}\n"
                            "method: {type: %s}\n",
                            seed, method),
      *measure = text_format("{\"about\": {\"n\": 9}, \"figures\": [{\"kind\": \"bars\", \"title\": \"Ways\", "
                             "\"x\": \"accuracy\", \"bars\": [{\"name\": \"zeros\", \"value\": %g}, "
                             "{\"name\": \"target\", \"value\": 0.9}, "
                             "{\"name\": \"model\", \"value\": 0.7}]}]}",
                             zeros);
  text_print(folder, sizeof folder, "/runs/%s", id);
  put(folder, "config.yaml", config);
  text_print(folder, sizeof folder, "/runs/%s/analysis", id);
  put(folder, "substitutability.json", measure);
  free(config);
  free(measure);
}

#define PATTERNS                                                                                                       \
  "\"patterns\": [{\"pattern\": \"a\", \"n\": 2, \"mean\": 0.5, \"low\": 0.4, \"high\": 1.6}, "                        \
  "{\"pattern\": \"a+b\", \"n\": 2, \"mean\": 0.75, \"low\": 0.7, \"high\": 0.8}], "
static const char summary[] =
    "{\"name\": \"s\", \"score\": \"accuracy\", \"compared\": \"method.type\", \"runs\": 6, \"core_seconds\": 6,\n"
    " \"states\": {\"done\": 6, \"failed\": 0},\n"
    " \"keys\": [{\"key\": \"method.type\", \"names\": true, \"values\": 3}], \"groups\": [\n"
    "  {\"label\": \"vanilla\", " PATTERNS "\"runs\": 2, \"done\": 2, \"seconds\": 2, \"values\": {\"method.type\": "
    "\"vanilla\"}},\n"
    "  {\"label\": \"kd\", " PATTERNS
    "\"runs\": 2, \"done\": 2, \"seconds\": 2, \"values\": {\"method.type\": \"kd\"}},\n"
    "  {\"label\": \"ebr\", " PATTERNS
    "\"runs\": 2, \"done\": 2, \"seconds\": 2, \"values\": {\"method.type\": \"ebr\"}}],\n"
    " \"tests\": [{\"a\": \"kd\", \"b\": \"ebr\", \"where\": \"seed: 1\", \"of\": \"x\", \"difference\": {\"n\": 3, "
    "\"mean\": 0.1}},\n"
    "  {\"a\": \"vanilla\", \"b\": \"ebr\", \"where\": \"all together\", \"of\": \"x\", \"difference\": {\"n\": 2, "
    "\"mean\": 0.1}}]}";

static char *page_of(void) {
  char path[512], *text = calloc(1, 1 << 20);
  Status status = report_write(dir);
  CHECK(status.code == 0, "%s", status.text);
  text_print(path, sizeof path, "%s/report.html", dir);
  FILE *file = fopen(path, "r");
  CHECK(file && text && fread(text, 1, (1 << 20) - 1, file) > 0, "%s cannot be read", path);
  fclose(file);
  return text;
}

static const char *after(const char *text, const char *part) {
  const char *at = text ? strstr(text, part) : NULL;
  CHECK(at, "no %s where it should be", part);
  return at;
}

static void order(void) {
  static const char *const names[] = {"vanilla", "kd", "ebr"};
  Sweep sweep;
  CHECK(sweep_read(&sweep, dir).code == 0 && sweep.groups == 3, "%d groups", sweep.groups);
  for (int g = 0; g < 3; g++)
    CHECK(!strcmp(sweep.group[g].label, names[g]), "group %d is %s", g, sweep.group[g].label);
  sweep_free(&sweep);
}

static void page(void) {
  char *text = page_of();
  const char *figure = after(text, "<h3>Ways</h3>"), *model = after(figure, ">model<"),
             *zeros = after(figure, ">zeros<");
  CHECK(model < zeros, "the better way is not the first");
  CHECK(after(model, "0.700 · 0.700 · 0.700") < zeros && after(zeros, "0.300 · 0.350 · 0.250"), "the means are wrong");
  CHECK(after(figure, "target: 0.900") < model && !strstr(figure, ">target<"), "the target is not a line");
  after(figure, "Mean over n = 2 seeds");
  const char *rows = after(text, "<h3>by the modalities that are there</h3>");
  CHECK(after(rows, ">a+b<") < after(rows, ">a<") && after(rows, "0.750 · 0.750 · 0.750") < after(rows, ">a<"),
        "all modalities do not come first");
  after(text, "<title>s</title>");
  after(text, "<a href=\"#section-1\">Missing modalities</a>");
  const char *alone = after(text, "1 tests, each in one condition");
  CHECK(strstr(text, "vanilla − ebr") < alone && after(text, "kd − ebr") > alone, "the tests are in no order");
  CHECK(!strstr(text, "nan") && !strstr(text, "http"), "a number that is none, or something from elsewhere");
  free(text);
}

// A line without points leaves its colour to nobody; whole numbers have whole ticks; one point still has its interval.
static void lines(void) {
  const double x[] = {2, 3, 4}, y[] = {0.5, 0.25, 0.75}, low[] = {0.4, 0.2, 0.7}, high[] = {0.6, 0.3, 0.8};
  const Series series[] = {
      {"first", 0, x, y, low, high}, {"second", 3, x, y, low, high}, {"third", 1, x, y, low, high}};
  Plot plot = {.title = "t",
               .x = {.label = "x", .low = NAN, .high = NAN},
               .y = {.label = "y", .low = NAN, .high = NAN},
               .rule = NAN};
  Page page = {0};
  plot_lines(&page, &plot, series, 3);
  CHECK(!strstr(page.text, ">first<") && strstr(page.text, ">second<"), "the legend is wrong");
  CHECK(!strstr(page.text, "#0072b2\" stroke-dasharray=\"none\" d=\"M66") && strstr(page.text, "stroke=\"#d55e00\""),
        "the second line has not the second colour");
  CHECK(strstr(page.text, ">3</text>") && !strstr(page.text, ">2.5<") && !strstr(page.text, ">3.0<"), "ticks");
  CHECK(strstr(page.text, "class=\"l\" stroke=\"#009e73\" d=\"M"), "one point has no interval");
  page_free(&page);
}

int main(void) {
  const char *scratch = getenv("TMPDIR");
  text_print(dir, sizeof dir, "%s/rebasis-groups-XXXXXX", scratch ? scratch : "/tmp");
  CHECK(mkdtemp(dir), "cannot make %s", dir);
  put("", "sweep.yaml", "base: x\n");
  put("", "summary.json", summary);
  put("/runs", "x", "");
  run("11", 1, "ebr", 0.2);
  run("12", 2, "ebr", 0.3);
  run("13", 1, "vanilla", 0.25);
  run("14", 2, "vanilla", 0.35);
  run("15", 1, "kd", 0.4);
  run("16", 2, "kd", 0.3);
  order();
  page();
  lines();
  char command[512];
  text_print(command, sizeof command, "rm -r '%s'", dir);
  return system(command) != 0;
}
