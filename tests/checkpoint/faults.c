// Whatever input or output call of whichever rank fails, all ranks say so alike, and an old or the new state remains.
// timeout: 600
//
// REBASIS_FAULTS=all tries every call of every rank; else a sample is tried. The n-th call is made to fail by
// tests/shim/fault.c, inside running jobs for errors, by a job of its own for kills. No
// failure may have to wait for the watchdog.
#include "fixture.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "comm/watchdog.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>

enum { OLD = 1, NEW = 2, AFTER = 3, PATIENCE = 20, CALLS_MOST = 2000, LINE = 1024 };

// --- in the job
// -------------------------------------------------------------------------------------------------------------

static void arm(const char *text) {
  void (*real)(const char *) = (void (*)(const char *))dlsym(RTLD_DEFAULT, "fault_arm");
  CHECK(real, "the shim is not loaded");
  real(text);
}
static bool struck(const Comm *comm) {
  long (*real)(void) = (long (*)(void))dlsym(RTLD_DEFAULT, "fault_struck");
  return comm_any(comm, real() > 0);
}

/// With `fault` armed during the write only; *hit tells whether it struck on some rank.
static Status write_armed(const Comm *comm, const char *dir, int64_t step, const char *fault, bool *hit) {
  Fixture fixture = fixture_make(comm, 1, step);
  arm(fault);
  Status status = checkpoint_write(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, 0);
  *hit = struck(comm);
  arm(NULL);
  fixture_free(&fixture);
  return status;
}

static Status write_step(const Comm *comm, const char *dir, int64_t step) {
  bool hit;
  return write_armed(comm, dir, step, NULL, &hit);
}

static Status read_armed(const Comm *comm, const char *dir, int64_t *step, const char *fault, bool *hit) {
  Fixture fixture = fixture_make(comm, 3, 0);
  fixture_wipe(&fixture);
  bool found;
  arm(fault);
  Status status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
  *hit = struck(comm);
  arm(NULL);
  if (status.code == 0) {
    CHECK(found, "nothing is left in %s", dir);
    fixture_check(&fixture, fixture.head.step);
    *step = fixture.head.step;
  }
  int64_t codes[2] = {status.code, status.code ? 0 : *step};
  int64_t sums[2] = {codes[0], codes[1]};
  comm_gather_counts(comm, sums, 2);
  CHECK(sums[0] == codes[0] * comm->ranks && sums[1] == codes[1] * comm->ranks, "the ranks do not agree: %s",
        status.text);
  fixture_free(&fixture);
  return status;
}

static Status read_step(const Comm *comm, const char *dir, int64_t *step) {
  bool hit;
  return read_armed(comm, dir, step, NULL, &hit);
}

static uint64_t hash_of_file(const char *dir, int64_t step) {
  static char bytes[1 << 20];
  char name[400];
  snprintf(name, sizeof name, "%s/checkpoints/step-%08lld.h5", dir, (long long)step);
  FILE *file = fopen(name, "r");
  size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
  if (file)
    fclose(file);
  return hash_bytes(bytes, size);
}

static void forget_step(const Comm *comm, const char *dir, int64_t step) {
  char name[400];
  snprintf(name, sizeof name, "%s/checkpoints/step-%08lld.h5", dir, (long long)step);
  comm_any(comm, false);
  if (comm->rank == 0)
    unlink(name);
  comm_any(comm, false);
}

/// A write of which one call fails: what happened, in one word.
static const char *try_write(const Comm *comm, const char *dir, const char *fault, uint64_t before) {
  bool hit;
  int64_t step = 0;
  Status status = write_armed(comm, dir, NEW, fault, &hit);
  CHECK(status.code == 0 || status.code == EXIT_IO || status.code == EXIT_CANNOT_CREATE || status.code == EXIT_INTERNAL,
        "%s: %d %s", fault, status.code, status.text);
  CHECK(status.code == 0 || hit, "%s: failed out of nothing: %s", fault, status.text);
  Status read = read_step(comm, dir, &step);
  CHECK(read.code == 0 && (status.code != 0 || step == NEW), "%s: step %lld remains after '%s', %s", fault,
        (long long)step, status.text, read.text);
  CHECK(hash_of_file(dir, OLD) == before, "%s: the old file has changed", fault);
  forget_step(comm, dir, NEW);
  return !hit ? "end" : status.code ? "refused" : "survived";
}

