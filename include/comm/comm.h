#ifndef COMM_COMM_H
#define COMM_COMM_H
/// The ranks of a job, and agreement between them. The modules above include this, never mpi.h.
/// MPI itself failing is fatal (MPI_ERRORS_ARE_FATAL); nothing is pretended.
#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Comm {
  MPI_Comm world;
  int rank, ranks;
} Comm;

/// Starts MPI with settings that our promises need (sharedfp ^sm, romio; see comm.c) and prepares the communicator of all ranks.
void comm_init(Comm *comm, int *argc, char ***argv);
void comm_finalize(Comm *comm);

/// Says that a library was left in the middle of something collective after a failure: comm_finalize then does not wait for the other
/// ranks, which may never come, and MPI is left to the end of the process. Called on all ranks, with a failure about to be returned.
void comm_abandon(void);

bool comm_is_root(const Comm *comm); // used only to make the argument of comm_agree

/// Collective. Every rank gets the failure of the lowest failing rank, or success when all succeeded.
Status comm_agree(const Comm *comm, Status local);

/// Collective. True on all ranks if any rank says so.
bool comm_any(const Comm *comm, bool here);

/// Collective. root's bytes become everybody's.
void comm_share(const Comm *comm, void *bytes, size_t size, int root);

/// Collective. Cuts the ranks into teams of `size` neighbours; `team` becomes this rank's, to be closed with comm_part_close. On the
/// ranks % size last ranks it has 0 ranks, and they are in no team.
void comm_part(Comm *team, const Comm *comm, int size);
void comm_part_close(Comm *team);

/// Collective. Returns when all ranks have come. Who waits sleeps in between, and counts as alive while the others move (watchdog_wait): they may take hours.
void comm_meet(const Comm *comm);

/// Collective. Adds arrays of which all but one rank's entries are 0, so that no rounding happens.
void comm_gather_sums(const Comm *comm, double *values, int n);
void comm_gather_counts(const Comm *comm, int64_t *values, int n);

/// Collective. Every rank gets all rows of whole[.., width]; it brings rows [first, end), which are in their places. The ranks' rows do
/// not overlap.
void comm_gather_rows(const Comm *comm, float *whole, int64_t first, int64_t end, int64_t width);

#endif
