#include "report/report.h"

#include "base/text.h"
#include "report/figures.h"
#include "report/page.h"
#include "report/run.h"
#include "report/sections.h"
#include "report/summary.h"
#include "report/sweep_measures.h"
#include "report/sweep_page.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Letters of 13 units in figures of 440: on a screen of 390 pixels they are 11 pixels high.
static const char style[] =
    "html{color-scheme:light}"
    "body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;margin:0 auto;max-width:1180px;padding:16px}"
    "h1{font-size:1.6em;margin:.2em 0;overflow-wrap:anywhere}h2{font-size:1.25em;margin:1.6em 0 .4em;border-bottom:1px "
    "solid #ccc}"
    "h3{font-size:1em;margin:.3em 0}p{max-width:46em;margin:.5em 0}.lead{color:#444}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr));gap:18px "
    "28px;align-items:start}"
    "figure{margin:0;max-width:560px;break-inside:avoid}svg{width:100%;height:auto;display:block}"
    "figcaption{font-size:.85em;color:#444}svg text{font:13px system-ui,sans-serif;fill:#222}"
    "svg .m{text-anchor:middle}svg .e{text-anchor:end}svg .n{font-variant-numeric:tabular-nums}"
    ".l{fill:none;stroke-width:2;stroke-linejoin:round}.g{stroke:#e2e2e2;fill:none}.a{stroke:#222;fill:none}"
    ".w{stroke:#222;stroke-width:1.5;fill:none}"
    ".cards{display:flex;flex-wrap:wrap;gap:10px;padding:0;margin:1em 0;list-style:none}"
    ".cards li{box-sizing:border-box;border:1px solid #bbb;border-radius:6px;padding:8px 14px;flex:1 1 "
    "150px;max-width:270px}"
    ".cards b{display:block;font-size:1.5em;font-variant-numeric:tabular-nums}.cards span{font-size:.85em;color:#444}"
    ".scroll{overflow-x:auto;margin:.6em "
    "0}table{border-collapse:collapse;font-size:.9em;font-variant-numeric:tabular-nums}"
    "nav{font-size:.9em;margin:1em 0}"
    "caption{text-align:left;font-weight:600;padding:4px 0}"
    "th,td{padding:3px 12px 3px 0;text-align:left;vertical-align:top;border-bottom:1px solid "
    "#ddd}td.r,th.r{text-align:right;white-space:nowrap}"
    ".still{grid-column:1/-1;font-size:.9em;color:#444}details .plots{margin-top:.6em}"
    ".facts td{overflow-wrap:anywhere}code,pre{font:.9em/1.4 ui-monospace,monospace}"
    "pre{background:#f5f5f5;padding:10px;overflow-x:auto}summary{cursor:pointer;margin:.6em 0}"
    "@media print{nav{display:none}body{font-size:11px;max-width:none;padding:0}.plots{grid-template-columns:1fr "
    "1fr}pre{white-space:pre-wrap}"
    "h2,h2+p,caption,summary{break-after:avoid}tr{break-inside:avoid}.scroll{overflow:visible}table{font-size:.8em}"
    "th,td{padding-right:6px}}";

// The whole page around its body, which begins with the title; frees the body.
static void finish(Page *page, Page *body) {
  const char *title = strstr(body->text, "<h1>") + 4;
  page_add(page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>%.*s</title>\n",
           (int)strcspn(title, "<"), title);
  page_add(page,
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<style>%s</style></head><body>\n",
           style);
  page_with_contents(page, body);
  page_add(page, "</body></html>\n");
  page_free(body);
}

static Status write_run(const RunRecord *record, const Figures *figures) {
  Page page = {0}, body = {0};
  section_summary(&body, record);
  section_missing(&body, record);
  section_training(&body, record);
  section_modalities(&body, record);
  section_ranks(&body, record);
  section_figures(&body, figures);
  section_facts(&body, record);
  finish(&page, &body);
  Status status = page_write(&page, record->dir, "report.html");
  page_free(&page);
  return status;
}

