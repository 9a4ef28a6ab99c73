// Whatever of the unflushed writes and names a power cut loses, the old or the new state is there; behind the call, the new one.
// timeout: 200
//
// tests/shim/fault.c keeps a journal of a checkpoint being written. From it thousands of disks are made as they may be found after
// the power failed at any moment: of what was not flushed by then every write may be missing or torn at a multiple of 512 bytes,
// and of the names either only the last ones or any may be missing. A retention of one makes sure that the old state is removed.
// REBASIS_FAULTS=all: 20,000 disks.
#include "fixture.h"

#include "base/log.h"
#include "base/random.h"

#include <dlfcn.h>
#include <sys/wait.h>

enum { OLD = 1, NEW = 2, OPERATIONS_MOST = 2000, FILES_MOST = 64, NAMES_MOST = 64, LINE = 1024 };

typedef struct Operation {
  char op, name[64], other[64];
  long inode, offset;
  size_t size;
  const char *bytes;
} Operation;

typedef struct File {
  long inode;
  size_t size, room;
  char *bytes;
} File;

typedef struct Name {
  char name[64], target[64]; // target: of a symbolic link
  long inode;
  bool there;
} Name;

typedef struct Disk {
  int files, names;
  File file[FILES_MOST];
  Name name[NAMES_MOST];
} Disk;

static bool all(void) {
  const char *wanted = getenv("REBASIS_FAULTS");
  return wanted && !strcmp(wanted, "all");
}

static Status write_step(const Comm *comm, const char *dir, int64_t step) {
  Fixture fixture = fixture_make(comm, 1, step);
  Status status = checkpoint_write(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, 1);
  fixture_free(&fixture);
  return status;
}

/// job DIR JOURNAL
static int job(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(1, LOG_QUIET);
  void (*journal)(const char *, const char *) =
      (void (*)(const char *, const char *))dlsym(RTLD_DEFAULT, "fault_journal");
  CHECK(journal, "the shim is not loaded");
  CHECK(write_step(&comm, argv[2], OLD).code == 0, "the old state");
  if (comm.rank == 0) {
    char command[LINE];
    snprintf(command, sizeof command, "cp %.300s/checkpoints/step-00000001.h5 %.300s/old", argv[2], argv[2]);
    CHECK(system(command) == 0, "copy");
  }
  comm_any(&comm, false);
  journal(argv[3], "/checkpoints");
  Status status = write_step(&comm, argv[2], NEW);
  journal(NULL, NULL);
  CHECK(status.code == 0, "%s", status.text);
  comm_finalize(&comm);
  return 0;
}

// --- the journal -----------------------------------------------------------------------------------------------------------

static Operation operation[OPERATIONS_MOST];
static int operations;

static char *read_whole(const char *name, size_t *size) {
  FILE *file = fopen(name, "r");
  CHECK(file, "%s is not there", name);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = calloc(*size + 1, 1);
  CHECK(fread(bytes, 1, *size, file) == *size, "read");
  fclose(file);
  return bytes;
}

static char *journal_read(const char *name) {
  size_t size;
  char *bytes = read_whole(name, &size);
  for (char *at = bytes; at < bytes + size; operations++) {
    CHECK(operations < OPERATIONS_MOST, "more operations than expected");
    Operation *o = &operation[operations];
    CHECK(sscanf(at, "%c %ld %ld %zu %63s", &o->op, &o->inode, &o->offset, &o->size, o->name) == 5, "'%.40s'", at);
    o->bytes = strchr(at, '\n') + 1;
    if (strchr("rl", o->op))
      snprintf(o->other, sizeof o->other, "%.*s", (int)o->size, o->bytes);
    at = (char *)o->bytes + o->size;
  }
  return bytes;
}

/// Whether operation i is surely on disk when the power fails before operation `cut`: a flush that began behind it has ended.
static bool flushed(int i, int cut) {
  bool name = strchr("orul", operation[i].op) != NULL;
  for (int s = i + 1; s < cut; s++) {
    if (operation[s].op != 's' ||
        (name ? strcmp(operation[s].name, "checkpoints") != 0 : operation[s].inode != operation[i].inode))
      continue;
    for (int b = i + 1; b < s; b++)
      if (operation[b].op == 'b' && operation[b].offset == operation[s].offset)
        return true;
  }
  return false;
}

// --- a disk after the power failed -----------------------------------------------------------------------------------------

