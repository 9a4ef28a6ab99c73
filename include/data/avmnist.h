#ifndef DATA_AVMNIST_H
#define DATA_AVMNIST_H
/// avMNIST: handwritten digits (MNIST) paired with spoken ones (Free Spoken Digit Dataset) of the same class.
/// Modalities "image" (image [1, 28, 28], (pixel / 255 - 0.5) / 0.5) and "audio" (spectrogram), task "digit" of 10
/// classes.
///
/// small: the 1500 pairs of SMIL (Ma et al., AAAI 2021) and ShaSpec (Wang et al., CVPR 2023).
///   Speakers jackson, nicolas, theo; takes 15..49 train (105 a class), 0..14 test (45 a class). Images: per class the
///   first 105 of MNIST's training indices and the last 45 of its test indices, both sorted as strings (1, 10, 100, …).
///   Pair j of a class joins image j of that list with recording j of: train, speaker by speaker, takes in order; test,
///   sorted by name. audio = MFCC [1, 20, 20], see audio_mfcc. Rows: class by class, training pairs before all test
///   pairs.
/// full: every image of MNIST, row = index (test images behind the training images), each with a recording of its
/// digit:
///   official: train takes 10..49, validation 5..9, test 0..4 of every speaker (without validation, train takes 5..49);
///   speaker:  test all takes of the held-out speakers; validation takes 5..9 of the others, train the rest of theirs.
///   Every recording is used equally often (up to one). audio = log-mel [1, 32, 32], see audio_logmel.
/// A recording never occurs in two splits, except that small's validation is held out from its training pairs as they
/// are. ids: the recording's name without .wav, which is the group to keep together when splitting anew.
#include "base/status.h"
#include "data/dataset.h"

#include <stdint.h>

typedef enum AvmnistProtocol { AVMNIST_SMALL, AVMNIST_FULL } AvmnistProtocol;
typedef enum AvmnistSplit { AVMNIST_OFFICIAL, AVMNIST_SPEAKER } AvmnistSplit;

enum { AVMNIST_CLASSES = 10, AVMNIST_PAIRS = 105, AVMNIST_TEST_PAIRS = 45 };

/// All strings borrowed. Start from AVMNIST_DEFAULTS.
typedef struct AvmnistOptions {
  const char *mnist; // directory with the four IDX files, plain or .gz
  const char *fsdd;  // directory with recordings/*.wav, *.wav or recordings.tar.gz
  AvmnistProtocol protocol;
  AvmnistSplit split; // full only
  const char
      *test_speakers; // full, speaker: comma-separated; NULL: "theo,yweweler", whose accents (US, German) others share
  int pairs; // small only: training pairs a class that keep their audio, 0..105: the first pairs/3 takes of each
             // speaker, or, where 3 does not divide it, the first of the list; the images all stay
  double
      validation; // share of the training images held out, stratified, < 1; 0: none; < 0: small 0.1, full 1/12 (5000)
  uint64_t seed;  // decides who is held out and, in full, who is paired with whom
} AvmnistOptions;

#define AVMNIST_DEFAULTS ((AvmnistOptions){.pairs = AVMNIST_PAIRS, .validation = -1, .seed = 1})

/// Builds the data set in memory (dataset_free). A pure function of the files' contents and the options.
/// EXIT_USAGE: an option out of range or of the other protocol. EXIT_NO_INPUT, EXIT_DATA, EXIT_IO: as the files are.
Status avmnist_import(const AvmnistOptions *options, Dataset *dataset);

#endif
