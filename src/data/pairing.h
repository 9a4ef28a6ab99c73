#ifndef DATA_PAIRING_H
#define DATA_PAIRING_H
/// Which image goes with which recording, and where to: the rules that data/avmnist.h states.
#include "data/avmnist.h"
#include "data/idx.h"
#include "data/recordings.h"

#include <stdbool.h>

/// What avMNIST is made of. Owned by who read it.
typedef struct AvmnistSources {
  Mnist train, test;
  Recordings recordings;
} AvmnistSources;

/// One row of the data set to be. Pointers are borrowed from the sources.
typedef struct Pair {
  const uint8_t *pixels;
  const Recording *recording;
  int digit;
  Split split;
  bool heard; // false: the recording is withheld, present = 0
} Pair;

typedef struct Pairing {
  int64_t count;
  Pair *pair; // [count] owned (free)
} Pairing;

/// Both: EXIT_DATA where the sources lack what the protocol needs, EXIT_USAGE where an option cannot be met by them.
/// options->validation is a share here, not a default. pairing->pair is to be freed whatever the outcome.
Status pairing_small(Pairing *pairing, const AvmnistSources *sources, const AvmnistOptions *options);
Status pairing_full(Pairing *pairing, const AvmnistSources *sources, const AvmnistOptions *options);

#endif