static File *disk_file(Disk *disk, long inode) {
  for (int f = 0; f < disk->files; f++)
    if (disk->file[f].inode == inode)
      return &disk->file[f];
  CHECK(disk->files < FILES_MOST, "more files than expected");
  disk->file[disk->files] = (File){.inode = inode};
  return &disk->file[disk->files++];
}

static void file_extend(File *file, size_t size) {
  if (size > file->room) {
    file->bytes = realloc(file->bytes, size);
    file->room = size;
  }
  if (size > file->size) {
    memset(file->bytes + file->size, 0, size - file->size);
    file->size = size;
  }
}

static Name *disk_name(Disk *disk, const char *name) {
  for (int n = 0; n < disk->names; n++)
    if (!strcmp(disk->name[n].name, name))
      return &disk->name[n];
  CHECK(disk->names < NAMES_MOST, "more names than expected");
  Name *added = &disk->name[disk->names++];
  *added = (Name){.inode = -1};
  snprintf(added->name, sizeof added->name, "%s", name);
  return added;
}

static void apply_name(Disk *disk, const Operation *o) {
  Name *name = disk_name(disk, o->name);
  if (o->op == 'o') {
    name->inode = o->inode;
    name->there = true;
    name->target[0] = 0;
  } else if (o->op == 'l') {
    snprintf(name->target, sizeof name->target, "%s", o->other);
    name->there = true;
  } else if (o->op == 'u') {
    name->there = false;
  } else if (o->op == 'r') {
    Name *from = disk_name(disk, o->other);
    name = disk_name(disk, o->name);
    name->inode = from->inode;
    memcpy(name->target, from->target, sizeof name->target);
    name->there = true;
    from->there = false;
  }
}

static void apply_data(Disk *disk, const Operation *o, size_t size) {
  File *file = disk_file(disk, o->inode);
  if (o->op == 'w') {
    file_extend(file, (size_t)o->offset + size);
    memcpy(file->bytes + o->offset, o->bytes, size);
  } else if (o->op == 'e') {
    file_extend(file, (size_t)o->offset);
  } else if (o->op == 't') {
    file_extend(file, (size_t)o->offset);
    file->size = (size_t)o->offset;
  }
}

/// What is left of a write that was not flushed: all, nothing, or some sectors of its beginning.
static size_t left_of(const Operation *o, uint64_t dice) {
  size_t sectors = o->size / 512;
  return dice % 2 ? o->size : dice % 8 || sectors == 0 ? 0 : 512 * (dice / 8 % sectors);
}

static void disk_make(Disk *disk, const char *old, size_t old_size, int cut, int trial) {
  RandomStream stream = {.seed = 1, .purpose = RANDOM_FREE, .epoch = (uint32_t)trial, .site = (uint32_t)cut};
  bool in_order = trial % 2;
  bool lost = false;
  for (int f = 0; f < disk->files; f++)
    free(disk->file[f].bytes);
  *disk = (Disk){0};
  Operation before[] = {{.op = 'o', .name = "step-00000001.h5", .inode = -7},
                        {.op = 'w', .inode = -7, .size = old_size, .bytes = old},
                        {.op = 'l', .name = "latest", .other = "step-00000001.h5"}};
  apply_name(disk, &before[0]);
  apply_data(disk, &before[1], old_size);
  apply_name(disk, &before[2]);
  for (int i = 0; i < cut; i++) {
    const Operation *o = &operation[i];
    uint64_t dice = random_bits(&stream, (uint64_t)i);
    bool sure = flushed(i, cut);
    if (strchr("orul", o->op)) {
      lost = lost || (!sure && dice % 2);
      if (sure || (in_order ? !lost : dice % 2 == 0))
        apply_name(disk, o);
    } else if (strchr("wte", o->op)) {
      size_t size = sure ? o->size : left_of(o, dice);
      if (size > 0 || (o->op != 'w' && (sure || dice % 2)))
        apply_data(disk, o, size);
    }
  }
}

