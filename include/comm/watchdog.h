#ifndef COMM_WATCHDOG_H
#define COMM_WATCHDOG_H
/// A thread on every rank that ends the job when nothing moves any more: a rank was stopped, a collective was left out, or a
/// library waits for ever (parallel HDF5 does after some I/O errors). One watchdog a process.
#include "comm/comm.h"

#include <stdint.h>

/// Collective. From now on a phase that lasts longer than `seconds` on some rank ends the job with EXIT_AGAIN, after one line
/// a node that names the rank, host, phase and step, and the rank of the node that is furthest behind. So does a rank of the same node
/// whose process ends (killed, out of memory), within a quarter of a second. Time in which the process
/// itself was stopped (a suspended job) does not count. seconds <= 0: nothing is watched.
void watchdog_start(const Comm *comm, double seconds);

/// Says what this rank does now; also to be called as a sign of life within a long phase. Local, costs some 20 ns; does nothing
/// without a watchdog. All ranks are to go through the same phases: who has gone through the fewest is behind. `phase` is cut to 47 characters; a negative step leaves the step as it was.
void watchdog_phase(const char *phase, int64_t step);

/// For a rank that has nothing to do but wait, called again and again: a sign of life as long as a rank of its node that is at work moves, or
/// all of them wait. Returns whether it was one. watchdog_go_on: the waiting is over.
bool watchdog_wait(void);
void watchdog_go_on(void);

/// Collective.
void watchdog_stop(void);

#endif
