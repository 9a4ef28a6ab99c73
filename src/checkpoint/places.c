#include "checkpoint/places.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void place_name(char name[FILE_NAME], int64_t step) { snprintf(name, FILE_NAME, "step-%08lld.h5", (long long)step); }

static Status fits(int length, const char *dir) {
  if (!*dir)
    return status_error(EXIT_CANNOT_CREATE, "a run directory needs a name");
  if (length < 0 || length >= FILE_PATH)
    return status_error(EXIT_CANNOT_CREATE, "%.100s…: the path is longer than %d bytes", dir, FILE_PATH - 1);
  return STATUS_OK;
}

Status place_folder(char path[FILE_PATH], const char *dir) {
  return fits(snprintf(path, FILE_PATH, "%s/checkpoints", dir), dir);
}

Status place_file(char path[FILE_PATH], const char *dir, int64_t step, const char *suffix) {
  char name[FILE_NAME];
  place_name(name, step);
  return fits(snprintf(path, FILE_PATH, "%s/checkpoints/%s%s", dir, name, suffix), dir);
}

Status place_open(int *directory, const char *path, bool create) {
  if (create && mkdir(path, 0777) != 0 && errno != EEXIST)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot create: %s", path, strerror(errno));
  *directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (*directory < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot open%s: %s", path,
                        errno == ELOOP || errno == ENOTDIR ? " (a directory is needed, not a link or a file)" : "",
                        strerror(errno));
  return STATUS_OK;
}

/// -1 unless the name is exactly that of a checkpoint.
static int64_t step_of(const char *name) {
  long long step;
  char again[FILE_NAME];
  if (sscanf(name, "step-%lld.h5", &step) != 1 || step < 0)
    return -1;
  place_name(again, step);
  return strcmp(name, again) == 0 ? step : -1;
}

static int newest_first(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x < y) - (x > y);
}

Status place_list(int64_t **step, int *count, const char *folder) {
  *step = NULL;
  *count = 0;
  DIR *directory = opendir(folder);
  if (!directory)
    return errno == ENOENT ? STATUS_OK : file_error(folder, "list");
  Status status = STATUS_OK;
  int room = 0;
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(directory);
    if (!entry) {
      status = errno ? file_error(folder, "list") : status;
      break;
    }
    int64_t found = step_of(entry->d_name);
    if (found < 0)
      continue;
    if (*count == room) {
      room = room ? 2 * room : 16;
      int64_t *larger = realloc(*step, (size_t)room * sizeof **step);
      if (!larger) {
        status = status_error(EXIT_INTERNAL, "%s: out of memory for its list of checkpoints", folder);
        break;
      }
      *step = larger;
    }
    (*step)[(*count)++] = found;
  }
  closedir(directory);
  if (*count)
    qsort(*step, (size_t)*count, sizeof **step, newest_first);
  return status;
}

Status place_latest(int directory, const char *folder, int64_t step) {
  char target[FILE_NAME], name[FILE_PATH];
  place_name(target, step);
  snprintf(name, sizeof name, "%s/latest.tmp", folder);
  TRY(name_remove(directory, "latest.tmp", folder));
  if (symlinkat(target, directory, "latest.tmp") != 0)
    return file_error(name, "link");
  return name_replace(directory, "latest.tmp", "latest", folder);
}

void place_retire(int directory, const char *folder, int64_t step, int keep) {
  int64_t *present;
  int count;
  Status status = place_list(&present, &count, folder);
  if (status.code != 0)
    log_warning("%s", status.text);
  for (int i = 0, kept = 0; i < count && keep > 0; i++) {
    if (present[i] > step ||
        kept++ < keep) // newer ones than ours were passed over when the run resumed: not ours to judge
      continue;
    char name[FILE_NAME];
    place_name(name, present[i]);
    status = name_remove(directory, name, folder);
    if (status.code != 0)
      log_warning("%s", status.text);
  }
  free(present);
}
