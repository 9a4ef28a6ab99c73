// dw[co, ci, ky, kx] = sum over (n, oy, ox) of dy[n, co, oy, ox] x[n, ci, oy s + ky - p, ox s + kx - p],
// db[co] = sum over (n, oy, ox) of dy[n, co, oy, ox].
//
// A sum is one chain over positions, so a vector holds several sums, and one factor must have their numbers side by side at
// every position. x lies in a field (conv_field.h), where a tap is an offset, and then either
//   dy is turned into [position, channel]: rows of sums are taps, vectors output channels; or
//   x is turned into [position, channel]: rows are output channels for each ky, vectors (kx, ci), which are neighbours then.
//   With a single input channel the ky take the place of channels: rows are output channels, vectors (kx, ky).
// Whichever fills vectors better is taken. Images come in chunks, positions in bands of rows or images that stay in the
// first-level cache while all tiles of sums pass over them.
#include "kernels/conv.h"

#include "kernels/conv_field.h"
#include "kernels/conv_tile.h"
#include "kernels/tile.h"
#include "kernels/tree.h"

#include <limits.h>
#include <omp.h>
#include <string.h>

enum { CHUNK_FLOATS = 1 << 17, BAND_POSITIONS = 256, AHEAD_MOST = 64 };

static const float ones[CONV_WIDTH] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/// A matrix of sums in tiles: `strips` times `height` rows of `vectors`, none of them across strips.
typedef struct Matrix {
  int strips, height, vectors;
  int groups, panels; // tiles: groups of rows in a strip x panels of vectors
  double cost;        // of a position, about, in cycles
} Matrix;

/// Rows [row, row + rows) of a strip of dw, or of db, times vectors [vector, vector + vectors); `at`: where its sums are.
typedef struct TileOfWeights {
  bool bias;
  int strip, row, rows, vector, vectors, lanes;
  size_t at;
} TileOfWeights;

typedef struct Weights {
  const ConvSet *set;
  bool in_place; // x needs no field: it has no padding
  Field field;   // else
  int images;    // of a chunk
  int co, oh, ow, k, taps;
  bool x_turned, folded;                // folded: ky stand for channels
  int pixel;                            // floats of a turned position
  ptrdiff_t x_image, x_line, x_channel; // distances in x, or in the field, of what tiles read
  ptrdiff_t image, line;                // and of positions once x is turned
  Matrix dw, db;
  int lanes, tiles;
  TileOfWeights *tile;
  int band, bands, together; // rows of output; or that many images
  int *offset;               // of the rows of dw; those of db are output channels too
  float *x, *turned, *stack; // the field; the other factor; [TREE_DEPTH, level]
  size_t level;              // sums of dw and, behind them, of db
} Weights;

/// A tile takes the time of its sums, of its reads, or of the wait from sum to sum.
static Matrix matrix_plan(const ConvSet *set, int strips, int height, int vectors) {
  Matrix m = {strips, height, vectors, 0, conv_ceiling(vectors, set->vectors), 0};
  const int across = conv_ceiling(vectors, m.panels), most = across == 1 ? set->column : set->rows;
  m.groups = conv_ceiling(height, most);
  const double rows = (double)height / m.groups, sums = rows * across / 2, reads = (rows + across) / 2;
  m.cost = (0.5 + (sums > reads ? sums : reads > 4 ? reads : 4)) * strips * m.groups * m.panels;
  return m;
}

static int matrix_tiles(const Matrix *m) { return m->strips * m->groups * m->panels; }

