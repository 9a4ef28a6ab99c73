// The features of a spoken digit agree with an independent implementation to a hundred-thousandth, at any length.
#include "data/audio.h"

#include "check.h"
#include "data/audio_reference.h"
#include "data/wav.h"

#include <math.h>

enum { LONGEST = 40000 };

/// The integers of tools/oracle/mfcc.py.
static void waveform(int16_t *samples, int count) {
  uint32_t state = (uint32_t)count;
  for (int i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    int value = (int)(state >> 18) + i * (60 + count % 50) % 16384 - 16384;
    int quiet = (value + 16384) / 128 - 128;
    samples[i] = (int16_t)(i % 1000 > 800 ? 0 : count % 2 ? value : quiet);
  }
}

static void check_mfcc(Audio *audio, int16_t *samples) {
  const double *want = mfcc_reference;
  float out[MFCC_SIDE * MFCC_SIDE];
  for (size_t i = 0; i < sizeof mfcc_lengths / sizeof *mfcc_lengths; i++) {
    int count = mfcc_lengths[i], frames = 1 + (count + 2) / 3 / 512;
    int columns = frames < MFCC_SIDE ? frames : MFCC_SIDE;
    waveform(samples, count);
    audio_mfcc(out, audio, samples, count);
    double scale = 0;
    for (int j = 0; j < MFCC_SIDE * columns; j++)
      scale = fmax(scale, fabs(want[j]));
    for (int k = 0; k < MFCC_SIDE; k++)
      for (int t = 0; t < MFCC_SIDE; t++) {
        double right = t < columns ? want[k * columns + t] : -1, got = out[k * MFCC_SIDE + t];
        CHECK(fabs(got - right) <= 1e-5 * (fabs(right) + 1e-2 * scale),
              "%d samples, coefficient %d, time %d: %.9g, not %.9g", count, k, t, got, right);
      }
    want += MFCC_SIDE * columns;
  }
  CHECK(want == mfcc_reference + sizeof mfcc_reference / sizeof *mfcc_reference, "the reference has another length");
}

static void check_logmel(Audio *audio, int16_t *samples) {
  enum { COLUMNS = sizeof reference_columns / sizeof *reference_columns };
  const double *want = logmel_reference;
  float out[LOGMEL_SIDE * LOGMEL_SIDE];
  for (size_t i = 0; i < sizeof logmel_lengths / sizeof *logmel_lengths; i++) {
    waveform(samples, logmel_lengths[i]);
    audio_logmel(out, audio, samples, logmel_lengths[i]);
    for (int b = 0; b < LOGMEL_SIDE; b++)
      for (int c = 0; c < COLUMNS; c++, want++) {
        double got = out[b * LOGMEL_SIDE + reference_columns[c]];
        CHECK(fabs(got - *want) <= 1e-4, "%d samples, band %d, time %d: %.9g, not %.9g", logmel_lengths[i], b,
              reference_columns[c], got, *want);
      }
  }
}

/// Silence has the least power in every band, so its cepstrum is the constant alone: -100 sqrt(128); and no loudest
/// band.
static void check_silence(Audio *audio, int16_t *samples, int count) {
  float out[LOGMEL_SIDE * LOGMEL_SIDE];
  for (int i = 0; i < count; i++)
    samples[i] = 0;
  audio_mfcc(out, audio, samples, count);
  for (int k = 0; k < MFCC_SIDE; k++) {
    double right = k ? -1 : -200 * sqrt(128) - 1;
    CHECK(fabs(out[k * MFCC_SIDE] - right) < 1e-3, "silence of %d, coefficient %d: %.9g, not %.9g", count, k,
          out[k * MFCC_SIDE], right);
  }
  audio_logmel(out, audio, samples, count);
  for (int i = 0; i < LOGMEL_SIDE * LOGMEL_SIDE; i++)
    CHECK(out[i] == 0, "silence of %d: %g", count, out[i]);
}

/// A tone has its greatest power in the band around it as long as it lasts.
static void check_tone(Audio *audio, int16_t *samples) {
  float out[LOGMEL_SIDE * LOGMEL_SIDE];
  for (int i = 0; i < 4000; i++)
    samples[i] = (int16_t)lrint(9000 * sin(6.283185307179586 * 1000 * i / WAV_RATE));
  audio_logmel(out, audio, samples, 4000);
  double top = 15 + log(4) * 27 / log(6.4), step = (top - 0.75) / (LOGMEL_SIDE + 1);
  int band = (int)lrint((15 - 0.75) / step) - 1; // 1000 Hz is 15 mel, 50 Hz is 0.75
  for (int t = 6; t + 6 < LOGMEL_SIDE; t++)      // 25 frames long
    for (int b = 0; b < LOGMEL_SIDE; b++)
      CHECK(b == band || out[b * LOGMEL_SIDE + t] < out[band * LOGMEL_SIDE + t], "at time %d band %d is louder than %d",
            t, b, band);
}

int main(void) {
  Audio *audio;
  Status status = audio_open(&audio);
  CHECK(!status.code, "%s", status.text);
  int16_t *samples = malloc(WAV_SAMPLES_MOST * sizeof *samples);
  CHECK(samples, "memory");
  check_mfcc(audio, samples);
  check_logmel(audio, samples);
  check_silence(audio, samples, 1);
  check_silence(audio, samples, WAV_SAMPLES_MOST);
  check_tone(audio, samples);
  free(samples);
  audio_close(audio);
  return 0;
}
