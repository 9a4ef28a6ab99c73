// runs = product over groups of their values;  run number n has value (n / stride_g) mod length_g of group g
// Each becomes a configuration by grafting its values into a copy of the base, so that complaints name the value's own line.
#include "sweep/space.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "sweep/space_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int value_of(const Space *space, int64_t number, int group) {
  const SpaceGroup *it = &space->group[group];
  return (int)(number / it->stride % it->length);
}

static const SpaceAxis *axis_at(const Space *space, int axis) { return &space->axis[axis]; }

static void describe(char *text, int size, const Space *space, int64_t number) {
  *text = 0;
  for (int a = 0, at = 0; a < space->axes && at < size; a++) {
    const SpaceAxis *axis = axis_at(space, a);
    int length = snprintf(text + at, (size_t)(size - at), "%s%s: %s", a ? ", " : "", axis->key,
                          axis->text[value_of(space, number, axis->group)]);
    at += length;
  }
}

// --- one run

static Status graft_all(Tree *tree, const Space *space, int64_t number) {
  for (int a = 0; a < space->axes; a++) {
    const SpaceAxis *axis = axis_at(space, a);
    TRY(tree_graft(tree, axis->key, space->tree, axis->node[value_of(space, number, axis->group)]));
  }
  return STATUS_OK;
}

static Status resolve(Config *config, const Space *space, int64_t number) {
  Tree *tree;
  TRY(tree_copy(&tree, space->base, space->base_map));
  Status status = graft_all(tree, space, number);
  if (!status.code)
    status = config_resolve(config, tree, tree_root(tree));
  tree_close(tree);
  return status;
}

Status space_config(Config *config, const Space *space, int run, const char *dir) {
  const SpaceRun *it = &space->run[run];
  TRY(resolve(config, space, it->number));
  text_print(config->run.name, sizeof config->run.name, "%s-%s", space->name, it->id);
  bool fits = text_print(config->run.out, sizeof config->run.out, dir ? "%s/runs/%s" : "%sruns/%s", dir ? dir : "",
                         dir ? it->id : config->run.name);
  return fits ? STATUS_OK : status_error(EXIT_USAGE, "%s: the path of the sweep directory is too long", dir);
}

const char *space_value(const Space *space, int run, int axis) {
  const SpaceAxis *it = axis_at(space, axis);
  return it->text[value_of(space, space->run[run].number, it->group)];
}

void space_describe(char *text, int size, const Space *space, int run) {
  describe(text, size, space, space->run[run].number);
}

void space_warn(const Space *space) {
  if (space->combinations > space->runs)
    log_warning("%s: %lld combinations are the same run as another (number %lld and %lld, to begin with) and are "
                "trained once",
                space->file, (long long)(space->combinations - space->runs), (long long)space->twin[0] + 1,
                (long long)space->twin[1] + 1);
}

int space_find(const Space *space, const char *id) {
  for (int i = 0; i < space->runs; i++)
    if (!strcmp(space->run[i].id, id))
      return i;
  return -1;
}

// --- all runs

static Status count_runs(Space *space) {
  space->combinations = 1;
  for (int g = space->groups - 1; g >= 0; g--) {
    space->group[g].stride = space->combinations;
    space->combinations *= space->group[g].length;
    if (space->combinations > SPACE_RUNS_MOST)
      return status_error(EXIT_CONFIG, "%s:1:1: more than %d runs; sweep fewer values", space->file, SPACE_RUNS_MOST);
  }
  return STATUS_OK;
}

static int by_hash(const void *a, const void *b) {
  const SpaceRun *x = a, *y = b;
  if (x->hash != y->hash)
    return x->hash < y->hash ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

static int by_number(const void *a, const void *b) {
  const SpaceRun *x = a, *y = b;
  return (x->number > y->number) - (x->number < y->number);
}

/// What is the same run again is left out; the first of its numbers stays.
static void merge_twins(Space *space) {
  qsort(space->run, (size_t)space->runs, sizeof *space->run, by_hash);
  int kept = 0;
  for (int i = 0; i < space->runs; i++) {
    if (kept && space->run[kept - 1].hash == space->run[i].hash) {
      if (space->twin[0] == space->twin[1])
        space->twin[0] = space->run[kept - 1].number, space->twin[1] = space->run[i].number;
      continue;
    }
    space->run[kept++] = space->run[i];
  }
  space->runs = kept;
  qsort(space->run, (size_t)space->runs, sizeof *space->run, by_number);
}

static Status expand(Space *space) {
  char values[200];
  Config *config = malloc(sizeof *config);
  REQUIRE(config, "out of memory for a configuration");
  Status status =
      memory_take((void **)&space->run, (size_t)space->combinations, sizeof *space->run, "the list of runs");
  for (int64_t n = 0; n < space->combinations && !status.code; n++) {
    status = resolve(config, space, n);
    if (status.code == EXIT_CONFIG && space->axes) {
      describe(values, sizeof values, space, n);
      status = status_error(EXIT_CONFIG, "%.280s | in the run with %s", status.text, values);
    }
    if (status.code)
      break;
    SpaceRun *run = &space->run[space->runs++];
    *run = (SpaceRun){.number = n, .hash = config_hash(config)};
    hash_text(run->id, run->hash);
  }
  free(config);
  if (!status.code)
    merge_twins(space);
  return status;
}

Status space_read(Space *space, const char *path) {
  *space = (Space){0};
  text_print(space->file, sizeof space->file, "%s", path);
  TRY(space_file_read(space, path));
  TRY(count_runs(space));
  return expand(space);
}

void space_free(Space *space) {
  for (int a = 0; a < space->axes; a++) {
    for (int k = 0; space->axis[a].text && k < space->group[space->axis[a].group].length; k++)
      free(space->axis[a].text[k]);
    free(space->axis[a].text);
    free(space->axis[a].node);
  }
  free(space->axis);
  free(space->group);
  free(space->run);
  free(space->option);
  if (space->base != space->tree)
    tree_close(space->base);
  tree_close(space->tree);
  *space = (Space){0};
}
