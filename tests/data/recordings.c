// Recordings come sorted out of a directory or a tar archive; no name or size in the archive is believed.
#include "data/recordings.h"

#include "base/status.h"
#include "data/digits.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static void refused(Status status, int code, const char *what) {
  CHECK(status.code == code, "%s: code %d, not %d: %s", what, status.code, code, status.text);
  CHECK(*status.text && !strchr(status.text, '\n'), "%s: not one line: '%s'", what, status.text);
}

static Status parse_one(const char *name, char type) {
  Bytes wav = wav_make(9, 3), tar = {0};
  tar_add(&tar, name, type, wav.bytes, type == '0' || type == 0 ? wav.size : 0);
  tar_end(&tar);
  Recordings all;
  Status status = recordings_parse(&all, tar.bytes, tar.size, "t.tar");
  if (!status.code)
    CHECK(all.count == 1, "%s: %d recordings", name, all.count);
  recordings_free(&all);
  free(wav.bytes);
  free(tar.bytes);
  return status;
}

static void check_names(void) {
  static const char *const good[] = {"0_a_0.wav", "recordings/7_jackson_32.wav", "/etc/3_anna-lena_9.wav",
                                     "../../9_x_y_10.wav", "a//b/1_J.R_9999.wav"};
  static const char *const bad[] = {
      "10_a_0.wav",       "x_a_0.wav",
      "0_a_.wav",         "0__0.wav",
      "0_a_01.wav",       "0_a_-1.wav",
      "0_a_1e.wav",       "0_a_9999999.wav",
      "0_a b_1.wav",      "0_a\n_1.wav",
      "0_\xc3\xa4_1.wav", "a.wav",
      "0_a.wav",          "0_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_1.wav"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    Status status = parse_one(good[i], '0');
    CHECK(!status.code, "%s: %s", good[i], status.text);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    refused(parse_one(bad[i], '0'), EXIT_DATA, bad[i]);
  // What is no file of ours is passed over, and then nothing is left.
  refused(parse_one("._0_a_0.wav", '0'), EXIT_NO_INPUT, "a hidden file");
  refused(parse_one("README.md", '0'), EXIT_NO_INPUT, "a text");
  refused(parse_one("0_a_0.wav", '1'), EXIT_NO_INPUT, "a hard link");
  refused(parse_one("0_a_0.wav", '2'), EXIT_NO_INPUT, "a symbolic link");
  refused(parse_one("0_a_0.wav", '3'), EXIT_NO_INPUT, "a device");
  refused(parse_one("0_a_0.wav", '6'), EXIT_NO_INPUT, "a FIFO");
  refused(parse_one("0_a_0.wav/", '5'), EXIT_NO_INPUT, "a directory");
}

static Bytes archive_make(void) {
  Bytes tar = {0};
  static const char *const name[] = {"r/1_b_10.wav", "r/1_b_2.wav", "r/1_b_1.wav", "r/0_c_5.wav"};
  for (int i = 0; i < 4; i++) {
    Bytes wav = wav_make(5 + i, 11);
    tar_add(&tar, name[i], '0', wav.bytes, wav.size);
    free(wav.bytes);
  }
  tar_end(&tar);
  return tar;
}

static void check_order(const Recordings *all) {
  static const char *const name[] = {"0_c_5", "1_b_1", "1_b_10", "1_b_2"};
  CHECK(all->count == 4, "%d recordings", all->count);
  for (int i = 0; i < 4; i++)
    CHECK(!strcmp(all->recording[i].name, name[i]), "%d is %s, not %s", i, all->recording[i].name, name[i]);
  const Recording *one = recordings_find(all, 1, "b", 10);
  CHECK(one && one->count == 5 && one->digit == 1 && one->take == 10 && one->samples[2] == 22, "1_b_10");
  CHECK(!recordings_find(all, 1, "b", 3) && !recordings_find(all, 1, "", 1), "found what is not there");
}

static void check_archive(void) {
  Bytes tar = archive_make();
  Recordings all;
  Status status = recordings_parse(&all, tar.bytes, tar.size, "t.tar");
  CHECK(!status.code, "%s", status.text);
  check_order(&all);
  recordings_free(&all);
  // Every byte of the first header, changed; every length.
  for (size_t at = 0; at < 512; at++)
    for (int mask = 1; mask < 256; mask = 2 * mask + 1) {
      tar.bytes[at] ^= (uint8_t)mask;
      status = recordings_parse(&all, tar.bytes, tar.size, "t.tar");
      CHECK(!status.code || status.code == EXIT_DATA || status.code == EXIT_NO_INPUT, "byte %zu: %s", at, status.text);
      recordings_free(&all);
      tar.bytes[at] ^= (uint8_t)mask;
    }
  for (size_t size = 0; size < tar.size - 1024; size += 7) {
    status = recordings_parse(&all, tar.bytes, size, "t.tar");
    CHECK(status.code || all.count < 4 || size > tar.size - 2048, "%zu of %zu bytes were enough", size, tar.size);
    recordings_free(&all);
  }
  Bytes twice = {0};
  bytes_add(&twice, tar.bytes, tar.size - 1024);
  bytes_add(&twice, tar.bytes, tar.size);
  refused(recordings_parse(&all, twice.bytes, twice.size, "t.tar"), EXIT_DATA, "everything twice");
  free(twice.bytes);
  // Packed: gzip must be whole.
  uint8_t packed[8192];
  z_stream stream = {.next_in = tar.bytes, .avail_in = (uInt)tar.size, .next_out = packed, .avail_out = sizeof packed};
  CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
            deflate(&stream, Z_FINISH) == Z_STREAM_END,
        "zlib");
  size_t size = sizeof packed - stream.avail_out;
  deflateEnd(&stream);
  status = recordings_parse(&all, packed, size, "t.tar.gz");
  CHECK(!status.code, "%s", status.text);
  check_order(&all);
  recordings_free(&all);
  for (size_t length = 0; length < size; length++)
    refused(recordings_parse(&all, packed, length, "t.tar.gz"), EXIT_DATA, "a truncation");
  packed[size - 6] ^= 1; // the checksum
  refused(recordings_parse(&all, packed, size, "t.tar.gz"), EXIT_DATA, "a wrong checksum");
  free(tar.bytes);
}

