// c_ij = fma(a_ik-1, b_k-1j, … fma(a_i0, b_0j, +0)): one chain per element, in the order of k.
//
// The plan is that of Goto and van de Geijn (2008) with one liberty: of the two factors, one is cut into panels of a
// few vectors and packed into the second-level cache (the "wide" one), the other is read a few rows at a time as single
// numbers, mostly where it lies (the "narrow" one). Either factor may be the wide one; then tiles come out transposed.
#include "kernels/gemm.h"

#include "base/slices.h"
#include "base/status.h"
#include "kernels/tile.h"

#include <limits.h>
#include <omp.h>
#include <string.h>

enum {
  PACK_FLOATS = 9 << 14,   // room for the wide factor (six panels of 48 at DEPTH), and for
  NARROW_FLOATS = 1 << 16, // the narrow one: together less than half a second-level cache of today
  DEPTH = 512,             // a longer k is cut where c is cheap to come back to,
  DEPTH_TURNED = 2048,     // and where it is not
  PACK_ROWS = 16
};

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
static int least(int a, int b) { return a < b ? a : b; }

/// Things cut into nearly equal parts, the larger ones first.
typedef struct Cut {
  int parts, size, larger; // the first `larger` parts have size + 1
} Cut;

static Cut cut_of(int count, int parts) { return (Cut){parts, count / parts, count % parts}; }
static int cut_begin(Cut cut, int i) { return i * cut.size + (i < cut.larger ? i : cut.larger); }

/// What of the wide factor is wanted after a block, and asked for during it: `pieces` stretches of `lines` lines, `step`
/// floats apart.
typedef struct Stream {
  const float *at;
  ptrdiff_t step;
  int pieces, lines, share; // a tile takes up to `share` stretches
} Stream;

/// Columns [begin, end) of a product for `depth` steps of k: groups of rows times panels of vectors.
typedef struct Block {
  const TileSet *set;
  const Product *p;
  int begin, end, depth;
  Cut panels, groups;
  Stream *coming;
} Block;

typedef struct Panel {
  int column, columns, vectors;
  float *packed;
} Panel;

static Panel panel_at(const Block *block, int q) {
  const int width = block->set->width, first = cut_begin(block->panels, q) * width,
            last = cut_begin(block->panels, q + 1) * width, all = block->end - block->begin;
  return (Panel){.column = block->begin + first,
                 .columns = (last < all ? last : all) - first,
                 .vectors = (last - first) / width,
                 .packed = scratch.wide + (size_t)first * block->depth};
}

/// Rows of the wide factor are packed some at a time, all panels in turn, so that memory is read nearly in a stream.
static void pack_wide(const Block *block) {
  const TileSet *set = block->set;
  const Product *p = block->p;
  const int stretch = p->wide_column == 1 ? PACK_ROWS : block->depth;
  for (int l = 0; l < block->depth; l += stretch)
    for (int q = 0; q < block->panels.parts; q++) {
      const Panel panel = panel_at(block, q);
      const int rows = block->depth - l < stretch ? block->depth - l : stretch;
      const float *from = p->wide + panel.column * p->wide_column + l * p->wide_step;
      float *to = panel.packed + (size_t)l * panel.vectors * set->width;
      if (p->wide_column == 1)
        set->pack(to, from, p->wide_step, rows, panel.columns, panel.vectors);
      else
        set->pack_transposed(to, panel.vectors * set->width, from, p->wide_column, rows, panel.columns);
    }
}

/// to[l, rows] = from[l step + i], i < rows.
static void pack_rows(float *to, const float *from, ptrdiff_t step, int rows, int depth) {
  for (int l = 0; l < depth; l++, to += rows, from += step)
    for (int i = 0; i < rows; i++)
      to[i] = from[i];
}

enum { EIGHT = 8 };

