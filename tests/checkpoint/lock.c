// One job at a time has a run directory, whoever comes, dies or plants links; and any name will do for it.
// timeout: 120
#include "fixture.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { CONTENDERS = 4, LINE = 1024 };

static char scratch[256], self[LINE], shim[300], host[80];

static bool all(void) {
  const char *wanted = getenv("REBASIS_FAULTS");
  return wanted && !strcmp(wanted, "all");
}

// --- contenders: processes that lock when told to --------------------------------------------------------------------------

/// Reads letters: 't' takes the lock and answers with the code, 'r' releases it and answers 'r'. Texts of failures go to stderr.
static int contender(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(1, LOG_QUIET);
  RunLock lock = {-1, -1, false};
  for (char letter; read(STDIN_FILENO, &letter, 1) == 1;) {
    unsigned char answer = 'r';
    if (letter == 't') {
      Status status = rundir_lock(&comm, argv[2], &lock);
      answer = (unsigned char)status.code;
      if (status.code)
        fprintf(stderr, "%s\n", status.text);
    } else {
      rundir_unlock(&lock);
    }
    if (write(STDOUT_FILENO, &answer, 1) != 1)
      return 1;
  }
  comm_finalize(&comm);
  return 0;
}

typedef struct Contender {
  pid_t process;
  int to, from;
} Contender;

static Contender start(const char *dir, bool without_flock) {
  int in[2], out[2];
  CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
  Contender one = {.process = fork(), .to = in[1], .from = out[0]};
  if (one.process == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    char name[LINE];
    snprintf(name, sizeof name, "%s/said.%d", scratch, (int)getpid());
    dup2(open(name, O_WRONLY | O_CREAT | O_APPEND, 0666), STDERR_FILENO);
    if (without_flock) {
      setenv("LD_PRELOAD", shim, 1);
      setenv("REBASIS_FAULT", "path=lock call=lock n=1 do=ENOLCK sticky", 1);
    }
    execl(self, self, "contender", dir, (char *)NULL);
    _exit(1);
  }
  close(in[0]);
  close(out[1]);
  return one;
}

static void tell(Contender one, char letter) { CHECK(write(one.to, &letter, 1) == 1, "tell"); }
static int hear(Contender one) {
  unsigned char answer;
  return read(one.from, &answer, 1) == 1 ? answer : -1;
}
static int ask(Contender one, char letter) {
  tell(one, letter);
  return hear(one);
}
static void stop(Contender one, int by) {
  if (by)
    kill(one.process, by);
  close(one.to);
  close(one.from);
  waitpid(one.process, NULL, 0);
}

static void said(char text[LINE], Contender one) {
  char name[LINE];
  snprintf(name, sizeof name, "%s/said.%d", scratch, (int)one.process);
  FILE *file = fopen(name, "r");
  text[0] = 0;
  while (file && fgets(text, LINE, file)) // the last line counts
    ;
  if (file)
    fclose(file);
}

