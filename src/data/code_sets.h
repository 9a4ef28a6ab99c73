#ifndef DATA_CODE_SETS_H
#define DATA_CODE_SETS_H
/// Sets of words, one set a row, given pair by pair in any order and as often as they come.
#include "base/status.h"
#include "data/dataset.h"

#include <stdint.h>

/// Distinct texts, numbered in the order in which they were first seen.
typedef struct Words {
  char **word; // owned [words]
  int words, room;
  int32_t *slot; // hash table of 1 + number, 0: free
  int slots;     // a power of two
} Words;

/// The number of a text, which is added if it is new.
Status words_number(int *number, Words *words, const char *text);
/// place[number] becomes the word's rank by count (most first), then by bytes; -1 where count is 0. Returns how many have a place.
int words_rank(int32_t *place, const Words *words, const int64_t *count);
/// Puts the words at their places; those without one are dropped.
Status words_reorder(Words *words, const int32_t *place, int count);
void words_free(Words *words);

/// Memory: 8 bytes for each distinct pair, and as many again while they come.
typedef struct CodeSets {
  Words words;     // empty where codes are numbers already
  uint64_t *pair;  // row << 32 | code, owned
  int64_t pairs, room;
} CodeSets;

Status code_sets_add(CodeSets *sets, int64_t row, int code);
/// Orders the words by the number of rows that have them, then by name, and adds the sets to the data set as a modality of codes;
/// rows without any are absent; no modality where all are empty. vocabulary 0: as many as there are words.
Status code_sets_finish(CodeSets *sets, Dataset *dataset, const char *name, int vocabulary);
void code_sets_free(CodeSets *sets);

#endif