/// No slice has more than `most` images.
static Weights weights_plan(const ConvShape *shape, bool bias, int most, ConvWork *work) {
  const ConvSet *set = conv_set();
  const int k = shape->kernel, w = set->width, ci = shape->ci, co = shape->co;
  Weights p = {.set = set, .co = co, .oh = conv2d_height(shape), .ow = conv2d_width(shape), .k = k};
  p.taps = ci * k * k;
  p.folded = ci == 1;
  const int channels = p.folded ? k : ci;
  const double area = (double)p.oh * p.ow, turn = (double)w / 3;
  const Matrix taps = matrix_plan(set, 1, p.taps, conv_ceiling(co, w)),
               outputs = matrix_plan(set, p.folded ? 1 : k, co, conv_ceiling(k * channels, w)),
               sums = matrix_plan(set, 1, co, 1);
  p.x_turned = shape->stride == 1 &&
               (outputs.cost + (bias ? sums.cost : 0)) * area + turn * conv_ceiling(channels, w) * shape->h * shape->w <
                   (taps.cost + turn * taps.vectors) * area;
  p.dw = p.x_turned ? outputs : taps;
  p.db = p.x_turned ? sums : (Matrix){1, 1, taps.vectors, 1, taps.panels, 0};
  p.lanes = p.dw.vectors * w;
  p.tiles = matrix_tiles(&p.dw) + (bias ? matrix_tiles(&p.db) : 0);
  p.pixel = p.x_turned ? channels : p.lanes;
  const Field one = field_of_input(shape, 1);
  const int fit = (int)(CHUNK_FLOATS / (one.size + (size_t)p.oh * p.ow * p.pixel)), images = fit < most ? fit : most;
  p.images = images > 1 ? images : 1;
  p.in_place = shape->stride == 1 && shape->padding == 0;
  p.field = field_of_input(shape, p.in_place ? 1 : p.images);
  p.x_image = p.in_place ? (ptrdiff_t)ci * shape->h * shape->w : p.field.pitch;
  p.x_line = p.in_place ? shape->w : p.field.line;
  p.x_channel = p.in_place ? (ptrdiff_t)shape->h * shape->w : p.field.channel;
  p.image = p.in_place ? p.x_channel : p.x_image;
  p.line = p.x_line;
  p.together = BAND_POSITIONS / (p.oh * p.ow) > 1 ? BAND_POSITIONS / (p.oh * p.ow) : 1;
  p.band = conv_ceiling(BAND_POSITIONS, p.ow) < p.oh ? conv_ceiling(BAND_POSITIONS, p.ow) : p.oh;
  p.bands = conv_ceiling(p.oh, p.band);
  p.level = (size_t)p.dw.strips * p.dw.height * p.lanes + (size_t)p.db.height * p.db.vectors * w;
  p.offset = conv_take(work, (size_t)(p.taps > co ? p.taps : co) * sizeof *p.offset);
  p.x = p.in_place ? NULL : conv_take(work, p.field.size * sizeof *p.x);
  const size_t positions = !p.x_turned  ? (size_t)p.images * p.oh * p.ow
                           : p.in_place ? (size_t)p.images * p.x_channel
                                        : (size_t)p.field.phase;
  p.turned = conv_take(work, (positions * p.pixel + (size_t)CONV_VECTORS * w) * sizeof *p.turned);
  p.stack = conv_take(work, TREE_DEPTH * p.level * sizeof *p.stack);
  p.tile = conv_take(work, (size_t)p.tiles * sizeof *p.tile);
  return p;
}

size_t conv_weights_work(const ConvShape *shape) {
  ConvWork with = {0}, without = {0};
  weights_plan(shape, true, INT_MAX, &with);
  weights_plan(shape, false, INT_MAX, &without);
  return with.used > without.used ? with.used : without.used;
}

static TileOfWeights tile_at(const Weights *p, int t) {
  const int count = matrix_tiles(&p->dw), w = p->set->width;
  const bool bias = t >= count;
  const Matrix *m = bias ? &p->db : &p->dw;
  t -= bias ? count : 0;
  const int panel = t % m->panels, group = t / m->panels % m->groups, strip = t / m->panels / m->groups,
            row = conv_part(group, m->height, m->groups), vector = conv_part(panel, m->vectors, m->panels);
  return (TileOfWeights){.bias = bias,
                         .strip = strip,
                         .row = row,
                         .rows = conv_part(group + 1, m->height, m->groups) - row,
                         .vector = vector,
                         .vectors = conv_part(panel + 1, m->vectors, m->panels) - vector,
                         .lanes = m->vectors * w,
                         .at = (bias ? (size_t)p->dw.strips * p->dw.height * p->lanes : 0) +
                               ((size_t)strip * m->height + row) * m->vectors * w + (size_t)vector * w};
}

static void clear(const Weights *p, const TileOfWeights *tile, int level) {
  float *sum = p->stack + level * p->level + tile->at;
  for (int r = 0; r < tile->rows; r++, sum += tile->lanes)
    memset(sum, 0, (size_t)tile->vectors * p->set->width * sizeof *sum);
}

/// What tiles of `weigh` do themselves when a leaf ends.
static void end_leaf(const Weights *p, const TileOfWeights *tile, int level, int folds) {
  for (int r = 0; r < tile->rows; r++) {
    float *upper = p->stack + level * p->level + tile->at + (size_t)r * tile->lanes;
    for (int j = 0; j < tile->vectors * p->set->width; j++) {
      float *to = upper + j, sum = *to + 0.0f;
      for (int fold = 0; fold < folds; fold++) {
        to -= p->level;
        sum += *to;
      }
      *to = sum;
    }
  }
}

