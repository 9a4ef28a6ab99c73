// From a tree to a Config: walks the maps beside the table of keys, fills in defaults, and collects what is wrong.
#include "config/read.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_SHOWN = 60 };

const char run_name_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

int config_modality(const Config *config, const char *name) {
  for (int i = 0; i < config->modalities; i++)
    if (!strcmp(config->modality[i].name, name))
      return i;
  return -1;
}

static void join(char path[KEY_PATH_MOST], const char *section, const char *name) {
  text_print(path, KEY_PATH_MOST, "%s%s%.*s", section, *section ? "." : "", NAME_SHOWN, name);
}

// --- what does not fit

/// The key elsewhere in the table whose last part is `name`, if there is just one; "" otherwise.
static const char *elsewhere(const char *name) {
  const char *found = "";
  for (int i = 0; i < key_count; i++) {
    const char *last = strrchr(key_table[i].path, '.') + 1;
    if (strcmp(last, name) != 0)
      continue;
    if (*found)
      return "";
    found = key_table[i].path;
  }
  return found;
}

/// A sibling that contains the word, or that the word contains: batch for batch_size.
static const char *kindred(const char *word, const char *const *candidates, int count) {
  enum { SHORTEST = 3 };
  for (int i = 0; i < count; i++)
    if (strlen(candidates[i]) >= SHORTEST && strlen(word) >= SHORTEST &&
        (strstr(word, candidates[i]) || strstr(candidates[i], word)))
      return candidates[i];
  return NULL;
}

static void complain_unknown(Reader *reader, const Node *node, const char *pattern, const char *shown) {
  char space[KEY_SIBLINGS_MOST][KEY_PATH_MOST], list[240] = "";
  const char *child[KEY_SIBLINGS_MOST];
  int children = key_children(child, space, pattern);
  const char *near = text_nearest(node->key, child, children), *other = elsewhere(node->key);
  if (!near && !*other)
    near = kindred(node->key, child, children);
  if (near)
    tree_complain(reader->tree, node, "%s is not a key; did you mean %s?", shown, near);
  else if (*other)
    tree_complain(reader->tree, node, "%s is not a key; did you mean %s?", shown, other);
  else {
    for (int i = 0, at = 0; i < children && at < (int)sizeof list; i++)
      at += snprintf(list + at, sizeof list - (size_t)at, "%s%s", i ? ", " : "", child[i]);
    tree_complain(reader->tree, node, "%s is not a key; the keys here are %s", shown, list);
  }
}

/// A section is not a map: says what to write, where its value fits one of its keys.
static void complain_section(Reader *reader, const Node *node, const char *pattern, const char *shown) {
  char space[KEY_SIBLINGS_MOST][KEY_PATH_MOST], is[120], path[KEY_PATH_MOST];
  const char *child[KEY_SIBLINGS_MOST], *fits = NULL;
  int children = key_children(child, space, pattern);
  for (int i = 0; i < children && !fits && node->kind == NODE_SCALAR; i++) {
    join(path, pattern, child[i]);
    const Key *key = key_find(path);
    ScalarKind kind = scalar_kind(node);
    bool word = key && (key->kind == KEY_CHOICE || key->kind == KEY_WORD) && kind == SCALAR_TEXT;
    for (int j = 0; word && key->choices[j]; j++)
      if (!strcmp(key->choices[j], node->text))
        fits = child[i];
    bool number = kind == SCALAR_WHOLE || kind == SCALAR_NUMBER;
    if (key && number && (key->kind == KEY_NUMBER || (key->kind == KEY_WHOLE && kind == SCALAR_WHOLE)))
      fits = child[i];
  }
  node_describe(is, sizeof is, node);
  const char *last = strrchr(shown, '.') ? strrchr(shown, '.') + 1 : shown;
  if (fits)
    tree_complain(reader->tree, node, "%s is %s; a map is wanted: write %s: {%s: %s}", shown, is, last, fits,
                  node->text);
  else
    tree_complain(reader->tree, node, "%s is %s; a map is wanted: write %s: {%s: ...}", shown, is, last,
                  children ? child[0] : "");
}

// --- the walk

static void read_section(Reader *reader, const Node *map, const char *pattern, const char *shown, int modality);

static void read_entry(Reader *reader, const Node *node, const char *pattern, const char *shown, int modality) {
  char path[KEY_PATH_MOST], shown_path[KEY_PATH_MOST], space[KEY_SIBLINGS_MOST][KEY_PATH_MOST];
  const char *child[KEY_SIBLINGS_MOST];
  join(path, pattern, node->key);
  join(shown_path, shown, node->key);
  const Key *key = strpbrk(node->key, ".*") ? NULL : key_find(path);
  if (key)
    value_read(reader, key, key_field(key, reader->config, modality), node, shown_path);
  else if (*node->key && !strpbrk(node->key, ".*") && key_children(child, space, path))
    read_section(reader, node, path, shown_path, modality);
  else
    complain_unknown(reader, node, pattern, shown_path);
}

static void read_section(Reader *reader, const Node *map, const char *pattern, const char *shown, int modality) {
  if (map->kind != NODE_MAP) {
    complain_section(reader, map, pattern, shown);
    return;
  }
  for (const Node *node = map->child; node && !tree_is_hopeless(reader->tree); node = node->next)
    if (*pattern || strcmp(node->key, "modalities") != 0)
      read_entry(reader, node, pattern, shown, modality);
}

/// As in a data container (which has slashes in paths, as keys have dots and lists have commas), and no star.
static bool is_modality_name(const char *name) {
  return *name && strlen(name) < NAME_MOST && text_printable(name) && !strpbrk(name, " /.,=*");
}

