// A disk that fills up at any moment costs the new checkpoint only: 74 on all ranks, and the old one is as it was.
// timeout: 200
//
// A tmpfs of our own (root is needed, or the test is skipped) is filled but for 0 to 120 % of a checkpoint, with and without
// the reservation of space; then the inodes are used up. REBASIS_FAULTS=all: in steps of 1 % and up to 4 ranks.
#include "fixture.h"

#include "base/hash.h"
#include "base/log.h"
#include "comm/watchdog.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

enum { OLD = 1, NEW = 2, LINE = 1024 };

static bool all(void) {
  const char *wanted = getenv("REBASIS_FAULTS");
  return wanted && !strcmp(wanted, "all");
}

static void arm(const char *text) {
  void (*real)(const char *) = (void (*)(const char *))dlsym(RTLD_DEFAULT, "fault_arm");
  if (real)
    real(text);
}

static Status write_step(const Comm *comm, const char *dir, int64_t step) {
  Fixture fixture = fixture_make(comm, 1, step);
  Status status = checkpoint_write(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, 0);
  fixture_free(&fixture);
  return status;
}

static void read_step(const Comm *comm, const char *dir, int64_t step) {
  Fixture fixture = fixture_make(comm, 2, 0);
  fixture_wipe(&fixture);
  bool found;
  Status status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
  CHECK(status.code == 0 && found, "%s", status.text);
  fixture_check(&fixture, step);
  fixture_free(&fixture);
}

/// Rank 0 takes all of the disk but `left` bytes (less than a page more), or gives it all back (left < 0).
static void fill(const Comm *comm, const char *disk, int64_t left) {
  comm_any(comm, false);
  if (comm->rank == 0) {
    char name[LINE];
    snprintf(name, sizeof name, "%s/filler", disk);
    unlink(name);
    struct statvfs facts;
    CHECK(statvfs(disk, &facts) == 0, "statvfs");
    int64_t size = (int64_t)(facts.f_bavail * facts.f_bsize) - left;
    int file = left < 0 ? -1 : open(name, O_CREAT | O_WRONLY, 0666);
    CHECK(left < 0 || (file >= 0 && (size <= 0 || posix_fallocate(file, 0, size) == 0)), "fill");
    close(file);
  }
  comm_any(comm, false);
}

static void forget(const Comm *comm, const char *dir) {
  char name[LINE];
  snprintf(name, sizeof name, "%.900s/checkpoints/step-%08d.h5", dir, NEW);
  comm_any(comm, false);
  if (comm->rank == 0)
    unlink(name);
  comm_any(comm, false);
}

static int leftovers(const char *dir) {
  char name[LINE];
  snprintf(name, sizeof name, "%.900s/checkpoints/step-%08d.h5.tmp", dir, NEW);
  return access(name, F_OK) == 0;
}

/// One level: success only if the new state reads back, else 74 with nothing left behind.
static bool try_level(const Comm *comm, const char *disk, const char *dir, int64_t left, bool reserve) {
  fill(comm, disk, left);
  arm(reserve ? "" : "call=reserve n=1 do=skip sticky path=checkpoints");
  Status status = write_step(comm, dir, NEW);
  arm("");
  CHECK(status.code == 0 || status.code == EXIT_IO, "%lld bytes left: %d %s", (long long)left, status.code,
        status.text);
  read_step(comm, dir, status.code ? OLD : NEW);
  CHECK(!leftovers(dir), "a leftover");
  fill(comm, disk, -1);
  forget(comm, dir);
  return status.code == 0;
}

static int job(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(1, LOG_QUIET);
  watchdog_start(&comm, 10);
  const char *disk = argv[2];
  char dir[LINE], name[LINE + 64];
  snprintf(dir, sizeof dir, "%s/run", disk);
  if (comm.rank == 0)
    mkdir(dir, 0777);
  CHECK(write_step(&comm, dir, OLD).code == 0, "the state before");
  struct stat facts;
  snprintf(name, sizeof name, "%s/checkpoints/step-%08d.h5", dir, OLD);
  CHECK(stat(name, &facts) == 0, "stat");
  int fits = 0, fails = 0;
  for (int reserve = 1; reserve >= 0; reserve--)
    for (int percent = 0; percent <= 120; percent += all() ? 1 : 6)
      (try_level(&comm, disk, dir, facts.st_size * percent / 100, reserve) ? fits++ : fails++);
  CHECK(fits > 2 && fails > 10, "fits %d times, fails %d times", fits, fails);
  for (int inodes = 0; inodes < 60; inodes++) { // tmpfs has 64: use them up
    snprintf(name, sizeof name, "%s/inode%d", disk, inodes);
    if (comm.rank == 0)
      close(open(name, O_CREAT | O_WRONLY, 0666));
  }
  comm_any(&comm, false);
  Status status = write_step(&comm, dir, NEW);
  CHECK(status.code == EXIT_IO, "without inodes: %d %s", status.code, status.text);
  read_step(&comm, dir, OLD);
  watchdog_stop();
  comm_finalize(&comm);
  return 0;
}

static bool own_disk(const char *disk) {
  if (unshare(CLONE_NEWNS) != 0)
    return false; // not root; a user namespace would do, but mpirun refuses to be somebody else's root
  return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount("none", disk, "tmpfs", 0, "size=400k,nr_inodes=64,mode=777") == 0;
}

static void build_shim(char shim[LINE], const char *scratch) {
  char command[3 * LINE], source[LINE];
  snprintf(source, sizeof source, "%s", __FILE__);
  *strrchr(source, '/') = 0;
  *strrchr(source, '/') = 0;
  snprintf(shim, LINE, "%.900s/fault.so", scratch);
  snprintf(command, sizeof command, "cc -O1 -shared -fPIC '%s/shim/fault.c' -o %s -ldl 2>/dev/null", source, shim);
  if (system(command) != 0)
    *shim = 0;
}

int main(int argc, char **argv) {
  if (argc > 2 && !strcmp(argv[1], "job"))
    return job(argc, argv);
  char self[LINE] = {0}, scratch[LINE], disk[2 * LINE], shim[LINE], command[8 * LINE];
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0, "who am I");
  snprintf(scratch, sizeof scratch, "%.200s/checkpoint-full-XXXXXX", scratch_base());
  CHECK(mkdtemp(scratch), "no directory");
  snprintf(disk, sizeof disk, "%s/disk", scratch);
  CHECK(mkdir(disk, 0777) == 0, "mkdir");
#ifdef __SANITIZE_ADDRESS__
  return 77; // its runtime insists on being loaded before the shim
#endif
  build_shim(shim, scratch);
  int code = 77;
  if (!own_disk(disk))
    fprintf(stderr, "skipped: cannot mount a disk of our own: %s\n", strerror(errno));
  else
    code = 0;
  for (int ranks = 1; code == 0 && ranks <= (all() ? 4 : 3); ranks++) {
    snprintf(command, sizeof command,
             "rm -rf %s/*; mpirun -np %d -x LD_PRELOAD=%s '%s' job %s >%s/log 2>&1 || { head -30 %s/log >&2; exit 1; }",
             disk, ranks, shim, self, disk, scratch, scratch);
    code = WEXITSTATUS(system(command));
  }
  umount(disk);
  snprintf(command, sizeof command, "rm -rf '%s'", scratch);
  CHECK(system(command) == 0, "%s stays", scratch);
  return code;
}
