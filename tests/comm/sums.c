// Gradients summed on any grid, through a window or by messages, have the bits of the naive tree on one rank.
// ranks: 1 2 3 4 6 8
#include "comm/sums.h"

#include "base/random.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { MODALITIES = 2, SLICES = 8, STAGES = MODALITIES + 1 };

// What slice s of stage t adds to element k of parameter p.
static float leaf(int stage, int parameter, int64_t k, int slice) {
  RandomStream stream = {(uint64_t)stage, RANDOM_FREE, (uint32_t)parameter, (uint32_t)slice};
  return random_normal(&stream, (uint64_t)k, 0) + 0.0f;
}

static float tree(int stage, int parameter, int64_t k, int first, int length) {
  if (length == 1)
    return leaf(stage, parameter, k, first);
  return tree(stage, parameter, k, first, length / 2) + tree(stage, parameter, k, first + length / 2, length / 2);
}

static float node_sum(int stage, int parameter, int64_t k, SliceNode node) {
  return tree(stage, parameter, k, node.first, node.end - node.first);
}

static void check(const Comm *comm, int groups, const char *window) {
  double cost[MODALITIES] = {1, 1}, riders[1] = {1};
  Grid grid;
  if (grid_choose(&grid, comm->ranks, groups, 0, SLICES, cost, MODALITIES, 1).code)
    return;
  grid_open(&grid, comm);
  Parameters parameters = {0};
  parameters_declare(&parameters, "a", (int[]){3, 7}, 2, INIT_ZERO, 1);
  parameters_declare(&parameters, "b", (int[]){40, 300}, 2, INIT_ZERO, 1);
  parameters_declare(&parameters, "shared", (int[]){2, 5000}, 2, INIT_ZERO, 1);
  parameters_declare(&parameters, "fusion", (int[]){9}, 1, INIT_ZERO, 1);
  // Parameter 2 gets contributions from both encoder stages.
  int used[STAGES][2] = {{0, 2}, {1, 2}, {3, 3}};
  int64_t offset[STAGES][2] = {{0, 32}, {0, 12000}, {0, 0}};
  SumStage stage[STAGES] = {{0, 32 + 10000, 2, used[0], offset[0]},
                            {1, 12000 + 10000, 2, used[1], offset[1]},
                            {-1, 16, 1, used[2], offset[2]}};
  Sums *sums;
  CHECK(sums_open(&sums, &grid, &parameters, stage, STAGES, window).code == 0, "sums_open");
  for (int t = 0; t < STAGES; t++) {
    const SliceNode *node;
    int nodes = sums_nodes(sums, t, &node);
    for (int j = 0; j < nodes; j++)
      for (int u = 0; u < stage[t].parameters; u++)
        for (int64_t k = 0; k < parameters.item[used[t][u]].size; k++)
          sums_gradients(sums, t)[j][offset[t][u] + k] = node_sum(t, used[t][u], k, node[j]);
  }
  int units, first, end;
  const SumUnit *unit = sums_units(sums, &units, &first, &end);
  double *squares = calloc((size_t)units, sizeof *squares);
  sums_reduce(sums, squares, riders, 1, 1, NULL, NULL);
  CHECK(riders[0] == comm->ranks, "a rider is %g, not %d", riders[0], comm->ranks);
  SliceNode all = {0, SLICES};
  for (int u = first; u < end; u++)
    for (int64_t j = 0; j < unit[u].size; j++) {
      int p = unit[u].parameter;
      int64_t k = unit[u].offset - parameters.item[p].offset + j;
      float want = p == 2 ? node_sum(0, p, k, all) + node_sum(1, p, k, all) : node_sum(p == 3 ? 2 : p, p, k, all),
            got = sums_total(sums, u)[j];
      CHECK(!memcmp(&got, &want, sizeof got), "parameter %d element %lld: got %.9g, not %.9g", p, (long long)k, got,
            want);
      sums_parameters(sums)[unit[u].offset + j] = got;
    }
  sums_publish(sums);
  for (int64_t k = 0; k < parameters.item[1].size; k++)
    CHECK(sums_parameters(sums)[parameters.item[1].offset + k] == node_sum(1, 1, k, all),
          "a published parameter is not the sum");
  comm_any(comm, false); // nobody leaves while another still reads
  free(squares);
  sums_close(sums);
  parameters_free(&parameters);
  grid_close(&grid);
}

int main(int argc, char **argv) {
  Comm comm;
  comm_init(&comm, &argc, &argv);
  for (int groups = 1; groups <= MODALITIES; groups++) {
    check(&comm, groups, "on");
    check(&comm, groups, "off");
  }
  comm_finalize(&comm);
  return 0;
}
