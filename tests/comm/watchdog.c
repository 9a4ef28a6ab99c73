// A job in which one rank stops moving, or dies, ends and says which rank it was; one that moves, however slowly, does not.
// timeout: 120
#include "comm/watchdog.h"
#include "check.h"
#include "comm/comm.h"

#include "base/clock.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE = 4096 };

/// job KIND RANK: all ranks meet ten times; the rank stops itself, or sleeps before it comes, at the fourth.
static int job(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  const char *kind = argv[2];
  int rank = atoi(argv[3]);
  watchdog_start(&comm, 1.5);
  for (int step = 1; step <= 10; step++) {
    watchdog_phase("work", step);
    if (step == 4 && comm.rank == rank && !strcmp(kind, "stop"))
      raise(SIGSTOP);
    if (step == 4 && comm.rank == rank && !strcmp(kind, "die"))
      raise(SIGKILL);
    if (step == 4 && comm.rank == rank && !strcmp(kind, "leave"))
      pause();
    if (step == 4 && comm.rank == rank && !strcmp(kind, "slow"))
      usleep(700000);
    watchdog_phase("meet", step);
    comm_any(&comm, false);
  }
  watchdog_stop();
  comm_finalize(&comm);
  return 0;
}

/// Runs a job; what it printed is in text.
static int run(char text[LINE], const char *self, int ranks, const char *kind, int rank) {
  char command[LINE], launcher[64];
  snprintf(launcher, sizeof launcher, "mpirun -np %d ", ranks);
  snprintf(command, sizeof command, "%s'%s' job %s %d 2>&1", ranks > 1 ? launcher : "", self, kind, rank);
  FILE *pipe = popen(command, "r");
  CHECK(pipe, "no pipe");
  size_t size = fread(text, 1, LINE - 1, pipe);
  text[size] = 0;
  int result = pclose(pipe);
  return WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
}

static int count(const char *text, const char *words) {
  int n = 0;
  while ((text = strstr(text, words)))
    n++, text++;
  return n;
}

int main(int argc, char **argv) {
  if (argc > 3 && !strcmp(argv[1], "job"))
    return job(argc, argv);
  char self[1024] = {0}, text[LINE];
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0, "who am I");
  CHECK(run(text, self, 1, "slow", 0) == 0, "alone: %s", text);
  CHECK(run(text, self, 1, "leave", 0) == EXIT_AGAIN && strstr(text, "rank 0 is furthest behind, in 'work' of step 4"),
        "alone: %s", text);
  CHECK(run(text, self, 3, "slow", 1) == 0, "a false alarm: %s", text);
  for (int rank = 0; rank < 3; rank++) {
    const char *kind = rank == 1 ? "leave" : "stop";
    char named[80];
    snprintf(named, sizeof named, "rank %d is furthest behind, in 'work' of step 4", rank);
    double start = clock_seconds();
    int code = run(text, self, 3, kind, rank);
    CHECK(code == EXIT_AGAIN, "rank %d: exit code %d after %.1f s: %s", rank, code, clock_seconds() - start, text);
    CHECK(strstr(text, named) && count(text, "nothing moves") == 1, "not '%s': %s", named, text);
  }
  for (int rank = 0; rank < 3; rank++) {
    char named[80];
    int code = run(text, self, 3, "die", rank);
    CHECK(code == EXIT_AGAIN || code == 128 + SIGKILL, "rank %d: exit code %d: %s", rank, code, text);
    snprintf(named, sizeof named, "rebasis: rank %d on ", rank);
    CHECK(strstr(text, named) && count(text, "has died in 'work' of step 4") == 1, "not '%s': %s", named, text);
  }
  return 0;
}