/// Fills in names and their number, so that other keys can be read by them.
static void declare_modalities(Reader *reader) {
  const Node *map = node_find(reader->root, "modalities");
  reader->modalities_known = map && map->kind == NODE_MAP && map->children > 0;
  if (!map)
    tree_complain(reader->tree, reader->root,
                  "modalities is missing; write modalities: {image: {encoder: {type: mlp}}}");
  else if (!reader->modalities_known)
    tree_complain(reader->tree, map,
                  "modalities is no map with a name inside; write modalities: {image: {encoder: {type: mlp}}}");
  if (!reader->modalities_known)
    return;
  for (const Node *node = map->child; node; node = node->next) {
    Config *config = reader->config;
    if (!is_modality_name(node->key))
      tree_complain(reader->tree, node,
                    "modalities.%.*s is no name; 1 to 47 bytes without '/', '.', ',', '=', '*' and spaces would be one",
                    NAME_SHOWN, node->key);
    else if (config->modalities == MODALITIES_MOST) {
      tree_complain(reader->tree, node, "modalities has more than %d names; leave some out", MODALITIES_MOST);
      return;
    } else
      text_print(config->modality[config->modalities++].name, NAME_MOST, "%s", node->key);
  }
  reader->modalities_known =
      config_modality(reader->config, map->child->key) >= 0 && reader->config->modalities == map->children;
}

static void read_modalities(Reader *reader) {
  for (int i = 0; i < reader->config->modalities && !tree_is_hopeless(reader->tree); i++) {
    const char *name = reader->config->modality[i].name;
    char shown[KEY_PATH_MOST];
    join(shown, "modalities", name);
    read_section(reader, node_find(node_find(reader->root, "modalities"), name), "modalities.*", shown, i);
  }
}

// --- defaults

static void fill_defaults(Reader *reader) {
  for (int i = 0; i < key_count; i++) {
    const Key *key = &key_table[i];
    int copies = key_is_per_modality(key) ? reader->config->modalities : 1;
    for (int modality = 0; modality < copies; modality++)
      value_default(reader, key, key_field(key, reader->config, modality));
  }
}

/// The file's name without folder and extension, other characters than a name may have turned into '-'.
static void fill_run_name(Config *config) {
  const char *slash = strrchr(config->source, '/'), *stem = slash ? slash + 1 : config->source;
  while (*stem == '.' || *stem == '-')
    stem++;
  const char *dot = strrchr(stem, '.');
  size_t length = dot ? (size_t)(dot - stem) : strlen(stem), at = 0;
  for (size_t i = 0; i < length && at + 1 < sizeof config->run.name; i++)
    config->run.name[at++] = strchr(run_name_letters, stem[i]) ? stem[i] : '-';
  if (!at || config->run.name[0] == '-')
    text_print(config->run.name, sizeof config->run.name, "run");
}

static void fill_computed(Config *config) {
  enum { USUAL_WIDTH = 64 };
  if (!*config->run.name)
    fill_run_name(config);
  if (!*config->run.out)
    text_print(config->run.out, sizeof config->run.out, "runs/%s", config->run.name);
  for (int i = 0; i < config->modalities; i++) {
    EncoderConfig *encoder = &config->modality[i].encoder;
    if (!encoder->out && encoder->type != ENCODER_LENET && encoder->type != ENCODER_SNET)
      encoder->out = USUAL_WIDTH;
  }
}

// --- the contract

bool config_key_whole(const char *path) {
  char pattern[KEY_PATH_MOST];
  const char *name = strncmp(path, "modalities.", 11) ? NULL : path + 11, *rest = name ? strchr(name, '.') : NULL;
  bool fits = rest ? text_print(pattern, sizeof pattern, "modalities.*%s", rest)
                   : text_print(pattern, sizeof pattern, "%s", path);
  const Key *key = fits ? key_find(pattern) : NULL;
  return key && (key->kind == KEY_WHOLE || key->kind == KEY_SEED);
}

Status config_resolve(Config *config, Tree *tree, const Node *root) {
  REQUIRE(key_count <= KEYS_MOST, "the table of keys has outgrown the reader");
  memset(config, 0, sizeof *config);
  text_print(config->source, sizeof config->source, "%s", tree_name(tree));
  Reader reader = {.tree = tree, .root = root, .config = config};
  if (root->kind != NODE_MAP) {
    tree_complain(tree, root, "a configuration is a map; write data: {file: ...} and modalities: {...}");
    return tree_status(tree);
  }
  declare_modalities(&reader);
  fill_defaults(&reader);
  read_modalities(&reader);
  read_section(&reader, root, "", "", 0);
  const Key *file = key_find("data.file");
  if (!*config->data.file && !reader.wrong[key_index(file)])
    tree_complain(tree, node_toward(root, file->path),
                  "data.file is missing; write data: {file: PATH} with what `rebasis data` made");
  fill_computed(config);
  check_contradictions(&reader);
  return tree_status(tree);
}

static Status resolve(Config *config, Tree *tree, const char *const *overrides, int count) {
  for (int i = 0; i < count; i++)
    TRY(tree_set(tree, overrides[i], i + 1));
  return config_resolve(config, tree, tree_root(tree));
}

Status config_parse(Config *config, const char *name, const char *text, int64_t size, const char *const *overrides,
                    int count) {
  Tree *tree;
  TRY(tree_parse(&tree, name, text, size));
  Status status = resolve(config, tree, overrides, count);
  tree_close(tree);
  return status;
}

Status config_read(Config *config, const char *path, const char *const *overrides, int count) {
  Tree *tree;
  TRY(tree_read(&tree, path));
  Status status = resolve(config, tree, overrides, count);
  tree_close(tree);
  return status;
}
