#ifndef ANALYZE_NETWORK_H
#define ANALYZE_NETWORK_H
/// A second copy of the fusion stage's graph on the session's parameters, planned so that every layer's input and output and their gradients
/// can be looked at. The session's own graph stays as lean as training wants it.
#include "analyze/context.h"

enum { NETWORK_LAYERS = 160 };

typedef struct Network {
  Stages stages;               // declares what the session's stages declare, in the same order
  const Session *session;
  int room, layers;
  NetworkLayer layer[NETWORK_LAYERS];
  Value open[2 * NETWORK_LAYERS + MODALITIES_MOST + FUSION_LOSSES + 2]; // values whose gradients were asked for
  int opens;
  Pass pass;
  int64_t row;                 // first row here of the batch that was forwarded
  SliceNode node[SLICE_NODES_MOST];
  int nodes;
  float *gradient[SLICE_NODES_MOST]; // owned: of the nodes that this rank's slices make
} Network;

/// Local. Plans for at most `room` rows.
Status network_open(Network **network, const Session *session, int room);
/// Local. Declares it, of a sketch too, and plans nothing; *bytes: what network_open would take on `rank` for `room` rows.
Status network_sketch(Network **network, size_t *bytes, const Session *session, int rank, int room);
void network_close(Network *network);

#endif
