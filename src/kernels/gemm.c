// c_ij = fma(a_ik-1, b_k-1j, … fma(a_i0, b_0j, +0)): one chain per element, in the order of k.
//
// The plan is that of Goto and van de Geijn (2008) with one liberty: of the two factors, one is cut into panels of a
// few vectors and packed into the second-level cache (the "wide" one), the other is read a few rows at a time as single
// numbers, mostly where it lies (the "narrow" one). Either factor may be the wide one; then tiles come out transposed.
#include "kernels/gemm.h"

#include "base/slices.h"
#include "base/status.h"
#include "kernels/tile.h"

#include <omp.h>

enum { PACK_FLOATS = 1 << 18, NARROW_FLOATS = 1 << 15, DEPTH = 2048, FEW_ROWS = 16 };

/// c(i, j) = chain over l of narrow(i, l) wide(l, j), i < rows, j < columns; c(i, j) = c[i c_row + j c_column].
typedef struct Product {
  float *c;
  ptrdiff_t c_row, c_column;
  const float *narrow, *wide;
  ptrdiff_t narrow_row, narrow_step, wide_step, wide_column;
  int rows, columns;
  bool from_c;
  const int *row; // as in Tile
  int slices;
} Product;

/// Scratch of a thread: the packed wide factor, a packed group of rows of the narrow one, a tile on its way to a
/// transposed c.
typedef struct Scratch {
  _Alignas(64) float wide[PACK_FLOATS], narrow[NARROW_FLOATS], tile[TILE_ROWS * TILE_VECTORS * TILE_WIDTH];
} Scratch;

static _Thread_local Scratch scratch;

typedef float Four __attribute__((vector_size(16), aligned(4)));

static void transpose_four(float *to, ptrdiff_t to_row, const float *from, ptrdiff_t from_row) {
  const Four a = *(const Four *)from, b = *(const Four *)(from + from_row), c = *(const Four *)(from + 2 * from_row),
             d = *(const Four *)(from + 3 * from_row);
  const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5),
             ba = __builtin_shufflevector(a, b, 2, 6, 3, 7), dc = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  *(Four *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  *(Four *)(to + to_row) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  *(Four *)(to + 2 * to_row) = __builtin_shufflevector(ba, dc, 0, 1, 4, 5);
  *(Four *)(to + 3 * to_row) = __builtin_shufflevector(ba, dc, 2, 3, 6, 7);
}

/// to[j, i] = from[i, j], i < rows, j < columns.
static void transpose(float *to, ptrdiff_t to_row, const float *from, ptrdiff_t from_row, int rows, int columns) {
  int i = 0;
  for (; i + 4 <= rows; i += 4) {
    int j = 0;
    for (; j + 4 <= columns; j += 4)
      transpose_four(to + j * to_row + i, to_row, from + i * from_row + j, from_row);
    for (; j < columns; j++)
      for (int r = i; r < i + 4; r++)
        to[j * to_row + r] = from[r * from_row + j];
  }
  for (; i < rows; i++)
    for (int j = 0; j < columns; j++)
      to[j * to_row + i] = from[i * from_row + j];
}

static int ceiling(int a, int b) { return (a + b - 1) / b; }

/// Where part i of `count` things in `parts` nearly equal parts begins.
static int part_begin(int i, int count, int parts) { return (int)((long long)i * count / parts); }

static void pack_panel(const TileSet *set, float *to, const Product *p, int column, int columns, int vectors,
                       int depth) {
  const float *from = p->wide + column * p->wide_column;
  if (p->wide_column == 1)
    set->pack(to, from, p->wide_step, depth, columns, vectors);
  else
    set->pack_transposed(to, from, p->wide_column, depth, columns, vectors);
}

