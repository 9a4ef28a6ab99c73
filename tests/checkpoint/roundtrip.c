// What was written comes back bit by bit, however the rows are spread over however many ranks.
// ranks: 1 2 3 4
#include "fixture.h"

#include "base/log.h"

static Status write_step(const Comm *comm, const char *dir, int way, int64_t step, int keep) {
  Fixture fixture = fixture_make(comm, way, step);
  Status status = checkpoint_write(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, keep);
  fixture_free(&fixture);
  return status;
}

static void read_latest(const Comm *comm, const char *dir, int way, int64_t step) {
  Fixture fixture = fixture_make(comm, way, 0);
  fixture_wipe(&fixture);
  bool found;
  Status status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
  CHECK(status.code == 0 && found, "way %d: %d %s", way, status.code, status.text);
  fixture_check(&fixture, step);
  fixture_free(&fixture);
}

static void test_ways(const Comm *comm, const char *dir) {
  for (int way = 0; way < FIXTURE_WAYS; way++) {
    Status status = write_step(comm, dir, way, 10 + way, 2);
    CHECK(status.code == 0, "way %d: %d %s", way, status.code, status.text);
    for (int other = 0; other < FIXTURE_WAYS; other++)
      read_latest(comm, dir, other, 10 + way);
  }
}

/// The file of all ranks, read by the first `fewer` of them, and written by them and read by all.
static void test_other_ranks(const Comm *comm, const char *dir) {
  for (int fewer = 1; fewer <= comm->ranks; fewer++) {
    Comm part = {0};
    MPI_Comm_split(comm->world, comm->rank < fewer, comm->rank, &part.world);
    MPI_Comm_rank(part.world, &part.rank);
    MPI_Comm_size(part.world, &part.ranks);
    CHECK(write_step(comm, dir, 1, 200 * fewer, 0).code == 0, "write by all");
    if (comm->rank < fewer) {
      read_latest(&part, dir, 3, 200 * fewer);
      CHECK(write_step(&part, dir, 3, 200 * fewer + 100, 0).code == 0, "write by %d", fewer);
    }
    comm_any(comm, false);
    read_latest(comm, dir, 1, 200 * fewer + 100);
    MPI_Comm_free(&part.world);
  }
}

static void test_places(const Comm *comm, const char *dir) {
  char folder[300], target[300] = {0}, name[320];
  CHECK(write_step(comm, dir, 0, 1000, 1).code == 0, "write");
  snprintf(folder, sizeof folder, "%s/checkpoints", dir);
  if (comm->rank == 0) {
    CHECK(folder_count(folder) == 2, "%d names in %s, not the newest and `latest`", folder_count(folder), folder);
    snprintf(name, sizeof name, "%s/latest", folder);
    CHECK(readlink(name, target, sizeof target - 1) > 0 && !strcmp(target, "step-00001000.h5"), "latest is '%s'",
          target);
  }
  CHECK(checkpoint_mark_best(comm, dir, 1000).code == 0 && checkpoint_mark_best(comm, dir, 1000).code == 0, "best");
  CHECK(checkpoint_mark_best(comm, dir, 77).code == EXIT_IO, "no such step");
  CHECK(write_step(comm, dir, 0, 1001, 1).code == 0, "write");
  snprintf(name, sizeof name, "%s/best.h5", dir);
  Fixture fixture = fixture_make(comm, 1, 0);
  fixture_wipe(&fixture);
  Status status = checkpoint_read(comm, name, &fixture.head, fixture.tensor, FIXTURE_TENSORS);
  CHECK(status.code == 0, "%s", status.text);
  fixture_check(&fixture, 1000);
  fixture_free(&fixture);
  if (comm->rank == 0)
    CHECK(folder_count(dir) == 2, "%d names in %s, not checkpoints and best.h5", folder_count(dir), dir);
}

static void test_nothing(const Comm *comm, const char *dir) {
  Fixture fixture = fixture_make(comm, 0, 0);
  bool found = true;
  Status status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
  CHECK(status.code == 0 && !found, "%d %s", status.code, status.text);
  status = checkpoint_read(comm, "/nowhere/best.h5", &fixture.head, fixture.tensor, FIXTURE_TENSORS);
  CHECK(status.code == EXIT_NO_INPUT, "%d %s", status.code, status.text);
  fixture_free(&fixture);
}

/// Another run's checkpoint is refused with what differs, and none before it is tried.
static void test_other_run(const Comm *comm, const char *dir) {
  for (int field = 0; field < 2; field++) {
    Fixture fixture = fixture_make(comm, 0, 0);
    *(field ? &fixture.head.data_hash : &fixture.head.config_hash) ^= 1;
    bool found = true;
    Status status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
    const char *named = field ? "data_xxh64 is fedcba9876543210" : "config_xxh64 is 1111222233334444";
    CHECK(status.code == EXIT_CONFIG && !found && strstr(status.text, named), "%d %s", status.code, status.text);
    fixture.head.config_hash = fixture.head.data_hash = 0;
    fixture.tensor[0].dim[1]++; // a model of another shape is no checkpoint of this run either
    status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
    CHECK(status.code == EXIT_DATA && strstr(status.text, "another shape"), "%d %s", status.code, status.text);
    fixture_free(&fixture);
  }
}

int main(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(comm.rank, LOG_QUIET);
  char dir[256];
  folder_make(dir, &comm);
  test_nothing(&comm, dir);
  test_ways(&comm, dir);
  test_other_ranks(&comm, dir);
  test_places(&comm, dir);
  if (!freopen("/dev/null", "w", stderr)) // its warnings are meant
    return 1;
  test_other_run(&comm, dir);
  folder_remove(dir, &comm);
  comm_finalize(&comm);
  return 0;
}
