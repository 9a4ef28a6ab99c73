#ifndef DATA_WAV_H
#define DATA_WAV_H
/// Telephone-grade speech from WAV bytes: one channel, 8000 Hz, 16 bits, nothing else.
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { WAV_RATE = 8000, WAV_SAMPLES_MOST = 60 * WAV_RATE };

/// Decodes RIFF/WAVE bytes[size] into *samples[*count], owned, 1 <= *count <= WAV_SAMPLES_MOST. Every size that the
/// chunks declare must be true; chunks of other kinds are passed over. `name` stands for the bytes in messages.
/// EXIT_DATA "NAME:OFFSET: …".
Status wav_parse(int16_t **samples, int *count, const uint8_t *bytes, size_t size, const char *name);

#endif
