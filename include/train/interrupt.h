#ifndef TRAIN_INTERRUPT_H
#define TRAIN_INTERRUPT_H
/// SIGTERM, SIGINT and SIGUSR1 ask a run to save at the next step boundary and end with EXIT_AGAIN.
#include <stdbool.h>

/// Installs the handlers; call before MPI starts, since the default action of SIGUSR1 is death.
void interrupt_install(void);
/// True once one of the signals has come to this process.
bool interrupt_seen(void);

#endif
