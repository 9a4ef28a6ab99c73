// Frame x_k, k < W:  p_j = | sum_k h_k x_k exp(-2 pi i j k / W) |^2,  h_k = (1 - cos(2 pi k / W)) / 2,  j <= W/2;
// band b:            m_b = sum_j max(0, min((f_j - e_b) / (e_{b+1} - e_b), (e_{b+2} - f_j) / (e_{b+2} - e_{b+1}))) p_j,
// with edges e equidistant on Slaney's mel scale (Auditory Toolbox, 1998): linear to 1000 Hz (15 mel), then
// logarithmic, 27 mel for a factor of 6.4;  c_k = s_k sum_b log m_b cos(pi k (2 b + 1) / (2 B)),  s_0 = sqrt(1/B), s_k
// = sqrt(2/B).
#include "data/audio.h"

#include "base/memory.h"
#include "data/wav.h"

#include <complex.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
  MFCC_STRIDE = 3,
  MFCC_WINDOW = 2048,
  MFCC_HOP = 512,
  MFCC_BANDS = 128,
  MFCC_FRAMES_MOST = (WAV_SAMPLES_MOST + MFCC_STRIDE - 1) / MFCC_STRIDE / MFCC_HOP + 1,
  LOGMEL_WINDOW = 256,
  LOGMEL_HOP = 160
};
static const double pi = 3.14159265358979323846;

/// From a frame of `window` samples to `bands` band powers.
typedef struct Bands {
  int window, bands;
  double *hann;                   // [window]
  double complex *root;           // [window/2] exp(-2 pi i k / window)
  double *weight;                 // [bands, window/2 + 1]
  int *first, *end;               // [bands] bins where the weight is not zero
  double complex *work, *swapped; // [window]
} Bands;

struct Audio {
  Bands mfcc, logmel;
  double *cosine;  // [MFCC_SIDE, MFCC_BANDS]
  double *decibel; // [MFCC_FRAMES_MOST, MFCC_BANDS]
};

static double mel_from_hertz(double f) { return f < 1000 ? f * 3 / 200 : 15 + log(f / 1000) * (27 / log(6.4)); }
static double mel_to_hertz(double m) { return m < 15 ? m * 200 / 3 : 1000 * exp((m - 15) * (log(6.4) / 27)); }

static void weights_fill(Bands *bands, double low, double high, bool unit_area) {
  int bins = bands->window / 2 + 1;
  double from = mel_from_hertz(low), step = (mel_from_hertz(high) - from) / (bands->bands + 1);
  for (int b = 0; b < bands->bands; b++) {
    double e0 = mel_to_hertz(from + b * step), e1 = mel_to_hertz(from + (b + 1) * step),
           e2 = mel_to_hertz(from + (b + 2) * step);
    double scale = unit_area ? 2 / (e2 - e0) : 1;
    bands->first[b] = bins;
    for (int j = 0; j < bins; j++) {
      double f = (double)j * WAV_RATE / bands->window, w = fmin((f - e0) / (e1 - e0), (e2 - f) / (e2 - e1));
      if (w <= 0)
        continue;
      bands->weight[b * bins + j] = scale * w;
      if (bands->first[b] > j)
        bands->first[b] = j;
      bands->end[b] = j + 1;
    }
  }
}

static Status bands_init(Bands *bands, int window, int count, double low, double high, bool unit_area) {
  *bands = (Bands){.window = window, .bands = count};
  size_t n = (size_t)window, b = (size_t)count;
  TRY(memory_take((void **)&bands->hann, n, sizeof *bands->hann, "a window"));
  TRY(memory_take((void **)&bands->root, n / 2, sizeof *bands->root, "a Fourier transform"));
  TRY(memory_take((void **)&bands->work, n, sizeof *bands->work, "a Fourier transform"));
  TRY(memory_take((void **)&bands->swapped, n, sizeof *bands->swapped, "a Fourier transform"));
  TRY(memory_take((void **)&bands->weight, b * (n / 2 + 1), sizeof *bands->weight, "mel bands"));
  TRY(memory_take((void **)&bands->first, b, sizeof *bands->first, "mel bands"));
  TRY(memory_take((void **)&bands->end, b, sizeof *bands->end, "mel bands"));
  for (int k = 0; k < window; k++)
    bands->hann[k] = (1 - cos(2 * pi * k / window)) / 2;
  for (int k = 0; k < window / 2; k++)
    bands->root[k] = cos(2 * pi * k / window) - I * sin(2 * pi * k / window);
  weights_fill(bands, low, high, unit_area);
  return STATUS_OK;
}

static void bands_free(Bands *bands) {
  free(bands->hann);
  free(bands->root);
  free(bands->work);
  free(bands->swapped);
  free(bands->weight);
  free(bands->first);
  free(bands->end);
}

/// The Fourier transform of bands->work (Stockham: n = half x stride, no bit reversal); returns where it is.
static const double complex *fourier(Bands *bands) {
  double complex *x = bands->work, *y = bands->swapped;
  for (int stride = 1, half = bands->window / 2; half >= 1; stride *= 2, half /= 2) {
    for (int p = 0; p < half; p++) {
      double wr = creal(bands->root[p * stride]), wi = cimag(bands->root[p * stride]);
      for (int q = 0; q < stride; q++) {
        double complex a = x[q + stride * p], b = x[q + stride * (p + half)], d = a - b;
        y[q + stride * 2 * p] = a + b;
        y[q + stride * (2 * p + 1)] = wr * creal(d) - wi * cimag(d) + I * (wr * cimag(d) + wi * creal(d));
      }
    }
    double complex *swap = x;
    x = y;
    y = swap;
  }
  return x;
}