/// Band `band` of images [i, i + images) of a chunk that begins at dy and x, unless that lies in a field.
static void weigh_band(const Weights *p, const TileOfWeights *tile, int level, Leaf leaf, const float *dy,
                       const float *x, int i, int images, int band) {
  const int begin = band * p->band, end = begin + p->band < p->oh ? begin + p->band : p->oh;
  const ptrdiff_t area = (ptrdiff_t)p->oh * p->ow;
  const size_t beside = (size_t)tile->vector * p->set->width;
  Weigh weigh = {.sum = p->stack + level * p->level + tile->at,
                 .sum_step = tile->lanes,
                 .leaf = leaf,
                 .offset = p->offset + tile->row,
                 .images = images,
                 .height = end - begin,
                 .width = p->ow};
  if (p->x_turned) {
    weigh.left = dy + i * p->co * area + begin * p->ow;
    weigh.left_image = p->co * area;
    weigh.left_line = p->ow;
    weigh.right = ones;
    if (!tile->bias) {
      weigh.right = p->turned + ((begin + tile->strip) * p->line + i * p->image) * p->pixel + beside;
      weigh.right_image = p->image * p->pixel;
      weigh.right_line = p->line * p->pixel;
      weigh.right_step = p->pixel;
    }
  } else {
    weigh.left = x + i * p->x_image + begin * p->x_line;
    weigh.left_image = p->x_image;
    weigh.left_line = p->x_line;
    weigh.right = p->turned + (i * area + begin * p->ow) * p->pixel + beside;
    weigh.right_image = area * p->pixel;
    weigh.right_line = (ptrdiff_t)p->ow * p->pixel;
    weigh.right_step = p->pixel;
    if (tile->bias) {
      const int n = images == 1 ? (end - begin) * p->ow : images * (int)area;
      if (leaf.begins)
        clear(p, tile, level);
      p->set->add[tile->vectors - 1](weigh.sum, weigh.right, p->pixel, n);
      if (leaf.ends)
        end_leaf(p, tile, level, leaf.folds);
      return;
    }
  }
  p->set->weigh[tile->rows - 1][tile->vectors - 1](&weigh);
}

/// Lays out images [first, first + images); all threads take part, and none leaves before the last.
static void lay_out(const Weights *p, const float *dy, const float *x, int first, int images) {
  const int channels = p->field.channels, area = p->oh * p->ow;
  const TileSet *set = tile_set();
  if (!p->in_place) {
#pragma omp for schedule(static) nowait
    for (int j = 0; j < images * channels; j++)
      field_set(&p->field, p->x, j / channels, x, first + j / channels, j % channels);
  }
  if (p->x_turned) {
    // Images in place one after the other, or a field in parts. With ky for channels, a position takes its numbers from
    // the lines below.
    const int lines = p->oh + (p->folded ? 0 : p->k - 1), parts = p->in_place ? images : omp_get_num_threads(),
              positions = lines * (int)p->line + p->field.before;
    const ptrdiff_t row = p->folded ? p->x_line : p->x_channel;
#pragma omp barrier
#pragma omp for schedule(static)
    for (int j = 0; j < parts; j++) {
      const int begin = p->in_place ? 0 : conv_part(j, positions, parts),
                end = p->in_place ? positions : conv_part(j + 1, positions, parts);
      const float *from = p->in_place ? x + (first + j) * p->x_image : p->x + begin;
      const ptrdiff_t to = p->in_place ? j * p->image : begin;
      set->pack_transposed(p->turned + to * p->pixel, p->pixel, from, row, end - begin, p->pixel);
    }
    return;
  }
#pragma omp for schedule(static)
  for (int j = 0; j < images * p->bands; j++) {
    const int i = j / p->bands, begin = j % p->bands * p->band,
              rows = p->oh - begin < p->band ? p->oh - begin : p->band;
    set->pack_transposed(p->turned + ((size_t)i * area + begin * p->ow) * p->pixel, p->pixel,
                         dy + (size_t)(first + i) * p->co * area + begin * p->ow, area, rows * p->ow, p->co);
  }
}

/// The sums of output channels [begin, end), to where they belong.
static void finish(const Weights *p, float *dw, float *db, int begin, int end) {
  const int k = p->k;
  const float *bias = p->stack + (size_t)p->dw.strips * p->dw.height * p->lanes;
  for (int c = begin; c < end && db; c++)
    db[c] = bias[p->x_turned ? c * p->set->width : c];
  if (!p->x_turned) {
    tile_set()->pack_transposed(dw + (size_t)begin * p->taps, p->taps, p->stack + begin, p->lanes, end - begin,
                                p->taps);
    return;
  }
  const int channel_step = p->folded ? k : k * k;
  for (int strip = 0; strip < p->dw.strips; strip++)
    for (int c = begin; c < end; c++) {
      const float *sum = p->stack + ((size_t)strip * p->co + c) * p->lanes;
      float *to = dw + (size_t)c * p->taps + strip * k;
      for (int kx = 0; kx < k; kx++)
        for (int channel = 0; channel < p->pixel; channel++)
          to[channel * channel_step + kx] = *sum++;
    }
}

