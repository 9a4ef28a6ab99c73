#ifndef DATA_DIGITS_H
#define DATA_DIGITS_H
/// Made-up digits for the tests: IDX files whose first pixels spell their index, WAV files, tar archives.
#include "check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/// Bytes that grow; `bytes` is the test's to free.
typedef struct Bytes {
  uint8_t *bytes;
  size_t size, room;
} Bytes;

static inline void bytes_add(Bytes *to, const void *from, size_t size) {
  if (to->size + size > to->room) {
    to->room = 2 * (to->size + size);
    to->bytes = realloc(to->bytes, to->room);
    CHECK(to->bytes, "memory");
  }
  if (from)
    memcpy(to->bytes + to->size, from, size);
  else
    memset(to->bytes + to->size, 0, size);
  to->size += size;
}

static inline void bytes_add_word(Bytes *to, uint32_t value, int size, bool big_endian) {
  for (int i = 0; i < size; i++) {
    uint8_t byte = (uint8_t)(value >> 8 * (big_endian ? size - 1 - i : i));
    bytes_add(to, &byte, 1);
  }
}

/// One tar header (POSIX ustar) and its contents.
static inline void tar_add(Bytes *tar, const char *name, char type, const void *contents, size_t size) {
  char header[512] = {0};
  snprintf(header, 100, "%.99s", name);
  memcpy(header + 100, "0000644\0000000000\0000000000", 24);
  snprintf(header + 124, 12, "%011zo", size);
  memcpy(header + 136, "00000000000", 12);
  header[156] = type;
  memcpy(header + 257, "ustar\00000", 8);
  if (type == '1' || type == '2')
    snprintf(header + 157, 100, "0_target_0.wav");
  unsigned sum = 8 * ' ';
  for (int i = 0; i < 512; i++)
    sum += (uint8_t)header[i];
  snprintf(header + 148, 8, "%06o", sum);
  header[155] = ' ';
  bytes_add(tar, header, 512);
  bytes_add(tar, contents, size);
  bytes_add(tar, NULL, (512 - size % 512) % 512);
}

static inline void tar_end(Bytes *tar) { bytes_add(tar, NULL, 1024); }

/// A sound WAV of `count` samples that go up and down with `pitch`.
static inline Bytes wav_make(int count, int pitch) {
  Bytes wav = {0};
  bytes_add(&wav, "RIFF", 4);
  bytes_add_word(&wav, 36 + 2 * (uint32_t)count, 4, false);
  bytes_add(&wav, "WAVEfmt ", 8);
  bytes_add_word(&wav, 16, 4, false);
  bytes_add_word(&wav, 1, 2, false);
  bytes_add_word(&wav, 1, 2, false);
  bytes_add_word(&wav, 8000, 4, false);
  bytes_add_word(&wav, 16000, 4, false);
  bytes_add_word(&wav, 2, 2, false);
  bytes_add_word(&wav, 16, 2, false);
  bytes_add(&wav, "data", 4);
  bytes_add_word(&wav, 2 * (uint32_t)count, 4, false);
  for (int i = 0; i < count; i++)
    bytes_add_word(&wav, (uint32_t)(i * pitch % 9000), 2, false);
  return wav;
}

static inline void file_write(const char *directory, const char *name, Bytes bytes) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite(bytes.bytes, 1, bytes.size, file) == bytes.size && !fclose(file), "%s", path);
}

static inline int digit_of(int64_t index) { return (int)((index * 7 + index / 10) % 10); }

/// PART-images and PART-labels with n images; image i is a digit_of(i), and its first three pixels spell i, its fourth the part.
static inline void mnist_write(const char *directory, const char *part, int n) {
  Bytes images = {0}, labels = {0};
  bytes_add_word(&images, 0x803, 4, true);
  bytes_add_word(&images, (uint32_t)n, 4, true);
  bytes_add_word(&images, 28, 4, true);
  bytes_add_word(&images, 28, 4, true);
  bytes_add_word(&labels, 0x801, 4, true);
  bytes_add_word(&labels, (uint32_t)n, 4, true);
  for (int i = 0; i < n; i++) {
    bytes_add_word(&images, (uint32_t)i << 8 | (part[1] == 'r'), 4, true);
    bytes_add(&images, NULL, 780);
    bytes_add_word(&labels, (uint32_t)digit_of(i), 1, true);
  }
  char name[64];
  snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
  file_write(directory, name, images);
  snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
  file_write(directory, name, labels);
  free(images.bytes);
  free(labels.bytes);
}

/// recordings.tar.gz (not packed: readers look inside) with `takes` takes of each digit by each speaker, but not `without`.
static inline void fsdd_write(const char *directory, const char *const *speaker, int speakers, int takes, const char *without) {
  Bytes tar = {0};
  tar_add(&tar, "recordings/", '5', NULL, 0);
  for (int s = speakers - 1; s >= 0; s--)
    for (int digit = 9; digit >= 0; digit--)
      for (int take = 0; take < takes; take++) {
        char name[128];
        snprintf(name, sizeof name, "recordings/%d_%s_%d.wav", digit, speaker[s], take);
        if (without && !strcmp(name + 11, without))
          continue;
        Bytes wav = wav_make(60 + take, 100 * digit + 10 * s + 7);
        tar_add(&tar, name, '0', wav.bytes, wav.size);
        free(wav.bytes);
      }
  tar_end(&tar);
  file_write(directory, "recordings.tar.gz", tar);
  free(tar.bytes);
}

#endif
