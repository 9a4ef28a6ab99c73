// RIFF: "RIFF" size "WAVE", then chunks: four letters, a little-endian size, that many bytes, padded to an even number
// (Multimedia Programming Interface and Data Specifications 1.0, IBM and Microsoft, 1991). The decoder repairs or
// guesses where sizes lie, silently; so the chunks are walked first, and only a truthful file reaches it.
#include "data/wav.h"

#include "base/memory.h"

#include <sndfile.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct Chunks {
  size_t format, format_size; // where the bytes of "fmt " begin, and how many; 0: not seen
  size_t data, data_size;
} Chunks;

static uint32_t word_little_endian(const uint8_t *b) {
  return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

static Status chunks_walk(Chunks *chunks, const uint8_t *bytes, size_t size, const char *name) {
  *chunks = (Chunks){0};
  if (size < 12 || memcmp(bytes, "RIFF", 4) || memcmp(bytes + 8, "WAVE", 4))
    return status_error(EXIT_DATA, "%s:0: does not begin as a WAV file does (RIFF, size, WAVE)", name);
  if (word_little_endian(bytes + 4) != size - 8)
    return status_error(EXIT_DATA, "%s:4: RIFF declares %u bytes and %zu follow; fetch the file again", name,
                        word_little_endian(bytes + 4), size - 8);
  for (size_t at = 12; at < size;) {
    if (size - at < 8)
      return status_error(EXIT_DATA, "%s:%zu: %zu stray bytes where a chunk should begin", name, at, size - at);
    size_t length = word_little_endian(bytes + at + 4), body = at + 8;
    if (length > size - body)
      return status_error(EXIT_DATA, "%s:%zu: a chunk declares %zu bytes where %zu are left", name, at + 4, length,
                          size - body);
    bool is_format = !memcmp(bytes + at, "fmt ", 4), is_data = !memcmp(bytes + at, "data", 4);
    if ((is_format && chunks->format) || (is_data && chunks->data))
      return status_error(EXIT_DATA, "%s:%zu: a second \"%.4s\" chunk; there is one in a WAV file", name, at,
                          is_data ? "data" : "fmt ");
    if (is_data && !chunks->format)
      return status_error(EXIT_DATA, "%s:%zu: the data come before their format (\"fmt \")", name, at);
    if (is_format) {
      chunks->format = body;
      chunks->format_size = length;
    } else if (is_data) {
      chunks->data = body;
      chunks->data_size = length;
    }
    at = body + length + (length % 2 && length < size - body); // the pad byte of the last chunk is often left out
  }
  if (!chunks->data)
    return status_error(EXIT_DATA, "%s:%zu: ends without a \"data\" chunk", name, size);
  return STATUS_OK;
}

/// What the format chunk says about one channel of 16-bit PCM must agree with itself.
static Status format_check(const Chunks *chunks, const uint8_t *bytes, const char *name) {
  size_t at = chunks->format;
  if (chunks->format_size != 16 && chunks->format_size != 18 && chunks->format_size != 40)
    return status_error(EXIT_DATA, "%s:%zu: a format of %zu bytes; 16, 18 and 40 exist", name, at - 4,
                        chunks->format_size);
  const uint8_t *f = bytes + at;
  int tag = f[0] | f[1] << 8, channels = f[2] | f[3] << 8, align = f[12] | f[13] << 8, bits = f[14] | f[15] << 8;
  uint32_t rate = word_little_endian(f + 4), per_second = word_little_endian(f + 8);
  if (tag != 1 && !(tag == 0xfffe && chunks->format_size == 40))
    return status_error(EXIT_DATA, "%s:%zu: coding 0x%04x; plain PCM (1) is wanted", name, at, tag);
  if (channels != 1 || rate != WAV_RATE || bits != 16)
    return status_error(EXIT_DATA, "%s:%zu: %d channels, %u Hz, %d bits; one channel, %d Hz and 16 bits are wanted",
                        name, at + 2, channels, rate, bits, WAV_RATE);
  if (align != 2 || per_second != 2 * WAV_RATE)
    return status_error(EXIT_DATA, "%s:%zu: %d bytes a frame and %u a second do not fit 16 bits at %d Hz", name, at + 8,
                        align, per_second, WAV_RATE);
  if (chunks->data_size % 2)
    return status_error(EXIT_DATA, "%s:%zu: %zu bytes of data are no whole number of 16-bit samples", name,
                        chunks->data - 4, chunks->data_size);
  if (chunks->data_size < 2 || chunks->data_size / 2 > WAV_SAMPLES_MOST)
    return status_error(EXIT_DATA, "%s:%zu: %zu samples; 1 to %d are a spoken digit", name, chunks->data - 4,
                        chunks->data_size / 2, WAV_SAMPLES_MOST);
  return STATUS_OK;
}

/// A file that libsndfile sees through the five calls below.
typedef struct Tape {
  const uint8_t *bytes;
  sf_count_t size, at;
} Tape;

static sf_count_t tape_size(void *user) { return ((const Tape *)user)->size; }
static sf_count_t tape_tell(void *user) { return ((const Tape *)user)->at; }
static sf_count_t tape_write(const void *from, sf_count_t n, void *user) { return (void)from, (void)n, (void)user, 0; }

static sf_count_t tape_seek(sf_count_t offset, int whence, void *user) {
  Tape *tape = user;
  sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? tape->at : tape->size, to;
  if (__builtin_add_overflow(base, offset, &to) || to < 0 || to > tape->size)
    return -1;
  return tape->at = to;
}

static sf_count_t tape_read(void *to, sf_count_t n, void *user) {
  Tape *tape = user;
  if (n > tape->size - tape->at)
    n = tape->size - tape->at;
  if (n <= 0)
    return 0;
  memcpy(to, tape->bytes + tape->at, (size_t)n);
  tape->at += n;
  return n;
}

static Status sound_decode(int16_t *samples, int count, SNDFILE *sound, const SF_INFO *info, const char *name) {
  int container = info->format & SF_FORMAT_TYPEMASK;
  if ((container != SF_FORMAT_WAV && container != SF_FORMAT_WAVEX) ||
      (info->format & SF_FORMAT_SUBMASK) != SF_FORMAT_PCM_16 || info->channels != 1 || info->samplerate != WAV_RATE ||
      info->frames != count)
    return status_error(EXIT_DATA,
                        "%s:0: decodes as format 0x%x, %d channels, %d Hz, %lld samples; %d samples of PCM were "
                        "declared",
                        name, (unsigned)info->format, info->channels, info->samplerate, (long long)info->frames, count);
  sf_count_t got = sf_readf_short(sound, samples, count);
  if (got != count)
    return status_error(EXIT_DATA, "%s: %lld of %d samples could be decoded", name, (long long)got, count);
  return STATUS_OK;
}

/// The file that libsndfile gets: nothing but the two chunks that count. *tape is owned.
static Status tape_make(uint8_t **tape, size_t *size, const Chunks *chunks, const uint8_t *bytes, const char *name) {
  size_t data_at = 12 + 8 + chunks->format_size;
  *size = data_at + 8 + chunks->data_size;
  TRY(memory_take((void **)tape, *size, 1, name));
  memcpy(*tape, bytes, 12);
  for (int i = 0; i < 4; i++)
    (*tape)[4 + i] = (uint8_t)((*size - 8) >> 8 * i);
  memcpy(*tape + 12, bytes + chunks->format - 8, 8 + chunks->format_size);
  memcpy(*tape + data_at, bytes + chunks->data - 8, 8 + chunks->data_size);
  return STATUS_OK;
}

static Status tape_play(int16_t *samples, int count, const uint8_t *bytes, size_t size, const char *name) {
  Tape tape = {bytes, (sf_count_t)size, 0};
  SF_VIRTUAL_IO calls = {tape_size, tape_seek, tape_read, tape_write, tape_tell};
  SF_INFO info = {0};
  SNDFILE *sound = sf_open_virtual(&calls, SFM_READ, &info, &tape);
  if (!sound)
    return status_error(EXIT_DATA, "%s: is not understood (%s)", name, sf_strerror(NULL));
  Status status = sound_decode(samples, count, sound, &info, name);
  sf_close(sound);
  return status;
}

Status wav_parse(int16_t **samples, int *count, const uint8_t *bytes, size_t size, const char *name) {
  *samples = NULL;
  *count = 0;
  Chunks chunks;
  TRY(chunks_walk(&chunks, bytes, size, name));
  TRY(format_check(&chunks, bytes, name));
  int n = (int)(chunks.data_size / 2);
  uint8_t *tape;
  size_t tape_bytes;
  TRY(tape_make(&tape, &tape_bytes, &chunks, bytes, name));
  Status status = memory_take((void **)samples, (size_t)n, sizeof **samples, name);
  if (!status.code)
    status = tape_play(*samples, n, tape, tape_bytes, name);
  free(tape);
  if (status.code) {
    free(*samples);
    *samples = NULL;
    return status;
  }
  *count = n;
  return STATUS_OK;
}