static void run_tile(const TileSet *set, const Product *p, Tile *tile, int i, int j, int rows, int vectors, int order) {
  float *c = p->c + i * p->c_row + j * p->c_column;
  if (p->c_column == 1) {
    tile->c = c;
    tile->ldc = p->c_row;
    set->tile[order][rows - 1][vectors - 1](tile);
    return;
  }
  tile->c = scratch.tile;
  tile->ldc = TILE_VECTORS * TILE_WIDTH;
  if (tile->from_c)
    transpose(tile->c, tile->ldc, c, p->c_column, tile->columns, rows);
  set->tile[order][rows - 1][vectors - 1](tile);
  transpose(c, p->c_column, tile->c, tile->ldc, rows, tile->columns);
}

/// Columns [begin, end) of the product, which are at most as many vectors as the scratch holds, or lie unpacked.
static void run_block(const TileSet *set, const Product *p, int begin, int end, int depth, bool packed) {
  const int all_vectors = ceiling(end - begin, set->width), panels = ceiling(all_vectors, set->vectors);
  if (packed)
    for (int q = 0; q < panels; q++) {
      const int first = part_begin(q, all_vectors, panels), last = part_begin(q + 1, all_vectors, panels),
                column = begin + first * set->width,
                columns = (last == all_vectors ? end : begin + last * set->width) - column;
      pack_panel(set, scratch.wide + (size_t)first * set->width * depth, p, column, columns, last - first, depth);
    }
  const int groups = ceiling(p->rows, set->rows);
  // The narrow factor is read along l. Where that is across its rows, a group that is used by several panels is packed.
  const bool by_column = p->narrow_step != 1,
             pack_narrow = by_column && panels > 1 && depth * set->rows <= NARROW_FLOATS;
  for (int g = 0; g < groups; g++) {
    const int i = part_begin(g, p->rows, groups), rows = part_begin(g + 1, p->rows, groups) - i;
    Tile tile = {.a = p->narrow + i * p->narrow_row,
                 .a_row = p->narrow_row,
                 .a_step = p->narrow_step,
                 .from_c = p->from_c,
                 .row = p->row,
                 .slices = p->slices};
    if (pack_narrow) {
      for (int l = 0; l < depth; l++)
        for (int r = 0; r < rows; r++)
          scratch.narrow[l * rows + r] = tile.a[l * p->narrow_step + r];
      tile.a = scratch.narrow;
      tile.a_step = rows;
    }
    for (int q = 0; q < panels; q++) {
      const int first = part_begin(q, all_vectors, panels), last = part_begin(q + 1, all_vectors, panels),
                column = begin + first * set->width;
      tile.columns = (last == all_vectors ? end : begin + last * set->width) - column;
      tile.b = packed ? scratch.wide + (size_t)first * set->width * depth : p->wide + column;
      tile.b_step = packed ? (last - first) * set->width : p->wide_step;
      run_tile(set, p, &tile, i, column, rows, last - first, by_column);
    }
  }
}

/// The product with one thread. Where k is one chain it is cut into pieces that continue from c.
static void run_product(const TileSet *set, const Product *whole) {
  Product p = *whole;
  if (p.rows == 0 || p.columns == 0)
    return;
  const int end = p.row[p.slices ? p.slices : 1] - p.row[0];
  int done = 0;
  do {
    const int depth = p.slices || end - done <= DEPTH ? end - done : DEPTH, piece[2] = {0, depth};
    if (!p.slices)
      p.row = piece;
    // Packing pays when several groups of rows use it; a transposed wide factor cannot do without.
    const int budget = PACK_FLOATS / set->width / (depth ? depth : 1);
    const bool packed = p.wide_column != 1 || (budget >= set->vectors && p.rows > FEW_ROWS);
    const int vectors = ceiling(p.columns, set->width), blocks = packed ? ceiling(vectors, budget) : 1;
    for (int b = 0; b < blocks; b++) {
      const int first = part_begin(b, vectors, blocks) * set->width,
                last = part_begin(b + 1, vectors, blocks) * set->width;
      run_block(set, &p, first, last < p.columns ? last : p.columns, depth, packed);
    }
    p.narrow += depth * p.narrow_step;
    p.wide += depth * p.wide_step;
    p.from_c = true;
    done += depth;
  } while (done < end);
}