/// All tiles [begin, end) over `images` images, which are laid out, a part of a leaf; of x and dy, `ahead` will be laid out next.
static void weigh_chunk(const Weights *p, const float *dy, const float *x, int images, int level, Leaf leaf, int begin,
                        int end, ConvAhead ahead[2]) {
  const size_t turns = (size_t)conv_ceiling(images, p->together) * p->bands * (end - begin) + 1;
  size_t lines[2] = {ahead[0].lines / turns + 1, ahead[1].lines / turns + 1};
  if (lines[0] + lines[1] > AHEAD_MOST)
    lines[0] = lines[1] = 0;
  for (int i = 0; i < images; i += p->together)
    for (int band = 0; band < p->bands; band++) {
      const Leaf part = {.begins = leaf.begins && i == 0 && band == 0,
                         .ends = leaf.ends && i + p->together >= images && band == p->bands - 1,
                         .folds = leaf.folds,
                         .level = leaf.level};
      for (int t = begin; t < end; t++) {
        conv_look_ahead(&ahead[0], lines[0]);
        conv_look_ahead(&ahead[1], lines[1]);
        weigh_band(p, &p->tile[t], level, part, dy, x, i, images - i < p->together ? images - i : p->together, band);
      }
    }
}

void conv2d_backward_weights(float *dw, float *db, const float *dy, const float *x, const ConvShape *shape,
                             const int *row, int slices, void *scratch, int threads) {
  static const int none[2] = {0, 0};
  const int k = shape->kernel;
  if (slices == 0) {
    row = none;
    slices = 1;
  }
  int most = 1;
  for (int s = 0; s < slices; s++)
    most = conv_most(most, row[s + 1] - row[s]);
  ConvWork work = {.at = scratch};
  const Weights p = weights_plan(shape, db, most, &work);
  for (int t = 0; t < p.tiles; t++)
    p.tile[t] = tile_at(&p, t);
  for (int l = 0; l < p.taps && !p.x_turned; l++)
    p.offset[l] = p.in_place ? (int)(l / (k * k) * p.x_channel + l / k % k * p.x_line + l % k)
                             : field_tap(&p.field, l / (k * k), l / k % k, l % k);
  for (int c = 0; c < p.co && p.x_turned; c++)
    p.offset[c] = c * p.oh * p.ow;
  if (!p.in_place)
    memset(p.x, 0, p.field.size * sizeof *p.x);
  const size_t image = (size_t)shape->ci * shape->h * shape->w, output = (size_t)p.co * p.oh * p.ow;
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    const int begin = conv_part(omp_get_thread_num(), p.tiles, omp_get_num_threads()),
              end = conv_part(omp_get_thread_num() + 1, p.tiles, omp_get_num_threads());
    for (int s = 0, top = 0; s < slices; s++) {
      Leaf leaf = {.folds = tree_folds(s, slices, top + 1), .level = (ptrdiff_t)p.level};
      for (int t = begin; t < end && row[s] == row[s + 1]; t++) {
        clear(&p, &p.tile[t], top);
        end_leaf(&p, &p.tile[t], top, leaf.folds);
      }
      for (int first = row[s]; first < row[s + 1]; first += p.images) {
        const int images = row[s + 1] - first < p.images ? row[s + 1] - first : p.images;
        lay_out(&p, dy, x, first, images);
        const int after = first + images, next = row[slices] - after < images ? row[slices] - after : images;
        ConvAhead ahead[2] = {{(const char *)(x + after * image), next * image * sizeof *x / 64},
                              {(const char *)(dy + after * output), next * output * sizeof *x / 64}};
        leaf.begins = first == row[s];
        leaf.ends = after == row[s + 1];
        weigh_chunk(&p, dy + first * output, p.in_place ? x + first * image : p.x, images, top, leaf, begin, end,
                    ahead);
#pragma omp barrier
      }
      top += 1 - leaf.folds;
    }
#pragma omp barrier
    finish(&p, dw, db, conv_part(omp_get_thread_num(), p.co, omp_get_num_threads()),
           conv_part(omp_get_thread_num() + 1, p.co, omp_get_num_threads()));
  }
}
