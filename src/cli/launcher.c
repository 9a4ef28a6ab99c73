// What the launcher (mpirun, srun) tells a process before MPI starts, by its environment.
#include "cli/command.h"

#include "base/text.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int environment_number(const char *const *names, int count) {
  for (int i = 0; i < count; i++) {
    const char *text = getenv(names[i]);
    int64_t value;
    if (text && text_to_int64(text, &value))
      return (int)value;
  }
  return 0;
}

int launcher_rank(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
  return environment_number(names, 3);
}

int launcher_local_rank(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID", "MPI_LOCALRANKID"};
  return environment_number(names, 3);
}

// Seen with 8 ranks of 2 threads on 2 cores: 150 s where 2.6 s would do, because threads that wait for each other spin on
// the cores that the others need. OpenMP reads how to wait when it is loaded, so the program starts once more.
void launcher_settle(char **argv) {
  static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "SLURM_NTASKS_PER_NODE", "MPI_LOCALNRANKS"};
  int neighbours = environment_number(names, 3);
  if (neighbours < 2 || 2 * neighbours <= sysconf(_SC_NPROCESSORS_ONLN) || getenv("OMP_WAIT_POLICY") ||
      getenv("GOMP_SPINCOUNT"))
    return;
  char self[4096];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length <= 0)
    return;
  self[length] = 0;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv(self, argv); // if that fails, it is only slow
}

void launcher_refuse_end(void) { signal(SIGTERM, SIG_IGN); }
