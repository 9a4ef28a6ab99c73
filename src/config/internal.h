#ifndef CONFIG_INTERNAL_H
#define CONFIG_INTERNAL_H
/// What the files behind config/tree.h share.
#include "config/config.h"
#include "config/tree.h"

#include <stddef.h>

enum { COMPLAINTS_MOST = 32, COMPLAINT_TEXT = 400, PLACE_TEXT = 200 };

typedef struct Complaint {
  int set, line, column;
  char text[COMPLAINT_TEXT];
} Complaint;

struct Tree {
  char name[PATH_MOST];
  Node *root, *every;
  int complaints;
  Complaint complaint[COMPLAINTS_MOST]; // by place: the file's by line, then those of overrides
};

/// A node of the tree with a copy of text[length] (NULL: none). Only memory can fail.
Status node_make(Node **node, Tree *tree, NodeKind kind, const char *text, size_t length);
/// Hangs `child` behind the other children. A map's child has its key set.
void node_append(Node *parent, Node *child);
/// Room for one more complaint among the others, by its place; NULL if there are too many.
char *complaint_make(Tree *tree, int set, int line, int column);
/// "FILE:LINE:COLUMN", "--set:N": the place that a message begins with. file NULL: the tree's.
void tree_place(char place[PLACE_TEXT], const Tree *tree, const char *file, int set, int line, int column);
/// Bytes of `text` that fit into `most` without cutting a character of UTF-8.
size_t text_fit(const char *text, size_t most);
/// Length of the UTF-8 character at text, 0 if there is none before `end`.
int utf8_length(const char *text, const char *end);
/// At most `most` bytes of `from` (then "..."), what cannot be printed or is not UTF-8 written as \xNN or \uNNNN.
/// Returns the length.
size_t text_show(char *to, size_t size, const char *from, size_t most);

/// Parses text[size] into a node of the tree; *root stays NULL for an empty document. set: 0 the file, N the N-th
/// override.
Status yaml_build(Node **root, Tree *tree, const char *text, int64_t size, int set);

#endif