/// A read of which one call fails: the new state, or the old one, or the same failure everywhere.
static const char *try_read(const Comm *comm, const char *dir, const char *fault) {
  bool hit;
  int64_t step = 0;
  CHECK(write_step(comm, dir, NEW).code == 0, "the state to read");
  Status status = read_armed(comm, dir, &step, fault, &hit);
  CHECK(status.code == 0 || status.code == EXIT_DATA || status.code == EXIT_INTERNAL || status.code == EXIT_IO,
        "%s: %d %s", fault, status.code, status.text);
  CHECK(hit || (status.code == 0 && step == NEW), "%s: out of nothing: %s", fault, status.text);
  CHECK(read_step(comm, dir, &step).code == 0 && step == NEW, "the state is gone");
  forget_step(comm, dir, NEW);
  return !hit ? "end" : status.code ? "refused" : "survived";
}

/// job write|read DIR RANK ACTION once|sticky FIRST LAST REPORT: makes call n fail for n = FIRST, FIRST+1, … until there is no such
/// call. Every try is a line of the file REPORT, begun before the try and ended after it.
static int job_errors(Comm *comm, char **word, bool writing) {
  const char *dir = word[0], *rank = word[1], *action = word[2], *sticky = word[3], *report = word[6];
  const char *calls = !strcmp(action, "ENOMEM") ? "call=memory" : "call=all";
  CHECK(write_step(comm, dir, OLD).code == 0, "the state before");
  uint64_t before = hash_of_file(dir, OLD);
  const char *result = "";
  for (long n = atol(word[4]), last = atol(word[5]); n <= last && strcmp(result, "end") != 0; n++) {
    char fault[512];
    snprintf(fault, sizeof fault, "rank=%s path=%s %s n=%ld do=%s %s", rank, dir, calls, n, action,
             strcmp(sticky, "sticky") ? "" : sticky);
    FILE *log = comm->rank == 0 ? fopen(report, "a") : NULL;
    if (log)
      fprintf(log, "%ld ", n), fflush(log);
    result = writing ? try_write(comm, dir, fault, before) : try_read(comm, dir, fault);
    if (log)
      fprintf(log, "%s\n", result), fclose(log);
  }
  return 0;
}
static int job_write(Comm *comm, char **word) { return job_errors(comm, word, true); }
static int job_read(Comm *comm, char **word) { return job_errors(comm, word, false); }

/// job kill DIR FAULT: an old state is there; writes the new one and is killed meanwhile, perhaps.
static int job_kill(Comm *comm, char **word) {
  bool hit;
  Status status = write_armed(comm, word[0], NEW, word[1], &hit);
  CHECK(status.code == 0 && !hit, "survived: %s", status.text);
  return 0;
}

/// job begin DIR: the old state. job recover DIR FAULT: lock and read, perhaps killed meanwhile.
static int job_begin(Comm *comm, char **word) { return write_step(comm, word[0], OLD).code; }

static int job_recover(Comm *comm, char **word) {
  int64_t step;
  RunLock lock;
  arm(word[1]);
  Status status = rundir_lock(comm, word[0], &lock);
  CHECK(status.code == 0, "%s", status.text);
  status = read_step(comm, word[0], &step);
  CHECK(status.code == 0, "%s", status.text);
  bool hit = struck(comm);
  arm(NULL);
  CHECK(!hit, "survived");
  rundir_unlock(&lock);
  return 0;
}

/// job check DIR: after a kill an old or the new state is there, no leftovers, and life goes on.
static int job_check(Comm *comm, char **word) {
  const char *dir = word[0];
  RunLock lock;
  int64_t step;
  Status status = rundir_lock(comm, dir, &lock);
  CHECK(status.code == 0, "%s", status.text);
  status = read_step(comm, dir, &step);
  CHECK(status.code == 0 && (step == OLD || step == NEW), "step %lld: %s", (long long)step, status.text);
  char folder[400];
  snprintf(folder, sizeof folder, "%s/checkpoints", dir);
  int names = folder_count(folder);
  CHECK(names >= step && names <= step + 1, "%d names beside step %lld", names,
        (long long)step); // states, perhaps `latest`
  status = write_step(comm, dir, AFTER);
  CHECK(status.code == 0, "%s", status.text);
  CHECK(read_step(comm, dir, &step).code == 0 && step == AFTER, "step %lld", (long long)step);
  forget_step(comm, dir, AFTER);
  forget_step(comm, dir, NEW);
  rundir_unlock(&lock);
  return 0;
}

