#ifndef ANALYZE_TAIL_H
#define ANALYZE_TAIL_H
/// The fusion phi and the head alone, on representations that somebody else has put together: logits = g(phi(z_1 … z_m)).
#include "analyze/context.h"

typedef struct Tail {
  const AnalyzeContext *context;
  Graph *graph;
  Value z[MODALITIES_MOST], mask[MODALITIES_MOST], logits;
  int room;
} Tail;

/// Local. Takes at most `room` rows at once.
Status tail_open(Tail *tail, const AnalyzeContext *context, int room);
void tail_close(Tail *tail);

/// logits[rows, outputs] of z[i][rows, width of representation/i], mask[i][rows] 1 where a modality (or what stands in for it) is there.
void tail_logits(Tail *tail, float *logits, float *const *z, float *const *mask, int rows);

#endif
