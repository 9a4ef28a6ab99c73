// From the text of a sweep file to axes: each of sweep, zip, subsets, sample and repeats becomes groups of keys with lists of one length.
// Draw j of a key:  u = bits(seed, RANDOM_SWEEP, site = hash of the key; item j) / 2^53
//   uniform low + u (high - low);  loguniform low (high / low)^u;  choice: item floor(u n);  whole keys: each whole number alike
#include "sweep/space_file.h"

#include "base/hash.h"
#include "base/random.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MOST = 100000, MEMBERS_MOST = 16 };

static void *grow(void *list, int count, size_t size) {
  void *longer = realloc(list, ((size_t)count + 1) * size);
  REQUIRE(longer, "out of memory for a list of %d", count + 1);
  return longer;
}

static int add_group(Space *space, const char *kind, int length) {
  space->group = grow(space->group, space->groups, sizeof *space->group);
  space->group[space->groups] = (SpaceGroup){.kind = kind, .first = space->axes, .length = length};
  return space->groups++;
}

/// Whether one key is the other, or holds it.
static bool overlap(const char *a, const char *b) {
  size_t length = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
  return !strncmp(a, b, length) && (a[length] == 0 || a[length] == '.') && (b[length] == 0 || b[length] == '.');
}

/// A key as an axis of the last group, its values still to come; NULL after a complaint.
static SpaceAxis *add_axis(Space *space, const Node *place, const char *key) {
  static const char *const ours[] = {"run.name", "run.out"};
  for (int k = 0; k < 2; k++)
    if (overlap(key, ours[k])) {
      tree_complain(space->tree, place, "%s is given by the sweep itself; sweep something else", ours[k]);
      return NULL;
    }
  for (int a = 0; a < space->axes; a++)
    if (overlap(space->axis[a].key, key)) {
      tree_complain(space->tree, place, "%.60s is swept already, as %.60s; keep one", key, space->axis[a].key);
      return NULL;
    }
  space->axis = grow(space->axis, space->axes, sizeof *space->axis);
  SpaceAxis *axis = &space->axis[space->axes++];
  int group = space->groups - 1, length = space->group[group].length;
  space->group[group].axes++;
  *axis = (SpaceAxis){.key = key,
                      .group = group,
                      .node = calloc((size_t)length, sizeof *axis->node),
                      .text = calloc((size_t)length, sizeof *axis->text)};
  REQUIRE(axis->node && axis->text, "out of memory for the values of %s", key);
  return axis;
}

static void set_value(SpaceAxis *axis, int k, const Node *node) {
  axis->node[k] = node;
  axis->text[k] = node_print(node);
}

static void fill_axis(Space *space, const Node *list) {
  SpaceAxis *axis = add_axis(space, list, list->key);
  int k = 0;
  for (const Node *item = axis ? list->child : NULL; item; item = item->next)
    set_value(axis, k++, item);
}

/// False after a complaint.
static bool is_list(Space *space, const Node *node, const char *what) {
  char is[120];
  if (node->kind == NODE_LIST && node->children > 0)
    return true;
  node_describe(is, sizeof is, node);
  tree_complain(space->tree, node, "%s.%.60s is %s; a list of values is wanted, as in [1, 2]", what, node->key,
                node->children || node->kind == NODE_SCALAR ? is : "empty");
  return false;
}

static bool is_map(Space *space, const Node *node, const char *what, const char *example) {
  char is[120];
  if (node->kind == NODE_MAP)
    return true;
  node_describe(is, sizeof is, node);
  tree_complain(space->tree, node, "%s is %s; a map is wanted, as in %s", what, is, example);
  return false;
}

// --- sweep, zip

static void read_grid(Space *space, const Node *map) {
  if (!is_map(space, map, "sweep", "sweep: {method.type: [vanilla, ebr]}"))
    return;
  for (const Node *list = map->child; list; list = list->next)
    if (is_list(space, list, "sweep")) {
      add_group(space, "sweep", list->children);
      fill_axis(space, list);
    }
}

static void read_zip_group(Space *space, const Node *map) {
  const Node *first = NULL;
  if (!is_map(space, map, "zip", "zip: [{fusion.type: [sum, concat], missingness.fill: [zero, mean]}]"))
    return;
  for (const Node *list = map->child; list; list = list->next) {
    if (!is_list(space, list, "zip"))
      continue;
    if (!first)
      add_group(space, "zip", list->children);
    else if (list->children != first->children) {
      tree_complain(space->tree, list, "%.60s has %d values and %.60s has %d; keys of a zip change together", list->key,
                    list->children, first->key, first->children);
      continue;
    }
    first = first ? first : list;
    fill_axis(space, list);
  }
}

