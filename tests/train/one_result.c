// A run's parameters, metrics and scores have the same bits on every grid of ranks, with threads, with a window or messages.
// ranks: 8
// timeout: 900
#include "models.h"

static const char *const odds[] = {"", "threads: 2", "window: \"off\"", "threads: 2, window: \"off\""};
enum { ODDS = 4, SLICES = 8 };

static int modalities_of(const Model *model) {
  Config config;
  Status status = config_parse(&config, model->name, model->yaml, (int64_t)strlen(model->yaml),
                               (const char *const[]){"data.file=x"}, 1);
  CHECK(status.code == 0, "%s", status.text);
  return config.modalities;
}

// Every grid that 1, 2, 3, 4, 6 and 8 ranks can make; threads and window take turns, so that each meets each rank count.
static void try_model(const Comm *world, const Model *model, const char *folder) {
  static const int counts[] = {1, 2, 3, 4, 6, 8};
  Trace wanted = {0};
  int tried = 0, modalities = modalities_of(model);
  for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
    for (int groups = 1; groups <= counts[k] && groups <= modalities; groups++) {
      int shards = counts[k] / groups;
      if (counts[k] % groups || shards > SLICES)
        continue;
      int turns = counts[k] == 1 ? 2 : 1; // one rank: with threads, too
      for (int turn = 0; turn < turns; turn++, tried++) {
        char grid[128], out[FIXTURE_PATH + 32], what[256];
        snprintf(grid, sizeof grid, "slices: %d, modality_groups: %d, data_shards: %d%s%s", SLICES, groups, shards,
                 *odds[tried % ODDS] ? ", " : "", odds[tried % ODDS]);
        snprintf(out, sizeof out, "%s/%s", folder, model->name);
        snprintf(what, sizeof what, "%s on %s", model->name, grid);
        CHECK(fixture_train(world, counts[k], model, folder, out, grid, false) == 0, "%s", what);
        if (comm_is_root(world)) {
          Trace trace = fixture_trace(out);
          if (wanted.metrics) {
            fixture_same(&trace, &wanted, what);
            fixture_trace_free(&trace);
          } else
            wanted = trace;
          fixture_clear(out);
        }
      }
    }
  CHECK(tried >= 10, "%s: only %d grids", model->name, tried);
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
    if (argc < 2 || !strcmp(argv[1], models[k].name))
      try_model(&world, &models[k], folder);
  if (comm_is_root(&world))
    fixture_clear(folder);
  comm_finalize(&world);
  return 0;
}
