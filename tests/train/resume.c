// A run that is cut off behind any step and goes on from there, each time on another grid, ends with the same bits.
// ranks: 6
// timeout: 900
#include "models.h"

#include <jansson.h>
#include <math.h>
#include <sys/stat.h>

// The grids take turns; with 3 modalities all of them exist.
static const struct {
  int ranks;
  const char *grid;
} turns[] = {{4, "slices: 8, modality_groups: 2"}, {1, "slices: 8, threads: 2"},
             {3, "slices: 8, window: \"off\""},    {2, "slices: 8, modality_groups: 2, window: \"off\""},
             {6, "slices: 8, modality_groups: 2"}, {2, "slices: 8, threads: 2"},
             {3, "slices: 8, data_shards: 3"}};
enum { TURNS = sizeof turns / sizeof *turns };

enum { NAME_PATH = FIXTURE_PATH + 96 };
static const char every_step[] = "checkpoint: {every_steps: 1, keep: all}\n";

static void checkpoint_name(char path[NAME_PATH], const char *dir, int step) {
  snprintf(path, NAME_PATH, "%s/checkpoints/step-%08d.h5", dir, step);
}

// The step of the best validation score among the first `step` steps, as the run itself would see it; -1: none.
static int best_step(const char *metrics, const char *metric, int step) {
  const char *key = strstr(metric, "loss") ? "loss.total" : strchr(metric, '.') ? strchr(metric, '.') + 1 : "";
  double best = -INFINITY;
  int found = -1;
  for (const char *line = metrics; *line; line = strchr(line, '\n') + 1) {
    json_t *object = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
    int at = (int)json_integer_value(json_object_get(object, "step"));
    if (at <= step && !strcmp(json_string_value(json_object_get(object, "split")), "validation") && *key) {
      double score = json_number_value(json_object_get(object, key));
      score = !strcmp(key, "loss.total") ? -score : score;
      if (score > best) {
        best = score;
        found = at;
      }
    }
    json_decref(object);
  }
  return found;
}

static void copy_text(const char *to, const char *from, const char *name, const char *more) {
  char path[NAME_PATH], *text = fixture_read(from, name);
  snprintf(path, sizeof path, "%s/%s", to, name);
  FILE *file = fopen(path, "w");
  CHECK(file && fprintf(file, "%s%s", text, more) >= 0 && fclose(file) == 0, "%s", path);
  free(text);
}

// What a job that was killed behind step `step` leaves in the worst case: checkpoints up to there, longer metrics with half a line at
// the end, a temporary file, and the best checkpoint of that very step not marked yet.
static void cut_off(const char *to, const char *from, int step, const char *metric) {
  char path[NAME_PATH], old[NAME_PATH], *metrics = fixture_read(from, "metrics.jsonl");
  int best = best_step(metrics, metric, step);
  snprintf(path, sizeof path, "%s/checkpoints", to);
  CHECK(mkdir(to, 0777) == 0 && mkdir(path, 0777) == 0, "%s", path);
  for (int k = 0; k <= step; k++) {
    checkpoint_name(path, to, k);
    checkpoint_name(old, from, k);
    CHECK(link(old, path) == 0, "%s", old);
  }
  snprintf(old, sizeof old, "step-%08d.h5", step);
  snprintf(path, sizeof path, "%s/checkpoints/latest", to);
  CHECK(symlink(old, path) == 0, "%s", path);
  snprintf(path, sizeof path, "%s/best.h5", to);
  if (best >= 0 && best < step) {
    checkpoint_name(old, to, best);
    CHECK(link(old, path) == 0, "%s", path);
  }
  snprintf(path, sizeof path, "%s/checkpoints/step-00004711.h5.tmp", to);
  FILE *file = fopen(path, "w");
  CHECK(file && fputs("half", file) >= 0 && fclose(file) == 0, "%s", path);
  copy_text(to, from, "config.yaml", "");
  copy_text(to, from, "metrics.jsonl", "{\"step\":4711,\"epo");
  free(metrics);
}

static int steps_of(const char *dir) {
  char path[NAME_PATH];
  int step = -1;
  do
    checkpoint_name(path, dir, ++step);
  while (access(path, F_OK) == 0);
  return step - 1;
}

static void try_model(const Comm *world, const Model *model, const char *folder) {
  char yaml[4096], out[2][FIXTURE_PATH + 32], what[128];
  const char *metric = strstr(model->yaml, "metric: ") ? strstr(model->yaml, "metric: ") + 8 : "none";
  char key[32];
  snprintf(key, sizeof key, "%.*s", (int)strcspn(metric, ",}"), metric);
  snprintf(yaml, sizeof yaml, "%s%s", model->yaml, every_step);
  Model every = {model->name, model->data, yaml};
  Trace wanted = {0};
  int steps = 0;
  snprintf(out[0], sizeof out[0], "%s/%s-0", folder, model->name);
  CHECK(fixture_train(world, 1, &every, folder, out[0], "slices: 8", false) == 0, "%s", model->name);
  if (comm_is_root(world)) {
    wanted = fixture_trace(out[0]);
    steps = steps_of(out[0]);
    CHECK(steps >= 3, "%s: only %d steps", model->name, steps);
  }
  comm_share(world, &steps, sizeof steps, 0);
  for (int step = 0; step <= steps; step++) {
    int turn = step % TURNS;
    snprintf(out[1], sizeof out[1], "%s/%s-%d", folder, model->name, step + 1);
    snprintf(what, sizeof what, "%s from step %d on %d ranks, %s", model->name, step, turns[turn].ranks,
             turns[turn].grid);
    if (comm_is_root(world))
      cut_off(out[1], out[0], step, key);
    CHECK(fixture_train(world, turns[turn].ranks, &every, folder, out[1], turns[turn].grid, true) == 0, "%s", what);
    if (comm_is_root(world)) {
      Trace trace = fixture_trace(out[1]);
      fixture_same(&trace, &wanted, what);
      fixture_trace_free(&trace);
      fixture_clear(out[0]);
    }
    memcpy(out[0], out[1], sizeof out[0]); // the next one goes on from what this grid has written
  }
  fixture_trace_free(&wanted);
}

int main(int argc, char **argv) {
  Comm world;
  char folder[FIXTURE_PATH];
  fixture_begin(&world, &argc, &argv);
  fixture_folder(&world, folder);
  if (comm_is_root(&world))
    models_data(folder);
  MPI_Barrier(world.world);
  for (int k = 0; k < MODELS; k++)
    if (strstr(models[k].yaml,
               "type: kd")) // a run of several phases, each with checkpoints of its own: tests/cli/kills.sh
      continue;
    else if (argc < 2 || !strcmp(argv[1], models[k].name))
      try_model(&world, &models[k], folder);
  if (comm_is_root(&world))
    fixture_clear(folder);
  comm_finalize(&world);
  return 0;
}