static int job(int argc, char **argv) {
  static const struct {
    const char *name;
    int (*run)(Comm *, char **);
  } kind[] = {{"write", job_write}, {"read", job_read},       {"kill", job_kill},
              {"begin", job_begin}, {"recover", job_recover}, {"check", job_check}};
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(1, LOG_QUIET); // its warnings are meant
  watchdog_start(&comm, PATIENCE);
  int code = 1;
  for (size_t k = 0; k < sizeof kind / sizeof *kind; k++)
    if (!strcmp(kind[k].name, argv[2]))
      code = kind[k].run(&comm, argv + 3);
  watchdog_stop();
  comm_finalize(&comm);
  int finalized; // not where a file was left open on some ranks only: such a program ends with a code
  MPI_Finalized(&finalized);
  return code || finalized ? code : EXIT_IO;
}

// --- the driver
// ---------------------------------------------------------------------------------------------------------------

static char self[LINE], scratch[256], shim[320];
static long tried, refused, survived, killed, hung;

static int run(int ranks, const char *arguments) {
  char command[4 * LINE];
  char launcher[LINE];
  snprintf(launcher, sizeof launcher, "mpirun -np %d -x LD_PRELOAD=%s", ranks, shim);
  if (ranks == 1)
    snprintf(launcher, sizeof launcher, "LD_PRELOAD=%s", shim);
  snprintf(command, sizeof command, "%s '%s' job %s >%s/log 2>&1", launcher, self, arguments, scratch);
  int result = system(command);
  return WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
}

static void show_log(void) {
  char command[400];
  snprintf(command, sizeof command, "head -20 %s/log >&2", scratch);
  if (system(command) != 0)
    return;
}

static bool all(void) {
  const char *wanted = getenv("REBASIS_FAULTS");
  return wanted && !strcmp(wanted, "all");
}

/// Counts the lines of a report; returns the number of the try that did not come back, or 0.
static long count_report(const char *report, bool *ended) {
  FILE *file = fopen(report, "r");
  long n, open = 0;
  char word[64], line[128];
  while (file && fgets(line, sizeof line, file)) {
    int words = sscanf(line, "%ld %63s", &n, word);
    *ended = *ended || (words == 2 && !strcmp(word, "end"));
    open = words == 1 ? n : 0;
    if (words == 2 && strcmp(word, "end") != 0) {
      tried++;
      (strcmp(word, "refused") ? survived++ : refused++);
    }
  }
  if (file)
    fclose(file);
  return open;
}

/// A job that hangs must be ended by its watchdog; the rest is tried in a job after it.
static void errors(const char *kind, int ranks, int rank, const char *action, const char *sticky) {
  char arguments[LINE], report[300];
  snprintf(report, sizeof report, "%s/report", scratch);
  long first = 1;
  for (bool ended = false; !ended;) {
    unlink(report);
    snprintf(arguments, sizeof arguments, "%s %s/run %d %s %s %ld %d %s", kind, scratch, rank, action, sticky, first,
             CALLS_MOST, report);
    double start = clock_seconds();
    int code = run(ranks, arguments);
    long open = count_report(report, &ended);
    if (code == 0 || (code == EXIT_IO && !open && ended))
      return;
    if (code != EXIT_AGAIN || !open)
      show_log();
    CHECK(open && code == EXIT_AGAIN, "%s on %d ranks, call %ld of rank %d: %s %s: exit code %d after %.1f s", kind,
          ranks, open, rank, action, sticky, code, clock_seconds() - start);
    tried++;
    hung++;
    if (getenv("REBASIS_FAULTS_SHOW"))
      fprintf(stderr, "hung: %s on %d ranks, call %ld of rank %d: %s %s\n", kind, ranks, open, rank, action, sticky);
    first = open + 1;
  }
}