/// Sizes that nobody can have: in the header of one entry.
static void check_sizes(void) {
  static const char *const size[] = {"77777777777", "00010000000", "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
                                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf0"};
  for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
    Bytes wav = wav_make(9, 3), tar = {0};
    tar_add(&tar, "0_a_0.wav", '0', wav.bytes, wav.size);
    memcpy(tar.bytes + 124, size[i], 12);
    memset(tar.bytes + 148, ' ', 8);
    unsigned sum = 0;
    for (int b = 0; b < 512; b++)
      sum += tar.bytes[b];
    snprintf((char *)tar.bytes + 148, 8, "%06o", sum);
    tar_end(&tar);
    Recordings all;
    Status status = recordings_parse(&all, tar.bytes, tar.size, "t.tar");
    CHECK(status.code == EXIT_DATA, "size %zu: %d %s", i, status.code, status.text);
    free(wav.bytes);
    free(tar.bytes);
  }
}

static void check_directory(void) {
  char scratch[] = "/tmp/rebasis-recordings-XXXXXX", inner[64], path[128];
  CHECK(mkdtemp(scratch), "mkdtemp");
  Recordings all;
  refused(recordings_read(&all, scratch), EXIT_NO_INPUT, "an empty directory");
  Bytes tar = archive_make();
  file_write(scratch, "recordings.tar.gz", tar);
  Status status = recordings_read(&all, scratch);
  CHECK(!status.code, "%s", status.text);
  check_order(&all);
  recordings_free(&all);
  snprintf(inner, sizeof inner, "%s/recordings", scratch);
  CHECK(!mkdir(inner, 0700), "mkdir");
  static const char *const name[] = {"1_b_10.wav", "1_b_2.wav", "1_b_1.wav", "0_c_5.wav"};
  uint64_t hash[2];
  for (int where = 0; where < 2; where++) {
    const char *directory = where ? scratch : inner;
    for (int i = 0; i < 4; i++) {
      Bytes wav = wav_make(5 + i, 11);
      file_write(directory, name[i], wav);
      free(wav.bytes);
    }
    status = recordings_read(&all, scratch);
    CHECK(!status.code && !strcmp(all.source, "*.wav"), "%s", status.text);
    check_order(&all);
    hash[where] = all.xxh64;
    recordings_free(&all);
    for (int i = 0; i < 4 && !where; i++) {
      snprintf(path, sizeof path, "%s/%s", inner, name[i]);
      unlink(path);
    }
  }
  CHECK(hash[0] == hash[1], "the same files in another place have another hash");
  snprintf(path, sizeof path, "%s/5_fifo_0.wav", scratch);
  CHECK(!mkfifo(path, 0600), "mkfifo");
  refused(recordings_read(&all, scratch), EXIT_DATA, "a FIFO among the files");
  unlink(path);
  CHECK(!symlink("/nowhere", path), "symlink");
  refused(recordings_read(&all, scratch), EXIT_NO_INPUT, "a link to nowhere");
  unlink(path);
  for (int i = 0; i < 4; i++) {
    snprintf(path, sizeof path, "%s/%s", scratch, name[i]);
    unlink(path);
  }
  snprintf(path, sizeof path, "%s/recordings.tar.gz", scratch);
  unlink(path);
  rmdir(inner);
  rmdir(scratch);
  free(tar.bytes);
}

int main(void) {
  check_names();
  check_archive();
  check_sizes();
  check_directory();
  return 0;
}
