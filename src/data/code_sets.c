/// Pairs (row, code) as 64-bit numbers: sorted and made distinct, they are the sets one after another.
#include "code_sets.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/// Twice the room. The block's address may change.
static Status grow(void **block, size_t n, size_t size, const char *what) {
  void *larger = realloc(*block, n * size);
  if (!larger)
    return status_error(EXIT_INTERNAL, "out of memory: %s need %zu bytes", what, n * size);
  *block = larger;
  return STATUS_OK;
}

static int32_t *find_slot(const Words *words, const char *text) {
  for (uint64_t at = hash_bytes(text, strlen(text));; at++) {
    int32_t *slot = &words->slot[at & (uint64_t)(words->slots - 1)];
    if (*slot == 0 || !strcmp(words->word[*slot - 1], text))
      return slot;
  }
}

/// At most half of the slots are ever taken.
static Status make_slots(Words *words, int slots) {
  free(words->slot);
  words->slot = NULL;
  TRY(memory_take((void **)&words->slot, (size_t)slots, sizeof *words->slot, "words"));
  words->slots = slots;
  for (int i = 0; i < words->words; i++)
    *find_slot(words, words->word[i]) = i + 1;
  return STATUS_OK;
}

Status words_number(int *number, Words *words, const char *text) {
  if (words->words == words->room) {
    if (words->room >= 1 << 28)
      return status_error(EXIT_DATA, "more than %d different words", words->room);
    int room = words->room ? 2 * words->room : 256;
    TRY(grow((void **)&words->word, (size_t)room, sizeof *words->word, "words"));
    words->room = room;
    TRY(make_slots(words, 2 * room));
  }
  int32_t *slot = find_slot(words, text);
  if (*slot == 0) {
    words->word[words->words++] = text_format("%s", text);
    *slot = words->words;
  }
  *number = *slot - 1;
  return STATUS_OK;
}

typedef struct Ranked {
  const char *word;
  int64_t count;
  int number;
} Ranked;

static int compare_ranked(const void *a, const void *b) {
  const Ranked *x = a, *y = b;
  return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->word, y->word);
}

int words_rank(int32_t *place, const Words *words, const int64_t *count) {
  Ranked *ranked = malloc(((size_t)words->words + 1) * sizeof *ranked);
  REQUIRE(ranked, "out of memory for %d words", words->words);
  int placed = 0;
  for (int i = 0; i < words->words; i++) {
    place[i] = -1;
    if (count[i])
      ranked[placed++] = (Ranked){words->word[i], count[i], i};
  }
  qsort(ranked, (size_t)placed, sizeof *ranked, compare_ranked);
  for (int k = 0; k < placed; k++)
    place[ranked[k].number] = k;
  free(ranked);
  return placed;
}

Status words_reorder(Words *words, const int32_t *place, int count) {
  char **word;
  TRY(memory_take((void **)&word, (size_t)count, sizeof *word, "words"));
  for (int i = 0; i < words->words; i++)
    if (place[i] >= 0)
      word[place[i]] = words->word[i];
    else
      free(words->word[i]);
  free(words->word);
  words->word = word;
  words->words = words->room = count;
  free(words->slot); // the numbers in it are the old ones; a word added now makes new ones
  words->slot = NULL;
  return STATUS_OK;
}

void words_free(Words *words) {
  for (int i = 0; i < words->words; i++)
    free(words->word[i]);
  free(words->word);
  free(words->slot);
  *words = (Words){0};
}

static int compare_pairs(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void make_distinct(CodeSets *sets) {
  int64_t kept = 0;
  if (sets->pairs)
    qsort(sets->pair, (size_t)sets->pairs, sizeof *sets->pair, compare_pairs);
  for (int64_t i = 0; i < sets->pairs; i++)
    if (i == 0 || sets->pair[i] != sets->pair[kept - 1])
      sets->pair[kept++] = sets->pair[i];
  sets->pairs = kept;
}

Status code_sets_add(CodeSets *sets, int64_t row, int code) {
  if (sets->pairs == sets->room) {
    make_distinct(sets);
    if (sets->pairs >= sets->room / 2) {
      int64_t room = sets->room ? 2 * sets->room : 1 << 12;
      TRY(grow((void **)&sets->pair, (size_t)room, sizeof *sets->pair, "codes"));
      sets->room = room;
    }
  }
  sets->pair[sets->pairs++] = (uint64_t)row << 32 | (uint32_t)code;
  return STATUS_OK;
}

/// Words by frequency; the pairs follow.
static Status order_words(CodeSets *sets) {
  int64_t *count = NULL;
  int32_t *place = NULL;
  size_t words = (size_t)sets->words.words;
  Status status = memory_take((void **)&count, words, sizeof *count, "counts of words");
  if (!status.code)
    status = memory_take((void **)&place, words, sizeof *place, "places of words");
  if (!status.code) {
    for (int64_t i = 0; i < sets->pairs; i++)
      count[(uint32_t)sets->pair[i]]++;
    int placed = words_rank(place, &sets->words, count);
    for (int64_t i = 0; i < sets->pairs; i++)
      sets->pair[i] = (sets->pair[i] & ~(uint64_t)UINT32_MAX) | (uint32_t)place[(uint32_t)sets->pair[i]];
    qsort(sets->pair, (size_t)sets->pairs, sizeof *sets->pair, compare_pairs);
    status = words_reorder(&sets->words, place, placed);
  }
  free(count);
  free(place);
  return status;
}

Status code_sets_finish(CodeSets *sets, Dataset *dataset, const char *name, int vocabulary) {
  make_distinct(sets);
  if (!sets->pairs)
    return STATUS_OK;
  if (!vocabulary) {
    TRY(order_words(sets));
    vocabulary = sets->words.words;
  }
  TRY(dataset_add_codes(dataset, name, sets->pairs, vocabulary));
  DatasetModality *m = &dataset->modality[dataset->modalities - 1];
  for (int64_t i = 0; i < sets->pairs; i++) {
    m->offsets[(sets->pair[i] >> 32) + 1]++;
    m->codes[i] = (int32_t)(sets->pair[i] & UINT32_MAX);
  }
  for (int64_t n = 0; n < dataset->samples; n++) {
    m->present[n] = m->offsets[n + 1] > 0;
    m->offsets[n + 1] += m->offsets[n];
  }
  return STATUS_OK;
}

void code_sets_free(CodeSets *sets) {
  words_free(&sets->words);
  free(sets->pair);
  *sets = (CodeSets){0};
}
