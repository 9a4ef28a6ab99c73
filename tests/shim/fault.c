/// Makes the n-th input or output call of a process fail, to be preloaded: cc -shared -fPIC fault.c -o fault.so -ldl,
/// LD_PRELOAD.
///
/// REBASIS_FAULT, or the argument of fault_arm() at run time, is a list of words:
///   rank=R          only in the process with OMPI_COMM_WORLD_RANK=R (a process without rank is rank 0)
///   path=TEXT       only calls on a file whose path contains TEXT
///   call=NAME       only calls of that name: open read write sync size rename remove link close lock (default: all but
///   read) n=N             the N-th such call, counted from 1 do=ACTION       EIO, ENOSPC, EDQUOT, EFBIG, EMFILE,
///   EINTR, EACCES, ENOLCK; kill; torn (half of a write, then kill);
///                   short (half of a write or read); delay (50 ms);
///                   skip (a reservation that reserves nothing)
///   sticky          that call and every one after it
/// fault_calls() tells how many calls have been counted since it was armed, fault_struck() how many were struck.
///
/// fault_journal(FILE, TEXT) appends every change of files whose path contains TEXT to FILE, in the order of time: a line "OP INODE
/// OFFSET SIZE NAME" and SIZE bytes. OP: o opened for writing under that name, w written, t cut to OFFSET, e extended to OFFSET, b and s
/// begin and end of a flush (OFFSET is the number of the begin), r renamed (the bytes are the old name), u unlinked, l symbolic
/// link (the bytes are its target), h hard link.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void __libc_free(void *block);

static struct {
  bool armed, sticky;
  char path[256], call[16], action[16];
  long n, calls, struck;
} fault;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static bool rank_is(const char *rank) {
  const char *here = getenv("OMPI_COMM_WORLD_RANK");
  return !strcmp(here ? here : "0", rank);
}

void fault_arm(const char *text) {
  char words[512], *rest = words;
  snprintf(words, sizeof words, "%s", text ? text : "");
  memset(&fault, 0, sizeof fault);
  fault.armed = *words != 0;
  for (char *word; (word = strsep(&rest, " "));) {
    if (!strncmp(word, "rank=", 5))
      fault.armed = fault.armed && rank_is(word + 5);
    else if (!strncmp(word, "path=", 5))
      snprintf(fault.path, sizeof fault.path, "%s", word + 5);
    else if (!strncmp(word, "call=", 5))
      snprintf(fault.call, sizeof fault.call, "%s", word + 5);
    else if (!strncmp(word, "n=", 2))
      fault.n = atol(word + 2);
    else if (!strncmp(word, "do=", 3))
      snprintf(fault.action, sizeof fault.action, "%s", word + 3);
    else if (!strcmp(word, "sticky"))
      fault.sticky = true;
  }
}

long fault_calls(void) { return fault.calls; }
long fault_struck(void) { return fault.struck; }

__attribute__((constructor)) static void arm_from_environment(void) { fault_arm(getenv("REBASIS_FAULT")); }

static void *next(const char *name) {
  void *symbol = dlsym(RTLD_NEXT, name);
  if (!symbol)
    abort();
  return symbol;
}

/// The file behind a descriptor, or a name seen from a directory's descriptor.
static void name_of(char to[4096], int descriptor, const char *name) {
  char link[64];
  to[0] = 0;
  if (name && (*name == '/' || descriptor == AT_FDCWD)) {
    snprintf(to, 4096, "%s", name);
    if (strncmp(name, "/proc/self/fd/", 14) != 0)
      return;
    snprintf(link, sizeof link, "%.60s", name);
  } else {
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  }
  ssize_t length = readlink(link, to, 2000);
  to[length > 0 ? length : 0] = 0;
  if (name && *name != '/' && descriptor != AT_FDCWD)
    snprintf(to + strlen(to), 2000, "/%s", name);
}

