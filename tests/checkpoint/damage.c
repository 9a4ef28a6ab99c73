// Every flipped bit and every cut of a checkpoint is noticed before HDF5 reads it, and the checkpoint before it is used.
// ranks: 1 3
// timeout: 300
//
// REBASIS_FAULTS=all flips every bit and cuts at every length; else one bit of every byte and a sample of lengths.
#include "fixture.h"

#include "base/log.h"
#include "checkpoint/seal.h"

#include <fcntl.h>
#include <hdf5.h>

static char dir[256], newest[300], oldest[300];
static unsigned char *whole;
static int64_t size, content;

static bool all(void) {
  const char *wanted = getenv("REBASIS_FAULTS");
  return wanted && !strcmp(wanted, "all");
}

/// Rank 0 does something to the newest file; everybody waits.
static void change(const Comm *comm, int64_t offset, const void *bytes, size_t count) {
  comm_any(comm, false);
  if (comm->rank == 0) {
    int file = open(newest, O_WRONLY | O_CREAT, 0666);
    CHECK(file >= 0 && pwrite(file, bytes, count, offset) == (ssize_t)count, "cannot change %s", newest);
    close(file);
  }
  comm_any(comm, false);
}

static void cut(const Comm *comm, int64_t length) {
  comm_any(comm, false);
  if (comm->rank == 0)
    CHECK(truncate(newest, length) == 0, "cannot cut %s", newest);
  comm_any(comm, false);
}

static void restore(const Comm *comm) {
  cut(comm, 0);
  change(comm, 0, whole, (size_t)size);
}

static Status read_newest(const Comm *comm, int64_t wanted) {
  Fixture fixture = fixture_make(comm, 1, 0);
  fixture_wipe(&fixture);
  bool found;
  Status status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
  if (wanted) {
    CHECK(status.code == 0 && found, "%s", status.text);
    fixture_check(&fixture, wanted);
  }
  fixture_free(&fixture);
  return status;
}

static Status read_one(const Comm *comm, const char *name) {
  Fixture fixture = fixture_make(comm, 1, 0);
  fixture_wipe(&fixture);
  Status status = checkpoint_read(comm, name, &fixture.head, fixture.tensor, FIXTURE_TENSORS);
  if (status.code == 0)
    fixture_check(&fixture, fixture.head.step);
  fixture_free(&fixture);
  return status;
}

/// The seal alone, on rank 0 alone: fast enough for all of them.
static void test_flips(const Comm *comm) {
  if (comm->rank == 0) {
    Comm alone = {.world = MPI_COMM_SELF, .rank = 0, .ranks = 1};
    int file = open(newest, O_WRONLY);
    for (int64_t at = 0; at < size; at++)
      for (int bit = all() ? 0 : (int)(at % 8); bit < (all() ? 8 : (int)(at % 8) + 1); bit++) {
        unsigned char flipped = whole[at] ^ (unsigned char)(1 << bit);
        CHECK(pwrite(file, &flipped, 1, at) == 1, "flip");
        bool sealed = false;
        Status status = seal_verify(&alone, newest, false, &sealed);
        CHECK(status.code == EXIT_DATA, "bit %d of byte %lld: %d %s", bit, (long long)at, status.code, status.text);
        CHECK(pwrite(file, &whole[at], 1, at) == 1, "restore");
      }
    close(file);
  }
  CHECK(read_newest(comm, 2).code == 0, "restored");
}

static void test_cuts(const Comm *comm) {
  if (comm->rank == 0) {
    Comm alone = {.world = MPI_COMM_SELF, .rank = 0, .ranks = 1};
    int file = open(newest, O_WRONLY);
    for (int64_t length = size - 1; length >= 0; length -= all() || length > content - 16 ? 1 : 23) {
      CHECK(ftruncate(file, length) == 0, "cut");
      bool sealed = true;
      Status status = seal_verify(&alone, newest, false, &sealed);
      bool whole_but_unsealed = status.code == 0 && !sealed && length == content; // all of HDF5's bytes are there
      CHECK(status.code == EXIT_DATA || whole_but_unsealed, "%lld bytes: %d %s", (long long)length, status.code,
            status.text);
    }
    close(file);
  }
  restore(comm);
  CHECK(read_newest(comm, 2).code == 0, "restored");
}