/// Two groups of eight rows, which stand side by side in a cache line, `apart` floats apart when packed.
__attribute__((target_clones("arch=x86-64-v3", "default"))) static void
pack_pair(float *to, ptrdiff_t apart, const float *from, ptrdiff_t step, int depth) {
  for (int l = 0; l < depth; l++, to += EIGHT, from += step) {
    memcpy(to, from, EIGHT * sizeof *to);
    memcpy(to + apart, from + EIGHT, EIGHT * sizeof *to);
  }
}

/// Packs groups [first, end) of rows, some steps of k of all groups in turn: scratch.narrow[group][l, rows of the group].
static void pack_narrow(const Block *block, int first, int end) {
  const Product *p = block->p;
  const int begin = cut_begin(block->groups, first);
  for (int l = 0; l < block->depth; l += PACK_ROWS)
    for (int g = first; g < end; g++) {
      const int i = cut_begin(block->groups, g), rows = cut_begin(block->groups, g + 1) - i,
                steps = block->depth - l < PACK_ROWS ? block->depth - l : PACK_ROWS;
      float *to = scratch.narrow + (size_t)(i - begin) * block->depth + l * rows;
      const float *from = p->narrow + i + l * p->narrow_step;
      if (rows == EIGHT && g + 1 < end && cut_begin(block->groups, g + 2) - i == 2 * EIGHT) {
        pack_pair(to, (ptrdiff_t)EIGHT * block->depth, from, p->narrow_step, steps);
        g++;
      } else
        pack_rows(to, from, p->narrow_step, rows, steps);
    }
}

static void run_tile(TileFunction run, const Product *p, Tile *tile, int i, int j, int rows) {
  float *c = p->c + i * p->c_row + j * p->c_column;
  if (p->c_column == 1) {
    tile->c = c;
    tile->ldc = p->c_row;
    run(tile);
    return;
  }
  tile->c = scratch.tile;
  tile->ldc = TILE_VECTORS * TILE_WIDTH;
  if (tile->from_c)
    transpose(tile->c, tile->ldc, c, p->c_column, tile->columns, rows);
  run(tile);
  transpose(c, p->c_column, tile->c, tile->ldc, rows, tile->columns);
}

/// The wide factor is read where it lies, or packed, or the first group of rows packs it on its way.
typedef enum Wide { WIDE_LIES, WIDE_PACKED, WIDE_PACKS } Wide;

/// What a tile asks for ahead: the tile of c that comes next, at `c`, some of the rows of the narrow factor that the next
/// group will read where they lie, and some of the wide factor that the next block will pack.
static void look_ahead(Tile *tile, const Product *p, const float *c, int rows, int depth, Ahead *next_rows,
                       Stream *coming) {
  Ahead *ahead = tile->ahead;
  if (p->slices > 0) {
    *ahead = (Ahead){c, p->c_row, 1};
    return;
  }
  int room = depth / AHEAD_STEPS;
  if (p->c_column != 1) {
    *ahead++ = (Ahead){c, p->c_column, tile->columns};
    room -= tile->columns;
  } else
    for (int j = 0; j < tile->columns; j += AHEAD_LINE, room -= rows)
      *ahead++ = (Ahead){c + j, p->c_row, rows};
  const int taken = room < next_rows->times ? room : next_rows->times;
  if (taken > 0) {
    *ahead++ = (Ahead){next_rows->at, AHEAD_LINE, taken};
    next_rows->at += taken * AHEAD_LINE;
    next_rows->times -= taken;
    room -= taken;
  }
  for (int i = 0; i < coming->share && coming->pieces > 0 && room > 0; i++, coming->pieces--, room -= coming->lines) {
    *ahead++ = (Ahead){coming->at, AHEAD_LINE, coming->lines};
    coming->at += coming->step;
  }
  *ahead = (Ahead){tile->b, 0, INT_MAX};
}

