// Every damaged IDX or gzip file is refused with 65 and one line, and every sound one is read as it is.
#include "data/idx.h"

#include "check.h"
#include "data/source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];

static void refused(Status status, int code, const char *what) {
  CHECK(status.code == code, "%s: code %d, not %d: %s", what, status.code, code, status.text);
  CHECK(*status.text && !strchr(status.text, '\n'), "%s: not one line: '%s'", what, status.text);
}

static size_t idx_build(uint8_t *to, int dimensions, const uint32_t *dim, size_t payload) {
  uint8_t *at = to;
  uint32_t word[5] = {0x800u | (uint32_t)dimensions};
  for (int i = 0; i < dimensions; i++)
    word[i + 1] = dim[i];
  for (int i = 0; i <= dimensions; i++)
    for (int b = 3; b >= 0; b--)
      *at++ = (uint8_t)(word[i] >> 8 * b);
  for (size_t i = 0; i < payload; i++)
    *at++ = (uint8_t)(i * 7 % 10);
  return (size_t)(at - to);
}

static size_t gzip_build(uint8_t *to, size_t room, const uint8_t *from, size_t size) {
  z_stream stream = {0};
  CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  stream.next_in = (Bytef *)from;
  stream.avail_in = (uInt)size;
  stream.next_out = to;
  stream.avail_out = (uInt)room;
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib");
  size_t packed = room - stream.avail_out;
  deflateEnd(&stream);
  return packed;
}

static void check_table(void) {
  static const struct {
    const char *what;
    int dimensions;
    uint32_t dim[4];
    size_t payload;
    int good;
  } row[] = {
      {"an image file", 3, {2, 3, 4}, 24, 1},
      {"labels", 1, {9}, 9, 1},
      {"four dimensions", 4, {1, 2, 3, 2}, 12, 1},
      {"no dimensions", 0, {0}, 1, 0},
      {"dimension 0", 3, {0, 28, 28}, 0, 0},
      {"dimension 0 behind", 3, {2, 28, 0}, 0, 0},
      {"dimension 2^31", 1, {0x80000000u}, 16, 0},
      {"dimension 2^32 - 1", 1, {0xffffffffu}, 16, 0},
      {"product 2^64", 4, {0x10000, 0x10000, 0x10000, 0x10000}, 16, 0},
      {"product near 2^63", 3, {0x7fffffff, 0x7fffffff, 2}, 16, 0},
      {"payload short by one", 3, {2, 3, 4}, 23, 0},
      {"payload long by one", 3, {2, 3, 4}, 25, 0},
      {"no payload", 3, {2, 3, 4}, 0, 0},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    uint8_t bytes[64];
    Idx idx;
    Status status = idx_parse(&idx, bytes, idx_build(bytes, row[i].dimensions, row[i].dim, row[i].payload), "t.idx");
    if (row[i].good) {
      CHECK(!status.code, "%s: %s", row[i].what, status.text);
      CHECK(idx.count == (int64_t)row[i].payload && idx.values[1] == 7, "%s", row[i].what);
      idx_free(&idx);
    } else {
      refused(status, EXIT_DATA, row[i].what);
    }
  }
}

static void check_header(void) {
  uint8_t bytes[64];
  size_t size = idx_build(bytes, 3, (uint32_t[]){2, 3, 4}, 24);
  for (size_t length = 0; length < size; length++) {
    Idx idx;
    refused(idx_parse(&idx, bytes, length, "t.idx"), EXIT_DATA, "a prefix");
  }
  // Another magic number, another size: the payload never fits, because 24 bytes are 24 values in one way only.
  for (int at = 0; at < 16; at++) {
    uint8_t right = bytes[at];
    for (int value = 0; value < 256; value++) {
      if (value == right)
        continue;
      bytes[at] = (uint8_t)value;
      Idx idx;
      refused(idx_parse(&idx, bytes, size, "t.idx"), EXIT_DATA, "a header byte");
    }
    bytes[at] = right;
  }
}

static int same(const Idx *idx, const uint8_t *plain) {
  return idx->count == 600 && !memcmp(idx->values, plain + 16, 600);
}

