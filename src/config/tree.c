// The tree: its nodes, its complaints, and the changes that overrides make to it.
#include "config/internal.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t text_fit(const char *text, size_t most) {
  size_t length = strnlen(text, most + 1);
  if (length <= most)
    return length;
  for (length = most; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
    length--;
  return length;
}

Status node_make(Node **node, Tree *tree, NodeKind kind, const char *text, size_t length) {
  void *block;
  TRY(memory_take(&block, 1, sizeof(Node) + length + 1, "a node of the configuration"));
  Node *made = block;
  made->kind = kind;
  if (text) {
    char *copy = (char *)(made + 1);
    memcpy(copy, text, length);
    made->text = copy;
  }
  made->every = tree->every;
  tree->every = made;
  *node = made;
  return STATUS_OK;
}

void node_append(Node *parent, Node *child) {
  child->next = NULL;
  if (parent->last)
    parent->last->next = child;
  else
    parent->child = child;
  parent->last = child;
  parent->children++;
}

const Node *node_find(const Node *map, const char *key) {
  if (!map || map->kind != NODE_MAP)
    return NULL;
  for (const Node *child = map->child; child; child = child->next)
    if (!strcmp(child->key, key))
      return child;
  return NULL;
}

const Node *node_toward(const Node *map, const char *path) {
  while (*path) {
    char key[NAME_MOST * 2];
    size_t length = strcspn(path, ".");
    if (!text_print(key, sizeof key, "%.*s", (int)length, path))
      return map;
    const Node *child = node_find(map, key);
    if (!child)
      return map;
    map = child;
    path += length + (path[length] == '.');
  }
  return map;
}

const Node *tree_root(const Tree *tree) { return tree->root; }
const char *tree_name(const Tree *tree) { return tree->name; }
int tree_complaints(const Tree *tree) { return tree->complaints; }
bool tree_is_hopeless(const Tree *tree) { return tree->complaints >= COMPLAINTS_MOST; }

// --- opening

Status tree_parse(Tree **tree, const char *name, const char *text, int64_t size) {
  *tree = NULL;
  void *block;
  TRY(memory_take(&block, 1, sizeof(Tree), "a configuration"));
  Tree *made = block;
  text_print(made->name, sizeof made->name, "%s", name);
  made->name[text_fit(made->name, sizeof made->name - 1)] = 0;
  Status status = yaml_build(&made->root, made, text, size, 0);
  bool empty = !made->root || (made->root->kind == NODE_SCALAR && scalar_kind(made->root) == SCALAR_NULL);
  if (!status.code && empty)
    status = node_make(&made->root, made, NODE_MAP, NULL, 0);
  if (status.code) {
    tree_close(made);
    return status;
  }
  if (empty)
    made->root->line = made->root->column = 1;
  *tree = made;
  return STATUS_OK;
}

/// At most TREE_BYTES_MOST + 1 bytes of an open file, which is one more than will be accepted.
static Status read_bytes(char *text, int64_t *size, int file, const char *path) {
  *size = 0;
  while (*size <= TREE_BYTES_MOST) {
    ssize_t got = read(file, text + *size, (size_t)(TREE_BYTES_MOST + 1 - *size));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return status_error(EXIT_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (got == 0)
      break;
    *size += got;
  }
  return STATUS_OK;
}

Status tree_read(Tree **tree, const char *path) {
  *tree = NULL;
  // Not to be kept waiting by a pipe without a writer, nor to make a terminal ours.
  int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (file < 0)
    return status_error(EXIT_NO_INPUT, "%s: cannot be opened: %s; give the path of a YAML file", path, strerror(errno));
  struct stat facts;
  Status status = STATUS_OK;
  if (fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode))
    status = status_error(EXIT_NO_INPUT, "%s: is %s; give the path of a YAML file", path,
                          S_ISDIR(facts.st_mode) ? "a directory" : "not a regular file");
  void *text = NULL;
  int64_t size = 0;
  if (!status.code)
    status = memory_take(&text, 1, TREE_BYTES_MOST + 1, "the text of a configuration");
  if (!status.code)
    status = read_bytes(text, &size, file, path);
  close(file);
  if (!status.code)
    status = tree_parse(tree, path, text, size);
  free(text);
  return status;
}

void tree_close(Tree *tree) {
  if (!tree)
    return;
  for (Node *node = tree->every, *next; node; node = next) {
    next = node->every;
    free(node);
  }
  free(tree);
}

// --- complaints

