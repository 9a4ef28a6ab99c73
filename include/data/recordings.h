#ifndef DATA_RECORDINGS_H
#define DATA_RECORDINGS_H
/// The Free Spoken Digit Dataset: WAV files named DIGIT_SPEAKER_TAKE.wav.
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { RECORDING_NAME = 48 };

typedef struct Recording {
  char name[RECORDING_NAME]; // DIGIT_SPEAKER_TAKE
  char speaker[RECORDING_NAME];
  int digit, take; // 0..9; 0..9999
  int count;
  int16_t *samples; // [count] at WAV_RATE
} Recording;

/// Owned (recordings_free). Sorted by name as strings are, no name twice.
typedef struct Recordings {
  int count;
  Recording *recording; // [count]
  uint64_t xxh64;       // of the archive's bytes, or of names and bytes of the files, each with its NUL, in that order
  int64_t bytes;
  char source[RECORDING_NAME]; // "recordings.tar.gz" or "*.wav"
} Recordings;

/// Reads DIRECTORY/recordings/*.wav, or DIRECTORY/*.wav, or DIRECTORY/recordings.tar.gz: the first that is there.
/// EXIT_NO_INPUT, EXIT_DATA (a damaged file, a name of another form, one twice), EXIT_IO.
Status recordings_read(Recordings *recordings, const char *directory);
/// Reads a tar archive, plain or gzip, from bytes[size]. Only regular entries that end in .wav count, by the last
/// component of their names; nothing is ever written to disk. EXIT_DATA "NAME/ENTRY:OFFSET: …".
Status recordings_parse(Recordings *recordings, const uint8_t *bytes, size_t size, const char *name);
/// The recording, or NULL.
const Recording *recordings_find(const Recordings *recordings, int digit, const char *speaker, int take);
void recordings_free(Recordings *recordings);

#endif
