// A sweep directory is its runs, one after another, by name.
#include "analyze/folder.h"

#include "analyze/analyze.h"
#include "analyze/targets.h"
#include "base/log.h"
#include "base/text.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool folder_has(const char *dir, const char *name, const char *file) {
  char *path = text_format("%s/runs/%s/%s", dir, name, file);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

void folder_runs(char (**names)[RUN_NAME], int *count, const char *dir,
                 bool (*wanted)(const char *dir, const char *name)) {
  char *path = text_format("%s/runs", dir);
  DIR *folder = opendir(path);
  free(path);
  *names = NULL;
  *count = 0;
  for (const struct dirent *entry; folder && (entry = readdir(folder));) {
    const char *name = entry->d_name;
    if (name[0] == '.' || strlen(name) >= RUN_NAME || !wanted(dir, name))
      continue;
    *names = realloc(*names, ((size_t)*count + 1) * sizeof **names);
    REQUIRE(*names, "out of memory for %d runs", *count);
    text_print((*names)[(*count)++], RUN_NAME, "%s", name);
  }
  if (folder)
    closedir(folder);
  if (*count > 0)
    qsort(*names, (size_t)*count, sizeof **names, by_name);
}

static bool has_saved(const char *dir, const char *name) {
  return folder_has(dir, name, "config.yaml") &&
         (folder_has(dir, name, "best.h5") || folder_has(dir, name, "checkpoints/latest"));
}

static Status list_runs(char (**names)[RUN_NAME], int *count, const char *dir) {
  folder_runs(names, count, dir, has_saved);
  return *count ? STATUS_OK
                : status_error(EXIT_NO_INPUT,
                               "%s: neither a run (no config.yaml) nor a sweep with a run in runs/ that has a "
                               "checkpoint",
                               dir);
}

static Status analyze_all(const Comm *comm, const char *dir, const AnalyzeRequest *request) {
  char(*names)[RUN_NAME] = NULL;
  int count = 0;
  Status status = comm_agree(comm, comm_is_root(comm) ? list_runs(&names, &count, dir) : STATUS_OK);
  if (status.code == 0) {
    comm_share(comm, &count, sizeof count, 0);
    names = names ? names : calloc((size_t)count, sizeof *names);
    REQUIRE(names, "out of memory for %d runs", count);
    comm_share(comm, names, (size_t)count * sizeof *names, 0);
  }
  AnalyzeRequest each = *request;
  each.table = false; // thousands of lines help nobody
  for (int k = 0; k < count && status.code == 0; k++) {
    char *run = text_format("%s/runs/%s", dir, names[k]);
    log_info("analyze: run %d of %d, %s", k + 1, count, names[k]);
    status = analyze_run(comm, run, &each);
    free(run);
  }
  free(names);
  return status;
}

static Status analyze_either(const Comm *comm, const char *dir, const AnalyzeRequest *request) {
  char *config = text_format("%s/config.yaml", dir), *runs = text_format("%s/runs", dir);
  bool sweep = comm_is_root(comm) && access(config, F_OK) != 0 && access(runs, F_OK) == 0;
  free(config);
  free(runs);
  return comm_any(comm, sweep) ? analyze_all(comm, dir, request) : analyze_run(comm, dir, request);
}

Status analyze_folder(const Comm *comm, const char *dir, const AnalyzeRequest *request) {
  AnalyzeRequest with = *request;
  Targets targets;
  if (!request->targets)
    return analyze_either(comm, dir, request);
  Status status = targets_open(&targets, comm, request->targets);
  with.opened = &targets;
  if (status.code == 0)
    status = analyze_either(comm, dir, &with);
  targets_close(&targets);
  return status;
}
