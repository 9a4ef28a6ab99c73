#include "train/interrupt.h"

#include <signal.h>
#include <stddef.h>

// A signal can only speak to a global.
static volatile sig_atomic_t seen;

static void note(int signal) {
  (void)signal;
  seen = 1;
}

void interrupt_install(void) {
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
}

bool interrupt_seen(void) { return seen != 0; }
