// Held out: of n rows, n_c of class c, round(f n) in all; class c gives floor(f n_c), and one more where f n_c has the
// largest remainders; within the class those with the smallest random numbers of their rows.
#include "data/pairing.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SITE_HOLD_OUT, SITE_PAIR }; // of RANDOM_SPLIT; append only
enum { SMALL_SPEAKERS = 3, SMALL_TEST_TAKES = 15, SMALL_TAKES = 50, SPEAKERS_MOST = 64 };
enum { OFFICIAL_TEST_TAKES = 5, VALIDATION_TAKES = 10 };
static const char *const small_speaker[SMALL_SPEAKERS] = {"jackson", "nicolas", "theo"};

/// Something with a key to be sorted by, and by its own number where keys are equal.
typedef struct Keyed {
  uint64_t key;
  int64_t row;
} Keyed;

static int keyed_compare(const void *a, const void *b) {
  const Keyed *x = a, *y = b;
  if (x->key != y->key)
    return x->key < y->key ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

/// The rows of pair[n] with this digit and split in the order of their random numbers; returns how many. keyed[n].
static int64_t rows_shuffled(Keyed *keyed, const Pair *pair, int64_t n, int digit, Split split, uint64_t seed,
                             uint32_t site) {
  RandomStream stream = {.seed = seed, .purpose = RANDOM_SPLIT, .site = site};
  int64_t rows = 0;
  for (int64_t i = 0; i < n; i++)
    if (pair[i].digit == digit && pair[i].split == split)
      keyed[rows++] = (Keyed){random_bits(&stream, (uint64_t)i), i};
  qsort(keyed, (size_t)rows, sizeof *keyed, keyed_compare);
  return rows;
}

/// quota[c] = how many of count[c] rows of each class are held out.
static void quotas(int64_t quota[AVMNIST_CLASSES], const int64_t count[AVMNIST_CLASSES], double share) {
  int64_t n = 0, given = 0;
  double rest[AVMNIST_CLASSES];
  for (int c = 0; c < AVMNIST_CLASSES; c++) {
    double part = share * (double)count[c];
    quota[c] = (int64_t)floor(part);
    rest[c] = part - floor(part);
    n += count[c];
    given += quota[c];
  }
  for (int64_t want = (int64_t)floor(share * (double)n + 0.5); given < want; given++) {
    int most = 0;
    for (int c = 1; c < AVMNIST_CLASSES; c++)
      if (rest[c] > rest[most])
        most = c;
    quota[most]++;
    rest[most] = -1;
  }
}

/// Turns a stratified share of the training rows among pair[n], which are the first ones, into validation rows.
static Status hold_out(Pair *pair, int64_t n, double share, uint64_t seed) {
  int64_t count[AVMNIST_CLASSES] = {0}, quota[AVMNIST_CLASSES], left = 0;
  for (int64_t i = 0; i < n; i++)
    count[pair[i].digit]++;
  quotas(quota, count, share);
  Keyed *keyed;
  TRY(memory_take((void **)&keyed, (size_t)n, sizeof *keyed, "the validation split"));
  for (int c = 0; c < AVMNIST_CLASSES; c++) {
    rows_shuffled(keyed, pair, n, c, SPLIT_TRAIN, seed, SITE_HOLD_OUT);
    for (int64_t i = 0; i < quota[c]; i++)
      pair[keyed[i].row].split = SPLIT_VALIDATION;
    left += count[c] - quota[c];
  }
  free(keyed);
  if (left == 0)
    return status_error(EXIT_USAGE, "--validation %g: leaves none of %lld images to train on", share, (long long)n);
  return STATUS_OK;
}

/// An image by the name that a directory of images would give it.
typedef struct NamedImage {
  char name[24];
  int64_t index;
} NamedImage;

static int named_compare(const void *a, const void *b) {
  return strcmp(((const NamedImage *)a)->name, ((const NamedImage *)b)->name);
}

/// pick[wanted] becomes the first or last indices of this class in string order.
static Status images_pick(int64_t *pick, int wanted, bool last, const Mnist *mnist, int digit, const char *directory) {
  NamedImage *image;
  TRY(memory_take((void **)&image, (size_t)mnist->count, sizeof *image, "names of images"));
  int64_t n = 0;
  for (int64_t i = 0; i < mnist->count; i++)
    if (mnist->labels[i] == digit) {
      image[n].index = i;
      text_print(image[n++].name, sizeof image->name, "%lld", (long long)i);
    }
  qsort(image, (size_t)n, sizeof *image, named_compare);
  for (int j = 0; j < wanted && n >= wanted; j++)
    pick[j] = image[last ? n - wanted + j : j].index;
  free(image);
  if (n < wanted)
    return status_error(EXIT_DATA, "%s/%s: %lld images of a %d; the small protocol needs %d", directory, mnist->file[0],
                        (long long)n, digit, wanted);
  return STATUS_OK;
}

static const uint8_t *image_at(const Mnist *mnist, int64_t index) {
  return mnist->pixels + index * mnist->height * mnist->width;
}

static bool is_small_speaker(const char *speaker) {
  for (int i = 0; i < SMALL_SPEAKERS; i++)
    if (!strcmp(speaker, small_speaker[i]))
      return true;
  return false;
}

static Status small_recordings_check(const Recordings *recordings, const char *directory) {
  for (int c = 0; c < AVMNIST_CLASSES; c++)
    for (int s = 0; s < SMALL_SPEAKERS; s++)
      for (int take = 0; take < SMALL_TAKES; take++)
        if (!recordings_find(recordings, c, small_speaker[s], take))
          return status_error(EXIT_DATA,
                              "%s: %d_%s_%d.wav is missing; the small protocol needs takes 0 to %d of %s, %s and %s",
                              directory, c, small_speaker[s], take, SMALL_TAKES - 1, small_speaker[0], small_speaker[1],
                              small_speaker[2]);
  return STATUS_OK;
}

static Status small_train(Pair *pair, const AvmnistSources *sources, const AvmnistOptions *options, int digit) {
  enum { EACH = AVMNIST_PAIRS / SMALL_SPEAKERS };
  int64_t image[AVMNIST_PAIRS];
  TRY(images_pick(image, AVMNIST_PAIRS, false, &sources->train, digit, options->mnist));
  for (int j = 0; j < AVMNIST_PAIRS; j++) {
    bool heard = options->pairs % SMALL_SPEAKERS ? j < options->pairs : j % EACH < options->pairs / SMALL_SPEAKERS;
    const char *speaker = small_speaker[j / EACH];
    pair[j] = (Pair){image_at(&sources->train, image[j]),
                     recordings_find(&sources->recordings, digit, speaker, SMALL_TEST_TAKES + j % EACH), digit,
                     SPLIT_TRAIN, heard};
  }
  return STATUS_OK;
}

static Status small_test(Pair *pair, const AvmnistSources *sources, const AvmnistOptions *options, int digit) {
  int64_t image[AVMNIST_TEST_PAIRS];
  TRY(images_pick(image, AVMNIST_TEST_PAIRS, true, &sources->test, digit, options->mnist));
  int j = 0;
  for (int i = 0; i < sources->recordings.count; i++) { // sorted by name already
    const Recording *recording = &sources->recordings.recording[i];
    if (recording->digit == digit && recording->take < SMALL_TEST_TAKES && is_small_speaker(recording->speaker)) {
      pair[j] = (Pair){image_at(&sources->test, image[j]), recording, digit, SPLIT_TEST, true};
      j++;
    }
  }
  REQUIRE(j == AVMNIST_TEST_PAIRS, "%d test recordings of a %d", j, digit);
  return STATUS_OK;
}

Status pairing_small(Pairing *pairing, const AvmnistSources *sources, const AvmnistOptions *options) {
  int64_t train = AVMNIST_CLASSES * AVMNIST_PAIRS, test = AVMNIST_CLASSES * AVMNIST_TEST_PAIRS;
  TRY(small_recordings_check(&sources->recordings, options->fsdd));
  pairing->count = train + test;
  TRY(memory_take((void **)&pairing->pair, (size_t)pairing->count, sizeof *pairing->pair, "pairs"));
  for (int c = 0; c < AVMNIST_CLASSES; c++) {
    TRY(small_train(pairing->pair + c * AVMNIST_PAIRS, sources, options, c));
    TRY(small_test(pairing->pair + train + c * AVMNIST_TEST_PAIRS, sources, options, c));
  }
  return hold_out(pairing->pair, train, options->validation, options->seed);
}

/// All speakers, each once, in order; pointers into the recordings.
static int speakers_list(const char *speaker[SPEAKERS_MOST], const Recordings *recordings) {
  int count = 0;
  for (int i = 0; i < recordings->count; i++) {
    const char *one = recordings->recording[i].speaker;
    int at = 0;
    while (at < count && strcmp(speaker[at], one))
      at++;
    if (at == count && count < SPEAKERS_MOST)
      speaker[count++] = one;
  }
  return count;
}

/// Whether `name` stands in the comma-separated list.
static bool list_has(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (!strncmp(at, name, length) && (at[length] == ',' || !at[length]))
      return true;
  return false;
}

/// Every name in the list must be a speaker, and some speaker must not be in it.
static Status test_speakers_check(const char *list, const Recordings *recordings) {
  const char *speaker[SPEAKERS_MOST];
  int count = speakers_list(speaker, recordings), others = 0;
  for (int i = 0; i < count; i++)
    others += !list_has(list, speaker[i]);
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
    char name[RECORDING_NAME];
    text_print(name, sizeof name, "%.*s", (int)strcspn(at, ","), at);
    bool known = false;
    for (int i = 0; i < count; i++)
      known |= !strcmp(speaker[i], name);
    const char *near = text_nearest(name, speaker, count);
    if (!known)
      return status_error(EXIT_USAGE, "--test-speakers: \"%s\" is nobody in the recordings; did you mean \"%s\"?", name,
                          near ? near : speaker[0]);
  }
  if (!others)
    return status_error(EXIT_USAGE, "--test-speakers: names all %d speakers; leave some to train on", count);
  return STATUS_OK;
}