void tree_place(char place[PLACE_TEXT], const Tree *tree, const char *file, int set, int line, int column) {
  enum { NAME_SHOWN = 150 };
  file = file ? file : tree->name;
  size_t length = strlen(file);
  const char *name = file + (length > NAME_SHOWN ? length - NAME_SHOWN : 0);
  while (((unsigned char)*name & 0xc0) == 0x80) // not from the middle of a character
    name++;
  if (set)
    text_print(place, PLACE_TEXT, "--set:%d", set);
  else
    text_print(place, PLACE_TEXT, "%s%s:%d:%d", length > NAME_SHOWN ? "..." : "", name, line, column);
}

static bool comes_before(const Complaint *a, const Complaint *b) {
  if (a->set != b->set)
    return a->set < b->set;
  return a->line != b->line ? a->line < b->line : a->column < b->column;
}

char *complaint_make(Tree *tree, int set, int line, int column) {
  if (tree_is_hopeless(tree))
    return NULL;
  Complaint made = {.set = set, .line = line, .column = column};
  int at = tree->complaints++;
  for (; at > 0 && comes_before(&made, &tree->complaint[at - 1]); at--)
    tree->complaint[at] = tree->complaint[at - 1];
  tree->complaint[at] = made;
  return tree->complaint[at].text;
}

void tree_complain(Tree *tree, const Node *node, const char *format, ...) {
  int line = !node ? 1 : node->key ? node->key_line : node->line;
  int column = !node ? 1 : node->key ? node->key_column : node->column;
  int set = node ? node->set : 0;
  char *complaint = complaint_make(tree, set, line, column);
  if (!complaint)
    return;
  char raw[2 * COMPLAINT_TEXT], what[COMPLAINT_TEXT], place[PLACE_TEXT];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(raw, sizeof raw, format, arguments);
  va_end(arguments);
  text_show(what, sizeof what, raw, sizeof raw);
  tree_place(place, tree, node ? node->file : NULL, set, line, column);
  text_print(complaint, COMPLAINT_TEXT, "%s: %s", place, what);
  complaint[text_fit(complaint, COMPLAINT_TEXT - 1)] = 0;
}

Status tree_status(const Tree *tree) {
  enum { RESERVE = 24 }; // for " | and 31 more", and escapes
  char joined[STATUS_TEXT] = "";
  size_t used = 0, room = STATUS_TEXT - RESERVE;
  int told = 0;
  for (; told < tree->complaints; told++) {
    const char *complaint = tree->complaint[told].text;
    size_t length = strlen(complaint);
    if (told && used + 3 + length > room)
      break;
    used += (size_t)snprintf(joined + used, room - used, "%s%.*s", told ? " | " : "",
                             (int)text_fit(complaint, room - 1), complaint);
  }
  if (told < tree->complaints)
    snprintf(joined + used, sizeof joined - used, " | and %d more", tree->complaints - told);
  return tree->complaints ? status_error(EXIT_CONFIG, "%s", joined) : STATUS_OK;
}

// --- overrides

/// A node that only has a place, for complaints about an override itself.
static Node override_place(int number) { return (Node){.set = number, .line = 1, .column = 1}; }

static void stand_at(Node *node, const Node *place) {
  node->set = place->set;
  node->file = place->file;
  node->line = node->key_line = place->line;
  node->column = node->key_column = place->column;
}

/// The child of a map that is called key[length], made if need be.
static Status child_for(Node **child, Tree *tree, Node *map, const char *key, size_t length, const Node *place) {
  *child = NULL;
  for (Node *each = map->child; each; each = each->next)
    if (strlen(each->key) == length && !strncmp(each->key, key, length))
      *child = each;
  if (*child)
    return STATUS_OK;
  Node *name, *made;
  TRY(node_make(&name, tree, NODE_SCALAR, key, length));
  TRY(node_make(&made, tree, NODE_MAP, NULL, 0));
  made->key = name->text;
  stand_at(made, place);
  node_append(map, made);
  *child = made;
  return STATUS_OK;
}

/// `target` becomes what `value` is, and stays where it hangs.
static void replace_node(Node *target, const Node *value) {
  Node kept = *target;
  *target = *value;
  target->key = kept.key;
  target->key_line = kept.key_line;
  target->key_column = kept.key_column;
  target->next = kept.next;
  target->every = kept.every;
}

/// Names with dots between them, no more than a tree is deep.
static bool is_path(const char *path, size_t length) {
  int depth = 1;
  for (size_t i = 0; i < length; i++) {
    bool dot = path[i] == '.';
    if (dot && (i == 0 || i + 1 == length || path[i - 1] == '.'))
      return false;
    depth += dot;
  }
  return length > 0 && depth <= TREE_DEPTH_MOST;
}