static void read_zip(Space *space, const Node *node) {
  if (node->kind != NODE_LIST) {
    read_zip_group(space, node);
    return;
  }
  for (const Node *map = node->child; map; map = map->next)
    read_zip_group(space, map);
}

// --- subsets

static Status read_subsets(Space *space, const Node *map) {
  if (!is_map(space, map, "subsets", "subsets: {modalities: {image: {}, audio: {}}}"))
    return STATUS_OK;
  for (const Node *whole = map->child; whole; whole = whole->next) {
    if (whole->kind == NODE_SCALAR || whole->children == 0 || whole->children > MEMBERS_MOST) {
      tree_complain(space->tree, whole, "subsets.%.60s: a map or list of 1 to %d members is wanted", whole->key,
                    MEMBERS_MOST);
      continue;
    }
    uint32_t all = ((uint32_t)1 << whole->children) - 1;
    add_group(space, "subsets", (int)all);
    SpaceAxis *axis = add_axis(space, whole, whole->key);
    for (uint32_t members = all; axis && members > 0; members--) {
      Node *made;
      TRY(tree_subset(&made, space->tree, whole, members));
      set_value(axis, (int)(all - members), made);
    }
  }
  return STATUS_OK;
}

// --- sample

/// A whole number in [least, most], or `otherwise` after a complaint.
static int64_t whole(Space *space, const Node *node, const char *what, int64_t least, int64_t most, int64_t otherwise) {
  char is[120];
  int64_t value;
  if (node->kind == NODE_SCALAR && scalar_kind(node) == SCALAR_WHOLE && text_to_int64(node->text, &value) &&
      value >= least && value <= most)
    return value;
  node_describe(is, sizeof is, node);
  tree_complain(space->tree, node, "%s is %s; a whole number from %lld to %lld is wanted", what, is, (long long)least,
                (long long)most);
  return otherwise;
}

typedef struct Draw {
  const char *kind;
  const Node *choices;
  double low, high;
  bool whole;
} Draw;

static bool read_bounds(Space *space, Draw *draw, const Node *key, const Node *list) {
  double *bound[2] = {&draw->low, &draw->high};
  int k = 0;
  bool good = list->kind == NODE_LIST && list->children == 2;
  for (const Node *item = good ? list->child : NULL; item; item = item->next)
    good =
        good && item->kind == NODE_SCALAR && scalar_kind(item) != SCALAR_TEXT && text_to_double(item->text, bound[k++]);
  bool log = !strcmp(draw->kind, "loguniform");
  good = good && draw->low < draw->high && (!log || draw->low > 0);
  good = good && (!draw->whole || (draw->low == floor(draw->low) && draw->high == floor(draw->high)));
  if (!good)
    tree_complain(space->tree, list, "sample.%.60s: %s wants two %snumbers%s, the lower first, as in {%s: %s}",
                  key->key, draw->kind, draw->whole ? "whole " : "", log ? " above 0" : "", draw->kind,
                  draw->whole ? "[16, 256]" : "[1.0e-4, 1.0e-2]");
  return good;
}

static bool read_draw(Space *space, Draw *draw, const Node *node) {
  static const char *const kinds[] = {"uniform", "loguniform", "choice"};
  const Node *rule = node->kind == NODE_MAP && node->children == 1 ? node->child : NULL;
  int k = 0;
  while (rule && k < 3 && strcmp(rule->key, kinds[k]) != 0)
    k++;
  if (!rule || k == 3) {
    const char *near = rule ? text_nearest(rule->key, kinds, 3) : NULL;
    if (near)
      tree_complain(space->tree, rule, "%.60s is no distribution; did you mean %s?", rule->key, near);
    else
      tree_complain(space->tree, node,
                    "sample.%.60s: write one of {uniform: [low, high]}, {loguniform: [low, high]} and "
                    "{choice: [a, b]}",
                    node->key);
    return false;
  }
  *draw = (Draw){.kind = kinds[k], .choices = rule, .whole = config_key_whole(node->key)};
  return k == 2 ? is_list(space, rule, node->key) : read_bounds(space, draw, node, rule);
}

