#ifndef DATA_AUDIO_H
#define DATA_AUDIO_H
/// Two pictures of a spoken digit, from samples of 16 bits at 8000 Hz. Computed in double, rounded to float once.
#include "base/status.h"

#include <stdint.h>

enum { MFCC_SIDE = 20, LOGMEL_SIDE = 32 };

/// Windows, mel bands, transforms and work space. One user at a time.
typedef struct Audio Audio;

/// *audio is owned (audio_close). EXIT_INTERNAL when memory is gone.
Status audio_open(Audio **audio);
void audio_close(Audio *audio);

/// out[MFCC_SIDE coefficients, MFCC_SIDE times] from samples[count], 1 <= count <= WAV_SAMPLES_MOST: the features of SMIL, which
/// are those of librosa 0.7 (McFee et al., SciPy 2015). x = samples / 32768, every third one, without a low-pass and still
/// called 8000 Hz; frames of 2048 every 512 around their middles, the signal reflected at both ends as often as needed; periodic
/// Hann; power; 128 triangles on Slaney's mel scale over 0 to 4000 Hz, each of unit area; 10 log10 of at least 1e-10, and
/// of at most 80 dB below the loudest; orthonormal DCT-II, the first 20; zeros behind the last frame, or the frames behind the
/// 20th left out; (v - 0.5) / 0.5.
void audio_mfcc(float *out, Audio *audio, const int16_t *samples, int count);

/// out[LOGMEL_SIDE bands, LOGMEL_SIDE times], in dB below the loudest, -60 to 0: Hann windows of 256 (32 ms) every 160 (20 ms),
/// the picture centred where half of the recording's energy has come; 32 triangles on Slaney's mel scale over 50 to 4000 Hz;
/// silence around the recording. (Centring by energy more than halved the errors of an SVM on unheard takes, compared with
/// centring by length or stretching to a common one: silence before or behind the word then does no harm.)
void audio_logmel(float *out, Audio *audio, const int16_t *samples, int count);

#endif
