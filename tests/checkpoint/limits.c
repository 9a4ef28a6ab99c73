// A limit of the user's, on the length of files or their number, is an error like any other, and the state before stays.
#include "fixture.h"

#include "base/log.h"

#include <fcntl.h>
#include <sys/resource.h>

static char dir[256];

static Status write_step(const Comm *comm, int64_t step) {
  Fixture fixture = fixture_make(comm, 0, step);
  Status status = checkpoint_write(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, 0);
  fixture_free(&fixture);
  return status;
}

static Status read_step(const Comm *comm, int64_t *step) {
  Fixture fixture = fixture_make(comm, 0, 0);
  fixture_wipe(&fixture);
  bool found;
  Status status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
  *step = fixture.head.step;
  if (status.code == 0)
    fixture_check(&fixture, fixture.head.step);
  fixture_free(&fixture);
  return status;
}

static void limit(int what, rlim_t most) {
  struct rlimit now;
  CHECK(getrlimit(what, &now) == 0, "getrlimit");
  now.rlim_cur = most < now.rlim_max ? most : now.rlim_max;
  CHECK(setrlimit(what, &now) == 0, "setrlimit");
}

int main(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(1, LOG_QUIET);
  folder_make(dir, &comm);
  CHECK(write_step(&comm, 1).code == 0, "the state before");
  int64_t step;
  for (rlim_t most = 0; most < 60000; most += 2500) {
    limit(RLIMIT_FSIZE, most);
    Status status = write_step(&comm, 2);
    limit(RLIMIT_FSIZE, RLIM_INFINITY);
    CHECK(status.code == EXIT_IO || (status.code == 0 && most > 55000), "%d bytes: %d %s", (int)most, status.code,
          status.text);
    status = read_step(&comm, &step);
    CHECK(status.code == 0 && (step == 1 || most > 55000), "%s", status.text);
  }
  CHECK(write_step(&comm, 2).code == 0, "without a limit");
  int used = dup(0), fits = 0;
  close(used);
  for (int more = 0; more < 12; more++) {
    limit(RLIMIT_NOFILE, (rlim_t)(used + more));
    Status status = write_step(&comm, 3), read = read_step(&comm, &step);
    limit(RLIMIT_NOFILE, 1024);
    CHECK(status.code == 0 || status.code == EXIT_IO || status.code == EXIT_CANNOT_CREATE, "%d files: %d %s", more,
          status.code, status.text);
    CHECK(read.code == 0 || read.code == EXIT_IO || read.code == EXIT_DATA, "%d files: %d %s", more, read.code,
          read.text);
    fits += status.code == 0;
    CHECK(read_step(&comm, &step).code == 0 && step >= 2, "step %lld", (long long)step);
  }
  CHECK(fits > 3, "fits %d times", fits);
  CHECK(dup(0) == used, "descriptors are left open"); // the lowest free one is what it was
  folder_remove(dir, &comm);
  comm_finalize(&comm);
  return 0;
}
