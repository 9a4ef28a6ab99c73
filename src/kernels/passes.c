// Which instruction set the passes use.
#include "kernels/passes.h"

#include "kernels/tile.h"

const Passes *passes(void) {
  const TileSet *set = tile_set();
  return set == &tile_set_avx512 ? &passes_avx512 : set == &tile_set_avx2 ? &passes_avx2 : &passes_portable;
}
