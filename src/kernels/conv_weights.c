// dw[co, ci, ky, kx] = sum over (n, oy, ox) of dy[n, co, oy, ox] x[n, ci, oy s + ky - p, ox s + kx - p],
// db[co] = sum over (n, oy, ox) of dy[n, co, oy, ox].
//
// A sum is one chain over positions, so a vector holds sums of several output channels: dy is turned into
// [position, channel], x lies in a field (conv_field.h), where a tap is an offset. Images come in chunks, positions in
// bands of rows that stay in the first-level cache while all tiles of sums pass over them.
#include "kernels/conv.h"

#include "kernels/conv_field.h"
#include "kernels/conv_tile.h"
#include "kernels/tile.h"
#include "kernels/tree.h"

#include <omp.h>
#include <string.h>

enum { CHUNK_FLOATS = 1 << 17, BAND_POSITIONS = 256 };

typedef struct Weights {
  const ConvSet *set;
  Field field;
  int oh, ow, taps, vectors, lanes; // of all output channels
  int groups, panels;               // tiles: groups of taps x panels of vectors
  int band, bands;                  // rows of output
  int *offset;                      // [taps]
  float *x, *dy, *stack;            // the field; [images, position, lanes]; [TREE_DEPTH, taps + 1, lanes], db behind dw
} Weights;

static Weights weights_plan(const ConvShape *shape, ConvWork *work) {
  const ConvSet *set = conv_set();
  Weights p = {.set = set, .oh = conv2d_height(shape), .ow = conv2d_width(shape)};
  p.taps = shape->ci * shape->kernel * shape->kernel;
  p.vectors = conv_ceiling(shape->co, set->width);
  p.lanes = p.vectors * set->width;
  const Field one = field_of_input(shape, 1);
  const int images = (int)(CHUNK_FLOATS / (one.size + (size_t)p.oh * p.ow * p.lanes));
  p.field = field_of_input(shape, images > 1 ? images : 1);
  p.groups = conv_ceiling(p.taps, set->rows);
  p.panels = conv_ceiling(p.vectors, set->vectors);
  p.band = conv_ceiling(BAND_POSITIONS, p.ow);
  p.bands = conv_ceiling(p.oh, p.band);
  p.offset = conv_take(work, (size_t)p.taps * sizeof *p.offset);
  p.x = conv_take(work, p.field.size * sizeof *p.x);
  p.dy = conv_take(work, (size_t)p.field.images * p.oh * p.ow * p.lanes * sizeof *p.dy);
  p.stack = conv_take(work, (size_t)TREE_DEPTH * (p.taps + 1) * p.lanes * sizeof *p.stack);
  return p;
}

size_t conv_weights_work(const ConvShape *shape) {
  ConvWork work = {0};
  weights_plan(shape, &work);
  return work.used;
}

/// Tile t: taps [tap, tap + rows), or the single row of db behind all of them, times vectors [vector, vector + vectors).
typedef struct TileOfWeights {
  int tap, rows, vector, vectors;
} TileOfWeights;

static TileOfWeights tile_at(const Weights *p, int t) {
  const int panel = t % p->panels, group = t / p->panels, vector = conv_part(panel, p->vectors, p->panels);
  const int tap = group < p->groups ? conv_part(group, p->taps, p->groups) : p->taps;
  return (TileOfWeights){.tap = tap,
                         .rows = group < p->groups ? conv_part(group + 1, p->taps, p->groups) - tap : 1,
                         .vector = vector,
                         .vectors = conv_part(panel + 1, p->vectors, p->panels) - vector};
}

static float *tile_sum(const Weights *p, TileOfWeights tile, int level) {
  return p->stack + ((size_t)level * (p->taps + 1) + tile.tap) * p->lanes + tile.vector * p->set->width;
}

/// Band `band` of image i of the chunk.
static void weigh_band(const Weights *p, TileOfWeights tile, int level, int i, int band) {
  const int begin = band * p->band, end = begin + p->band < p->oh ? begin + p->band : p->oh;
  const float *dy = p->dy + ((size_t)i * p->oh + begin) * p->ow * p->lanes + tile.vector * p->set->width;
  float *sum = tile_sum(p, tile, level);
  if (tile.tap == p->taps) {
    p->set->add[tile.vectors - 1](sum, dy, p->lanes, (end - begin) * p->ow);
    return;
  }
  p->set->weigh[tile.rows - 1][tile.vectors - 1](&(Weigh){.sum = sum,
                                                          .sum_step = p->lanes,
                                                          .dy = dy,
                                                          .dy_step = p->lanes,
                                                          .x = p->x + i * p->field.pitch + begin * p->field.line,
                                                          .offset = p->offset + tile.tap,
                                                          .height = end - begin,
                                                          .width = p->ow,
                                                          .pitch = (int)p->field.line});
}

