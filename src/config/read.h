#ifndef CONFIG_READ_H
#define CONFIG_READ_H
/// What the files that turn a tree into a Config share.
#include "config/keys.h"
#include "config/tree.h"

#include <stdio.h>

enum { KEYS_MOST = 128 };

typedef struct Reader {
  Tree *tree;
  const Node *root; // the map that holds the configuration
  Config *config;
  bool modalities_known; // false: they are wrong themselves, so nothing is said about their names elsewhere
  bool wrong[KEYS_MOST]; // keys of the table that drew a complaint
} Reader;

/// Puts the node's value into the field of the key, or complains, calling the key `shown`.
void value_read(Reader *reader, const Key *key, void *field, const Node *node, const char *shown);
/// Puts the key's default there, if it has one that is not computed.
void value_default(Reader *reader, const Key *key, void *field);
/// Writes the value as YAML on one line.
void value_print(FILE *to, const Config *config, const Key *key, const void *field);

/// Complains about values that are right one by one and wrong together.
void check_contradictions(Reader *reader);

/// What the name of a run is made of; it does not begin with '.' or '-'.
extern const char run_name_letters[];

#endif
