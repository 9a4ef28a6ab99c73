// Every rank has a beacon in memory that the ranks of its node share: how often it moved, in which phase and step it
// is, since when. The thread looks at its own rank's beacon only, and at the others to say who is behind. It counts
// waking time: a tick that took longer than planned means that we were stopped, not the job. A neighbour whose process is gone
// although it had not come to its end will never answer: nobody waits for that.
#include "comm/watchdog.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Beacon {
  _Atomic uint64_t moves;   // signs of life
  _Atomic uint64_t changes; // phases and steps gone through
  _Atomic int64_t step;
  _Atomic bool waits;   // has nothing to do but wait for others
  _Atomic double since; // seconds of the clock that all processes of a node share
  _Atomic double awake; // when the thread itself last looked
  char phase[48];       // may be read half-written: it is only shown
  int rank;
  pid_t process;
  _Atomic bool leaving; // has come to watchdog_stop
  atomic_flag fired;    // of the node's first rank: its alarm speaks for the node
} Beacon;

// The watchdog is a property of the process, as the log is: whoever does a long thing says so without being handed it.
static struct {
  bool on;
  double limit;
  Comm comm;
  MPI_Comm node;
  MPI_Win window;
  int neighbours;
  Beacon *mine, *first;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  bool end;
} watch;

static Beacon *beacon_of(int neighbour) {
  MPI_Aint size;
  int unit;
  Beacon *beacon;
  MPI_Win_shared_query(watch.window, neighbour, &size, &unit, &beacon);
  return beacon;
}

static bool alone(void) { return watch.neighbours == watch.comm.ranks; }

/// A process whose very thread sleeps is stopped, and holds the others up; else who has gone through the fewest phases. Among ranks
/// that are all equally far, none of this node is behind when there are other nodes (NULL); else the one that has been there longest.
static const Beacon *furthest_behind(bool *stopped) {
  const Beacon *slowest = watch.mine, *asleep = watch.mine;
  bool differ = false;
  for (int n = 0; n < watch.neighbours; n++) {
    const Beacon *other = &watch.first[n];
    differ |= other->changes != watch.mine->changes;
    if (other->changes < slowest->changes || (other->changes == slowest->changes && other->since < slowest->since))
      slowest = other;
    if (other->awake < asleep->awake)
      asleep = other;
  }
  *stopped = clock_seconds() - asleep->awake > watch.limit / 2;
  return *stopped ? asleep : differ || alone() ? slowest : NULL;
}

/// A rank of this node whose process is gone before its time, or NULL.
static const Beacon *fallen(void) {
  for (int n = 0; n < watch.neighbours; n++) {
    const Beacon *other = &watch.first[n];
    if (!other->leaving && kill(other->process, 0) != 0 && errno == ESRCH)
      return other;
  }
  return NULL;
}

static void *abort_job(void *unused) {
  (void)unused;
  MPI_Abort(watch.comm.world, EXIT_AGAIN);
  return NULL;
}

static void say_hang(const char *host) {
  bool stopped;
  const Beacon *slow = furthest_behind(&stopped);
  char behind[160] = "no rank of this node is behind: it waits for another node";
  if (slow)
    text_print(behind, sizeof behind, "rank %d is furthest behind, in '%s' of step %lld%s", slow->rank, slow->phase,
               (long long)slow->step, stopped ? ", its process stopped" : "");
  fprintf(stderr,
          "rebasis: nothing moves: rank %d on %s is in '%s' of step %lld for more than %g s, and %s; the job ends "
          "here, run it again with --resume\n",
          watch.mine->rank, host, watch.mine->phase, (long long)watch.mine->step, watch.limit, behind);
}

/// Says it once a node and ends the job. MPI may be stuck in any state, so it is asked from a thread of its own.
static _Noreturn void fire(const Beacon *dead) {
  struct timespec moment = {.tv_sec = 1};
  if (!atomic_flag_test_and_set(&watch.first->fired)) {
    char host[256] = "?";
    gethostname(host, sizeof host - 1);
    if (dead)
      fprintf(stderr,
              "rebasis: rank %d on %s has died in '%s' of step %lld; the job ends here, run it again with --resume\n",
              dead->rank, host, dead->phase, (long long)dead->step);
    else
      say_hang(host);
    fflush(stderr);
    pthread_t thread;
    pthread_create(&thread, NULL, abort_job, NULL);
  }
  nanosleep(&moment, NULL);
  _exit(EXIT_AGAIN);
}