static int error_number(const char *action) {
  static const struct {
    const char *name;
    int number;
  } known[] = {{"EIO", EIO},     {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EFBIG", EFBIG},  {"EMFILE", EMFILE},
               {"EINTR", EINTR}, {"EACCES", EACCES}, {"ENOLCK", ENOLCK}, {"ENOMEM", ENOMEM}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(known[i].name, action))
      return known[i].number;
  return 0;
}

typedef enum Strike { PASS, FAIL, SHORT, TORN, SKIP } Strike;

/// Counts the call; kills or delays at once; else says what the caller is to do. errno is set for FAIL.
static Strike strike(const char *call, int descriptor, const char *name) {
  if (!fault.armed)
    return PASS;
  int kept = errno;
  char path[4096];
  name_of(path, descriptor, name);
  bool chosen = *fault.call ? !strcmp(call, fault.call) || !strcmp("all", fault.call) : strcmp(call, "read") != 0;
  bool meant = chosen && strstr(path, fault.path);
  pthread_mutex_lock(&mutex);
  long n = meant ? ++fault.calls : 0;
  bool hit = meant && (n == fault.n || (fault.sticky && n > fault.n));
  fault.struck += hit;
  pthread_mutex_unlock(&mutex);
  errno = kept;
  if (!hit)
    return PASS;
  if (getenv("REBASIS_FAULT_SHOW"))
    fprintf(stderr, "fault: call %ld, %s of %s: %s\n", n, call, path, fault.action);
  if (!strcmp(fault.action, "kill"))
    raise(SIGKILL);
  if (!strcmp(fault.action, "delay"))
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
  if (!strcmp(fault.action, "short"))
    return SHORT;
  if (!strcmp(fault.action, "torn"))
    return TORN;
  if (!strcmp(fault.action, "skip"))
    return SKIP;
  errno = error_number(fault.action);
  return errno ? FAIL : PASS;
}

/// For calls that cannot be cut in half.
static bool fails(const char *call, int descriptor, const char *name) {
  Strike result = strike(call, descriptor, name);
  if (result == TORN)
    raise(SIGKILL);
  return result == FAIL;
}

// --- the journal ---------------------------------------------------------------------------------------------------------------

static int journal = -1;
static char journal_path[256];

static int real_open(const char *name, int flags) {
  return ((int (*)(const char *, int, ...))next("open"))(name, flags, 0666);
}

void fault_journal(const char *file, const char *path) {
  snprintf(journal_path, sizeof journal_path, "%s", path ? path : "");
  journal = file ? real_open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC) : -1;
}

static bool journaled(char path[4096], int descriptor, const char *name) {
  if (journal < 0)
    return false;
  name_of(path, descriptor, name);
  return strstr(path, journal_path) != NULL;
}

/// One write() to a file opened for appending: records of several processes do not mix.
static void journal_add(char op, long inode, long offset, const void *bytes, size_t size, const char *path) {
  const char *base = strrchr(path, '/');
  char *record = __libc_malloc(size + 512);
  if (!record)
    abort();
  int length = snprintf(record, 512, "%c %ld %ld %zu %.300s\n", op, inode, offset, size, base ? base + 1 : path);
  memcpy(record + length, bytes, size);
  ssize_t (*real)(int, const void *, size_t) = next("write");
  if (real(journal, record, (size_t)length + size) != (ssize_t)((size_t)length + size))
    abort();
  __libc_free(record);
}

static long inode_of(int file) {
  struct stat facts;
  return fstat(file, &facts) == 0 ? (long)facts.st_ino : -1;
}

static void journal_file(char op, int file, long offset, const void *bytes, ssize_t size) {
  int kept = errno;
  char path[4096];
  if (size >= 0 && journaled(path, file, NULL))
    journal_add(op, inode_of(file), offset, bytes, (size_t)size, path);
  errno = kept;
}

static void journal_name(char op, int at, const char *name, const char *other, int result) {
  int kept = errno;
  char path[4096];
  if (result == 0 && journaled(path, at, name))
    journal_add(op, -1, 0, other, strlen(other), path);
  errno = kept;
}

static int journal_open(int file, int flags, int at, const char *name) {
  int kept = errno;
  char path[4096];
  if (file >= 0 && (flags & O_ACCMODE) != O_RDONLY && journaled(path, at, name))
    journal_add('o', inode_of(file), 0, "", 0, path);
  errno = kept;
  return file;
}

static long journal_flush_begin(int file) {
  static long number;
  long mine = __sync_add_and_fetch(&number, 1) + 100000L * getpid();
  journal_file('b', file, mine, "", 0);
  return mine;
}