/// Rows [i, i + rows) times all panels.
static void run_group(const Block *block, Tile *tile, int i, int rows, Wide wide) {
  const TileSet *set = block->set;
  const Product *p = block->p;
  const bool sliced = p->slices > 0, more_rows = !sliced && i + rows < p->rows;
  Ahead next_rows = {.at = p->narrow + (i + rows) * p->narrow_row,
                     .times = more_rows ? (int)(rows * p->narrow_row / AHEAD_LINE) : 0};
  for (int q = 0; q < block->panels.parts; q++) {
    const Panel panel = panel_at(block, q);
    const bool more = q + 1 < block->panels.parts;
    const int next_row = more ? i : i + rows, next_column = more ? panel.column + panel.columns : block->begin;
    tile->columns = panel.columns;
    tile->packed = panel.packed;
    tile->b = wide == WIDE_PACKED ? panel.packed : p->wide + panel.column;
    tile->b_step = wide == WIDE_PACKED ? panel.vectors * set->width : p->wide_step;
    look_ahead(tile, p, p->c + next_row * p->c_row + next_column * p->c_column, rows, block->depth, &next_rows,
               block->coming);
    const TileFunction run =
        wide == WIDE_PACKS ? set->packing[sliced][panel.vectors - 1] : set->tile[sliced][rows - 1][panel.vectors - 1];
    run_tile(run, p, tile, i, panel.column, rows);
  }
}

/// Columns [begin, end) of the product, which are at most as many vectors as the scratch holds unless they are not packed.
static void run_block(const TileSet *set, const Product *p, int begin, int end, int depth, bool packed,
                      Stream *coming) {
  const int vectors = ceiling(end - begin, set->width);
  const Block block = {set,
                       p,
                       begin,
                       end,
                       depth,
                       cut_of(vectors, ceiling(vectors, set->vectors)),
                       cut_of(p->rows, ceiling(p->rows, set->rows)),
                       coming};
  if (coming->pieces > 0)
    coming->share = least(ceiling(coming->pieces, block.panels.parts * block.groups.parts), AHEADS - TILE_VECTORS - 2);
  const bool packs = p->wide_column == 1 && cut_begin(block.groups, 1) == set->rows;
  Wide wide = !packed ? WIDE_LIES : packs ? WIDE_PACKS : WIDE_PACKED;
  if (wide == WIDE_PACKED)
    pack_wide(&block);
  // The narrow factor is read along k. Where that is across its rows, groups used by several panels are packed.
  const int room = NARROW_FLOATS / set->rows / (depth ? depth : 1), groups = block.groups.parts;
  const bool gather = p->slices > 0 && block.panels.parts > 1 && room > 0;
  for (int g = 0, packed_rows = 0; g < groups; g++) {
    const int i = cut_begin(block.groups, g), rows = cut_begin(block.groups, g + 1) - i;
    Tile tile = {.a = p->narrow + i * p->narrow_row,
                 .a_row = p->narrow_row,
                 .a_step = p->narrow_step,
                 .from_c = p->from_c,
                 .row = p->row,
                 .slices = p->slices};
    if (gather) {
      if (g % room == 0) {
        packed_rows = i;
        pack_narrow(&block, g, g + room < groups ? g + room : groups);
      }
      tile.a = scratch.narrow + (size_t)(i - packed_rows) * depth;
      tile.a_step = rows;
    }
    run_group(&block, &tile, i, rows, wide);
    wide = wide == WIDE_PACKS ? WIDE_PACKED : wide;
  }
}

/// Columns [begin, end) of the wide factor for `depth` steps from `from`.
static Stream stream_of(const Product *p, const float *from, int begin, int end, int depth) {
  const bool along = p->wide_column == 1;
  if (depth == 0)
    return (Stream){0};
  return (Stream){.at = from + begin * p->wide_column,
                  .step = along ? p->wide_step : p->wide_column,
                  .pieces = along ? depth : end - begin,
                  .lines = ceiling(along ? end - begin : depth, AHEAD_LINE)};
}

/// Columns of block b; the last one has those that do not fill a panel.
static void block_columns(Cut blocks, int b, int wide, int columns, int *begin, int *end) {
  *begin = cut_begin(blocks, b) * wide;
  *end = b + 1 < blocks.parts ? cut_begin(blocks, b + 1) * wide : columns;
}

