// Graham's list scheduling, largest first: the last team is done at most 4/3 - 1/(3 teams) times the optimum after the beginning
// (SIAM J. Appl. Math. 17, 1969), when predictions are right.
#include "sweep/queue.h"

#include "base/status.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct Place {
  double seconds;
  int run;
} Place;

static int larger_first(const void *a, const void *b) {
  const Place *x = a, *y = b;
  double p = isnan(x->seconds) ? INFINITY : x->seconds, q = isnan(y->seconds) ? INFINITY : y->seconds;
  if (p != q)
    return p > q ? -1 : 1;
  return (x->run > y->run) - (x->run < y->run);
}

void queue_order(int *order, const double *seconds, int runs) {
  Place *place = malloc((size_t)(runs ? runs : 1) * sizeof *place);
  REQUIRE(place, "out of memory for the order of runs");
  for (int i = 0; i < runs; i++)
    place[i] = (Place){seconds[i], i};
  qsort(place, (size_t)runs, sizeof *place, larger_first);
  for (int i = 0; i < runs; i++)
    order[i] = place[i].run;
  free(place);
}

int64_t queue_place(int64_t t, int64_t runs, int node, int nodes) {
  int64_t own = node < runs ? (runs - node + nodes - 1) / nodes : 0, foreign = t - own;
  if (t < own)
    return node + t * nodes;
  if (foreign >= runs - own)
    return -1;
  // The places of others from the end: the last row of `nodes` places may be cut, the others have nodes - 1 foreign ones each.
  int64_t row = (runs - 1) / nodes, cut = runs - row * nodes, in_row = cut - (node < cut);
  if (foreign >= in_row) {
    foreign -= in_row;
    row -= 1 + foreign / (nodes - 1);
    foreign %= nodes - 1;
    cut = nodes;
  }
  int64_t column = cut - 1 - foreign;
  if (node < cut && column <= node)
    column--;
  return row * nodes + column;
}

// --- simulation: teams as a heap by the moment at which they are free

typedef struct Team {
  double free;
  int number;
} Team;

static bool before(const Team *a, const Team *b) {
  return a->free != b->free ? a->free < b->free : a->number < b->number;
}

static void sink(Team *heap, int count) {
  for (int at = 0;;) {
    int least = at;
    for (int child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
      if (before(&heap[child], &heap[least]))
        least = child;
    if (least == at)
      return;
    Team swapped = heap[at];
    heap[at] = heap[least];
    heap[least] = swapped;
    at = least;
  }
}

double queue_simulate(double *busy, const double *seconds, const int *order, int runs, int teams, int nodes) {
  Team *heap = malloc((size_t)teams * sizeof *heap);
  int64_t *counter = calloc((size_t)nodes, sizeof *counter);
  bool *taken = calloc((size_t)(runs ? runs : 1), sizeof *taken);
  REQUIRE(heap && counter && taken, "out of memory for %d teams", teams);
  double end = 0, work = 0;
  for (int k = 0; k < teams; k++)
    heap[k] = (Team){0, k};
  for (int count = teams; count > 0;) {
    int node = (int)((int64_t)heap[0].number * nodes / teams);
    int64_t place;
    do
      place = queue_place(counter[node]++, runs, node, nodes);
    while (place >= 0 && taken[place]);
    if (place < 0) {
      counter[node]--;
      heap[0] = heap[--count];
    } else {
      taken[place] = true;
      work += seconds[order[place]];
      heap[0].free += seconds[order[place]];
      end = fmax(end, heap[0].free);
    }
    sink(heap, count);
  }
  free(heap);
  free(counter);
  free(taken);
  if (busy)
    *busy = end > 0 ? work / (end * teams) : 1;
  return end;
}

int queue_team(const int *size, int count, const double *const *seconds, int runs, int ranks, int nodes) {
  int *order = malloc((size_t)(runs ? runs : 1) * sizeof *order), best = count ? size[0] : 1;
  double least = INFINITY;
  REQUIRE(order, "out of memory for the order of runs");
  for (int k = 0; k < count; k++) {
    int teams = ranks / size[k];
    queue_order(order, seconds[k], runs);
    double end = queue_simulate(NULL, seconds[k], order, runs, teams, nodes < teams ? nodes : teams);
    if (end < 0.98 * least) {
      least = end;
      best = size[k];
    }
  }
  free(order);
  return best;
}
