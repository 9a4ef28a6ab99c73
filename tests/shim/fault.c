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

#define OPEN(function)                                                                                                 \
  int function(const char *name, int flags, ...) {                                                                     \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                            \
    va_end(rest);                                                                                                      \
    if (fails("open", AT_FDCWD, name))                                                                                 \
      return -1;                                                                                                       \
    return ((int (*)(const char *, int, ...))next(#function))(name, flags, mode);                                      \
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
    return ((int (*)(int, const char *, int, ...))next(#function))(at, name, flags, mode);                             \
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

#define ON_FILE(call, function)                                                                                        \
  int function(int file) {                                                                                             \
    int (*real)(int) = next(#function);                                                                                \
    if (fails(call, file, NULL)) {                                                                                     \
      if (!strcmp(call, "close"))                                                                                      \
        real(file);                                                                                                    \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return real(file);                                                                                                 \
  }
ON_FILE("sync", fsync)
ON_FILE("sync", fdatasync)
ON_FILE("close", close)

#define TRUNCATE(function)                                                                                             \
  int function(int file, off_t size) {                                                                                 \
    return fails("size", file, NULL) ? -1 : ((int (*)(int, off_t))next(#function))(file, size);                        \
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
    return ((int (*)(int, off_t, off_t))next(#function))(file, offset, size);                                          \
  }
POSIX_FALLOCATE(posix_fallocate)
POSIX_FALLOCATE(posix_fallocate64)

int rename(const char *from, const char *to) {
  return fails("rename", AT_FDCWD, to) ? -1 : ((int (*)(const char *, const char *))next("rename"))(from, to);
}
int renameat(int from_at, const char *from, int to_at, const char *to) {
  if (fails("rename", to_at, to))
    return -1;
  return ((int (*)(int, const char *, int, const char *))next("renameat"))(from_at, from, to_at, to);
}
int unlink(const char *name) {
  return fails("remove", AT_FDCWD, name) ? -1 : ((int (*)(const char *))next("unlink"))(name);
}
int unlinkat(int at, const char *name, int flags) {
  return fails("remove", at, name) ? -1 : ((int (*)(int, const char *, int))next("unlinkat"))(at, name, flags);
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
  return fails("link", at, name) ? -1 : ((int (*)(const char *, int, const char *))next("symlinkat"))(target, at, name);
}
int mkdir(const char *name, mode_t mode) {
  return fails("link", AT_FDCWD, name) ? -1 : ((int (*)(const char *, mode_t))next("mkdir"))(name, mode);
}
int flock(int file, int operation) {
  return fails("lock", file, NULL) ? -1 : ((int (*)(int, int))next("flock"))(file, operation);
}

// --- memory ------------------------------------------------------------------------------------------------------------------

void *__libc_malloc(size_t size);
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