/// Thread i of n takes its share of whole vectors of columns, or of rows where there are more groups of those.
static Product share_of(const TileSet *set, const Product *whole, int i, int n) {
  Product p = *whole;
  const int vectors = ceiling(p.columns, set->width), groups = ceiling(p.rows, set->rows);
  if (vectors >= groups) {
    const int first = part_begin(i, vectors, n) * set->width, last = part_begin(i + 1, vectors, n) * set->width;
    p.columns = (last < p.columns ? last : p.columns) - first;
    p.wide += first * p.wide_column;
    p.c += first * p.c_column;
  } else {
    const int first = part_begin(i, groups, n) * set->rows, last = part_begin(i + 1, groups, n) * set->rows;
    p.rows = (last < p.rows ? last : p.rows) - first;
    p.narrow += first * p.narrow_row;
    p.c += first * p.c_row;
  }
  return p;
}

static void multiply(const Product *p, int threads) {
  const TileSet *set = tile_set();
  if (threads == 1) {
    run_product(set, p);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const Product mine = share_of(set, p, omp_get_thread_num(), omp_get_num_threads());
    if (mine.rows > 0 && mine.columns > 0)
      run_product(set, &mine);
  }
}

void gemm_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, bool accumulate,
             int threads) {
  multiply(&(Product){.c = c,
                      .c_row = ldc,
                      .c_column = 1,
                      .narrow = a,
                      .narrow_row = lda,
                      .narrow_step = 1,
                      .wide = b,
                      .wide_step = ldb,
                      .wide_column = 1,
                      .rows = m,
                      .columns = n,
                      .from_c = accumulate,
                      .row = (const int[]){0, k}},
           threads);
}

/// Cycles, roughly: fused multiply-adds on whole vectors, two at once; packing the wide factor; turning the tiles.
static double cost_nt(const TileSet *set, int narrow, int wide, int k, bool turned) {
  const double lanes = (double)ceiling(wide, set->width) * set->width;
  return narrow * lanes * k / (2.0 * set->width) + 0.2 * lanes * k + (turned ? 0.3 * narrow * lanes : 0.0);
}

void gemm_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, bool accumulate,
             int threads) {
  const TileSet *set = tile_set();
  Product p = {.c = c,
               .c_row = ldc,
               .c_column = 1,
               .narrow = a,
               .narrow_row = lda,
               .narrow_step = 1,
               .wide = b,
               .wide_step = 1,
               .wide_column = ldb,
               .rows = m,
               .columns = n,
               .from_c = accumulate,
               .row = (const int[]){0, k}};
  if (cost_nt(set, n, m, k, true) < cost_nt(set, m, n, k, false)) {
    p.c_row = 1;
    p.c_column = ldc;
    p.narrow = b;
    p.narrow_row = p.wide_column;
    p.wide = a;
    p.wide_column = lda;
    p.rows = n;
    p.columns = m;
  }
  multiply(&p, threads);
}

void gemm_tn_slices(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, const int *row,
                    int slices, int threads) {
  REQUIRE(slices <= SLICES_MOST, "%d slices", slices);
  multiply(&(Product){.c = c,
                      .c_row = ldc,
                      .c_column = 1,
                      .narrow = a + (ptrdiff_t)(slices ? row[0] : 0) * lda,
                      .narrow_row = 1,
                      .narrow_step = lda,
                      .wide = b + (ptrdiff_t)(slices ? row[0] : 0) * ldb,
                      .wide_step = ldb,
                      .wide_column = 1,
                      .rows = m,
                      .columns = n,
                      .row = slices ? row : (const int[]){0, 0},
                      .slices = slices ? slices : 1},
           threads);
}
