// Runs that differ in the seed alone are averaged with Student's interval; a run that cannot be read spoils nothing.
#include "report/sweep.h"
#include "report/report.h"

#include "base/text.h"
#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static char dir[256];

static void put(const char *id, const char *name, const char *text) {
  char path[512];
  text_print(path, sizeof path, "%s/runs/%s", dir, id);
  mkdir(path, 0700);
  text_print(path, sizeof path, "%s/runs/%s/%s", dir, id, name);
  FILE *file = fopen(path, "w");
  CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0, "cannot write %s", path);
}

static void run(const char *id, int seed, const char *method, double withheld, double accuracy) {
  char *config =
      text_format("run: {name: r, seed: %d}\ndata: {file: d.h5}\nmodalities: {a: {}, b: {}}\nmethod: {type: %s}\n"
                  "missingness: {train: %g}\ngrid: {threads: %d}\n",
                  seed, method, withheld, seed);
  put(id, "config.yaml", config);
  free(config);
  if (isnan(accuracy))
    return;
  char *scores = text_format(
      "{\"patterns\": [{\"present\": [\"a\"], \"n\": 9, \"accuracy\": %g}, {\"present\": [\"a\", \"b\"], \"n\": 9, "
      "\"accuracy\": %g}], \"rates\": [{\"modality\": \"all\", \"rate\": 0.5, \"n\": 9, \"accuracy\": %g}]}",
      accuracy / 2, accuracy, accuracy / 4);
  put(id, "evaluation.json", scores);
  free(scores);
}

static bool near(double got, double want) { return fabs(got - want) < 1e-6; }

static void groups(void) {
  Sweep sweep;
  Status status = sweep_read(&sweep, dir);
  CHECK(status.code == 0, "%s", status.text);
  CHECK(sweep.runs == 6 && sweep.groups == 3 && sweep.keys == 2, "%d runs, %d groups, %d keys", sweep.runs,
        sweep.groups, sweep.keys);
  CHECK(!strcmp(sweep.key[0], "method.type") && !strcmp(sweep.key[1], "missingness.train.a"), "%s %s", sweep.key[0],
        sweep.key[1]);
  CHECK(sweep.followers == 1 && !strcmp(sweep.follower[0], "missingness.train.b"), "%d followers", sweep.followers);
  CHECK(!strcmp(sweep.group[0].label, "ebr, missingness.train 0.5") &&
            !strcmp(sweep.group[1].label, "vanilla, missingness.train 0.5") &&
            !strcmp(sweep.group[2].label, "vanilla, missingness.train 1.0"),
        "%s | %s | %s", sweep.group[0].label, sweep.group[1].label, sweep.group[2].label);
  CHECK(sweep.group[1].runs == 2 && sweep.group[1].evaluated == 2 && sweep.group[2].evaluated == 0, "counts");
  CHECK(sweep.patterns == 2 && !strcmp(sweep.pattern[0], "a + b"), "the first pattern is %s", sweep.pattern[0]);

  // 0.9 and 0.8: standard error 0.05, and Student's t with one degree of freedom is tan(0.475 pi) = 12.7062047.
  Summary both = sweep_pattern(&sweep, 1, "a + b", SCORE_ACCURACY), one = sweep_pattern(&sweep, 0, "a", SCORE_ACCURACY);
  CHECK(both.n == 2 && near(both.mean, 0.85) && near(both.interval.low, 0.85 - 0.05 * 12.706204736) &&
            both.interval.high == 1,
        "%g, %g", both.mean, both.interval.low);
  CHECK(one.n == 1 && near(one.mean, 0.35) && isnan(one.interval.low), "one seed has an interval: %g",
        one.interval.low);
  Summary rate = sweep_rate(&sweep, 1, "all", 0.5, SCORE_ACCURACY),
          none = sweep_rate(&sweep, 2, "all", 0.5, SCORE_ACCURACY);
  CHECK(rate.n == 2 && near(rate.mean, 0.2125) && none.n == 0, "%g of %d", rate.mean, none.n);
  sweep_free(&sweep);
}

static void page(void) {
  char path[512], *text = calloc(1, 1 << 20);
  Status status = report_write(dir);
  CHECK(status.code == 0, "%s", status.text);
  text_print(path, sizeof path, "%s/report.html", dir);
  FILE *file = fopen(path, "r");
  CHECK(file && text && fread(text, 1, (1 << 20) - 1, file) > 0, "%s cannot be read", path);
  fclose(file);
  CHECK(strstr(text, "6 runs in 3 groups; 3 of them evaluated") && strstr(text, "1 could not be read"),
        "the summary is wrong");
  CHECK(strstr(text, "0.850 [0.215, 1.000]") && strstr(text, "did you mean"), "the tables are wrong");
  CHECK(!strstr(text, "nan") && strstr(text, "</html>"), "the page is broken");
  free(text);
}

int main(void) {
  const char *scratch = getenv("TMPDIR");
  text_print(dir, sizeof dir, "%s/rebasis-sweep-XXXXXX", scratch ? scratch : "/tmp");
  CHECK(mkdtemp(dir), "cannot make %s", dir);
  char path[512];
  text_print(path, sizeof path, "%s/runs", dir);
  CHECK(mkdir(path, 0700) == 0, "cannot make %s", path);
  CHECK(report_write(dir).code == 66, "a sweep without runs is drawn");
  run("11", 1, "vanilla", 0.5, 0.9);
  run("12", 2, "vanilla", 0.5, 0.8);
  run("13", 1, "ebr", 0.5, 0.7);
  run("14", 1, "vanilla", 1, NAN);
  run("15", 2, "vanilla", 1, NAN);
  put("16", "config.yaml", "run: {sed: 1}\n");
  groups();
  page();
  char command[512];
  text_print(command, sizeof command, "rm -r '%s'", dir);
  return system(command) != 0;
}
