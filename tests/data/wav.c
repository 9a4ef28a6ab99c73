// A WAV file is either refused with 65 and one line or gives exactly the samples it holds, whatever its header says.
#include "data/wav.h"

#include "check.h"

#include <stdbool.h>
#include <string.h>

/// A file under construction: little-endian words behind one another.
typedef struct Wav {
  uint8_t bytes[1024];
  size_t size;
} Wav;

static void put(Wav *wav, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; i++)
    wav->bytes[wav->size++] = (uint8_t)(value >> 8 * i);
}

static void put_tag(Wav *wav, const char *tag) {
  memcpy(wav->bytes + wav->size, tag, 4);
  wav->size += 4;
}

/// What can be wrong; all zero is a good file of 8 samples.
typedef struct Flaw {
  const char *what;
  bool good;
  const char *magic, *form;
  bool no_format, no_data, late_format, two_formats, two_data, list_before, list_behind, odd_list, no_pad, extensible,
      stray, lying_cue;
  uint32_t format_size, tag, channels, rate, align, bits, per_second, riff_add, data_size;
  int data_bytes; // -1: none
} Flaw;

static void put_format(Wav *wav, const Flaw *flaw) {
  uint32_t size = flaw->format_size ? flaw->format_size : flaw->extensible ? 40 : 16;
  size_t begin = wav->size + 8;
  put_tag(wav, "fmt ");
  put(wav, size, 4);
  put(wav, flaw->tag ? flaw->tag : flaw->extensible ? 0xfffe : 1, 2);
  put(wav, flaw->channels ? flaw->channels - 1 : 1,
      2); // the field holds value + 1 here, so that 0 means "as it should be"
  put(wav, flaw->rate ? flaw->rate - 1 : 8000, 4);
  put(wav, flaw->per_second ? flaw->per_second - 1 : 16000, 4);
  put(wav, flaw->align ? flaw->align - 1 : 2, 2);
  put(wav, flaw->bits ? flaw->bits - 1 : 16, 2);
  if (flaw->extensible) {
    put(wav, 22, 2);
    put(wav, 16, 2);
    put(wav, 4, 4);
    static const uint8_t pcm[16] = {1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71};
    memcpy(wav->bytes + wav->size, pcm, 16);
    wav->size += 16;
  }
  while (size < 64 && wav->size < begin + size)
    put(wav, 0, 1);
}

static void put_data(Wav *wav, const Flaw *flaw) {
  int bytes = flaw->data_bytes ? flaw->data_bytes : 16;
  put_tag(wav, "data");
  put(wav, flaw->data_size ? flaw->data_size : bytes > 0 ? (uint32_t)bytes : 0, 4);
  for (int i = 0; i < bytes; i++)
    put(wav, (uint32_t)(i * 37 + 5), 1);
}

static void put_list(Wav *wav, const Flaw *flaw) {
  put_tag(wav, "LIST");
  put(wav, flaw->odd_list ? 7 : 8, 4);
  put_tag(wav, "INFO");
  put(wav, 0, 3);
  if (!flaw->no_pad)
    put(wav, 0, 1);
}

static void build(Wav *wav, const Flaw *flaw) {
  *wav = (Wav){0};
  put_tag(wav, flaw->magic ? flaw->magic : "RIFF");
  put(wav, 0, 4);
  put_tag(wav, flaw->form ? flaw->form : "WAVE");
  if (flaw->list_before)
    put_list(wav, flaw);
  if (!flaw->late_format && !flaw->no_format)
    put_format(wav, flaw);
  if (flaw->lying_cue) { // says that one point of 24 bytes follows; libsndfile would look for it in the data
    put_tag(wav, "cue ");
    put(wav, 4, 4);
    put(wav, 1, 4);
  }
  if (flaw->two_formats)
    put_format(wav, flaw);
  if (!flaw->no_data)
    put_data(wav, flaw);
  if (flaw->two_data)
    put_data(wav, flaw);
  if (flaw->late_format)
    put_format(wav, flaw);
  if (flaw->list_behind)
    put_list(wav, flaw);
  if (flaw->stray)
    put(wav, 0, 3);
  uint32_t riff = (uint32_t)wav->size - 8 + flaw->riff_add;
  for (int i = 0; i < 4; i++)
    wav->bytes[4 + i] = (uint8_t)(riff >> 8 * i);
}

static bool right(const int16_t *samples, int count) {
  for (int i = 0; i < count; i++)
    if (samples[i] != (int16_t)((uint8_t)(2 * i * 37 + 5) | (uint8_t)((2 * i + 1) * 37 + 5) << 8))
      return false;
  return count == 8;
}

