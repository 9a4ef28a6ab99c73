// Figures that measurements describe become bars, points and CSV; what is malformed in them is left out, and a broken file is named with its line.
#include "check.h"
#include "report/report.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/rebasis-figures-XXXXXX";

static void put(const char *name, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0, "cannot write %s", path);
}

static char *get(const char *name) {
  char path[256], *text = calloc(1, 1 << 20);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "r");
  CHECK(file && text && fread(text, 1, (1 << 20) - 1, file) > 0, "cannot read %s", path);
  fclose(file);
  return text;
}

static const char config[] = "data: {file: x.h5}\nmodalities: {a: {}, b: {}}\n";
static const char probe[] =
    "{\"about\": {\"step\": 7, \"split\": \"test\", \"n\": 50}, \"figures\": [\n"
    "{\"kind\": \"bars\", \"title\": \"T<1>\", \"x\": \"share\", \"caption\": \"c\", \"bars\": [\n"
    " {\"name\": \"a & b\", \"value\": -0.25, \"low\": -0.5, \"high\": 0.125, \"n\": 50},\n"
    " {\"name\": \"=1\", \"value\": null, \"low\": null, \"high\": null, \"n\": 0}, 7, {}]},\n"
    "{\"kind\": \"points\", \"title\": \"P\", \"x\": \"gamma\", \"y\": \"distance\", \"series\": [\n"
    " {\"name\": \"s\", \"x\": [1, 2, null], \"y\": [0.5, 0.75, 1]}, {\"name\": \"empty\"}]},\n"
    "{\"kind\": \"pie\"}, 3, \"no\"]}\n";

static int count(const char *text, const char *part) {
  int n = 0;
  for (; (text = strstr(text, part)); text += strlen(part))
    n++;
  return n;
}

int main(void) {
  char path[256];
  CHECK(mkdtemp(folder), "no folder");
  snprintf(path, sizeof path, "%s/analysis", folder);
  CHECK(mkdir(path, 0777) == 0, "no folder %s", path);
  put("config.yaml", config);
  put("analysis/probe.json", probe);
  Status status = report_write(folder);
  CHECK(status.code == 0, "%s", status.text);
  char *html = get("report.html"), *csv = get("analysis/probe.csv");
  CHECK(strstr(html, "T&lt;1&gt;") && strstr(html, "a &amp; b"), "names are not escaped");
  CHECK(strstr(html, "n = 50 samples"), "n is not said");
  CHECK(count(html, "<circle") == 3, "%d points and marks, not 3", count(html, "<circle")); // two points and the legend
  CHECK(!strstr(html, "nan") && !strstr(html, "inf,"), "a number that is none is drawn");
  CHECK(strstr(csv, "T<1>,a & b,,-0.25,-0.5,0.125,50\n"), "CSV: %s", csv);
  CHECK(strstr(csv, "'=1,,,,,0\n") || strstr(csv, "\"'=1\",,,,,0\n"), "a formula is not disarmed: %s", csv);
  CHECK(strstr(csv, "P,s,2,0.75,,,\n") && strstr(csv, "P,s,,1,,,\n"), "CSV: %s", csv);
  free(html);
  free(csv);
  put("analysis/probe.json", "{\"figures\":\n[}");
  status = report_write(folder);
  CHECK(status.code == EXIT_DATA && strstr(status.text, "analysis/probe.json:2"), "%d: %s", status.code, status.text);
  char *remove = NULL;
  CHECK(asprintf(&remove, "rm -r %s", folder) > 0 && system(remove) == 0, "cannot clean up");
  free(remove);
  return 0;
}
