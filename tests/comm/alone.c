// A process without a launcher is a job of one, and the jobs that it starts are as if it had not been there.
#include "check.h"
#include "comm/comm.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int variables(void) {
  int count = 0;
  while (environ[count])
    count++;
  return count;
}

int main(int argc, char **argv) {
  int before = variables();
  bool again = getenv("OMPI_MCA_io") && getenv("OMPI_MCA_sharedfp");
  Comm comm;
  comm_init(&comm, &argc, &argv);
  if (argc > 1) {
    int64_t ranks = 1;
    comm_gather_counts(&comm, &ranks, 1);
    comm_finalize(&comm);
    return ranks == atoi(argv[1]) ? 0 : 1;
  }
  CHECK(comm.rank == 0 && comm.ranks == 1, "rank %d of %d", comm.rank, comm.ranks);
  CHECK(variables() <= before + (again ? 0 : 2), "%d variables became %d", before, variables());
  char self[1024] = {0}, command[1200];
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0, "who am I");
  snprintf(command, sizeof command, "mpirun -np 3 '%s' 3 && '%s' 1", self, self);
  CHECK(system(command) == 0, "a job from within");
  comm_finalize(&comm);
  return 0;
}
