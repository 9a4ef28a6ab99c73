// Which instruction set the tiles use.
#include "kernels/tile.h"

#include "kernels/gemm.h"

#include <stdlib.h>
#include <string.h>

static bool runs(const TileSet *set) {
#ifdef __x86_64__
  if (set == &tile_set_avx512)
    return __builtin_cpu_supports("avx512f");
  if (set == &tile_set_avx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return set == &tile_set_portable;
}

const TileSet *tile_set(void) {
  static const TileSet *chosen;
  const TileSet *set = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
  if (set)
    return set;
  const TileSet *all[] = {&tile_set_avx512, &tile_set_avx2, &tile_set_portable};
  const char *wish = getenv("REBASIS_KERNEL");
  int i = 0;
  while (wish && i < 2 && strcmp(wish, all[i]->name ? all[i]->name : "") != 0)
    i++;
  // An unknown wish is no wish.
  if (wish && i == 2 && strcmp(wish, "portable") != 0)
    i = 0;
  while (!runs(all[i]))
    i++;
  __atomic_store_n(&chosen, all[i], __ATOMIC_RELAXED);
  return all[i];
}

const char *gemm_kernel(void) { return tile_set()->name; }