static void check_gzip(void) {
  uint8_t plain[616], packed[2048], twice[4096];
  size_t size = idx_build(plain, 3, (uint32_t[]){6, 10, 10}, 600), gz = gzip_build(packed, sizeof packed, plain, size);
  Idx idx;
  Status status = idx_parse(&idx, packed, gz, "t.gz");
  CHECK(!status.code && same(&idx, plain), "sound: %s", status.text);
  idx_free(&idx);
  for (size_t length = 0; length < gz; length++)
    refused(idx_parse(&idx, packed, length, "t.gz"), EXIT_DATA, "a truncation");
  for (size_t bit = 0; bit < 8 * gz; bit++) {
    packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    status = idx_parse(&idx, packed, gz, "t.gz");
    if (status.code)
      refused(status, EXIT_DATA, "a flipped bit");
    else
      CHECK(same(&idx, plain), "bit %zu changes the values unnoticed", bit); // notes in the header may change
    idx_free(&idx);
    packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  memcpy(twice, packed, gz);
  for (int stray = 0; stray < 256; stray++) {
    twice[gz] = (uint8_t)stray;
    refused(idx_parse(&idx, twice, gz + 1, "t.gz"), EXIT_DATA, "a stray byte");
  }
  memcpy(twice + gz, packed, gz);
  refused(idx_parse(&idx, twice, 2 * gz, "t.gz"), EXIT_DATA, "the file twice");
  size_t half = gzip_build(twice, sizeof twice, plain, 300);
  half += gzip_build(twice + half, sizeof twice - half, NULL, 0);
  size_t whole = half + gzip_build(twice + half, sizeof twice - half, plain + 300, size - 300);
  status = idx_parse(&idx, twice, whole, "t.gz");
  CHECK(!status.code && same(&idx, plain), "three members: %s", status.text);
  idx_free(&idx);
  refused(idx_parse(&idx, twice, half, "t.gz"), EXIT_DATA, "two of three members");
}

static void check_bomb(void) {
  size_t size = (size_t)64 << 20, room = (size_t)1 << 20;
  uint8_t *zeros = calloc(size, 1), *packed = malloc(room);
  CHECK(zeros && packed, "memory");
  idx_build(zeros, 1, (uint32_t[]){16}, 0);
  size_t gz = gzip_build(packed, room, zeros, size);
  Idx idx;
  refused(idx_parse(&idx, packed, gz, "bomb.gz"), EXIT_DATA, "64 MiB behind 16 values");
  idx_build(zeros, 1, (uint32_t[]){0x7fffffff}, 0);
  gz = gzip_build(packed, room, zeros, 4096);
  refused(idx_parse(&idx, packed, gz, "bomb.gz"), EXIT_DATA, "2 GiB declared in a few bytes");
  Source source;
  gz = gzip_build(packed, room, zeros, size);
  CHECK(!source_open(&source, packed, gz, "bomb.gz").code, "open");
  FileBytes rest;
  refused(source_take_rest(&source, &rest, 1 << 20), EXIT_DATA, "more than a MiB");
  source_close(&source);
  free(zeros);
  free(packed);
}

static void file_write(const char *name, const uint8_t *bytes, size_t size) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", scratch, name);
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite(bytes, 1, size, file) == size && !fclose(file), "%s", path);
}

static void file_forget(const char *name) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", scratch, name);
  if (unlink(path))
    rmdir(path);
}

static void check_files(void) {
  static const char images[] = "train-images-idx3-ubyte", labels[] = "train-labels-idx1-ubyte";
  uint8_t *image = malloc(16 + 3 * 784), label[64], packed[256];
  CHECK(image, "memory");
  char path[128];
  Mnist mnist;
  refused(mnist_read(&mnist, scratch, "train"), EXIT_NO_INPUT, "an empty directory");
  size_t size = idx_build(image, 3, (uint32_t[]){3, 28, 28}, 3 * 784),
         label_size = idx_build(label, 1, (uint32_t[]){3}, 3);
  file_write(images, image, size);
  refused(mnist_read(&mnist, scratch, "train"), EXIT_NO_INPUT, "no labels");
  file_write(labels, label, label_size);
  Status status = mnist_read(&mnist, scratch, "train");
  CHECK(!status.code && mnist.count == 3 && mnist.labels[2] == 4 && mnist.bytes[0] == (int64_t)size, "%s", status.text);
  mnist_free(&mnist);
  for (int wrong = 10; wrong <= 255; wrong += 245) {
    label[9] = (uint8_t)wrong;
    file_write(labels, label, label_size);
    status = mnist_read(&mnist, scratch, "train");
    refused(status, EXIT_DATA, "a label");
    CHECK(strstr(status.text, "ubyte:9: "), "the place of the label is missing: %s", status.text);
  }
  file_write(labels, label, idx_build(label, 1, (uint32_t[]){4}, 4));
  refused(mnist_read(&mnist, scratch, "train"), EXIT_DATA, "four labels for three images");
  file_write(labels, label, idx_build(label, 2, (uint32_t[]){3, 1}, 3));
  refused(mnist_read(&mnist, scratch, "train"), EXIT_DATA, "labels in two dimensions");
  file_write(labels, label, idx_build(label, 1, (uint32_t[]){3}, 3));
  file_write(images, image, idx_build(image, 3, (uint32_t[]){3, 14, 56}, 3 * 784));
  refused(mnist_read(&mnist, scratch, "train"), EXIT_DATA, "images of 14 x 56");
  file_write(images, image, idx_build(image, 3, (uint32_t[]){3, 28, 28}, 3 * 784));

  file_forget(labels);
  file_write("train-labels-idx1-ubyte.gz", packed, gzip_build(packed, sizeof packed, label, label_size));
  status = mnist_read(&mnist, scratch, "train");
  CHECK(!status.code && !strcmp(mnist.file[1], "train-labels-idx1-ubyte.gz"), "%s", status.text);
  mnist_free(&mnist);
  file_write("train-labels-idx1-ubyte.gz", label, label_size);
  status = mnist_read(&mnist, scratch, "train");
  CHECK(!status.code && mnist.count == 3, "plain bytes named .gz: %s", status.text);
  mnist_free(&mnist);
  file_forget("train-labels-idx1-ubyte.gz");

  snprintf(path, sizeof path, "%s/%s", scratch, labels);
  CHECK(!mkdir(path, 0700), "mkdir");
  refused(mnist_read(&mnist, scratch, "train"), EXIT_DATA, "a directory for a file");
  file_forget(labels);
  CHECK(!mkfifo(path, 0600), "mkfifo");
  refused(mnist_read(&mnist, scratch, "train"), EXIT_DATA, "a FIFO for a file");
  file_forget(labels);
  CHECK(!symlink("/dev/zero", path), "symlink");
  refused(mnist_read(&mnist, scratch, "train"), EXIT_DATA, "/dev/zero for a file");
  file_forget(labels);
  file_forget(images);
  free(image);
}

int main(void) {
  snprintf(scratch, sizeof scratch, "/tmp/rebasis-idx-XXXXXX");
  CHECK(mkdtemp(scratch), "mkdtemp");
  check_table();
  check_header();
  check_gzip();
  check_bomb();
  check_files();
  rmdir(scratch);
  return 0;
}