static void disk_write(const Disk *disk, const char *dir) {
  char command[LINE], name[LINE];
  snprintf(command, sizeof command, "rm -rf %.400s/checkpoints && mkdir -p %.400s/checkpoints", dir, dir);
  CHECK(system(command) == 0, "empty");
  for (int n = 0; n < disk->names; n++) {
    const Name *one = &disk->name[n];
    snprintf(name, sizeof name, "%s/checkpoints/%s", dir, one->name);
    if (!one->there)
      continue;
    if (*one->target) {
      CHECK(symlink(one->target, name) == 0, "link %s", name);
      continue;
    }
    FILE *file = fopen(name, "w");
    CHECK(file, "create %s", name);
    for (int f = 0; f < disk->files; f++)
      if (disk->file[f].inode == one->inode)
        CHECK(fwrite(disk->file[f].bytes, 1, disk->file[f].size, file) == disk->file[f].size, "write");
    fclose(file);
  }
}

static int64_t read_newest(const Comm *comm, const char *dir) {
  Fixture fixture = fixture_make(comm, 0, 0);
  fixture_wipe(&fixture);
  bool found = false;
  Status status = checkpoint_read_latest(comm, dir, &fixture.head, fixture.tensor, FIXTURE_TENSORS, &found);
  int64_t step = status.code == 0 && found ? fixture.head.step : -1;
  if (step >= 0)
    fixture_check(&fixture, step);
  fixture_free(&fixture);
  return step;
}

static void test_disks(const Comm *comm, const char *dir, const char *old, size_t old_size) {
  static Disk disk;
  char lost[LINE];
  snprintf(lost, sizeof lost, "%s/lost", dir);
  int trials = (all() ? 20000 : 300) / (operations + 1) + 1, old_ones = 0, new_ones = 0;
  for (int cut = 0; cut <= operations; cut++)
    for (int trial = 0; trial < trials; trial++) {
      disk_make(&disk, old, old_size, cut, trial);
      disk_write(&disk, lost);
      int64_t step = read_newest(comm, lost);
      CHECK(step == OLD || step == NEW, "trial %d, power failed before operation %d of %d: nothing is left", trial, cut,
            operations);
      CHECK(cut < operations || step == NEW, "trial %d: the new state is lost behind the call", trial);
      step == OLD ? old_ones++ : new_ones++;
    }
  CHECK(old_ones > 100 && new_ones > 20, "%d old, %d new", old_ones, new_ones);
  if (getenv("REBASIS_FAULTS_SHOW"))
    fprintf(stderr, "%d operations, %d disks: %d old, %d new\n", operations, old_ones + new_ones, old_ones, new_ones);
}

/// The oracle of the test itself: without the flushes the promise does not hold.
static void test_without_flush(const Comm *comm, const char *dir, const char *old, size_t old_size) {
  static Disk disk;
  int bad = 0;
  for (int i = 0; i < operations; i++)
    operation[i].op = strchr("bs", operation[i].op) ? '-' : operation[i].op;
  for (int trial = 0; trial < 40; trial++) {
    disk_make(&disk, old, old_size, operations, trial);
    disk_write(&disk, dir);
    bad += read_newest(comm, dir) != NEW;
  }
  CHECK(bad > 0, "the model of a power cut finds nothing");
}

int main(int argc, char **argv) {
#ifdef __SANITIZE_ADDRESS__
  return 77; // its runtime insists on being loaded before the shim
#endif
  if (argc > 3 && !strcmp(argv[1], "job"))
    return job(argc, argv);
  char self[LINE] = {0}, source[LINE], command[4 * LINE], dir[256], name[LINE];
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0, "who am I");
  snprintf(source, sizeof source, "%s", __FILE__);
  *strrchr(source, '/') = 0;
  *strrchr(source, '/') = 0;
  snprintf(dir, sizeof dir, "%.200s/checkpoint-power-XXXXXX", scratch_base());
  CHECK(mkdtemp(dir), "no directory");
  snprintf(command, sizeof command,
           "cc -O1 -shared -fPIC '%s/shim/fault.c' -o %s/fault.so -ldl && "
           "mpirun -np 2 -x LD_PRELOAD=%s/fault.so '%s' job %s %s/journal",
           source, dir, dir, self, dir, dir);
  CHECK(system(command) == 0, "no journal");
  Comm comm;
  comm_init(&comm, &argc, &argv);
  log_init(1, LOG_QUIET);
  snprintf(name, sizeof name, "%s/journal", dir);
  char *bytes = journal_read(name);
  snprintf(name, sizeof name, "%s/old", dir);
  size_t old_size;
  char *old = read_whole(name, &old_size);
  test_disks(&comm, dir, old, old_size);
  test_without_flush(&comm, dir, old, old_size);
  free(old);
  free(bytes);
  folder_remove(dir, &comm);
  comm_finalize(&comm);
  return 0;
}
