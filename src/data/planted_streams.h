#ifndef DATA_PLANTED_STREAMS_H
#define DATA_PLANTED_STREAMS_H
/// What each random number of a planted data set is for: the `epoch` of its stream (site: modality). Append only.
#include "base/random.h"

enum {
  DRAW_BASIS = 1, // item feature, index dimension
  DRAW_SIGNAL,    // item attempt << 16 | class + 1, index feature
  DRAW_MIXTURE,   // item noise feature, index partner's feature
  DRAW_LABEL,     // item sample
  DRAW_WITHIN,    // item sample, index feature
  DRAW_NOISE,     // item sample, index feature
  DRAW_REST,      // item sample, index dimension
  DRAW_PRESENCE,  // item sample
  DRAW_OBSERVED   // series: item sample, index 0 the number of observations (bits), then 4 + observation * width +
                  // dimension
};

#endif
