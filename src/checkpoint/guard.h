#ifndef CHECKPOINT_GUARD_H
#define CHECKPOINT_GUARD_H
/// Keeps failures of MPI-IO from parallel HDF5, which (1.10) leaves out collective calls on the rank that sees one, so
/// that all ranks wait for ever. Between begin and end MPI-IO's writing calls always seem to succeed; the first that
/// did not is told at the end. While the file is being opened, a failed read gives zeros, since rank 0 reads what all wait
/// for, and closing is put off, since the others, who could open it, would not come to it. The calls are caught through
/// MPI's own profiling interface (MPI 3.1, 14.2). Local, unless it says otherwise; one thread.
#include "comm/comm.h"

void guard_begin(const char *name); // of the file, in errors; borrowed until the end
Status guard_opened(void); // after H5Fopen: what failed in it
Status guard_end(void);

/// Collective. After an H5Fopen that failed on some rank, `opened` where it did not: closes what all ranks were to close; where that
/// is not everything, MPI is abandoned.
void guard_give_up(const Comm *comm, bool opened);

#endif
