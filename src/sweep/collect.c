#include "sweep/collect.h"

#include "base/file.h"
#include "base/text.h"
#include "sweep/parts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- results.csv

/// A field of a line, in quotes where RFC 4180 asks for it.
static void put_field(FILE *to, const char *text) {
  if (!strpbrk(text, ",\"\n\r")) {
    fputs(text, to);
    return;
  }
  fputc('"', to);
  for (; *text; text++)
    fprintf(to, *text == '"' ? "\"\"" : "%c", *text);
  fputc('"', to);
}

static void put_number(FILE *to, double value) {
  fputc(',', to);
  if (isfinite(value))
    fprintf(to, "%.10g", value);
}

static void put_head(FILE *to, const Space *space) {
  fputs("id", to);
  for (int a = 0; a < space->axes; a++) {
    fputc(',', to);
    put_field(to, space->axis[a].key);
  }
  fputs(",state,seconds,kind,pattern,rate", to);
  for (int s = 0; s < SCORES; s++)
    fprintf(to, ",%s", score_columns[s]);
  fputc('\n', to);
}

static void put_run(FILE *to, const Results *results, int run) {
  const Space *space = results->space;
  fputs(space->run[run].id, to);
  for (int a = 0; a < space->axes; a++) {
    fputc(',', to);
    put_field(to, space_value(space, run, a));
  }
  fprintf(to, ",%s", run_kind_names[results->state[run].kind]);
  put_number(to, results->state[run].kind == RUN_DONE ? results->state[run].seconds : NAN);
}

static void put_rows(FILE *to, const Results *results, int run) {
  for (int p = 0; p < results->known[run]; p++) {
    const Pattern *pattern = &results->pattern[p];
    if (isnan(results_score(results, run, p, SCORE_N)))
      continue;
    put_run(to, results, run);
    fprintf(to, ",%s,", isnan(pattern->rate) ? "pattern" : "rate");
    put_field(to, pattern->name);
    put_number(to, pattern->rate);
    for (int s = 0; s < SCORES; s++)
      put_number(to, results_score(results, run, p, s));
    fputc('\n', to);
  }
  if (results->known[run])
    return;
  put_run(to, results, run);
  for (int s = 0; s < 3 + SCORES; s++)
    fputc(',', to);
  fputc('\n', to);
}

static bool write_rows(const Results *results, const char *path) {
  FILE *to = fopen(path, "we");
  if (!to)
    return false;
  put_head(to, results->space);
  for (int i = 0; i < results->space->runs; i++)
    put_rows(to, results, i);
  bool good = !ferror(to) && fflush(to) == 0 && fsync(fileno(to)) == 0;
  return fclose(to) == 0 && good;
}

Status collect_csv(const Results *results, const char *dir) {
  char path[PATH_MOST + 32], draft[PATH_MOST + 64];
  text_print(path, sizeof path, "%s/results.csv", dir);
  text_print(draft, sizeof draft, "%s.%ld.tmp", path, (long)getpid());
  if (write_rows(results, draft) && rename(draft, path) == 0)
    return STATUS_OK;
  Status status = status_error(EXIT_CANNOT_CREATE, "%s: cannot be written: %s", path, strerror(errno));
  unlink(draft);
  return status;
}

// --- all of it

static Status write_summary(const json_t *summary, const char *dir) {
  char path[PATH_MOST + 32];
  text_print(path, sizeof path, "%s/summary.json", dir);
  char *text = json_dumps(summary, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
  REQUIRE(text, "out of memory for a summary");
  Status status = file_replace(path, text);
  free(text);
  return status;
}

static Status find_score(int *score, const char *name) {
  static const int summed[] = {SCORE_ACCURACY, SCORE_AUROC, SCORE_AUPRC, SCORE_AVERAGE_PRECISION, SCORE_F1};
  const char *names[5];
  for (int k = 0; k < 5; k++) {
    names[k] = score_columns[summed[k]];
    if (!strcmp(name, names[k])) {
      *score = summed[k];
      return STATUS_OK;
    }
  }
  const char *near = text_nearest(name, names, 5);
  return status_error(EXIT_USAGE, "--score %.40s: %s%s; write accuracy, auroc, auprc, average_precision or macro_f1",
                      name, near ? "did you mean " : "there is no such score", near ? near : "");
}

static Status collect(Results *results, PairTests *tests, const Space *space, const char *dir,
                      const CollectOptions *options) {
  int score = SCORE_ACCURACY;
  TRY(find_score(&score, options->score ? options->score : "accuracy"));
  char path[PATH_MOST + 32];
  text_print(path, sizeof path, "%s/runs", dir);
  if (access(path, F_OK) != 0)
    return status_error(EXIT_NO_INPUT, "%s: %s; run the sweep first, or name its directory", path, strerror(errno));
  text_print(path, sizeof path, "%s/sweep.yaml", dir);
  if (access(path, F_OK) != 0)
    TRY(sweep_directory_make(space, dir));
  TRY(results_read(results, space, dir));
  TRY(collect_csv(results, dir));
  TRY(collect_h5(results, dir));
  TRY(pair_tests(tests, results, score));
  json_t *summary = summary_make(results, tests, score);
  json_object_set_new(summary, "directory", json_string(dir));
  Status status = write_summary(summary, dir);
  if (!status.code && options->json) {
    json_dumpf(summary, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
    printf("\n");
  } else if (!status.code && !options->silent) {
    summary_print(summary);
    printf("\n%s/results.csv\n%s/results.h5\n%s/summary.json\n", dir, dir, dir);
  }
  json_decref(summary);
  return status;
}

Status sweep_collect(const Space *space, const char *dir, const CollectOptions *options) {
  Results results = {0};
  PairTests tests = {0};
  Status status = collect(&results, &tests, space, dir, options);
  free(tests.test);
  results_free(&results);
  return status;
}