/// Where a recording belongs.
static Split recording_split(const Recording *recording, const AvmnistOptions *options) {
  bool official = options->split == AVMNIST_OFFICIAL;
  if (official ? recording->take < OFFICIAL_TEST_TAKES : list_has(options->test_speakers, recording->speaker))
    return SPLIT_TEST;
  bool middle = recording->take >= OFFICIAL_TEST_TAKES && recording->take < VALIDATION_TAKES;
  return middle && options->validation > 0 ? SPLIT_VALIDATION : SPLIT_TRAIN;
}

/// Gives the images of one class and split its recordings in turn. keyed[rows], pool[recordings] are work space.
static Status full_deal(Pairing *pairing, const AvmnistSources *sources, const AvmnistOptions *options, int digit,
                        Split split, Keyed *keyed, const Recording **pool) {
  int size = 0;
  for (int i = 0; i < sources->recordings.count; i++) {
    const Recording *recording = &sources->recordings.recording[i];
    if (recording->digit == digit && recording_split(recording, options) == split)
      pool[size++] = recording;
  }
  int64_t rows = rows_shuffled(keyed, pairing->pair, pairing->count, digit, split, options->seed, SITE_PAIR);
  if (rows && !size)
    return status_error(EXIT_DATA, "%s: no recording of a %d is left for %lld %s images", options->fsdd, digit,
                        (long long)rows,
                        split == SPLIT_TRAIN  ? "training"
                        : split == SPLIT_TEST ? "test"
                                              : "validation");
  for (int64_t k = 0; k < rows; k++)
    pairing->pair[keyed[k].row].recording = pool[k % size];
  return STATUS_OK;
}