static void *watch_over(void *unused) {
  (void)unused;
  double tick = fmin(0.25, watch.limit / 8), idle = 0, before = clock_seconds();
  uint64_t moves = watch.mine->moves;
  pthread_mutex_lock(&watch.mutex);
  while (!watch.end) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + (int64_t)(tick * 1e9);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    while (!watch.end && pthread_cond_timedwait(&watch.ended, &watch.mutex, &until) != ETIMEDOUT)
      ;
    double now = clock_seconds();
    idle = watch.mine->moves != moves ? 0 : idle + fmin(now - before, 2 * tick);
    moves = watch.mine->moves;
    before = now;
    watch.mine->awake = now;
    const Beacon *dead = watch.end ? NULL : fallen();
    if (!watch.end && (dead || idle > watch.limit))
      fire(dead);
  }
  pthread_mutex_unlock(&watch.mutex);
  return NULL;
}

static void beacons_open(void) {
  MPI_Comm_split_type(watch.comm.world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &watch.node);
  MPI_Comm_size(watch.node, &watch.neighbours);
  MPI_Win_allocate_shared(sizeof(Beacon), 1, MPI_INFO_NULL, watch.node, &watch.mine, &watch.window);
  memset(watch.mine, 0, sizeof *watch.mine);
  watch.mine->rank = watch.comm.rank;
  watch.mine->process = getpid();
  watch.mine->since = watch.mine->awake = clock_seconds();
  atomic_flag_clear(&watch.mine->fired);
  watch.first = beacon_of(0); // the window is one piece: the beacons follow one another
}

void watchdog_start(const Comm *comm, double seconds) {
  if (!(seconds > 0))
    return;
  REQUIRE(!watch.on, "the watchdog runs already");
  watch.limit = seconds;
  watch.comm = *comm;
  watch.end = false;
  beacons_open();
  watchdog_phase("start", 0);
  MPI_Barrier(comm->world);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&watch.mutex, NULL);
  pthread_cond_init(&watch.ended, &monotonic);
  pthread_condattr_destroy(&monotonic);
  watch.on = pthread_create(&watch.thread, NULL, watch_over, NULL) == 0;
  REQUIRE(watch.on, "no thread for the watchdog");
}

void watchdog_phase(const char *phase, int64_t step) {
  if (!watch.mine)
    return;
  bool same = strncmp(watch.mine->phase, phase, sizeof watch.mine->phase - 1) == 0;
  if (!same)
    snprintf(watch.mine->phase, sizeof watch.mine->phase, "%s", phase);
  if (step < 0)
    step = watch.mine->step;
  if (!same || step != watch.mine->step)
    atomic_fetch_add_explicit(&watch.mine->changes, 1, memory_order_relaxed);
  atomic_store_explicit(&watch.mine->step, step, memory_order_relaxed);
  atomic_store_explicit(&watch.mine->since, clock_seconds(), memory_order_relaxed);
  atomic_fetch_add_explicit(&watch.mine->moves, 1, memory_order_relaxed);
}

bool watchdog_wait(void) {
  static _Thread_local uint64_t seen;
  uint64_t moves = 0;
  int at_work = 0;
  if (!watch.mine)
    return true;
  atomic_store(&watch.mine->waits, true);
  for (int n = 0; n < watch.neighbours; n++)
    if (!atomic_load(&watch.first[n].waits)) {
      moves += watch.first[n].moves;
      at_work++;
    }
  bool live = !at_work || moves != seen;
  seen = moves;
  if (live)
    watchdog_phase("wait for the other ranks", -1);
  return live;
}

void watchdog_go_on(void) {
  if (watch.mine)
    atomic_store(&watch.mine->waits, false);
}

void watchdog_stop(void) {
  if (!watch.on)
    return;
  watchdog_phase("end", 0);
  watch.mine->leaving = true;
  MPI_Barrier(watch.comm.world); // still watched
  pthread_mutex_lock(&watch.mutex);
  watch.end = true;
  pthread_cond_signal(&watch.ended);
  pthread_mutex_unlock(&watch.mutex);
  pthread_join(watch.thread, NULL);
  pthread_cond_destroy(&watch.ended);
  pthread_mutex_destroy(&watch.mutex);
  watch.mine = NULL;
  MPI_Win_free(&watch.window);
  MPI_Comm_free(&watch.node);
  watch.on = false;
}