/// The whole way: the reason is named and the state before is read.
static void test_fallback(const Comm *comm) {
  for (int64_t at = 13; at < size; at += size / 24) {
    unsigned char flipped = whole[at] ^ 4;
    change(comm, at, &flipped, 1);
    Status status = read_one(comm, newest);
    char named[64];
    snprintf(named, sizeof named, "bit 2 of byte %lld", (long long)at);
    CHECK(status.code == EXIT_DATA && strstr(status.text, newest), "%d %s", status.code, status.text);
    CHECK(at < SEAL_SIZE || at >= content || strstr(status.text, named), "'%s' does not say %s", status.text, named);
    read_newest(comm, 1);
    change(comm, at, &whole[at], 1);
    cut(comm, at);
    read_newest(comm, 1);
    restore(comm);
  }
  change(comm, size, "appended", 8);
  read_newest(comm, 1);
  restore(comm);
  unsigned char page[4096] = {0};
  change(comm, 8192, page, sizeof page);
  read_newest(comm, 1);
  change(comm, 8192, whole + 12288, 4096); // two pages change places
  change(comm, 12288, whole + 8192, 4096);
  read_newest(comm, 1);
  restore(comm);
  read_newest(comm, 2);
}

static void test_all_bad(const Comm *comm) {
  char kept[400];
  unsigned char flipped = whole[20000] ^ 1;
  change(comm, 20000, &flipped, 1);
  snprintf(kept, sizeof kept, "%s.kept", oldest);
  if (comm->rank == 0)
    CHECK(rename(oldest, kept) == 0 && mkdir(oldest, 0777) == 0, "a directory in place of a checkpoint");
  Status status = read_newest(comm, 0);
  CHECK(status.code == EXIT_DATA && strstr(status.text, "step-00000002.h5: damaged") &&
            strstr(status.text, "step-00000001.h5: is not a regular file"),
        "%d %s", status.code, status.text);
  comm_any(comm, false);
  if (comm->rank == 0)
    CHECK(rmdir(oldest) == 0 && rename(kept, oldest) == 0, "restore");
  restore(comm);
}

// --- files that other programs wrote ---------------------------------------------------------------------------------------

