#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H
/// The table of keys: one row says where a value stands in the YAML and in Config, what it may be, its default and its
/// meaning.
#include "config/config.h"

#include <stddef.h>

typedef enum KeyKind {
  KEY_WHOLE,        // int
  KEY_SEED,         // uint64_t
  KEY_NUMBER,       // double
  KEY_BOOL,         // bool
  KEY_TEXT,         // char[most + 1]; least and most bound its bytes
  KEY_CHOICE,       // an enum: index of the word in choices
  KEY_WORD,         // char[]: the word itself, one of choices
  KEY_WHOLES,       // IntList; least and most bound its items
  KEY_NUMBERS,      // NumberList
  KEY_PER_MODALITY, // PerModality; in YAML one number for all, or a map
  KEY_MEASURES,     // Config.analysis: a list of words out of choices
  KEY_NAMES         // bool[MODALITIES_MOST]; in YAML a list of modalities
} KeyKind;

typedef struct Key {
  const char *path; // "modalities.*.…": of each modality
  KeyKind kind;
  size_t offset;                // in Config; in ModalityConfig below modalities.*
  double least, most;           // bounds of the number, of each item, or of the length of a text or word
  bool above_least, below_most; // that bound itself is outside
  int fewest, longest;          // lists: number of items
  const char *word;             // stands for 0 (whole numbers) or -1, which is else outside: auto, all
  const char *const *choices;   // NULL at the end
  const char *standard;         // the default in YAML; NULL: computed, or there is none
  const char *standard_text;    // …and then what to say about it
  bool harmless;                // does not decide the result: left out of config_hash
  const char *help;             // one sentence without the full stop
} Key;

/// Keys of one section stand together, and in the order in which they are printed.
extern const Key key_table[];
extern const int key_count;

enum { KEY_PATH_MOST = 160 };

/// The key whose path is `pattern`, or NULL. Index of a key in the table.
const Key *key_find(const char *pattern);
int key_index(const Key *key);
bool key_is_per_modality(const Key *key);
/// The names that may stand in the section `pattern` ("" is the whole file), in order; returns their number, 0 if it is
/// no section.
enum { KEY_SIBLINGS_MOST = 32 };
int key_children(const char *child[KEY_SIBLINGS_MOST], char space[KEY_SIBLINGS_MOST][KEY_PATH_MOST],
                 const char *pattern);
/// What the key takes, in words: "a whole number from 1 to 8, or auto".
void key_wants(char *text, int size, const Key *key);
/// Where the value of the key is; `modality` matters below modalities.* only.
void *key_field(const Key *key, Config *config, int modality);
int key_choices(const Key *key);

#endif
