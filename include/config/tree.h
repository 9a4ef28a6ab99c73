#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H
/// A strict, small YAML document as a tree whose nodes know where they stand: what configurations and sweep files are
/// read into. Only user of libyaml. Refused, within a few milliseconds: more than 256 KiB, more than 16 levels, more
/// than 8192 events, lines beyond 4096 bytes, anchors, aliases, tags, directives, a second document, NUL, bytes that
/// are not UTF-8. Mistakes in the meaning are collected (tree_complain) and told together (tree_status), each with its
/// place.
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
  TREE_BYTES_MOST = 256 * 1024,
  TREE_DEPTH_MOST = 16,
  TREE_EVENTS_MOST = 8192,
  TREE_LINE_MOST = 4096,
  TREE_KEYS_MOST = 256
};

typedef enum NodeKind { NODE_SCALAR, NODE_LIST, NODE_MAP } NodeKind;

/// What a scalar is by the core schema of YAML 1.2, minus its liberties: booleans are true and false only.
typedef enum ScalarKind {
  SCALAR_NULL,   // nothing, ~, null
  SCALAR_BOOL,   // true, false
  SCALAR_WHOLE,  // -12
  SCALAR_NUMBER, // 1.5, 1e-3
  SCALAR_ODD,    // a number in a form not taken: 0x1F, 0o17, 007, .nan, .inf, True
  SCALAR_TEXT    // anything else, and everything in quotes
} ScalarKind;

typedef struct Node Node;
struct Node {
  NodeKind kind;
  const char *key;  // in a map: its key; else NULL. Owned by the tree, as everything here
  const char *text; // scalar: its text; else NULL
  const char *file; // where it stands, if not in the tree's own file; else NULL. Borrowed
  bool quoted;      // scalar in quotes or a block
  int set;          // 0: from the file; N: from the N-th override
  int line, column; // from 1, of the value
  int key_line, key_column;
  int children;
  Node *child, *next; // first child; next sibling
  Node *last, *every; // inside the tree: last child; list of all nodes
};

typedef struct Tree Tree;

/// Parses text[size] (not NUL-terminated), `name` standing for the file in messages. *tree is owned (tree_close), NULL
/// on failure. EXIT_CONFIG "NAME:LINE:COLUMN: …" when it is not YAML or exceeds a cap; keys given twice wait as
/// complaints. An empty document is an empty map.
Status tree_parse(Tree **tree, const char *name, const char *text, int64_t size);

/// The same from a regular file. EXIT_NO_INPUT when there is none (also a directory, FIFO or device: never waited for),
/// EXIT_IO.
Status tree_read(Tree **tree, const char *path);

/// Puts the value of "key.path=value" (value in YAML) in the place of what stands at key.path, making maps on the way.
/// Complaints about it name "--set:NUMBER". Fails only when memory is out.
Status tree_set(Tree *tree, const char *assignment, int number);

/// A tree with a copy of `map`, a node of `from`, as its root; what is copied keeps its place. `from` outlives the copy.
Status tree_copy(Tree **copy, const Tree *from, const Node *map);

/// Puts `value`, a node of `from`, in the place of what stands at the dotted path, making maps on the way; complaints
/// about it name its own place in `from`, which outlives the tree. Fails only when memory is out.
Status tree_graft(Tree *tree, const char *path, const Tree *from, const Node *value);

/// A plain scalar that stands where `place` does, and hangs nowhere.
Status tree_scalar(Node **scalar, Tree *tree, const char *text, const Node *place);

/// A copy of `node`, a map or list of the tree with at most 32 children, that keeps child k where bit k of `members` is
/// set; it hangs nowhere.
Status tree_subset(Node **subset, Tree *tree, const Node *node, uint32_t members);

const Node *tree_root(const Tree *tree);
const char *tree_name(const Tree *tree);

/// The child of a map called `key`, or NULL. The deepest node on a dotted path that exists, beginning at `map`.
const Node *node_find(const Node *map, const char *key);
const Node *node_toward(const Node *map, const char *path);

ScalarKind scalar_kind(const Node *scalar);

/// The node in words, for messages: the text "abc", the number 3, a list. Cut to size.
void node_describe(char *text, int size, const Node *node);

/// The node as YAML on one line, which tree_parse reads back to the same; owned by the caller (free).
char *node_print(const Node *node);

/// `text` as a scalar on one line, in quotes where YAML 1.1 or 1.2 would read something else; owned by the caller
/// (free).
char *scalar_print(const char *text);

/// No control characters, line separators or other code points that YAML cannot carry as they are, or that turn a
/// message around.
bool text_printable(const char *text);

/// Notes a mistake "PLACE: …" where node stands (at its key, if it has one); node NULL: line 1 of the file.
void tree_complain(Tree *tree, const Node *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
int tree_complaints(const Tree *tree);
/// Every reader may stop when this is true: nobody reads more messages than that.
bool tree_is_hopeless(const Tree *tree);
/// All complaints joined by " | " as far as they fit, with EXIT_CONFIG; success if there are none.
Status tree_status(const Tree *tree);

void tree_close(Tree *tree);

#endif