/// All of the product for one piece of k, which another of `after` steps follows. A wide factor that lies along is packed
/// if there are full groups of rows, the first of which does it on its way; one that lies across cannot do without.
static void run_piece(const TileSet *set, const Product *p, int depth, int after) {
  const int budget = PACK_FLOATS / set->width / (depth ? depth : 1), vectors = ceiling(p->columns, set->width),
            groups = ceiling(p->rows, set->rows);
  const bool full = ceiling(p->rows, groups) == set->rows;
  if (p->wide_column != 1 || (budget >= set->vectors && (full || groups > 2))) {
    // Full panels as far as they go: narrower ones are slower.
    const int unit = budget >= set->vectors ? set->vectors : 1, wide = unit * set->width;
    const Cut blocks = cut_of(vectors / unit, ceiling(vectors, budget / unit * unit));
    int begin[2], end[2]; // of this block and of the one that comes next, perhaps the first of the next piece
    block_columns(blocks, 0, wide, p->columns, &begin[0], &end[0]);
    for (int b = 0; b < blocks.parts; b++) {
      const bool last = b + 1 == blocks.parts;
      block_columns(blocks, last ? 0 : b + 1, wide, p->columns, &begin[1], &end[1]);
      Stream coming = stream_of(p, p->wide + (last ? depth * p->wide_step : 0), begin[1], end[1], last ? after : depth);
      run_block(set, p, begin[0], end[0], depth, true, &coming);
      begin[0] = begin[1];
      end[0] = end[1];
    }
    return;
  }
  // Where it lies, whole vectors only are read; the columns beyond are packed, or left to the set that reads single
  // ones.
  const int whole = p->columns - p->columns % set->width;
  if (whole > 0)
    run_block(set, p, 0, whole, depth, false, &(Stream){0});
  if (whole < p->columns)
    run_block(budget > 0 ? set : &tile_set_portable, p, whole, p->columns, depth, budget > 0, &(Stream){0});
}

/// The product with one thread. Where k is one chain it is cut into pieces that continue from c.
static void run_product(const TileSet *set, const Product *whole) {
  Product p = *whole;
  if (p.rows == 0 || p.columns == 0)
    return;
  const int end = p.row[p.slices ? p.slices : 1] - p.row[0];
  const int deep = p.c_column == 1 ? DEPTH : DEPTH_TURNED;
  int done = 0;
  do {
    const int depth = p.slices || end - done <= deep ? end - done : deep, piece[2] = {0, depth};
    if (!p.slices)
      p.row = piece;
    run_piece(set, &p, depth, p.slices || end - done - depth <= deep ? end - done - depth : deep);
    p.narrow += depth * p.narrow_step;
    p.wide += depth * p.wide_step;
    p.from_c = true;
    done += depth;
  } while (done < end);
}

/// Thread i of n takes its share of whole vectors of columns, or of groups of rows where there are more of those.
static Product share_of(const TileSet *set, const Product *whole, int i, int n) {
  Product p = *whole;
  const int vectors = ceiling(p.columns, set->width), groups = ceiling(p.rows, set->rows);
  const Cut shares = cut_of(vectors >= groups ? vectors : groups, n);
  if (vectors >= groups) {
    const int first = cut_begin(shares, i) * set->width, end = cut_begin(shares, i + 1) * set->width;
    p.columns = (end < p.columns ? end : p.columns) - first;
    p.wide += first * p.wide_column;
    p.c += first * p.c_column;
  } else {
    const int first = cut_begin(shares, i) * set->rows, end = cut_begin(shares, i + 1) * set->rows;
    p.rows = (end < p.rows ? end : p.rows) - first;
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

/// Cycles, roughly: fused multiply-adds on whole vectors, two at once if a tile is wider than one; packing the wide
/// factor; turning the tiles.
static double cost_nt(const TileSet *set, int narrow, int wide, int k, bool turned) {
  const double lanes = (double)ceiling(wide, set->width) * set->width, rate = wide > set->width ? 2.0 : 1.6;
  return narrow * lanes * k / (rate * set->width) + 0.2 * lanes * k + (turned ? 0.3 * narrow * lanes : 0.0);
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
