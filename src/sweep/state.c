// done         run.json says so and evaluation.json is there
// running      the lock is held
// failed       state.json says so
// interrupted  anything else that was begun
#include "sweep/state.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const run_kind_names[RUN_KINDS] = {"missing", "running", "interrupted", "failed", "done"};

enum { DEEP = PATH_MOST + 300 };

static bool exists(const char *dir, const char *name) {
  char path[DEEP];
  struct stat info;
  return text_print(path, sizeof path, "%s/%s", dir, name) && stat(path, &info) == 0;
}

static json_t *load(const char *dir, const char *name) {
  char path[DEEP];
  return text_print(path, sizeof path, "%s/%s", dir, name) ? json_load_file(path, 0, NULL) : NULL;
}

static double number_of(const json_t *root, const char *key) { return json_number_value(json_object_get(root, key)); }

// --- the newest steps

static int64_t latest_step(const char *dir) {
  char path[DEEP], target[64];
  long long step = 0;
  if (!text_print(path, sizeof path, "%s/checkpoints/latest", dir))
    return 0;
  ssize_t length = readlink(path, target, sizeof target - 1);
  target[length > 0 ? length : 0] = 0;
  return sscanf(target, "step-%lld.h5", &step) == 1 ? step : 0;
}

/// Calls `each` for DIR and for its phases.
static void for_phases(const char *dir, void (*each)(void *user, const char *dir), void *user) {
  char path[DEEP];
  each(user, dir);
  DIR *folder = text_print(path, sizeof path, "%s/phases", dir) ? opendir(path) : NULL;
  for (struct dirent *entry; folder && (entry = readdir(folder));)
    if (*entry->d_name != '.' && text_print(path, sizeof path, "%s/phases/%s", dir, entry->d_name))
      each(user, path);
  if (folder)
    closedir(folder);
}

static void add_step(void *user, const char *dir) { *(int64_t *)user += latest_step(dir); }

int64_t run_step(const char *dir) {
  int64_t steps = 0;
  for_phases(dir, add_step, &steps);
  return steps;
}

// --- the state

static void read_record(RunState *state, const char *dir) {
  json_t *root = load(dir, "state.json");
  const char *kind = json_member_text(root, "state");
  for (int k = 0; k < RUN_KINDS; k++)
    if (!strcmp(kind, run_kind_names[k]))
      state->kind = (RunKind)k;
  state->code = (int)number_of(root, "code");
  state->step = (int64_t)number_of(root, "step");
  state->attempts = (int)number_of(root, "attempts");
  state->stuck = (int)number_of(root, "stuck");
  state->seconds = number_of(root, "seconds");
  state->final = json_is_true(json_object_get(root, "final"));
  text_print(state->cause, sizeof state->cause, "%s", json_member_text(root, "cause"));
  text_print(state->host, sizeof state->host, "%s", json_member_text(root, "host"));
  text_print(state->job, sizeof state->job, "%s", json_member_text(root, "job"));
  json_decref(root);
}

static void read_summary(RunState *state, const char *dir) {
  json_t *root = load(dir, "run.json");
  bool done = !strcmp(json_member_text(root, "state"), "done") && exists(dir, "evaluation.json");
  if (done) {
    if (state->kind == RUN_MISSING) // trained by `rebasis train`
      state->seconds = number_of(root, "seconds");
    state->kind = RUN_DONE;
    state->code = 0;
    state->final = false;
    state->step = (int64_t)number_of(root, "step");
    state->parameters = strtoull(json_member_text(root, "parameters_xxh64"), NULL, 16);
  } else if (state->kind == RUN_DONE)
    state->kind = RUN_INTERRUPTED; // its results were taken away
  json_decref(root);
}

void run_state_read(RunState *state, const char *dir) {
  *state = (RunState){.progress = NAN};
  if (!exists(dir, "."))
    return;
  read_record(state, dir);
  read_summary(state, dir);
  if (state->kind == RUN_DONE) {
    state->progress = 1;
    return;
  }
  if (rundir_locked(dir))
    state->kind = RUN_RUNNING;
  else if (state->kind == RUN_RUNNING || (state->kind == RUN_MISSING && exists(dir, "config.yaml")))
    state->kind = RUN_INTERRUPTED;
}

// --- progress: epochs in the newest lines of metrics.jsonl, phases of kd counted as they come

typedef struct Epochs {
  double done;
  int parts;
} Epochs;

static void add_epochs(void *user, const char *dir) {
  enum { TAIL = 4096 };
  char path[DEEP], text[TAIL + 1];
  Epochs *epochs = user;
  FILE *file = text_print(path, sizeof path, "%s/metrics.jsonl", dir) ? fopen(path, "re") : NULL;
  if (!file)
    return;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  fseek(file, size > TAIL ? size - TAIL : 0, SEEK_SET);
  size_t length = fread(text, 1, TAIL, file);
  fclose(file);
  text[length] = 0;
  int epoch = -1;
  for (const char *at = text; (at = strstr(at, "\"epoch\":")); at++)
    epoch = (int)strtol(at + 8, NULL, 10);
  epochs->done += epoch + 1;
  epochs->parts++;
}

void run_state_look(RunState *state, const char *dir, int epochs) {
  Epochs seen = {0};
  run_state_read(state, dir);
  if (state->kind == RUN_DONE || state->kind == RUN_MISSING)
    return;
  for_phases(dir, add_epochs, &seen);
  state->step = run_step(dir);
  if (epochs > 0 && exists(dir, "phases"))
    state->progress = fmin(seen.done / (6.0 * epochs), 0.95); // how many phases there will be is found on the way
  else if (epochs > 0)
    state->progress = fmin(seen.done / epochs, 1);
}

Status run_state_write(const RunState *state, const char *dir) {
  char path[DEEP];
  json_t *root = json_pack("{s:s, s:i, s:s, s:I, s:i, s:i, s:b, s:f, s:s, s:s}", "state", run_kind_names[state->kind],
                           "code", state->code, "cause", state->cause, "step", (json_int_t)state->step, "attempts",
                           state->attempts, "stuck", state->stuck, "final", state->final, "seconds", state->seconds,
                           "host", state->host, "job", state->job);
  REQUIRE(root && text_print(path, sizeof path, "%s/state.json", dir), "state.json cannot be made");
  char *text = json_dumps(root, JSON_INDENT(1));
  json_decref(root);
  Status status = file_replace(path, text);
  free(text);
  return status;
}

void sweep_states(RunState *state, SweepCount *count, const Space *space, const char *dir) {
  char path[DEEP];
  RunState here;
  *count = (SweepCount){0};
  for (int i = 0; i < space->runs; i++) {
    text_print(path, sizeof path, "%s/runs/%s", dir, space->run[i].id);
    RunState *it = state ? &state[i] : &here;
    run_state_read(it, path);
    count->kind[it->kind]++;
    if (it->kind == RUN_FAILED && !it->final) {
      count->kind[RUN_FAILED]--;
      count->retry++;
    }
  }
}
