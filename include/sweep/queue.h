#ifndef SWEEP_QUEUE_H
#define SWEEP_QUEUE_H
/// Who takes which run when, as pure functions. Runs stand largest first. Every node has one counter in memory that its teams share; its value t
/// names the place to look at next: first the node's own places (every nodes-th), then those of the others from the smallest run up, of which
/// the lock of the run directory says whether they are free. So no rank serves the others, and nothing waits for a message.
#include <stdint.h>

/// order[runs]: indices by falling seconds; equals, and what has no prediction (NaN, in front), in their order.
void queue_order(int *order, const double *seconds, int runs);

/// Place in the order for value t of the counter of node `node` of `nodes`: 0 … runs - 1, or -1 when all were named.
int64_t queue_place(int64_t t, int64_t runs, int node, int nodes);

/// Seconds until the last of `teams` teams on `nodes` nodes is done, when taking a run costs nothing and run order[i] lasts seconds[order[i]].
/// *busy (may be NULL) becomes the share of the teams' time in which they work.
double queue_simulate(double *busy, const double *seconds, const int *order, int runs, int teams, int nodes);

/// The team size among size[count] (ascending) with which `ranks` ranks are done first; seconds[k][runs]: of each run on size[k] ranks.
/// Of equals the smaller one, which works without messages.
int queue_team(const int *size, int count, const double *const *seconds, int runs, int ranks, int nodes);

#endif
