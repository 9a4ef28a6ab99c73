#ifndef DATA_PLANTED_H
#define DATA_PLANTED_H
/// Data whose truth is known: how many predictive and noise features each modality has, how strong they are, which
/// classes it can tell apart, and how its noise is entangled with what another modality predicts from.
///
/// Modality i of a sample of class y, in d_i dimensions, with p_i predictive and q_i noise features (p_i + q_i <= d_i):
///
///   x_i = A_i (s_i(y) + sigma w_i) + B_i n_i + sigma e_i
///
///   A_i [d_i, p_i], B_i [d_i, q_i]  orthonormal columns, A_i' B_i = 0;
///   w_i ~ N(0, I)                   what varies within a class along the predictive features;
///   e_i                             N(0, I) without its part in the span of A_i, so A_i' x_i = s_i(y) + sigma w_i
///   exactly; s_i(y) in R^{p_i}               class signal, below.
///
/// Signal. With S = round(shared C) classes seen by every modality and each of the others seen by one (class S + k by
/// modality k mod M), s_i is distinct for the classes that modality i sees and equal for all others. Centred and white
/// over classes,
///   sum_y s_i(y) = 0,   (1/C) sum_y s_i(y) s_i(y)' = snr_i^2 sigma^2 I,
/// so snr_i^2 is, for each predictive feature, the variance between classes over that within them, and the class means
/// have rank exactly p_i (p_i <= distinct signals - 1). Of 64 such draws the one whose closest two signals are farthest
/// apart is taken. The best accuracy that modality i alone can have is (seen_i + [seen_i < C]) / C, approached as snr_i
/// grows. shared = 1: fully redundant; shared = 0: complementary, no modality alone can name all classes (for two
/// modalities and more than two classes).
///
/// Noise. The first K_i = round(entanglement_i q_i) noise features are entangled with the predictive features of the
/// partner j = (i + 1) mod M, the others are not:
///   n_ik = scale_i sigma (c E_i[k, :] w_j + sqrt(1 - c^2) g_k)   k <  K_i    E_i [K_i, p_j] with rows of length 1, c =
///   coupling n_ik = scale_i sigma g_k                                     k >= K_i    g_k ~ N(0, 1)
/// Every noise feature is independent of the class, and useless in modality i alone: I(n_i; y) = I(n_i; y | x_i) = 0.
/// But an entangled one shares the within-class variation w_j of the partner's predictive features, so corr(n_ik, E_ik
/// A_j' x_j | y) = c: a fusion that sees both modalities gains by putting the partner's predictive features and this
/// noise into one neuron, and is hurt when either is missing. With M = 1 nothing is entangled.
///
/// Kinds other than vector show the same x_i: image, spectrogram [1, h, w] with h the largest divisor of d_i up to its
/// root; codes: for each dimension t code 2t where x_it > sigma / 2, 2t + 1 where x_it < -sigma / 2, no code between
/// (vocabulary 2 d_i); series: 2 to 6 observations x_i + sigma N(0, I), one every 3 hours.
///
/// Missing at the source: modality i is absent where uniform < missing_i, but a sample keeps the one with the largest
/// uniform - missing. Every number is a pure function of (seed, purpose, sample or entry). Classes are balanced; splits
/// are stratified.
#include "base/status.h"
#include "data/dataset.h"

/// One value for all modalities (count 1) or one each; count 0: the default.
typedef struct PlantedNumbers {
  int count;
  double item[DATASET_MODALITIES];
} PlantedNumbers;

typedef struct PlantedConfig {
  int64_t samples;             // samples=4000
  int classes, modalities;     // classes=8, modalities=3
  double coupling;             // coupling=0.8, correlation c of entangled noise
  double sigma;                // sigma=1
  double validation, test;     // validation=0.15, test=0.25
  uint64_t seed;               // seed=1
  PlantedNumbers width;        // width=32
  PlantedNumbers predictive;   // predictive=4, or as many as the classes allow if not set; 0: a modality of noise alone
  PlantedNumbers noise;        // noise=8
  PlantedNumbers snr;          // snr=2,1,0.5,0.25,… (halved each time) if not set
  PlantedNumbers scale;        // scale=2, of noise features, in units of sigma
  PlantedNumbers entanglement; // entanglement=0.5
  PlantedNumbers missing;      // missing=0
  double shared;               // shared=0.5
  int kinds, names;            // 0: the default
  ModalityKind kind[DATASET_MODALITIES];       // kind=vector
  char name[DATASET_MODALITIES][DATASET_NAME]; // names=m0,m1,…
} PlantedConfig;

void planted_default(PlantedConfig *config);

/// "snr=2,1,0.5": sets one key. EXIT_CONFIG: unknown key (with "did you mean"), not a number, out of range.
/// Lists are compared with the number of modalities when the data set is made, so the order of settings does not
/// matter.
Status planted_set(PlantedConfig *config, const char *key_equals_value);

/// One line per key: "snr=2,1,0.5  what it means", for --help.
const char *planted_help(void);

/// Truth of one modality, all double, row-major; owned.
typedef struct PlantedModality {
  int width, predictive, noise, entangled, seen, partner;
  double *signal_basis; // A [width, predictive]
  double *noise_basis;  // B [width, noise]
  double *signal;       // s [classes, predictive]
  double *mixture;      // E [entangled, predictive of the partner]
  uint8_t *sees;        // [classes] 1: this modality tells the class from all others
  double snr, scale, missing;
} PlantedModality;

typedef struct PlantedTruth {
  PlantedConfig config;
  PlantedModality modality[DATASET_MODALITIES];
} PlantedTruth;

/// Checks the configuration and draws the truth. EXIT_CONFIG. planted_free afterwards is allowed whatever the outcome.
Status planted_draw(PlantedTruth *truth, const PlantedConfig *config);
/// The data set of a truth: task "class". dataset_free afterwards is allowed whatever the outcome.
Status planted_make(Dataset *dataset, const PlantedTruth *truth);
/// The latent w_i [predictive] of a sample, and its noise features n_i [noise]; either may be NULL. For tests and
/// analyses.
void planted_latent(double *within, double *noise, const PlantedTruth *truth, int modality, int64_t sample);
/// Share of the samples of `split` that the best classifier there is gets right: the one that knows the truth and sees, of each sample, the
/// present ones among `modalities` (bit i: modality i); samples that have none of them do not count, and no sample gives NaN. All
/// modalities asked for must be dense and loaded. Exact up to the finite number of samples: no model does better but by luck.
/// EXIT_INTERNAL: out of memory.
Status planted_bayes(double *accuracy, const PlantedTruth *truth, const Dataset *dataset, Split split,
                     uint32_t modalities);
void planted_free(PlantedTruth *truth);

/// Draws, makes and writes a container; beside the format's groups it has /truth (attrs: every parameter) with
/// /truth/NAME/ {signal_basis, noise_basis, signal, mixture (if any), sees} and attrs predictive, noise, entangled,
/// seen, partner, snr, scale, missing. bayes_test at /truth/NAME is the accuracy of planted_bayes on the test split with
/// this modality alone, at /truth with all; both are left out where a kind is not dense or the problem is very large.
Status planted_write(const PlantedConfig *config, const char *path);

#endif