Status pairing_full(Pairing *pairing, const AvmnistSources *sources, const AvmnistOptions *options) {
  if (options->split == AVMNIST_SPEAKER)
    TRY(test_speakers_check(options->test_speakers, &sources->recordings));
  const Mnist *train = &sources->train, *test = &sources->test;
  pairing->count = train->count + test->count;
  TRY(memory_take((void **)&pairing->pair, (size_t)pairing->count, sizeof *pairing->pair, "pairs"));
  for (int64_t i = 0; i < train->count; i++)
    pairing->pair[i] = (Pair){image_at(train, i), NULL, train->labels[i], SPLIT_TRAIN, true};
  for (int64_t i = 0; i < test->count; i++)
    pairing->pair[train->count + i] = (Pair){image_at(test, i), NULL, test->labels[i], SPLIT_TEST, true};
  TRY(hold_out(pairing->pair, train->count, options->validation, options->seed));
  Keyed *keyed = NULL;
  const Recording **pool = NULL;
  Status status = memory_take((void **)&keyed, (size_t)pairing->count, sizeof *keyed, "pairs");
  if (!status.code)
    status = memory_take((void **)&pool, (size_t)sources->recordings.count, sizeof *pool, "pairs");
  for (int i = 0; i < AVMNIST_CLASSES * SPLITS && !status.code; i++)
    status = full_deal(pairing, sources, options, i / SPLITS, (Split)(i % SPLITS), keyed, pool);
  free(keyed);
  free(pool);
  return status;
}
