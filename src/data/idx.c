// An IDX file with sizes d_1 .. d_D has 4 + 4 D + prod d_i bytes, and nothing else is believed.
#include "data/idx.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/source.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDX_UNSIGNED_BYTE = 8, MNIST_SIDE = 28, MNIST_CLASSES = 10 };
static const size_t file_most = (size_t)1 << 30;

static uint32_t word_big_endian(const uint8_t *b) {
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static Status header_take(Idx *idx, Source *source) {
  uint8_t word[4];
  TRY(source_take(source, word, 4));
  if (word[0] || word[1] || word[2] != IDX_UNSIGNED_BYTE || word[3] < 1 || word[3] > IDX_DIMENSIONS)
    return status_error(EXIT_DATA,
                        "%s:0: magic number 0x%08x; IDX of bytes begins with 0x000008 and 1 to %d dimensions",
                        source->name, word_big_endian(word), IDX_DIMENSIONS);
  idx->dimensions = word[3];
  uint64_t header = 4 + 4 * (uint64_t)idx->dimensions, most = source_most(source);
  most = most > header ? most - header : 0;
  idx->count = 1;
  for (int i = 0; i < idx->dimensions; i++) {
    TRY(source_take(source, word, 4));
    idx->dim[i] = word_big_endian(word);
    int at = 4 + 4 * i;
    if (idx->dim[i] < 1 || idx->dim[i] > INT32_MAX)
      return status_error(EXIT_DATA, "%s:%d: dimension %d is %lld; sizes are from 1 to 2147483647", source->name, at,
                          i + 1, (long long)idx->dim[i]);
    if (__builtin_mul_overflow(idx->count, idx->dim[i], &idx->count) || (uint64_t)idx->count > most)
      return status_error(EXIT_DATA, "%s:%d: the sizes declare more values than the %llu that this file can hold",
                          source->name, at, (unsigned long long)most);
  }
  return STATUS_OK;
}

static Status content_take(Idx *idx, Source *source) {
  TRY(header_take(idx, source));
  TRY(memory_take((void **)&idx->values, (size_t)idx->count, 1, source->name));
  TRY(source_take(source, idx->values, (size_t)idx->count));
  return source_end(source);
}

Status idx_parse(Idx *idx, const uint8_t *bytes, size_t size, const char *name) {
  *idx = (Idx){0};
  if (size > file_most)
    return status_error(EXIT_DATA, "%s: %zu bytes are more than an IDX file of ours may have", name, size);
  Source source;
  TRY(source_open(&source, bytes, size, name));
  Status status = content_take(idx, &source);
  source_close(&source);
  if (status.code)
    idx_free(idx);
  return status;
}

void idx_free(Idx *idx) {
  free(idx->values);
  *idx = (Idx){0};
}

/// Reads one of the two files into idx, and notes its name, size and hash at `which`. path[PATH_MAX] is the name found.
static Status part_read(Idx *idx, Mnist *mnist, char *path, int which, const char *directory, const char *part) {
  const char *kind = which ? "labels-idx1" : "images-idx3";
  static const char *const suffix[2] = {".gz", ""};
  int found = -1;
  for (int i = 0; i < 2 && found < 0; i++) {
    text_print(mnist->file[which], sizeof mnist->file[which], "%s-%s-ubyte%s", part, kind, suffix[i]);
    if (!text_print(path, PATH_MAX, "%s/%s", directory, mnist->file[which]))
      return status_error(EXIT_NO_INPUT, "%s: the name is too long", directory);
    if (access(path, F_OK) == 0)
      found = i;
  }
  if (found < 0)
    return status_error(EXIT_NO_INPUT,
                        "%s: neither this file nor its .gz is there; MNIST is four IDX files in one directory", path);
  FileBytes file;
  TRY(file_bytes_read(&file, path, file_most));
  mnist->xxh64[which] = hash_bytes(file.bytes, file.size);
  mnist->bytes[which] = (int64_t)file.size;
  Status status = idx_parse(idx, file.bytes, file.size, path);
  file_bytes_free(&file);
  return status;
}

static Status mnist_read_parts(Mnist *mnist, Idx *images, Idx *labels, const char *directory, const char *part) {
  char image_path[PATH_MAX], label_path[PATH_MAX];
  TRY(part_read(images, mnist, image_path, 0, directory, part));
  if (images->dimensions != 3 || images->dim[1] != MNIST_SIDE || images->dim[2] != MNIST_SIDE)
    return status_error(EXIT_DATA, "%s:4: %d dimensions, %lld x %lld an image; MNIST has n x %d x %d", image_path,
                        images->dimensions, (long long)images->dim[1], (long long)images->dim[2], MNIST_SIDE,
                        MNIST_SIDE);
  TRY(part_read(labels, mnist, label_path, 1, directory, part));
  if (labels->dimensions != 1)
    return status_error(EXIT_DATA, "%s:0: %d dimensions; labels have one", label_path, labels->dimensions);
  if (labels->count != images->dim[0])
    return status_error(EXIT_DATA, "%s:4: %lld labels, but %s has %lld images; the two belong together", label_path,
                        (long long)labels->count, image_path, (long long)images->dim[0]);
  for (int64_t i = 0; i < labels->count; i++)
    if (labels->values[i] >= MNIST_CLASSES)
      return status_error(EXIT_DATA, "%s:%lld: label %d; digits are 0 to 9", label_path, 8 + (long long)i,
                          labels->values[i]);
  return STATUS_OK;
}

Status mnist_read(Mnist *mnist, const char *directory, const char *part) {
  *mnist = (Mnist){0};
  Idx images = {0}, labels = {0};
  Status status = mnist_read_parts(mnist, &images, &labels, directory, part);
  if (status.code) {
    idx_free(&images);
    idx_free(&labels);
    return status;
  }
  mnist->count = images.dim[0];
  mnist->height = mnist->width = MNIST_SIDE;
  mnist->pixels = images.values;
  mnist->labels = labels.values;
  return STATUS_OK;
}

void mnist_free(Mnist *mnist) {
  free(mnist->pixels);
  free(mnist->labels);
  *mnist = (Mnist){0};
}
