#ifndef TRAIN_INTERRUPT_H
#define TRAIN_INTERRUPT_H
/// SIGTERM, SIGINT and SIGUSR1 ask a run to save at the next step boundary and end with EXIT_AGAIN; a deadline asks for it in time.
/// Both are properties of the process, whatever it runs. What ranks do about them they agree on.
#include <stdatomic.h>
#include <stdbool.h>

/// Installs the handlers; call before MPI starts, since the default action of SIGUSR1 is death.
void interrupt_install(void);
/// True once one of the signals has come to this process.
bool interrupt_seen(void);

/// From now on a signal to one of the processes that share this flag is one to all of them; NULL: to its own process only, as before.
void interrupt_share(atomic_int *flag);

/// From now on (clock_seconds) the process has `left` seconds; INFINITY: no deadline, as before the first call.
void interrupt_after(double left);
/// Seconds that this process has left; INFINITY without a deadline.
double interrupt_left(void);

#endif