static Status write_csv(const RunRecord *record) {
  typedef void Maker(Page *, const RunRecord *);
  static const struct {
    const char *name;
    Maker *make;
  } files[] = {{"report-training.csv", csv_training},
               {"report-patterns.csv", csv_patterns},
               {"report-rates.csv", csv_rates},
               {"report-ranks.csv", csv_ranks}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    Page page = {0};
    files[i].make(&page, record);
    Status status = page.length ? page_write(&page, record->dir, files[i].name) : STATUS_OK;
    page_free(&page);
    TRY(status);
  }
  return STATUS_OK;
}

static Status write_sweep(const Sweep *sweep, const char *dir) {
  Page page = {0}, body = {0}, csv = {0}, measures = {0};
  csv_sweep(&csv, sweep);
  Status status = page_write(&csv, dir, "report-sweep.csv");
  page_free(&csv);
  TRY(status);
  char *copy = text_format("%s", dir);
  for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/';)
    copy[--length] = 0;
  const char *slash = strrchr(copy, '/'), *name = slash && slash[1] ? slash + 1 : copy;
  sweep_summary(&body, sweep, name);
  sweep_plots(&body, sweep);
  sweep_courses(&body, sweep);
  sweep_measures(&body, &measures, sweep, dir);
  sweep_table(&body, sweep);
  sweep_runs(&body, sweep);
  page_add(&body, "<p class=\"lead\">Drawn by rebasis %s.</p>", REBASIS_VERSION);
  finish(&page, &body);
  status = page_write(&page, dir, "report.html");
  if (!status.code && measures.length)
    status = page_write(&measures, dir, "report-measures.csv");
  page_free(&measures);
  page_free(&page);
  free(copy);
  return status;
}

static Status report_sweep(const char *dir) {
  Sweep sweep;
  Status status = sweep_read(&sweep, dir);
  if (!status.code)
    status = write_sweep(&sweep, dir);
  sweep_free(&sweep);
  return status;
}

enum { RUNS_READ = 1000 }; // a larger sweep has its scores in summary.json alone

static int count_runs(const char *dir) {
  char *path = text_format("%s/runs", dir);
  DIR *folder = opendir(path);
  int count = 0;
  for (const struct dirent *entry; folder && (entry = readdir(folder));)
    count += entry->d_name[0] != '.';
  if (folder)
    closedir(folder);
  free(path);
  return count;
}

// Courses of training and measurements, which stand in the runs themselves.
static void add_runs(Page *page, Page *measures, const char *dir) {
  Sweep sweep = {0};
  int runs = count_runs(dir);
  if (runs > RUNS_READ)
    page_add(page, "<p>%d runs are too many to draw their training and measurements here.</p>\n", runs);
  else if (!sweep_read(&sweep, dir)
                .code) { // collected runs may have been moved away: then there is nothing more to draw
    sweep_courses(page, &sweep);
    sweep_measures(page, measures, &sweep, dir);
  }
  sweep_free(&sweep);
}

/// A sweep that was collected.
static Status report_summary(const char *dir) {
  Page page = {0}, body = {0}, measures = {0}, runs = {0};
  add_runs(&runs, &measures, dir);
  Status status = summary_page(&body, dir, runs.text);
  page_free(&runs);
  page_add(&body, "<p class=\"lead\">Drawn by rebasis %s.</p>", REBASIS_VERSION);
  if (!status.code) {
    finish(&page, &body);
    status = page_write(&page, dir, "report.html");
  }
  if (!status.code && measures.length)
    status = page_write(&measures, dir, "report-measures.csv");
  page_free(&measures);
  page_free(&body);
  page_free(&page);
  return status;
}

static bool has(const char *dir, const char *name) {
  char *path = text_format("%s/%s", dir, name);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static Status report_run(const char *dir) {
  RunRecord record;
  Figures figures = {0};
  Status status = run_read(&record, dir);
  if (!status.code)
    status = figures_read(&figures, dir);
  if (!status.code)
    status = write_csv(&record);
  if (!status.code)
    status = figures_csv(&figures, dir);
  if (!status.code)
    status = write_run(&record, &figures);
  figures_free(&figures);
  run_free(&record);
  return status;
}

Status report_write(const char *dir) {
  if (has(dir, "config.yaml"))
    return report_run(dir);
  return has(dir, "sweep.yaml") && has(dir, "summary.json") ? report_summary(dir) : report_sweep(dir);
}