/// Lays out images [first, first + images); all threads take part, and none leaves before the last.
static void lay_out(const Weights *p, const float *dy, const float *x, int co, int first, int images) {
  const int channels = p->field.channels, area = p->oh * p->ow;
#pragma omp for schedule(static) nowait
  for (int j = 0; j < images * channels; j++)
    field_set(&p->field, p->x, j / channels, x, first + j / channels, j % channels);
#pragma omp for schedule(static)
  for (int j = 0; j < images * p->bands; j++) {
    const int i = j / p->bands, begin = j % p->bands * p->band,
              rows = p->oh - begin < p->band ? p->oh - begin : p->band;
    tile_set()->pack_transposed(p->dy + ((size_t)i * area + begin * p->ow) * p->lanes,
                                dy + (size_t)(first + i) * co * area + begin * p->ow, area, rows * p->ow, co,
                                p->vectors);
  }
}

static void clear(const Weights *p, TileOfWeights tile, int level) {
  float *sum = tile_sum(p, tile, level);
  for (int r = 0; r < tile.rows; r++, sum += p->lanes)
    memset(sum, 0, (size_t)tile.vectors * p->set->width * sizeof *sum);
}

/// The sum at level - 1 += that at `level`.
static void fold(const Weights *p, TileOfWeights tile, int level) {
  float *lower = tile_sum(p, tile, level - 1);
  const float *upper = tile_sum(p, tile, level);
  for (int r = 0; r < tile.rows; r++, lower += p->lanes, upper += p->lanes)
    for (int j = 0; j < tile.vectors * p->set->width; j++)
      lower[j] += upper[j];
}

/// The "+0" of a leaf only turns -0 into +0, and so does one at the end: no other bit depends on a zero's sign underway.
static void finish(const Weights *p, TileOfWeights tile, float *dw, float *db, int co) {
  const float *sum = tile_sum(p, tile, 0);
  const int begin = tile.vector * p->set->width, end = begin + tile.vectors * p->set->width;
  for (int r = 0; r < tile.rows; r++, sum += p->lanes)
    for (int c = begin; c < end && c < co; c++)
      *(tile.tap == p->taps ? &db[c] : &dw[(size_t)c * p->taps + tile.tap + r]) = sum[c - begin] + 0.0f;
}

void conv2d_backward_weights(float *dw, float *db, const float *dy, const float *x, const ConvShape *shape,
                             const int *row, int slices, void *scratch, int threads) {
  static const int none[2] = {0, 0};
  const int k = shape->kernel;
  ConvWork work = {.at = scratch};
  const Weights p = weights_plan(shape, &work);
  for (int l = 0; l < p.taps; l++)
    p.offset[l] = field_tap(&p.field, l / (k * k), l / k % k, l % k);
  memset(p.x, 0, p.field.size * sizeof *p.x);
  const int tiles = (p.groups + (db ? 1 : 0)) * p.panels;
  if (slices == 0) {
    row = none;
    slices = 1;
  }
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    const int begin = conv_part(omp_get_thread_num(), tiles, omp_get_num_threads()),
              end = conv_part(omp_get_thread_num() + 1, tiles, omp_get_num_threads());
    for (int s = 0, top = 0; s < slices; s++) {
      for (int t = begin; t < end; t++)
        clear(&p, tile_at(&p, t), top);
      for (int first = row[s]; first < row[s + 1]; first += p.field.images) {
        const int images = row[s + 1] - first < p.field.images ? row[s + 1] - first : p.field.images;
        lay_out(&p, dy, x, shape->co, first, images);
        for (int j = 0; j < images * p.bands; j++)
          for (int t = begin; t < end; t++)
            weigh_band(&p, tile_at(&p, t), top, j / p.bands, j % p.bands);
#pragma omp barrier
      }
      top++;
      for (int folds = tree_folds(s, slices, top); folds > 0; folds--, top--)
        for (int t = begin; t < end; t++)
          fold(&p, tile_at(&p, t), top - 1);
    }
    for (int t = begin; t < end; t++)
      finish(&p, tile_at(&p, t), dw, db, shape->co);
  }
}
