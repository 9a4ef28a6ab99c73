// DIR/best.h5 is another name of a checkpoint, so that it outlives the removal of old ones and costs nothing; where a
// file system has no hard links it is a copy. Either way the name appears at once.
#include "checkpoint/checkpoint.h"
#include "checkpoint/files.h"
#include "checkpoint/places.h"

#include "comm/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char temporary[] = "best.h5.tmp";

static Status copy_bytes(int to, int from, int64_t size, const char *to_name, const char *from_name) {
  char piece[65536];
  for (int64_t at = 0; at < size; at += (int64_t)sizeof piece) {
    size_t part = size - at < (int64_t)sizeof piece ? (size_t)(size - at) : sizeof piece;
    TRY(file_read(from, piece, part, at, from_name));
    TRY(file_write(to, piece, part, at, to_name));
    watchdog_phase("mark best checkpoint", -1);
  }
  return file_sync(to, to_name);
}

static Status copy_file(int directory, const char *from_name, const char *dir) {
  int from;
  int64_t size;
  TRY(file_open(&from, &size, from_name));
  int to = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  Status status = to < 0 ? file_error(dir, "create best.h5.tmp in") : copy_bytes(to, from, size, dir, from_name);
  close(from);
  if (to >= 0) {
    Status closed = file_close(to, dir);
    status = status.code ? status : closed;
  }
  return status;
}

static Status mark(int directory, const char *dir, int64_t step) {
  char from[FILE_PATH];
  TRY(place_file(from, dir, step, ""));
  TRY(name_remove(directory, temporary, dir));
  if (linkat(AT_FDCWD, from, directory, temporary, 0) != 0) {
    if (errno == ENOENT)
      return file_error(from, "mark as the best");
    TRY(copy_file(directory, from, dir));
  }
  TRY(name_replace(directory, temporary, "best.h5", dir));
  return name_remove(directory, temporary, dir); // rename does nothing between two names of one file
}

static Status mark_in(const char *dir, int64_t step) {
  int directory = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return file_error(dir, "open");
  Status status = mark(directory, dir, step);
  close(directory);
  return status;
}

Status checkpoint_mark_best(const Comm *comm, const char *dir, int64_t step) {
  watchdog_phase("mark best checkpoint", -1);
  return comm_agree(comm, comm_is_root(comm) ? mark_in(dir, step) : STATUS_OK);
}
