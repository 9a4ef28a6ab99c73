#ifndef CHECKPOINT_GUARD_H
#define CHECKPOINT_GUARD_H
/// Keeps failures of MPI-IO from parallel HDF5, which (1.10) leaves out collective calls on the rank that sees one, so
/// that all ranks wait for ever. Between begin and end MPI-IO's writing calls always seem to succeed; the first that
/// did not is told at the end. The calls are caught through MPI's own profiling interface (MPI 3.1, 14.2). Local; one
/// thread.
#include "base/status.h"

void guard_begin(const char *name); // of the file, in errors; borrowed until the end
Status guard_end(void);

#endif
