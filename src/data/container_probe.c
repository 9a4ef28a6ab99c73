/// A file that crashes or hangs the HDF5 library does so in a child, with little memory and little time.
/// One flipped bit in an HDF5 file's metadata is enough for either (about 1 in 2000 flips).
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CPU_SECONDS = 8, WALL_SECONDS = 60 };
#define LOADED_MOST ((size_t)64 << 20)
#define SPARE ((rlim_t)1 << 30)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

static void limit(int what, rlim_t most) {
  struct rlimit now;
  if (getrlimit(what, &now) == 0) {
    now.rlim_cur = now.rlim_max == RLIM_INFINITY || most < now.rlim_max ? most : now.rlim_max;
    setrlimit(what, &now);
  }
}

static void limit_child(const char *path) {
  unsigned long long pages = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  struct stat file = {0};
  (void)stat(path, &file);
  bool known = statm && fscanf(statm, "%llu", &pages) == 1;
  if (statm)
    fclose(statm);
  if (known && !SANITIZED) // a sanitizer's shadow is terabytes of address space
    limit(RLIMIT_AS, (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + SPARE + 4 * (rlim_t)file.st_size);
  limit(RLIMIT_CPU, CPU_SECONDS);
  limit(RLIMIT_CORE, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int silence = open("/dev/null", O_WRONLY);
  if (silence >= 0) { // the heap's last words on standard error are not ours
    dup2(silence, STDOUT_FILENO);
    dup2(silence, STDERR_FILENO);
  }
}

static Status walk(const Dataset *dataset, const Container *container) {
  static const char *const names[4] = {"values", "offsets", "codes", "times"};
  for (int m = 0; m < dataset->modalities; m++)
    for (int i = 0; i < 4; i++) {
      char where[CONTAINER_PATH];
      bool exists;
      Array array;
      snprintf(where, sizeof where, "/modalities/%s/%s", dataset->modality[m].name, names[i]);
      TRY(container_exists(&exists, container, where));
      if (!exists)
        continue;
      TRY(array_open(&array, container, where));
      Status status = array_walk(&array, container);
      array_close(&array);
      TRY(status);
    }
  return STATUS_OK;
}

static Status read_everything(const char *path) {
  Dataset dataset;
  Container container;
  size_t bytes = 0;
  TRY(dataset_open(&dataset, path, NULL));
  for (int i = 0; i < dataset.modalities; i++)
    bytes += dataset_bytes(&dataset, i, NULL);
  if (bytes > LOADED_MOST) {
    TRY(container_open(&container, path));
    return walk(&dataset, &container);
  }
  for (int i = 0; i < dataset.modalities; i++)
    TRY(dataset_load(&dataset, path, i));
  return STATUS_OK;
}

/// The child's Status; false when it ended, or had to be ended, without one.
static bool receive(Status *status, int fd) {
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  int got;
  while ((got = poll(&ready, 1, WALL_SECONDS * 1000)) < 0 && errno == EINTR)
    ;
  if (got <= 0 || read(fd, status, sizeof *status) != sizeof *status)
    return false;
  status->text[STATUS_TEXT - 1] = 0;
  return true;
}

static Status probe_failed(const char *path, int state) {
  int signal = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
  if (signal == SIGXCPU || signal == SIGKILL)
    return status_error(EXIT_DATA, "%s: the HDF5 library cannot finish reading it; it is damaged, or made to do harm",
                        path);
  return status_error(EXIT_DATA, "%s: the HDF5 library crashes on it (signal %d); it is damaged, or made to do harm",
                      path, signal);
}

Status dataset_probe(const char *path) {
  int end[2];
  if (pipe2(end, O_CLOEXEC))
    return status_error(EXIT_INTERNAL, "%s: no pipe for a trial read: %s", path, strerror(errno));
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    close(end[0]);
    limit_child(path);
    Status status = read_everything(path);
    bool told = write(end[1], &status, sizeof status) == sizeof status;
    _exit(told ? 0 : 1);
  }
  close(end[1]);
  if (child < 0) {
    close(end[0]);
    return status_error(EXIT_INTERNAL, "%s: no process for a trial read: %s", path, strerror(errno));
  }
  Status status = STATUS_OK;
  int state = 0;
  bool told = receive(&status, end[0]);
  close(end[0]);
  if (!told)
    kill(child, SIGKILL);
  while (waitpid(child, &state, 0) < 0 && errno == EINTR)
    ;
  return told ? status : probe_failed(path, state);
}