static Status draw_value(const Node **value, Space *space, const Draw *draw, const Node *node, double u) {
  char text[40];
  if (!strcmp(draw->kind, "choice")) {
    *value = draw->choices->child;
    for (int k = (int)(u * draw->choices->children); k > 0; k--)
      *value = (*value)->next;
    return STATUS_OK;
  }
  double high = draw->whole ? draw->high + 1 : draw->high;
  double x = strcmp(draw->kind, "uniform") ? draw->low * pow(high / draw->low, u) : draw->low + u * (high - draw->low);
  if (draw->whole)
    snprintf(text, sizeof text, "%.0f", fmin(floor(x), draw->high));
  else
    snprintf(text, sizeof text, "%.6g", fmin(fmax(x, draw->low), draw->high));
  Node *made;
  TRY(tree_scalar(&made, space->tree, text, node));
  *value = made;
  return STATUS_OK;
}

static Status sample_key(Space *space, const Node *node, uint64_t seed) {
  Draw draw;
  if (!read_draw(space, &draw, node))
    return STATUS_OK;
  SpaceAxis *axis = add_axis(space, node, node->key);
  RandomStream stream = {seed, RANDOM_SWEEP, 0, (uint32_t)hash_bytes(node->key, strlen(node->key))};
  for (int k = 0; axis && k < space->group[axis->group].length; k++) {
    const Node *value;
    double u = (double)(random_bits(&stream, (uint64_t)k) >> 11) * 0x1p-53;
    TRY(draw_value(&value, space, &draw, node, u));
    set_value(axis, k, value);
  }
  return STATUS_OK;
}

static Status read_sample(Space *space, const Node *map) {
  if (!is_map(space, map, "sample", "sample: {count: 20, optimizer.learning_rate: {loguniform: [1.0e-4, 1.0e-2]}}"))
    return STATUS_OK;
  const Node *count = node_find(map, "count"), *seed = node_find(map, "seed");
  if (!count)
    tree_complain(space->tree, map, "sample.count is missing; write how many to draw, as in count: 20");
  int length = count ? (int)whole(space, count, "sample.count", 1, COUNT_MOST, 1) : 1;
  int64_t seeded = seed ? whole(space, seed, "sample.seed", 0, INT64_MAX, 1) : 1;
  add_group(space, "sample", length);
  for (const Node *node = map->child; node; node = node->next)
    if (node != count && node != seed)
      TRY(sample_key(space, node, (uint64_t)seeded));
  if (map->children == (count != NULL) + (seed != NULL))
    tree_complain(space->tree, map,
                  "sample draws nothing; name a key, as in optimizer.learning_rate: {loguniform: "
                  "[1.0e-4, 1.0e-2]}");
  return STATUS_OK;
}

// --- repeats, slurm

static Status read_repeats(Space *space, const Node *node) {
  bool list = node->kind == NODE_LIST && node->children > 0;
  int length = list ? node->children : (int)whole(space, node, "repeats", 1, COUNT_MOST, 1);
  add_group(space, "repeats", length);
  SpaceAxis *axis = add_axis(space, node, "run.seed");
  const Node *item = list ? node->child : NULL;
  for (int k = 0; axis && k < length; k++) {
    char text[24];
    Node *made;
    snprintf(text, sizeof text, "%d", k + 1);
    if (!list)
      TRY(tree_scalar(&made, space->tree, text, node));
    set_value(axis, k, list ? item : made);
    item = list ? item->next : NULL;
  }
  return STATUS_OK;
}

static void add_option(Space *space, const Node *node, const char *key) {
  if (node->kind != NODE_SCALAR || !text_printable(node->text)) {
    tree_complain(space->tree, node, "slurm.%.60s: a value of sbatch is one text or number, or a list of them", key);
    return;
  }
  bool flag = scalar_kind(node) == SCALAR_BOOL || scalar_kind(node) == SCALAR_NULL;
  if (flag && !strcmp(node->text, "false"))
    return;
  space->option = grow(space->option, space->options, sizeof *space->option);
  space->option[space->options++] = (SpaceOption){key, flag ? NULL : node->text, node->line};
}

static void read_slurm(Space *space, const Node *map) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
  if (!is_map(space, map, "slurm", "slurm: {partition: cpu, time: \"02:00:00\"}"))
    return;
  for (const Node *node = map->child; node; node = node->next) {
    if (!*node->key || *node->key == '-' || strspn(node->key, letters) != strlen(node->key))
      tree_complain(space->tree, node,
                    "slurm.%.60s is no option of sbatch; write its long name without dashes in front, "
                    "as in cpus-per-task",
                    node->key);
    else if (node->kind != NODE_LIST)
      add_option(space, node, node->key);
    else
      for (const Node *item = node->child; item; item = item->next)
        add_option(space, item, node->key);
  }
}