/// The node at path[length], made if need be; NULL after a complaint.
static Status node_at(Node **found, Tree *tree, const char *path, size_t length, const Node *place) {
  Node *node = tree->root;
  *found = NULL;
  if (!is_path(path, length)) {
    tree_complain(tree, place, "%.*s is no key; write %s", (int)text_fit(path, length < 80 ? length : 80), path,
                  place->set ? "--set key.path=value" : "its path with dots, as in train.epochs");
    return STATUS_OK;
  }
  for (size_t at = 0; at <= length;) {
    size_t part = 0;
    while (at + part < length && path[at + part] != '.')
      part++;
    if (node->kind == NODE_SCALAR && scalar_kind(node) == SCALAR_NULL)
      node->kind = NODE_MAP, node->text = NULL, node->set = place->set;
    if (node->kind != NODE_MAP) {
      int before = at ? (int)at - 1 : 0;
      tree_complain(tree, place, "%.*s is not a map, so nothing can be set inside; give it a whole: %s%.*s%s", before,
                    path, place->set ? "--set '" : "", before, path, place->set ? "=...'" : ": ...");
      return STATUS_OK;
    }
    if (node->children >= TREE_KEYS_MOST) {
      tree_complain(tree, place, "more than 256 keys in one map; no section has so many");
      return STATUS_OK;
    }
    TRY(child_for(&node, tree, node, path + at, part, place));
    at += part + 1;
  }
  *found = node;
  return STATUS_OK;
}

Status tree_set(Tree *tree, const char *assignment, int number) {
  Node place = override_place(number), *value, *target;
  const char *sign = strchr(assignment, '=');
  size_t length = sign ? (size_t)(sign - assignment) : 0;
  if (!length || length > TREE_LINE_MOST) {
    tree_complain(tree, &place, "%.*s is no assignment; write --set key.path=value", (int)text_fit(assignment, 80),
                  assignment);
    return STATUS_OK;
  }
  if (!is_path(assignment, length))
    return node_at(&target, tree, assignment, length, &place);
  Status status = yaml_build(&value, tree, sign + 1, (int64_t)strlen(sign + 1), number);
  if (status.code == EXIT_CONFIG) { // has its place already
    char *complaint = complaint_make(tree, number, 1, 1);
    if (complaint)
      text_print(complaint, COMPLAINT_TEXT, "%s", status.text);
    return STATUS_OK;
  }
  TRY(status);
  if (!value)
    TRY(node_make(&value, tree, NODE_SCALAR, "", 0));
  value->set = number;
  TRY(node_at(&target, tree, assignment, length, &place));
  if (target)
    replace_node(target, value);
  return STATUS_OK;
}

// --- trees out of others

static const char *file_of(const Tree *tree, const Node *node) { return node->file ? node->file : tree->name; }

static Status copy_node(Node **copy, Tree *tree, const Tree *from, const Node *node) {
  TRY(node_make(copy, tree, node->kind, NULL, 0));
  Node *every = (*copy)->every;
  **copy = *node;
  (*copy)->every = every;
  (*copy)->file = file_of(from, node);
  (*copy)->child = (*copy)->last = (*copy)->next = NULL;
  (*copy)->children = 0;
  for (const Node *child = node->child; child; child = child->next) {
    Node *made;
    TRY(copy_node(&made, tree, from, child));
    node_append(*copy, made);
  }
  return STATUS_OK;
}

Status tree_copy(Tree **copy, const Tree *from, const Node *map) {
  void *block;
  *copy = NULL;
  TRY(memory_take(&block, 1, sizeof(Tree), "a configuration"));
  Tree *made = block;
  memcpy(made->name, from->name, sizeof made->name);
  Status status = copy_node(&made->root, made, from, map);
  if (status.code) {
    tree_close(made);
    return status;
  }
  made->root->key = NULL;
  *copy = made;
  return STATUS_OK;
}

Status tree_graft(Tree *tree, const char *path, const Tree *from, const Node *value) {
  Node place = {.file = file_of(from, value), .line = value->line, .column = value->column}, *target, *copy;
  TRY(node_at(&target, tree, path, strlen(path), &place));
  if (!target)
    return STATUS_OK;
  TRY(copy_node(&copy, tree, from, value));
  replace_node(target, copy);
  target->key_line = place.line;
  target->key_column = place.column;
  return STATUS_OK;
}

Status tree_scalar(Node **scalar, Tree *tree, const char *text, const Node *place) {
  TRY(node_make(scalar, tree, NODE_SCALAR, text, strlen(text)));
  stand_at(*scalar, place);
  return STATUS_OK;
}

Status tree_subset(Node **subset, Tree *tree, const Node *node, uint32_t members) {
  TRY(node_make(subset, tree, node->kind, NULL, 0));
  stand_at(*subset, node);
  int k = 0;
  for (const Node *child = node->child; child; child = child->next, k++) {
    Node *made;
    if (!(members >> k & 1))
      continue;
    TRY(copy_node(&made, tree, tree, child));
    node_append(*subset, made);
  }
  return STATUS_OK;
}