#define OPEN(function)                                                                                                 \
  int function(const char *name, int flags, ...) {                                                                     \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                            \
    va_end(rest);                                                                                                      \
    if (fails("open", AT_FDCWD, name))                                                                                 \
      return -1;                                                                                                       \
    return journal_open(((int (*)(const char *, int, ...))next(#function))(name, flags, mode), flags, AT_FDCWD, name); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(function)                                                                                               \
  int function(int at, const char *name, int flags, ...) {                                                             \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                            \
    va_end(rest);                                                                                                      \
    if (fails("open", at, name))                                                                                       \
      return -1;                                                                                                       \
    return journal_open(((int (*)(int, const char *, int, ...))next(#function))(at, name, flags, mode), flags, at,     \
                        name);                                                                                         \
  }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, const void *bytes, size_t size) {
  ssize_t (*real)(int, const void *, size_t) = next("write");
  Strike result = strike("write", file, NULL);
  if (result == FAIL)
    return -1;
  ssize_t done = real(file, bytes, result == PASS || size < 2 ? size : size / 2);
  if (result == TORN)
    raise(SIGKILL);
  return done;
}

ssize_t read(int file, void *bytes, size_t size) {
  ssize_t (*real)(int, void *, size_t) = next("read");
  Strike result = strike("read", file, NULL);
  return result == FAIL ? -1 : real(file, bytes, result == PASS || size < 2 ? size : size / 2);
}

#define PWRITE(function)                                                                                               \
  ssize_t function(int file, const void *bytes, size_t size, off_t offset) {                                           \
    ssize_t (*real)(int, const void *, size_t, off_t) = next(#function);                                               \
    Strike result = strike("write", file, NULL);                                                                       \
    if (result == FAIL)                                                                                                \
      return -1;                                                                                                       \
    ssize_t done = real(file, bytes, result == PASS || size < 2 ? size : size / 2, offset);                            \
    journal_file('w', file, (long)offset, bytes, done);                                                                \
    if (result == TORN)                                                                                                \
      raise(SIGKILL);                                                                                                  \
    return done;                                                                                                       \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PREAD(function)                                                                                                \
  ssize_t function(int file, void *bytes, size_t size, off_t offset) {                                                 \
    ssize_t (*real)(int, void *, size_t, off_t) = next(#function);                                                     \
    Strike result = strike("read", file, NULL);                                                                        \
    return result == FAIL ? -1 : real(file, bytes, result == PASS || size < 2 ? size : size / 2, offset);              \
  }
PREAD(pread)
PREAD(pread64)

ssize_t writev(int file, const struct iovec *piece, int pieces) {
  ssize_t (*real)(int, const struct iovec *, int) = next("writev");
  Strike result = strike("write", file, NULL);
  return result == FAIL ? -1 : real(file, piece, result == PASS || pieces < 2 ? pieces : pieces / 2);
}

#define PWRITEV(function)                                                                                              \
  ssize_t function(int file, const struct iovec *piece, int pieces, off_t offset) {                                    \
    ssize_t (*real)(int, const struct iovec *, int, off_t) = next(#function);                                          \
    Strike result = strike("write", file, NULL);                                                                       \
    return result == FAIL ? -1 : real(file, piece, result == PASS || pieces < 2 ? pieces : pieces / 2, offset);        \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define PREADV(function)                                                                                               \
  ssize_t function(int file, const struct iovec *piece, int pieces, off_t offset) {                                    \
    ssize_t (*real)(int, const struct iovec *, int, off_t) = next(#function);                                          \
    Strike result = strike("read", file, NULL);                                                                        \
    return result == FAIL ? -1 : real(file, piece, result == PASS || pieces < 2 ? pieces : pieces / 2, offset);        \
  }
PREADV(preadv)
PREADV(preadv64)

#define FLUSH(function)                                                                                                \
  int function(int file) {                                                                                             \
    int (*real)(int) = next(#function);                                                                                \
    if (fails("sync", file, NULL))                                                                                     \
      return -1;                                                                                                       \
    long number = journal < 0 ? 0 : journal_flush_begin(file);                                                         \
    int result = real(file);                                                                                           \
    journal_file('s', file, number, "", result);                                                                       \
    return result;                                                                                                     \
  }
FLUSH(fsync)
FLUSH(fdatasync)

int close(int file) {
  int (*real)(int) = next("close");
  if (!fails("close", file, NULL))
    return real(file);
  real(file);
  errno = EIO;
  return -1;
}

#define TRUNCATE(function)                                                                                             \
  int function(int file, off_t size) {                                                                                 \
    if (fails("size", file, NULL))                                                                                     \
      return -1;                                                                                                       \
    int result = ((int (*)(int, off_t))next(#function))(file, size);                                                   \
    journal_file('t', file, (long)size, "", result);                                                                   \
    return result;                                                                                                     \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define FALLOCATE(function)                                                                                            \
  int function(int file, int mode, off_t offset, off_t size) {                                                         \
    Strike result = strike("reserve", file, NULL);                                                                     \
    if (result == FAIL || result == SKIP)                                                                              \
      return result == FAIL ? -1 : 0;                                                                                  \
    return ((int (*)(int, int, off_t, off_t))next(#function))(file, mode, offset, size);                               \
  }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

#define POSIX_FALLOCATE(function)                                                                                      \
  int function(int file, off_t offset, off_t size) {                                                                   \
    Strike result = strike("reserve", file, NULL);                                                                     \
    if (result == FAIL || result == SKIP)                                                                              \
      return result == FAIL ? errno : 0;                                                                               \
    int error = ((int (*)(int, off_t, off_t))next(#function))(file, offset, size);                                     \
    if (error == 0)                                                                                                    \
      journal_file('e', file, (long)(offset + size), "", 0);                                                           \
    return error;                                                                                                      \
  }
POSIX_FALLOCATE(posix_fallocate)
POSIX_FALLOCATE(posix_fallocate64)

int rename(const char *from, const char *to) {
  return fails("rename", AT_FDCWD, to) ? -1 : ((int (*)(const char *, const char *))next("rename"))(from, to);
}
int renameat(int from_at, const char *from, int to_at, const char *to) {
  if (fails("rename", to_at, to))
    return -1;
  int result = ((int (*)(int, const char *, int, const char *))next("renameat"))(from_at, from, to_at, to);
  journal_name('r', to_at, to, from, result);
  return result;
}
int unlink(const char *name) {
  return fails("remove", AT_FDCWD, name) ? -1 : ((int (*)(const char *))next("unlink"))(name);
}
int unlinkat(int at, const char *name, int flags) {
  if (fails("remove", at, name))
    return -1;
  int result = ((int (*)(int, const char *, int))next("unlinkat"))(at, name, flags);
  journal_name('u', at, name, "", result);
  return result;
}
int link(const char *from, const char *to) {
  return fails("link", AT_FDCWD, to) ? -1 : ((int (*)(const char *, const char *))next("link"))(from, to);
}
int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
  if (fails("link", to_at, to))
    return -1;
  return ((int (*)(int, const char *, int, const char *, int))next("linkat"))(from_at, from, to_at, to, flags);
}
int symlink(const char *target, const char *name) {
  return fails("link", AT_FDCWD, name) ? -1 : ((int (*)(const char *, const char *))next("symlink"))(target, name);
}
int symlinkat(const char *target, int at, const char *name) {
  if (fails("link", at, name))
    return -1;
  int result = ((int (*)(const char *, int, const char *))next("symlinkat"))(target, at, name);
  journal_name('l', at, name, target, result);
  return result;
}
int mkdir(const char *name, mode_t mode) {
  return fails("link", AT_FDCWD, name) ? -1 : ((int (*)(const char *, mode_t))next("mkdir"))(name, mode);
}
int flock(int file, int operation) {
  return fails("lock", file, NULL) ? -1 : ((int (*)(int, int))next("flock"))(file, operation);
}

// --- memory ------------------------------------------------------------------------------------------------------------------

void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static int program_range(struct dl_phdr_info *object, size_t size, void *range) {
  (void)size;
  uintptr_t *from = range;
  for (int i = 0; i < object->dlpi_phnum; i++)
    if (object->dlpi_phdr[i].p_type == PT_LOAD && (object->dlpi_phdr[i].p_flags & PF_X)) {
      from[0] = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
      from[1] = from[0] + object->dlpi_phdr[i].p_memsz;
    }
  return 1; // the first object is the program
}

static bool no_memory(const void *caller) {
  if (!fault.armed || strcmp(fault.call, "memory") != 0)
    return false;
  static uintptr_t range[2];
  if (!range[0])
    dl_iterate_phdr(program_range, range);
  if ((uintptr_t)caller < range[0] || (uintptr_t)caller >= range[1])
    return false;
  long n = ++fault.calls;
  bool hit = n == fault.n || (fault.sticky && n > fault.n);
  fault.struck += hit;
  if (hit)
    errno = ENOMEM;
  return hit;
}

void *malloc(size_t size) { return no_memory(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) {
  return no_memory(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}
void *realloc(void *block, size_t size) {
  return no_memory(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  return no_memory(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}
