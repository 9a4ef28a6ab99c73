// One job a run directory. Rank 0 holds flock() on DIR/lock; the kernel drops it when the process ends, however it
// ends, so a dead holder needs no judgement. The file says who holds it, for people and for file systems without flock:
// there a lock is an existing file, made by link() (atomic everywhere), and stands until its holder is known to be
// dead: same host, and another boot, or no such process, or a process that started at another time.
#include "checkpoint/checkpoint.h"
#include "checkpoint/files.h"
#include "checkpoint/places.h"

#include "base/log.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char lock_name[] = "lock";

typedef struct Holder {
  char host[72], boot[40], since[32];
  long long pid, started; // started: clock ticks after boot, tells a process from a later one with its number
} Holder;

// --- who
// ------------------------------------------------------------------------------------------------------------------

/// Start time of a process in ticks after boot: the 22nd field of /proc/PID/stat, counted behind the name in
/// parentheses. -1: no such.
static long long process_started(long long pid) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%lld/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file)
    return -1;
  size_t length = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[length] = 0;
  char *at = strrchr(line, ')'), *rest = NULL;
  for (int field = 2; at && field < 22; field++)
    at = strchr(at + 1, ' ');
  return at ? strtoll(at, &rest, 10) : -1;
}

static void holder_here(Holder *holder) {
  *holder = (Holder){.pid = getpid(), .started = process_started(getpid())};
  gethostname(holder->host, sizeof holder->host - 1);
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  if (!file || fscanf(file, "%39s", holder->boot) != 1)
    snprintf(holder->boot, sizeof holder->boot, "-");
  if (file)
    fclose(file);
  time_t now = time(NULL);
  struct tm utc;
  strftime(holder->since, sizeof holder->since, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}

static bool holder_read(Holder *holder, int file) {
  char text[512];
  ssize_t length = pread(file, text, sizeof text - 1, 0);
  text[length > 0 ? length : 0] = 0;
  *holder = (Holder){.host = "?", .since = "?"};
  return sscanf(text, "host %71s\npid %lld\nboot %39s\nstarted %lld\nsince %31s", holder->host, &holder->pid,
                holder->boot, &holder->started, holder->since) == 5;
}

static Status holder_write(int file, const char *dir) {
  Holder here;
  holder_here(&here);
  char text[512];
  int length = snprintf(text, sizeof text, "host %s\npid %lld\nboot %s\nstarted %lld\nsince %s\n",
                        *here.host ? here.host : "?", here.pid, here.boot, here.started, here.since);
  if (ftruncate(file, 0) != 0)
    return file_error(dir, "write the lock of");
  TRY(file_write(file, text, (size_t)length, 0, dir));
  return file_sync(file, dir);
}

static bool holder_is_dead(const Holder *holder) {
  Holder here;
  holder_here(&here);
  if (strcmp(here.host, holder->host) != 0)
    return false;
  if (strcmp(here.boot, holder->boot) != 0)
    return true;
  long long started = process_started(holder->pid);
  if (started < 0)
    return kill((pid_t)holder->pid, 0) != 0 && errno == ESRCH;
  return started != holder->started;
}

static const char in_use[] = "uses this run directory";

static Status refused(const char *dir, int file) {
  Holder holder;
  bool known = file >= 0 && holder_read(&holder, file);
  if (!known)
    return status_error(EXIT_CANNOT_CREATE, "%s: another job %s; wait for it, or give another --out", dir, in_use);
  return status_error(EXIT_CANNOT_CREATE,
                      "%s: the job with process %lld on %s %s since %s; wait for it, or give another --out", dir,
                      holder.pid, holder.host, in_use, holder.since);
}

// --- with flock
// --------------------------------------------------------------------------------------------------------------

static bool still_named(int file, int directory) {
  struct stat opened, named;
  return fstat(file, &opened) == 0 && fstatat(directory, lock_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/// Waits for nobody. False with errno when refused or impossible.
static bool flock_now(int file) {
  int result;
  while ((result = flock(file, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR)
    ;
  return result == 0;
}

static Status take_flock(int *file, int directory, const char *dir) {
  for (;;) {
    *file = openat(directory, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
    if (*file < 0)
      return status_error(EXIT_CANNOT_CREATE, "%s/lock: cannot open%s: %s", dir,
                          errno == ELOOP ? " (it is a symbolic link)" : "", strerror(errno));
    if (!flock_now(*file))
      return errno == EWOULDBLOCK ? refused(dir, *file) : file_error(dir, "lock");
    if (still_named(*file, directory))
      return holder_write(*file, dir);
    close(*file); // the holder before us removed the file while we opened it
  }
}

// --- without
// ---------------------------------------------------------------------------------------------------------------

/// A lock file of a dead process is taken away by renaming it. Two may try at once: who finds that the file taken is
/// not the one judged, puts it back.
static Status take_away_dead(int directory, const char *mine, const char *dir) {
  int file = openat(directory, lock_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return errno == ENOENT ? STATUS_OK : file_error(dir, "read the lock of");
  Holder holder;
  struct stat judged, taken;
  bool dead = holder_read(&holder, file) && holder_is_dead(&holder) && fstat(file, &judged) == 0;
  Status status = dead ? STATUS_OK : refused(dir, file);
  close(file);
  if (!dead)
    return status;
  char aside[FILE_NAME];
  snprintf(aside, sizeof aside, "dead-%.200s", mine);
  if (renameat(directory, lock_name, directory, aside) != 0)
    return errno == ENOENT ? STATUS_OK : file_error(dir, "take over the lock of");
  if (fstatat(directory, aside, &taken, AT_SYMLINK_NOFOLLOW) != 0 || taken.st_ino != judged.st_ino)
    if (linkat(directory, aside, directory, lock_name, 0) != 0 && errno != EEXIST)
      status = file_error(dir, "give back the lock of");
  name_remove(directory, aside, dir);
  return status;
}

/// `mine` is the name of our own file *file.
static Status take_link(int file, int directory, const char *mine, const char *dir) {
  enum { TRIES = 8 };
  TRY(holder_write(file, dir));
  bool linked = false;
  for (int i = 0; i < TRIES && !linked; i++) {
    linked = linkat(directory, mine, directory, lock_name, 0) == 0;
    if (!linked && errno == ENOENT)
      return refused(dir, -1); // swept away, which is the right of who holds the lock
    if (!linked && errno != EEXIST)
      return file_error(dir, "lock");
    if (!linked)
      TRY(take_away_dead(directory, mine, dir));
  }
  return linked && still_named(file, directory) ? STATUS_OK : refused(dir, -1);
}

/// A file of our own tells whether the file system has flock, before the lock is touched.
static Status take(int *file, int directory, const char *dir) {
  char mine[FILE_NAME], host[72] = "?";
  gethostname(host, sizeof host - 1);
  snprintf(mine, sizeof mine, "lock.%.70s.%lld.tmp", host, (long long)getpid());
  TRY(name_remove(directory, mine, dir));
  *file = openat(directory, mine, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (*file < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot write to this directory: %s", dir, strerror(errno));
  bool usable = flock_now(*file);
  Status status = usable ? STATUS_OK : take_link(*file, directory, mine, dir);
  name_remove(directory, mine, dir);
  if (!usable)
    return status;
  close(*file);
  return take_flock(file, directory, dir);
}

// --- the directory
// ---------------------------------------------------------------------------------------------------------

/// mkdir -p.
static Status make_directories(const char *dir) {
  char path[FILE_PATH];
  TRY(place_folder(path, dir)); // it will have to fit
  text_print(path, sizeof path, "%s", dir);
  for (char *at = path + 1;; at++) {
    char kept = *at;
    if (kept && kept != '/')
      continue;
    *at = 0;
    if (mkdir(path, 0777) != 0 && errno != EEXIST && errno != EISDIR) {
      int error = errno;
      struct stat facts;
      if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)) // a read-only parent that is there is no obstacle
        return status_error(EXIT_CANNOT_CREATE, "%s: cannot create: %s", path, strerror(error));
    }
    if (!kept)
      return STATUS_OK;
    *at = kept;
  }
}

static bool is_leftover(const char *name) {
  size_t length = strlen(name);
  return length > 4 && strcmp(name + length - 4, ".tmp") == 0;
}

/// Removes *.tmp: what a killed writer left. Only files and links; only with the lock held.
static void sweep(int directory, const char *shown) {
  int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *list = again < 0 ? NULL : fdopendir(again);
  if (!list) {
    if (again >= 0)
      close(again);
    return;
  }
  for (struct dirent *entry; (entry = readdir(list));) {
    if (!is_leftover(entry->d_name))
      continue;
    Status status = name_remove(directory, entry->d_name, shown);
    if (status.code == 0)
      log_info("%s: removed %s, left by a job that was killed", shown, entry->d_name);
    else
      log_warning("%s", status.text);
  }
  closedir(list);
}

static void sweep_all(int directory, const char *dir) {
  char folder[FILE_PATH];
  sweep(directory, dir);
  int inner = openat(directory, "checkpoints", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (inner < 0 || place_folder(folder, dir).code != 0)
    return;
  sweep(inner, folder);
  close(inner);
}

static Status lock_here(RunLock *lock, const char *dir) {
  TRY(make_directories(dir));
  int directory = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot open: %s", dir, strerror(errno));
  Status status = take(&lock->file, directory, dir);
  if (status.code != 0) {
    if (lock->file >= 0)
      close(lock->file);
    lock->file = -1;
    lock->refused = strstr(status.text, in_use) != NULL;
    close(directory);
    return status;
  }
  lock->directory = directory;
  sweep_all(directory, dir);
  return STATUS_OK;
}

bool rundir_locked(const char *dir) {
  char path[FILE_PATH];
  Holder holder;
  if (!text_print(path, sizeof path, "%s/%s", dir, lock_name))
    return false;
  int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return false;
  bool free = flock(file, LOCK_SH | LOCK_NB) == 0, held = !free && errno == EWOULDBLOCK;
  bool known = holder_read(&holder, file);
  close(file);
  return free ? false : held || !known || !holder_is_dead(&holder);
}

Status rundir_lock(const Comm *comm, const char *dir, RunLock *lock) {
  *lock = (RunLock){.file = -1, .directory = -1};
  return comm_agree(comm, comm_is_root(comm) ? lock_here(lock, dir) : STATUS_OK);
}

void rundir_unlock(RunLock *lock) {
  if (lock->file < 0)
    return;
  if (still_named(lock->file, lock->directory))
    unlinkat(lock->directory, lock_name, 0); // while we hold it
  close(lock->file);
  close(lock->directory);
  *lock = (RunLock){.file = -1, .directory = -1};
}