/// Returns true when read; anything that is neither refused properly nor read rightly is an error.
static bool parse(const Wav *wav, const char *what) {
  int16_t *samples;
  int count;
  Status status = wav_parse(&samples, &count, wav->bytes, wav->size, "t.wav");
  if (status.code) {
    CHECK(status.code == EXIT_DATA && *status.text && !strchr(status.text, '\n'), "%s: %d %s", what, status.code,
          status.text);
    CHECK(!samples && !count, "%s: refused and yet %d samples", what, count);
    return false;
  }
  CHECK(right(samples, count), "%s: %d samples, or wrong ones", what, count);
  free(samples);
  return true;
}

static const Flaw flaws[] = {
    {.what = "as FSDD has it", .good = true},
    {.what = "format of 18 bytes", .good = true, .format_size = 18},
    {.what = "extensible", .good = true, .extensible = true},
    {.what = "a list before", .good = true, .list_before = true},
    {.what = "an odd list before", .good = true, .list_before = true, .odd_list = true},
    {.what = "an odd list behind, not padded", .good = true, .list_behind = true, .odd_list = true, .no_pad = true},
    {.what = "a cue chunk that counts more than it has", .good = true, .lying_cue = true},
    {.what = "the same, extensible, a list behind",
     .good = true,
     .lying_cue = true,
     .extensible = true,
     .list_behind = true},
    {.what = "RIFX", .magic = "RIFX"},
    {.what = "RF64", .magic = "RF64"},
    {.what = "AVI", .form = "AVI "},
    {.what = "RIFF size one more", .riff_add = 1},
    {.what = "RIFF size 0", .riff_add = 0u - 52},
    {.what = "RIFF size 2^32 - 1", .riff_add = 0u - 53},
    {.what = "no format", .no_format = true},
    {.what = "no data", .no_data = true},
    {.what = "format behind data", .late_format = true},
    {.what = "two formats", .two_formats = true},
    {.what = "two data chunks", .two_data = true},
    {.what = "an odd list, not padded", .list_before = true, .odd_list = true, .no_pad = true},
    {.what = "stray bytes", .stray = true},
    {.what = "format of 14 bytes", .format_size = 14},
    {.what = "format of 4 GB", .format_size = 0xfffffff0u},
    {.what = "float", .tag = 3},
    {.what = "mu-law", .tag = 7},
    {.what = "extensible tag in a short format", .tag = 0xfffe},
    {.what = "no channel", .channels = 1},
    {.what = "two channels", .channels = 3},
    {.what = "65535 channels", .channels = 65536},
    {.what = "0 Hz", .rate = 1},
    {.what = "44100 Hz", .rate = 44101},
    {.what = "2^32 - 2 Hz", .rate = 0xffffffffu},
    {.what = "align 0", .align = 1},
    {.what = "align 4", .align = 5},
    {.what = "0 bytes a second", .per_second = 1},
    {.what = "0 bits", .bits = 1},
    {.what = "7 bits", .bits = 8},
    {.what = "8 bits", .bits = 9},
    {.what = "24 bits", .bits = 25},
    {.what = "64 bits", .bits = 65},
    {.what = "empty data", .data_bytes = -1},
    {.what = "odd data", .data_bytes = 15},
    {.what = "data of 14 that are 16", .data_size = 14},
    {.what = "data of 18 that are 16", .data_size = 18},
    {.what = "data of 2^32 - 1", .data_size = 0xffffffffu},
    {.what = "data of 2^31", .data_size = 0x80000000u},
};

int main(void) {
  Wav wav;
  for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
    build(&wav, &flaws[i]);
    CHECK(parse(&wav, flaws[i].what) == flaws[i].good, "%s: expected it to be %s", flaws[i].what,
          flaws[i].good ? "read" : "refused");
  }
  // Every byte of three headers takes every value, and every length of file occurs.
  for (int i = 0; i < 3; i++) {
    build(&wav, &flaws[2 * i]);
    size_t whole = wav.size, header = whole - 16;
    for (size_t at = 0; at < header; at++) {
      uint8_t kept = wav.bytes[at];
      for (int value = 0; value < 256; value++) {
        wav.bytes[at] = (uint8_t)value;
        parse(&wav, flaws[2 * i].what);
      }
      wav.bytes[at] = kept;
    }
    for (wav.size = 0; wav.size < whole; wav.size++)
      CHECK(!parse(&wav, "a prefix"), "%zu of %zu bytes were taken for a file", wav.size, whole);
  }
  return 0;
}