// --- the file

static void name_space(Space *space, const Node *node) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  const char *slash = strrchr(space->file, '/'), *stem = slash ? slash + 1 : space->file, *dot = strrchr(stem, '.');
  if (!node) {
    text_print(space->name, sizeof space->name, "%.*s", (int)(dot && dot > stem ? dot - stem : (ptrdiff_t)strlen(stem)),
               stem);
    for (char *c = space->name; *c; c++)
      *c = strchr(letters, *c) && !(c == space->name && (*c == '.' || *c == '-')) ? *c : '_';
    return;
  }
  const char *name = node->kind == NODE_SCALAR ? node->text : "";
  if (!*name || strlen(name) >= SPACE_NAME || strspn(name, letters) != strlen(name) || *name == '.' || *name == '-')
    tree_complain(space->tree, node, "name is no name; letters, digits, '.', '_' and '-' are wanted");
  else
    text_print(space->name, sizeof space->name, "%s", name);
}

static Status read_base(Space *space, const Node *node) {
  space->base = space->tree;
  if (!node) {
    tree_complain(space->tree, NULL, "base is missing; write base: CONFIG.yaml, or the configuration itself as a map");
    return STATUS_OK;
  }
  space->base_map = node;
  if (node->kind == NODE_MAP)
    return STATUS_OK;
  if (node->kind != NODE_SCALAR || !*node->text || scalar_kind(node) == SCALAR_NULL) {
    tree_complain(space->tree, node,
                  "base is no configuration; write base: CONFIG.yaml, or the configuration as a map");
    return STATUS_OK;
  }
  char path[PATH_MOST];
  const char *slash = strrchr(space->file, '/');
  bool beside = *node->text != '/' && slash;
  if (!text_print(path, sizeof path, "%.*s%s", beside ? (int)(slash - space->file + 1) : 0, space->file, node->text))
    return status_error(EXIT_CONFIG, "%s:%d:%d: base: the path is too long", space->file, node->line, node->column);
  Tree *tree;
  Status status = tree_read(&tree, path);
  if (status.code == EXIT_NO_INPUT)
    return status_error(EXIT_NO_INPUT, "%s:%d:%d: base: %.300s", space->file, node->line, node->column, status.text);
  TRY(status);
  space->base = tree;
  space->base_map = tree_root(tree);
  return tree_status(tree);
}

static void refuse_unknown(Space *space, const Node *root) {
  static const char *const keys[] = {"name", "base", "sweep", "zip", "subsets", "sample", "repeats", "slurm"};
  enum { KEYS = sizeof keys / sizeof *keys };
  for (const Node *node = root->child; node; node = node->next) {
    bool known = false;
    for (int k = 0; k < KEYS; k++)
      known |= !strcmp(node->key, keys[k]);
    const char *near = known ? NULL : text_nearest(node->key, keys, KEYS);
    if (near)
      tree_complain(space->tree, node, "%.60s is not a key of a sweep; did you mean %s?", node->key, near);
    else if (!known)
      tree_complain(space->tree, node,
                    "%.60s is not a key of a sweep; the keys are name, base, sweep, zip, subsets, "
                    "sample, repeats, slurm",
                    node->key);
  }
}

Status space_file_read(Space *space, const char *path) {
  TRY(tree_read(&space->tree, path));
  const Node *root = tree_root(space->tree);
  if (root->kind != NODE_MAP) {
    tree_complain(space->tree, root, "a sweep is a map; write base: CONFIG.yaml and sweep: {key.path: [values]}");
    return tree_status(space->tree);
  }
  refuse_unknown(space, root);
  name_space(space, node_find(root, "name"));
  const Node *grid = node_find(root, "sweep"), *zip = node_find(root, "zip"), *sample = node_find(root, "sample"),
             *subsets = node_find(root, "subsets"), *repeats = node_find(root, "repeats"),
             *slurm = node_find(root, "slurm");
  if (zip)
    read_zip(space, zip);
  if (grid)
    read_grid(space, grid);
  if (subsets)
    TRY(read_subsets(space, subsets));
  if (sample)
    TRY(read_sample(space, sample));
  if (repeats)
    TRY(read_repeats(space, repeats));
  if (slurm)
    read_slurm(space, slurm);
  Status base = read_base(space, node_find(root, "base"));
  TRY(tree_status(space->tree));
  return base;
}