/// decibel[bands] of the frame in bands->work, whose samples the window has not met yet.
static void bands_decibel(double *decibel, Bands *bands) {
  for (int k = 0; k < bands->window; k++)
    bands->work[k] = creal(bands->work[k]) * bands->hann[k];
  const double complex *spectrum = fourier(bands);
  int bins = bands->window / 2 + 1;
  for (int b = 0; b < bands->bands; b++) {
    double sum = 0;
    for (int j = bands->first[b]; j < bands->end[b]; j++) {
      double re = creal(spectrum[j]), im = cimag(spectrum[j]);
      sum += bands->weight[b * bins + j] * (re * re + im * im);
    }
    decibel[b] = 10 * log10(fmax(1e-10, sum));
  }
}

static double loudest(const double *decibel, int n) {
  double most = decibel[0];
  for (int i = 1; i < n; i++)
    most = fmax(most, decibel[i]);
  return most;
}

static Status audio_init(Audio *audio) {
  TRY(bands_init(&audio->mfcc, MFCC_WINDOW, MFCC_BANDS, 0, WAV_RATE / 2.0, true));
  TRY(bands_init(&audio->logmel, LOGMEL_WINDOW, LOGMEL_SIDE, 50, WAV_RATE / 2.0, false));
  TRY(memory_take((void **)&audio->cosine, MFCC_SIDE * MFCC_BANDS, sizeof *audio->cosine, "a cosine transform"));
  TRY(memory_take((void **)&audio->decibel, MFCC_FRAMES_MOST * MFCC_BANDS, sizeof *audio->decibel, "a spectrogram"));
  for (int k = 0; k < MFCC_SIDE; k++)
    for (int b = 0; b < MFCC_BANDS; b++)
      audio->cosine[k * MFCC_BANDS + b] =
          sqrt((k ? 2.0 : 1.0) / MFCC_BANDS) * cos(pi * k * (2 * b + 1) / (2.0 * MFCC_BANDS));
  return STATUS_OK;
}

Status audio_open(Audio **audio) {
  TRY(memory_take((void **)audio, 1, sizeof **audio, "audio tables"));
  Status status = audio_init(*audio);
  if (status.code) {
    audio_close(*audio);
    *audio = NULL;
  }
  return status;
}

void audio_close(Audio *audio) {
  if (!audio)
    return;
  bands_free(&audio->mfcc);
  bands_free(&audio->logmel);
  free(audio->cosine);
  free(audio->decibel);
  free(audio);
}

/// Where sample i of the endlessly reflected signal of n samples comes from: period 2 (n - 1), the ends not repeated.
static int reflected(int i, int n) {
  if (n == 1)
    return 0;
  int period = 2 * (n - 1), r = i % period;
  if (r < 0)
    r += period;
  return r < n ? r : period - r;
}

void audio_mfcc(float *out, Audio *audio, const int16_t *samples, int count) {
  REQUIRE(count >= 1 && count <= WAV_SAMPLES_MOST, "%d samples", count);
  int n = (count + MFCC_STRIDE - 1) / MFCC_STRIDE, frames = 1 + n / MFCC_HOP;
  for (int t = 0; t < frames; t++) {
    for (int k = 0; k < MFCC_WINDOW; k++)
      audio->mfcc.work[k] = samples[MFCC_STRIDE * reflected(t * MFCC_HOP + k - MFCC_WINDOW / 2, n)] / 32768.0;
    bands_decibel(audio->decibel + t * MFCC_BANDS, &audio->mfcc);
  }
  double floor = loudest(audio->decibel, frames * MFCC_BANDS) - 80;
  for (int k = 0; k < MFCC_SIDE; k++)
    for (int t = 0; t < MFCC_SIDE; t++) {
      double sum = 0;
      for (int b = 0; t < frames && b < MFCC_BANDS; b++)
        sum += audio->cosine[k * MFCC_BANDS + b] * fmax(floor, audio->decibel[t * MFCC_BANDS + b]);
      out[k * MFCC_SIDE + t] = (float)((sum - 0.5) / 0.5);
    }
}

/// The first sample up to which half of the energy has come; silence has it in its middle. Exact: 2^19 squares below
/// 2^31.
static int energy_middle(const int16_t *samples, int count) {
  int64_t all = 0, sum = 0;
  for (int i = 0; i < count; i++)
    all += (int64_t)samples[i] * samples[i];
  for (int i = 0; i < count && all > 0; i++) {
    sum += (int64_t)samples[i] * samples[i];
    if (2 * sum >= all)
      return i;
  }
  return (count - 1) / 2;
}

void audio_logmel(float *out, Audio *audio, const int16_t *samples, int count) {
  REQUIRE(count >= 1 && count <= WAV_SAMPLES_MOST, "%d samples", count);
  int middle = energy_middle(samples, count);
  for (int t = 0; t < LOGMEL_SIDE; t++) {
    int begin = middle + (2 * t - LOGMEL_SIDE + 1) * LOGMEL_HOP / 2 - LOGMEL_WINDOW / 2;
    for (int k = 0; k < LOGMEL_WINDOW; k++) {
      int i = begin + k;
      audio->logmel.work[k] = i >= 0 && i < count ? samples[i] / 32768.0 : 0;
    }
    bands_decibel(audio->decibel + t * LOGMEL_SIDE, &audio->logmel);
  }
  double most = loudest(audio->decibel, LOGMEL_SIDE * LOGMEL_SIDE);
  for (int b = 0; b < LOGMEL_SIDE; b++)
    for (int t = 0; t < LOGMEL_SIDE; t++)
      out[b * LOGMEL_SIDE + t] = (float)(fmax(audio->decibel[t * LOGMEL_SIDE + b] - most, -60));
}
