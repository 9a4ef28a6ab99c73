#include "train/interrupt.h"

#include "base/clock.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

// A signal can only speak to a global.
static volatile sig_atomic_t seen;
// Known before any run is, and the same for all that this process will do.
static double deadline = INFINITY;

// Of the ranks of a node; what comes to one of them concerns all.
static atomic_int *shared;

static void note(int signal) {
  (void)signal;
  seen = 1;
  if (shared)
    atomic_store(shared, 1);
}

void interrupt_install(void) {
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
}

bool interrupt_seen(void) { return seen != 0 || (shared && atomic_load_explicit(shared, memory_order_relaxed)); }

void interrupt_share(atomic_int *flag) {
  shared = flag;
  if (flag && seen)
    atomic_store(flag, 1);
}

void interrupt_after(double left) { deadline = clock_seconds() + left; }

double interrupt_left(void) { return deadline - clock_seconds(); }
