// Every run is named once by every node's counter, the order is that of falling size, and simulated jobs keep their teams busy.
#include "sweep/queue.h"

#include "base/random.h"

#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

// Naive: own places in order, then all others from the end.
static void check_places(int64_t runs, int node, int nodes) {
  int64_t t = 0;
  for (int64_t place = node; place < runs; place += nodes)
    CHECK(queue_place(t++, runs, node, nodes) == place, "own place of node %d of %d, %lld runs", node, nodes,
          (long long)runs);
  for (int64_t place = runs - 1; place >= 0; place--)
    if (place % nodes != node)
      CHECK(queue_place(t++, runs, node, nodes) == place, "place %lld for node %d of %d, %lld runs", (long long)place,
            node, nodes, (long long)runs);
  CHECK(t == runs && queue_place(t, runs, node, nodes) == -1 && queue_place(t + 9, runs, node, nodes) == -1,
        "too many places");
}

// A log-normal spread of sizes: the longest last about three times the mean.
static double draw(int i) {
  RandomStream stream = {7, RANDOM_FREE, 0, 0};
  return 100 * exp(0.35 * random_normal(&stream, (uint64_t)i, 0));
}

static double busy_share(int runs, int teams, int nodes, bool print) {
  double *seconds = malloc((size_t)runs * sizeof *seconds), busy, sum = 0, longest = 0;
  int *order = malloc((size_t)runs * sizeof *order);
  for (int i = 0; i < runs; i++) {
    seconds[i] = draw(i);
    sum += seconds[i];
    longest = fmax(longest, seconds[i]);
  }
  queue_order(order, seconds, runs);
  for (int i = 1; i < runs; i++)
    CHECK(seconds[order[i - 1]] >= seconds[order[i]], "the order rises at %d", i);
  double end = queue_simulate(&busy, seconds, order, runs, teams, nodes);
  double bound = fmax(sum / teams, longest);
  CHECK(end >= bound * (1 - 1e-9), "%g s is less than can be", end);
  CHECK(nodes > 1 || end <= (4.0 / 3) * bound * (1 + 1e-9) + longest / 3, "%g s where %g s bound it", end, bound);
  if (print)
    printf("%6d runs on %4d teams of %2d nodes: idle %.2f %%, at least %.2f %% by the longest run\n", runs, teams,
           nodes, 100 * (1 - busy), 100 * fmax(0, 1 - sum / (teams * bound)));
  free(seconds);
  free(order);
  return busy;
}

static void check_order(void) {
  int order[5];
  queue_order(order, (double[]){1, NAN, 3, 3, 0}, 5);
  CHECK(!memcmp(order, (int[]){1, 2, 3, 0, 4}, sizeof order), "order %d %d %d %d %d", order[0], order[1], order[2],
        order[3], order[4]);
}

// Four runs of 10 s, two ranks that speed a run up by 1.6: alone 20 s, together 25 s. One run: together.
static void check_team(void) {
  const double alone[4] = {10, 10, 10, 10}, both[4] = {6.25, 6.25, 6.25, 6.25}, *const seconds[2] = {alone, both};
  CHECK(queue_team((int[]){1, 2}, 2, seconds, 4, 2, 1) == 1, "four runs on two ranks");
  CHECK(queue_team((int[]){1, 2}, 2, seconds, 1, 2, 1) == 2, "one run on two ranks");
}

int main(int argc, char **argv) {
  bool print = argc > 1 && !strcmp(argv[1], "print");
  for (int nodes = 1; nodes <= 5; nodes++)
    for (int64_t runs = 0; runs <= 23; runs++)
      for (int node = 0; node < nodes; node++)
        check_places(runs, node, nodes);
  check_order();
  check_team();
  CHECK(busy_share(20000, 4096, 64, print) > 0.85, "many runs on 4096 teams idle too much");
  CHECK(busy_share(100000, 4096, 64, print) > 0.97, "more runs on 4096 teams idle too much");
  CHECK(busy_share(10000, 512, 8, print) > 0.97, "512 teams idle too much");
  CHECK(busy_share(400, 2, 1, print) > 0.99, "two teams idle too much");
  return 0;
}