static void test_races(bool without_flock, int rounds) {
  char dir[300];
  snprintf(dir, sizeof dir, "%s/race%d/deep/er", scratch, without_flock);
  Contender one[CONTENDERS];
  for (int c = 0; c < CONTENDERS; c++)
    one[c] = start(dir, without_flock);
  for (int round = 0; round < rounds; round++) {
    int winner = -1;
    double begin = clock_seconds();
    for (int c = 0; c < CONTENDERS; c++)
      tell(one[(c + round) % CONTENDERS], 't');
    for (int c = 0; c < CONTENDERS; c++) {
      int code = hear(one[c]);
      CHECK(code == 0 || code == EXIT_CANNOT_CREATE, "round %d, contender %d: %d", round, c, code);
      CHECK(code != 0 || winner < 0, "round %d: both %d and %d have it", round, winner, c);
      winner = code == 0 ? c : winner;
    }
    CHECK(winner >= 0, "round %d: nobody has it", round);
    CHECK(clock_seconds() - begin < 20, "round %d took long", round);
    CHECK(ask(one[winner], 'r') == 'r', "release");
  }
  // A holder that is killed is no holder; the text names the living one.
  char text[LINE], wanted[200];
  CHECK(ask(one[0], 't') == 0 && ask(one[1], 't') == EXIT_CANNOT_CREATE, "held");
  said(text, one[1]);
  snprintf(wanted, sizeof wanted, "process %d on %s", (int)one[0].process, host);
  CHECK(strstr(text, wanted) && strstr(text, dir), "'%s' does not say %s", text, wanted);
  stop(one[0], SIGKILL);
  CHECK(ask(one[1], 't') == 0 && ask(one[2], 't') == EXIT_CANNOT_CREATE, "taken over from the dead");
  CHECK(ask(one[1], 'r') == 'r' && folder_count(dir) == 0, "%d names are left", folder_count(dir));
  for (int c = 1; c < CONTENDERS; c++)
    stop(one[c], 0);
}

/// Without flock a lock file stands until its holder is known to be dead.
static void test_judgement(void) {
  char dir[300], name[320], text[LINE];
  static const struct {
    const char *host, *pid, *boot;
    int code;
  } holder[] = {
      {"elsewhere", "1", "x", EXIT_CANNOT_CREATE}, {NULL, "999999999", NULL, 0}, {NULL, "1", "another-boot", 0}};
  snprintf(dir, sizeof dir, "%s/judged", scratch);
  snprintf(name, sizeof name, "%s/lock", dir);
  mkdir(dir, 0777);
  char boot[64] = "-";
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
  if (file && fscanf(file, "%63s", boot) == 1)
    fclose(file);
  for (size_t h = 0; h < sizeof holder / sizeof *holder; h++) {
    file = fopen(name, "w");
    fprintf(file, "host %s\npid %s\nboot %s\nstarted 5\nsince 2024-01-01T00:00:00Z\n",
            holder[h].host ? holder[h].host : host, holder[h].pid, holder[h].boot ? holder[h].boot : boot);
    fclose(file);
    Contender one = start(dir, true);
    int code = ask(one, 't');
    said(text, one);
    CHECK(code == holder[h].code, "holder %zu: %d %s", h, code, text);
    stop(one, 0);
    unlink(name);
  }
  file = fopen(name, "w");
  fclose(file); // nobody knows whose: not ours to take
  Contender one = start(dir, true);
  CHECK(ask(one, 't') == EXIT_CANNOT_CREATE, "a lock of nobody");
  stop(one, 0);
}

// --- names and links ----------------------------------------------------------------------------------------------------------

static Status write_step(const Comm *comm, const char *dir, int64_t step) {
  Fixture fixture = fixture_make(comm, 0, step);
  Status status = checkpoint_write(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, 2);
  fixture_free(&fixture);
  return status;
}

static Status read_step(const Comm *comm, const char *dir, int64_t step) {
  Fixture fixture = fixture_make(comm, 0, 0);
  fixture_wipe(&fixture);
  bool found = false;
  Status status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
  if (status.code == 0) {
    CHECK(found, "nothing in %s", dir);
    fixture_check(&fixture, step);
  }
  fixture_free(&fixture);
  return status;
}