/// Rank 0 opens the newest for writing, as any program would, and changes one thing.
static void edit(const Comm *comm, int what) {
  comm_any(comm, false);
  if (comm->rank == 0) {
    hid_t file = H5Fopen(newest, H5F_ACC_RDWR, H5P_DEFAULT);
    CHECK(file >= 0, "open");
    hid_t data = H5Dopen2(file, "/parameters/head/0/bias", H5P_DEFAULT);
    float value = 7;
    int64_t zero = 0;
    if (what == 1)
      CHECK(H5Dwrite(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0, "write");
    H5Dclose(data);
    if (what == 2)
      CHECK(H5Adelete_by_name(file, "/optimizer/m/head/0/weight", "xxh64", H5P_DEFAULT) >= 0, "delete");
    if (what == 3)
      CHECK(H5Ldelete(file, "/optimizer/v/head/0/weight", H5P_DEFAULT) >= 0, "delete");
    if (what == 4) {
      hid_t attribute = H5Aopen_by_name(file, "/", "complete", H5P_DEFAULT, H5P_DEFAULT);
      CHECK(H5Awrite(attribute, H5T_NATIVE_INT64, &zero) >= 0, "write");
      H5Aclose(attribute);
    }
    CHECK(H5Fclose(file) >= 0, "close");
  }
  comm_any(comm, false);
}

static void test_edits(const Comm *comm) {
  static const char *const reason[] = {NULL, "its xxh64 is", "has no xxh64", "has no dataset", "is not complete"};
  for (int what = 0; what < 5; what++) {
    edit(comm, what);
    Status status = read_one(comm, newest);
    if (!reason[what])
      CHECK(status.code == 0, "opened and closed: %d %s", status.code, status.text);
    else
      CHECK(status.code == EXIT_DATA && strstr(status.text, reason[what]), "edit %d: %d %s", what, status.code,
            status.text);
    read_newest(comm, reason[what] ? 1 : 2);
    restore(comm);
  }
}

static herr_t copy_attribute(hid_t from, const char *name, const H5A_info_t *info, void *to) {
  (void)info;
  hid_t attribute = H5Aopen(from, name, H5P_DEFAULT), type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  char bytes[1024];
  hid_t copy = H5Acreate2(*(hid_t *)to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  herr_t result = H5Aread(attribute, type, bytes) < 0 || H5Awrite(copy, type, bytes) < 0 ? -1 : 0;
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, bytes); // refuses what is of fixed length
  H5Aclose(copy);
  H5Sclose(space);
  H5Tclose(type);
  H5Aclose(attribute);
  return result;
}

static void copy_by_hdf5(const char *to) {
  static const char *const groups[] = {"parameters", "optimizer", "state"};
  hid_t from = H5Fopen(newest, H5F_ACC_RDONLY, H5P_DEFAULT),
        file = H5Fcreate(to, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  for (int g = 0; g < 3; g++)
    CHECK(H5Ocopy(from, groups[g], file, groups[g], H5P_DEFAULT, H5P_DEFAULT) >= 0, "copy %s", groups[g]);
  hid_t root_from = H5Gopen2(from, "/", H5P_DEFAULT), root = H5Gopen2(file, "/", H5P_DEFAULT);
  CHECK(H5Aiterate2(root_from, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, copy_attribute, &root) >= 0, "attributes");
  H5Gclose(root_from);
  H5Gclose(root);
  CHECK(H5Fclose(from) >= 0 && H5Fclose(file) >= 0, "close");
}

/// A file without a seal is read when all its hashes are right; whatever is wrong with it, we live.
static void test_foreign(const Comm *comm) {
  char foreign[400];
  snprintf(foreign, sizeof foreign, "%s/foreign.h5", dir);
  if (comm->rank == 0)
    copy_by_hdf5(foreign);
  comm_any(comm, false);
  Status status = read_one(comm, foreign);
  CHECK(status.code == 0, "%d %s", status.code, status.text);
  struct stat facts;
  CHECK(stat(foreign, &facts) == 0, "stat");
  int flips = all() ? (int)facts.st_size : 200, refused = 0;
  int file = comm->rank == 0 ? open(foreign, O_RDWR) : -1;
  for (int i = 0; i < flips; i++) {
    int64_t at = i < 100 ? i : facts.st_size / flips * i;
    unsigned char byte = 0, flipped;
    if (comm->rank == 0) {
      CHECK(pread(file, &byte, 1, at) == 1, "read");
      flipped = byte ^ (unsigned char)(1 << i % 8);
      CHECK(pwrite(file, &flipped, 1, at) == 1, "flip");
    }
    comm_any(comm, false);
    Fixture fixture = fixture_make(comm, 1, 0);
    status = checkpoint_read(comm, foreign, &fixture.head, fixture.tensor, FIXTURE_TENSORS);
    CHECK(status.code == 0 || status.code == EXIT_DATA || status.code == EXIT_CONFIG, "byte %lld: %d %s", (long long)at,
          status.code, status.text);
    refused += status.code != 0;
    fixture_free(&fixture);
    if (comm->rank == 0)
      CHECK(pwrite(file, &byte, 1, at) == 1, "restore");
  }
  if (file >= 0)
    close(file);
  CHECK(refused > 0, "nothing was refused");
}

int main(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(1, LOG_QUIET); // its warnings are meant
  folder_make(dir, &comm);
  snprintf(oldest, sizeof oldest, "%.250s/checkpoints/step-00000001.h5", dir);
  snprintf(newest, sizeof newest, "%.250s/checkpoints/step-00000002.h5", dir);
  for (int step = 1; step <= 2; step++) {
    Fixture fixture = fixture_make(&comm, 1, step);
    Status status = checkpoint_write(&comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, 0);
    CHECK(status.code == 0, "%s", status.text);
    fixture_free(&fixture);
  }
  struct stat facts;
  CHECK(stat(newest, &facts) == 0, "stat");
  size = facts.st_size;
  whole = malloc((size_t)size);
  FILE *file = fopen(newest, "r");
  CHECK(file && fread(whole, 1, (size_t)size, file) == (size_t)size, "read");
  fclose(file);
  long long parsed;
  CHECK(sscanf(strstr((char *)whole, "content"), "content %lld", &parsed) == 1, "content");
  content = parsed;
  test_flips(&comm);
  test_cuts(&comm);
  test_fallback(&comm);
  test_all_bad(&comm);
  test_edits(&comm);
  test_foreign(&comm);
  free(whole);
  folder_remove(dir, &comm);
  comm_finalize(&comm);
  return 0;
}
