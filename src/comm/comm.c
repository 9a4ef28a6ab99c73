// Starting the ranks, and agreement between them.
//
// Settings made before MPI_Init, each only where the user has not decided; the reason is what was seen without it (Open
// MPI 4.1.4):
//   sharedfp=^sm            a killed job leaves a semaphore in /dev/shm on which every later job that opens a file of
//   that name hangs io=romio321             the default (ompio) reports success for bytes that a full disk never took
//   mpi_yield_when_idle=1   on more ranks than cores a small collective takes 5 ms instead of 5 us
//   one process, no launcher: no daemon is forked and no network is probed, 0.02 s instead of 0.3 s to start; and no session
//                           directory, which such processes would share and remove under each other (5 of 320 starts failed)
#include "comm/comm.h"

#include "base/text.h"
#include "comm/watchdog.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

// A property of the process: after it nobody may wait for anybody.
static bool abandoned;

static void suggest(const char *name, const char *value) { setenv(name, value, 0); }

static bool launched(void) {
  return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_NAMESPACE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
}

static void settings_make(void) {
  suggest("OMPI_MCA_sharedfp", "^sm");
  suggest("OMPI_MCA_io", "romio321");
  const char *neighbours = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  if (!neighbours)
    neighbours = getenv("SLURM_NTASKS_PER_NODE");
  int64_t count;
  if (neighbours && text_to_int64(neighbours, &count) && count > sysconf(_SC_NPROCESSORS_ONLN))
    suggest("OMPI_MCA_mpi_yield_when_idle", "1");
}

/// Ranks outlive a killed mpirun by seconds, and write; so the kernel ends them with it. Not under srun, whose parent
/// is another.
static void end_with_launcher(void) {
  if (getenv("OMPI_MCA_orte_launch") && getenv("OMPI_COMM_WORLD_RANK"))
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void settings_make_alone(void) {
  suggest("OMPI_MCA_ess_singleton_isolated", "1");
  suggest("OMPI_MCA_orte_create_session_dirs", "0");
  suggest("OMPI_MCA_pml", "ob1");
  suggest("OMPI_MCA_btl", "self");
}

static char **environment_copy(void) {
  int count = 0;
  while (environ[count])
    count++;
  char **copy = calloc((size_t)count + 1, sizeof *copy);
  for (int i = 0; i < count && copy; i++)
    copy[i] = strdup(environ[i]);
  return copy;
}

/// What is right for one process is wrong for a job that it starts, and MPI_Init adds more of it.
static void environment_restore(char **copy) {
  clearenv();
  for (int i = 0; copy && copy[i]; i++) {
    char *equals = strchr(copy[i], '=');
    if (equals) {
      *equals = 0;
      setenv(copy[i], equals + 1, 1);
    }
    free(copy[i]);
  }
  free(copy);
}

static void start(int *argc, char ***argv) {
  int granted;
  char **before = launched() ? NULL : environment_copy();
  if (before)
    settings_make_alone();
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &granted);
  REQUIRE(granted >= MPI_THREAD_FUNNELED, "this MPI does not allow threads at all");
  if (before)
    environment_restore(before);
}

void comm_init(Comm *comm, int *argc, char ***argv) {
  settings_make();
  end_with_launcher();
  signal(SIGXFSZ, SIG_IGN); // a file too long for the user's limit is an error like a full disk, not our death
  start(argc, argv);
  MPI_Comm_dup(MPI_COMM_WORLD, &comm->world);
  MPI_Comm_rank(comm->world, &comm->rank);
  MPI_Comm_size(comm->world, &comm->ranks);
}

void comm_abandon(void) { abandoned = true; }

void comm_finalize(Comm *comm) {
  if (abandoned)
    return;
  MPI_Comm_free(&comm->world);
  MPI_Finalize();
}

bool comm_is_root(const Comm *comm) { return comm->rank == 0; }

Status comm_agree(const Comm *comm, Status local) {
  int mine = local.code ? comm->rank : INT_MAX, lowest;
  MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm->world);
  if (lowest == INT_MAX)
    return STATUS_OK;
  MPI_Bcast(&local, (int)sizeof local, MPI_BYTE, lowest, comm->world);
  return local;
}

bool comm_any(const Comm *comm, bool here) {
  int any = here;
  MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_LOR, comm->world);
  return any != 0;
}

void comm_share(const Comm *comm, void *bytes, size_t size, int root) {
  enum { PIECE = 1 << 30 };
  REQUIRE(root >= 0 && root < comm->ranks, "rank %d of %d", root, comm->ranks);
  for (size_t at = 0; at < size; at += PIECE) {
    size_t rest = size - at;
    MPI_Bcast((char *)bytes + at, rest < PIECE ? (int)rest : PIECE, MPI_BYTE, root, comm->world);
  }
}

void comm_gather_sums(const Comm *comm, double *values, int n) {
  MPI_Allreduce(MPI_IN_PLACE, values, n, MPI_DOUBLE, MPI_SUM, comm->world);
}

void comm_gather_counts(const Comm *comm, int64_t *values, int n) {
  MPI_Allreduce(MPI_IN_PLACE, values, n, MPI_INT64_T, MPI_SUM, comm->world);
}

void comm_gather_rows(const Comm *comm, float *whole, int64_t first, int64_t end, int64_t width) {
  REQUIRE(end <= INT32_MAX && width <= INT32_MAX, "%lld rows of %lld", (long long)end, (long long)width);
  int mine[2] = {(int)first, (int)(end - first)}, *all = malloc((size_t)comm->ranks * 4 * sizeof *all);
  REQUIRE(all, "out of memory for the ranks' rows");
  MPI_Allgather(mine, 2, MPI_INT, all, 2, MPI_INT, comm->world);
  int *begin = all + 2 * (size_t)comm->ranks, *count = begin + comm->ranks;
  for (int rank = 0; rank < comm->ranks; rank++) {
    begin[rank] = all[2 * rank];
    count[rank] = all[2 * rank + 1];
  }
  MPI_Datatype row;
  MPI_Type_contiguous((int)width, MPI_FLOAT, &row);
  MPI_Type_commit(&row);
  MPI_Allgatherv(MPI_IN_PLACE, 0, row, whole, count, begin, row, comm->world);
  MPI_Type_free(&row);
  free(all);
}

void comm_part(Comm *team, const Comm *comm, int size) {
  REQUIRE(size >= 1 && size <= comm->ranks, "teams of %d out of %d ranks", size, comm->ranks);
  int number = comm->rank / size, teams = comm->ranks / size;
  *team = (Comm){.world = MPI_COMM_NULL};
  MPI_Comm_split(comm->world, number < teams ? number : MPI_UNDEFINED, comm->rank, &team->world);
  if (team->world == MPI_COMM_NULL)
    return;
  MPI_Comm_rank(team->world, &team->rank);
  MPI_Comm_size(team->world, &team->ranks);
}

void comm_part_close(Comm *team) {
  if (team->world != MPI_COMM_NULL && team->ranks > 0)
    MPI_Comm_free(&team->world);
  *team = (Comm){.world = MPI_COMM_NULL};
}

void comm_meet(const Comm *comm) {
  MPI_Request request;
  struct timespec moment = {.tv_nsec = 2000000};
  int come = 0;
  MPI_Ibarrier(comm->world, &request);
  while (MPI_Test(&request, &come, MPI_STATUS_IGNORE) == MPI_SUCCESS && !come) {
    watchdog_wait();
    nanosleep(&moment, NULL);
  }
  watchdog_go_on();
}