static void test_names(const Comm *comm) {
  static const char *const name[] = {
      "a b",   "new\nline", "gr\303\266\303\237e", "%n%s%d", "-rf", "2024-05-01T12:30:00", "ufs:x", "nfs:", "a/../b",
      "c//d/", "'\"$(x)`"};
  char dir[LINE];
  CHECK(chdir(scratch) == 0, "chdir");
  for (size_t n = 0; n < 2 * sizeof name / sizeof *name; n++) {
    snprintf(dir, sizeof dir, "%s%s", n % 2 ? "" : scratch, n % 2 ? "" : "/abs/");
    snprintf(dir + strlen(dir), sizeof dir - strlen(dir), "%s", name[n / 2]);
    RunLock lock;
    Status status = rundir_lock(comm, dir, &lock);
    CHECK(status.code == 0, "'%s': %s", dir, status.text);
    status = write_step(comm, dir, 5);
    CHECK(status.code == 0, "'%s': %s", dir, status.text);
    status = read_step(comm, dir, 5);
    CHECK(status.code == 0, "'%s': %s", dir, status.text);
    CHECK(checkpoint_mark_best(comm, dir, 5).code == 0, "'%s'", dir);
    rundir_unlock(&lock);
  }
}

static void test_impossible(const Comm *comm) {
  char file[300], long_name[6000];
  snprintf(file, sizeof file, "%s/file", scratch);
  fclose(fopen(file, "w"));
  memset(long_name, 'x', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = 0;
  const char *const name[] = {"", file, "/proc/nothing/here", long_name, long_name + 5700};
  for (size_t n = 0; n < sizeof name / sizeof *name; n++) {
    RunLock lock;
    Status status = rundir_lock(comm, name[n], &lock);
    CHECK(status.code == EXIT_CANNOT_CREATE && strlen(status.text) > 10, "%.40s: %d %s", name[n], status.code,
          status.text);
    rundir_unlock(&lock);
    status = write_step(comm, name[n], 1);
    CHECK(status.code == EXIT_CANNOT_CREATE, "%.40s: %d %s", name[n], status.code, status.text);
  }
}

static void make_victim(char name[300]) {
  snprintf(name, 300, "%s/victim", scratch);
  FILE *file = fopen(name, "w");
  CHECK(file && fputs("untouched", file) > 0 && fclose(file) == 0, "victim");
}
static void check_victim(const char *name) {
  char text[32] = "";
  FILE *file = fopen(name, "r");
  CHECK(file && fgets(text, sizeof text, file) && !strcmp(text, "untouched"), "the victim is '%s'", text);
  fclose(file);
}

static void test_links(const Comm *comm) {
  char dir[300], name[400], victim[300];
  make_victim(victim);
  snprintf(dir, sizeof dir, "%.200s/links", scratch);
  CHECK(mkdir(dir, 0777) == 0, "mkdir");
  RunLock lock;
  snprintf(name, sizeof name, "%s/lock", dir);
  CHECK(symlink(victim, name) == 0, "symlink");
  CHECK(rundir_lock(comm, dir, &lock).code == EXIT_CANNOT_CREATE, "a link as lock");
  check_victim(victim);
  unlink(name);
  snprintf(name, sizeof name, "%s/checkpoints", dir);
  CHECK(symlink(scratch, name) == 0, "symlink");
  CHECK(write_step(comm, dir, 1).code == EXIT_CANNOT_CREATE, "a link as folder");
  unlink(name);
  CHECK(mkdir(name, 0777) == 0, "mkdir");
  for (int hard = 0; hard < 2; hard++) {
    static const char *const planted[] = {"checkpoints/step-00000001.h5.tmp",
                                          "checkpoints/step-00000001.h5",
                                          "checkpoints/latest.tmp",
                                          "checkpoints/latest",
                                          "best.h5.tmp",
                                          "best.h5"};
    for (size_t p = 0; p < sizeof planted / sizeof *planted; p++) {
      snprintf(name, sizeof name, "%s/%s", dir, planted[p]);
      unlink(name);
      CHECK((hard ? link(victim, name) : symlink(victim, name)) == 0, "link");
    }
    CHECK(write_step(comm, dir, 1).code == 0 && checkpoint_mark_best(comm, dir, 1).code == 0, "links in the way");
    check_victim(victim);
    CHECK(read_step(comm, dir, 1).code == 0, "read");
  }
}

typedef struct Attacker {
  char temporary[400], victim[300];
  atomic_bool end;
} Attacker;

static void *attack(void *argument) {
  Attacker *attacker = argument;
  char other[420];
  snprintf(other, sizeof other, "%s.x", attacker->temporary);
  while (!attacker->end) {
    if (symlink(attacker->victim, other) == 0)
      rename(other, attacker->temporary); // the file is swapped for a link, at once
  }
  return NULL;
}

/// Somebody with access to the folder swaps the file for a link all the time: no other file is ever written.
static void test_swaps(const Comm *comm) {
  char dir[300];
  Attacker attacker = {.end = false};
  make_victim(attacker.victim);
  snprintf(dir, sizeof dir, "%.200s/links", scratch);
  snprintf(attacker.temporary, sizeof attacker.temporary, "%s/checkpoints/step-00000007.h5.tmp", dir);
  pthread_t thread;
  pthread_create(&thread, NULL, attack, &attacker);
  for (int i = 0; i < (all() ? 1000 : 60); i++) {
    Status status = write_step(comm, dir, 7);
    CHECK(status.code == 0 || status.code == EXIT_IO, "%d %s", status.code, status.text);
    check_victim(attacker.victim);
  }
  attacker.end = true;
  pthread_join(thread, NULL);
}

static void test_sweep(const Comm *comm) {
  static const char *const left[] = {"checkpoints/step-00000009.h5.tmp", "checkpoints/latest.tmp", "best.h5.tmp"};
  static const char *const kept[] = {"checkpoints/.tmp", "notes.tmp.txt", "checkpoints/step-00000007.h5.temporary"};
  char dir[300], name[400];
  snprintf(dir, sizeof dir, "%.200s/swept", scratch);
  snprintf(name, sizeof name, "%s/checkpoints", dir);
  CHECK(mkdir(dir, 0777) == 0 && mkdir(name, 0777) == 0, "mkdir");
  for (int i = 0; i < 6; i++) {
    snprintf(name, sizeof name, "%s/%s", dir, i < 3 ? left[i] : kept[i - 3]);
    fclose(fopen(name, "w"));
  }
  RunLock lock;
  CHECK(rundir_lock(comm, dir, &lock).code == 0, "lock");
  for (int i = 0; i < 6; i++) {
    snprintf(name, sizeof name, "%s/%s", dir, i < 3 ? left[i] : kept[i - 3]);
    CHECK((access(name, F_OK) == 0) == (i >= 3), "%s", name);
  }
  rundir_unlock(&lock);
}

static bool build_shim(void) {
#ifdef __SANITIZE_ADDRESS__
  return false; // its runtime insists on being loaded first
#endif
  char command[3 * LINE], source[LINE];
  snprintf(source, sizeof source, "%s", __FILE__);
  *strrchr(source, '/') = 0;
  *strrchr(source, '/') = 0;
  snprintf(shim, sizeof shim, "%s/fault.so", scratch);
  snprintf(command, sizeof command, "cc -O1 -shared -fPIC '%s/shim/fault.c' -o %s -ldl 2>/dev/null", source, shim);
  return system(command) == 0;
}

int main(int argc, char **argv) {
  if (argc > 2 && !strcmp(argv[1], "contender"))
    return contender(argc, argv);
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0 && gethostname(host, sizeof host - 1) == 0, "who am I");
  snprintf(scratch, sizeof scratch, "%.200s/checkpoint-lock-XXXXXX", scratch_base());
  CHECK(mkdtemp(scratch), "no directory");
  test_races(false, all() ? 1000 : 100);
  if (build_shim()) {
    test_races(true, all() ? 1000 : 100);
    test_judgement();
  }
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(1, LOG_QUIET);
  test_names(&comm);
  test_impossible(&comm);
  test_links(&comm);
  test_swaps(&comm);
  test_sweep(&comm);
  comm_finalize(&comm);
  char command[400];
  snprintf(command, sizeof command, "rm -rf '%s'", scratch);
  return system(command);
}