static void test_sample(void) {
  errors("write", 1, 0, "EIO", "once");
  errors("write", 1, 0, "ENOMEM", "once");
  errors("read", 1, 0, "EIO", "once");
  errors("write", 2, 0, "EIO", "sticky");
  errors("write", 2, 1, "EIO", "once");
  errors("read", 2, 1, "EIO", "once");
}

static void test_every(void) {
  static const char *const actions[] = {"EIO", "ENOMEM", "ENOSPC", "EINTR", "short"};
  for (int ranks = 1; ranks <= 4; ranks++)
    for (int rank = 0; rank < ranks; rank++)
      for (int a = 0; a < 5; a++) {
        errors("write", ranks, rank, actions[a], "once");
        errors("read", ranks, rank, actions[a], "once");
        if (a < 2) {
          errors("write", ranks, rank, actions[a], "sticky");
          errors("read", ranks, rank, actions[a], "sticky");
        }
      }
}

/// Kills at call n = first, first + stride, … until a job has no such call.
static void kills(const char *kind, const char *call, int ranks, int rank, const char *action, int stride) {
  char arguments[LINE], check[LINE];
  snprintf(check, sizeof check, "check %s/run", scratch);
  for (long n = 1; n <= CALLS_MOST; n += stride) {
    snprintf(arguments, sizeof arguments, "%s %s/run 'rank=%d path=%s/run %s n=%ld do=%s'", kind, scratch, rank,
             scratch, call, n, action);
    int code = run(ranks, arguments);
    bool ended = code == 0;
    if (!ended && code != 137)
      show_log();
    CHECK(ended || code == 137, "%s: exit code %d", arguments, code);
    code = run(1, check);
    if (code)
      show_log();
    CHECK(code == 0, "after %s: exit code %d", arguments, code);
    if (ended)
      return;
    tried++, killed++;
  }
}

static void test_kills(void) {
  char begin[LINE];
  snprintf(begin, sizeof begin, "begin %s/run", scratch);
  CHECK(run(1, begin) == 0, "the state before");
  kills("kill", "", 1, 0, "kill", all() ? 1 : 3);
  kills("kill", "call=write", 1, 0, "torn", all() ? 1 : 3);
  kills("recover", "call=all", 1, 0, "kill", all() ? 1 : 7);
  for (int ranks = 2; ranks <= (all() ? 3 : 2); ranks++)
    for (int rank = 0; rank < ranks; rank++) {
      kills("kill", "", ranks, rank, "kill", all() ? 1 : 30);
      if (all())
        kills("recover", "call=all", ranks, rank, "kill", 3);
    }
}

static void build_shim(void) {
#ifdef __SANITIZE_ADDRESS__
  exit(77); // its runtime insists on being loaded first
#endif
  char command[3 * LINE], source[LINE];
  snprintf(source, sizeof source, "%s", __FILE__);
  *strrchr(source, '/') = 0;
  *strrchr(source, '/') = 0;
  snprintf(shim, sizeof shim, "%s/fault.so", scratch);
  snprintf(command, sizeof command, "cc -O1 -shared -fPIC '%s/shim/fault.c' -o %s -ldl 2>%s/log", source, shim,
           scratch);
  if (system(command) != 0) {
    fprintf(stderr, "skipped: no compiler for the shim\n");
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    exit(system(command) == 0 ? 77 : 1);
  }
}

int main(int argc, char **argv) {
  if (argc > 2 && !strcmp(argv[1], "job"))
    return job(argc, argv);
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0, "who am I");
  snprintf(scratch, sizeof scratch, "%s/checkpoint-faults-XXXXXX", scratch_base());
  CHECK(mkdtemp(scratch), "no directory");
  char run_directory[320];
  snprintf(run_directory, sizeof run_directory, "%s/run", scratch);
  CHECK(mkdir(run_directory, 0777) == 0, "no directory");
  build_shim();
  all() ? test_every() : test_sample();
  test_kills();
  if (getenv("REBASIS_FAULTS_SHOW"))
    fprintf(stderr, "tried %ld: refused alike %ld, survived %ld, killed %ld, hung %ld\n", tried, refused, survived,
            killed, hung);
  CHECK(hung == 0, "%ld calls were waited for until the watchdog came", hung);
  char command[400];
  snprintf(command, sizeof command, "rm -rf '%s'", scratch);
  return system(command);
}
