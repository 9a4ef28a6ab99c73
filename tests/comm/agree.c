// All ranks learn the words of the lowest failing rank, or that all is well.
// ranks: 1 2 3 4
#include "check.h"
#include "comm/comm.h"

#include <string.h>

static void test_agree(const Comm *comm) {
  Status all_well = comm_agree(comm, STATUS_OK);
  CHECK(all_well.code == 0 && !all_well.text[0], "a failure out of nothing: %s", all_well.text);
  for (int first = 0; first < comm->ranks; first++)
    for (int last = first; last < comm->ranks; last++) {
      bool fails = comm->rank == first || comm->rank == last;
      Status local = fails ? status_error(EXIT_IO + comm->rank, "rank %d", comm->rank) : STATUS_OK;
      Status agreed = comm_agree(comm, local);
      char wanted[32];
      snprintf(wanted, sizeof wanted, "rank %d", first);
      CHECK(agreed.code == EXIT_IO + first && !strcmp(agreed.text, wanted), "got %d '%s', not '%s'", agreed.code,
            agreed.text, wanted);
    }
}

static void test_share(const Comm *comm) {
  for (int root = 0; root < comm->ranks; root++) {
    char bytes[1000];
    memset(bytes, comm->rank == root ? 'x' : 0, sizeof bytes);
    comm_share(comm, bytes, sizeof bytes, root);
    CHECK(bytes[0] == 'x' && bytes[999] == 'x', "root %d's bytes did not arrive", root);
    comm_share(comm, bytes, 0, root);
    CHECK(comm_any(comm, comm->rank == root), "rank %d was not heard", root);
  }
  CHECK(!comm_any(comm, false), "nobody said so");
}

static void test_gather(const Comm *comm) {
  double sums[8] = {0};
  int64_t counts[8] = {0};
  sums[comm->rank] = 0.1 * (comm->rank + 1);
  counts[comm->rank] = (INT64_C(1) << 60) + comm->rank;
  comm_gather_sums(comm, sums, 8);
  comm_gather_counts(comm, counts, 8);
  for (int r = 0; r < 8; r++) {
    CHECK(sums[r] == (r < comm->ranks ? 0.1 * (r + 1) : 0), "entry %d is %.17g", r, sums[r]);
    CHECK(counts[r] == (r < comm->ranks ? (INT64_C(1) << 60) + r : 0), "entry %d", r);
  }
}

int main(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  CHECK(comm_is_root(&comm) == (comm.rank == 0), "rank %d", comm.rank);
  test_agree(&comm);
  test_share(&comm);
  test_gather(&comm);
  comm_finalize(&comm);
  return 0;
}
