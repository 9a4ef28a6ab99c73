// y[co, oy, ox] = sum over (ci, ky, kx) of w[co, ci, ky, kx] x[ci, oy s + ky - p, ox s + kx - p] + b[co], and its
// adjoint dx[ci, iy, ix] = sum over (co, ky, kx) of w[co, ci, ky, kx] dy[co, (iy + p - ky) / s, (ix + p - kx) / s].
//
// Both are correlations over a field of padded images (conv_field.h): with all images of a strip in one row of positions,
// sums at consecutive positions are a vector. Positions between rows and images are computed too and thrown away.
// Where the adjoint's stride is not 1, pixels fall into s x s classes, each a correlation with taps of its own.
#include "kernels/conv.h"

#include "kernels/conv_field.h"
#include "kernels/conv_tile.h"

#include <omp.h>
#include <string.h>

/// Planes a multiple of so many floats apart fall into few sets of the first-level cache.
enum { ALIAS = 128 };

int conv2d_height(const ConvShape *shape) {
  return (shape->h + 2 * shape->padding - shape->kernel) / shape->stride + 1;
}

int conv2d_width(const ConvShape *shape) { return (shape->w + 2 * shape->padding - shape->kernel) / shape->stride + 1; }

/// sum(c, i, y, x) = chain over taps l of w(l, c) field[offset[l] + y line + i pitch + x], c < channels, y < rows,
/// x < columns, goes to to[i to_image + c to_channel + y to_row + x to_step].
typedef struct Correlation {
  const float *w; // in blocks of channels: [taps, channels of the block]
  const int *offset;
  int taps, channels, blocks, rows, columns;
  float *to;
  ptrdiff_t to_image, to_channel, to_row;
  int to_step;
  const float *b;
  bool accumulate;
} Correlation;

/// Adds lanes [begin, end) at `to` to the runs of a vector, or to the last of them if they go on where that ends.
static void runs_add(Runs *runs, int j, ptrdiff_t to, int begin, int end) {
  Run *last = &runs->run[j][runs->runs[j]];
  if (runs->runs[j] > 0 && last[-1].to == to && last[-1].end == begin) {
    last[-1].end = end;
    return;
  }
  *last = (Run){to, begin, end};
  runs->runs[j]++;
}

/// Positions q to q + vectors * width of a field, as far as they are positions of the first `images` outputs.
static void runs_find(Runs *runs, const Correlation *p, const Field *field, int q, int vectors, int width, int images) {
  int y = (int)(q / field->line), i = (int)(q % field->line) / field->pitch, x = (int)(q % field->line) % field->pitch;
  for (int j = 0; j < vectors; j++) {
    runs->runs[j] = 0;
    runs->run[j][0] = (Run){0, 0, 0};
    for (int lane = 0; lane < width;) {
      const int left = width - lane, n = field->pitch - x < left ? field->pitch - x : left,
                wanted = p->columns - x < n ? p->columns - x : n;
      if (wanted > 0 && i < images && y < p->rows)
        runs_add(runs, j, i * p->to_image + y * p->to_row + (ptrdiff_t)(x - lane) * p->to_step, lane, lane + wanted);
      lane += n;
      x += n;
      if (x < field->pitch)
        continue;
      x = 0;
      if (++i == field->images) {
        i = 0;
        y++;
      }
    }
  }
}

/// Where lanes are not neighbours in memory, a tile is put down first and goes from there one by one.
static void put(const Correlate *p, int rows, int vectors, int width, const Runs *runs, float *to, ptrdiff_t to_row,
                int step, bool accumulate) {
  for (int i = 0; i < rows; i++, to += to_row)
    for (int j = 0; j < vectors; j++)
      for (const Run *run = runs->run[j]; run < runs->run[j] + runs->runs[j]; run++)
        for (int lane = run->begin; lane < run->end; lane++) {
          const float sum = p->to[(i * vectors + j) * width + lane];
          float *place = &to[run->to + (ptrdiff_t)lane * step];
          *place = accumulate ? *place + sum : sum;
        }
}

static void run_tile(const ConvSet *set, const Correlation *p, const Runs *runs, const float *x, float *to, int vectors,
                     ConvAhead *ahead, size_t lines) {
  _Alignas(64) float sum[CONV_ROWS * CONV_VECTORS * CONV_WIDTH];
  Runs all;
  for (int j = 0; j < vectors && p->to_step != 1; j++) {
    all.runs[j] = 1;
    all.run[j][0] = (Run){j * set->width, 0, set->width};
  }
  for (int b = 0; b < p->blocks; b++) {
    const int c = conv_part(b, p->channels, p->blocks), channels = conv_part(b + 1, p->channels, p->blocks) - c;
    Correlate tile = {.w = p->w + (size_t)c * p->taps,
                      .x = x,
                      .b = p->b ? p->b + c : NULL,
                      .offset = p->offset,
                      .taps = p->taps,
                      .accumulate = p->accumulate,
                      .to = to + c * p->to_channel,
                      .to_row = p->to_channel,
                      .runs = runs,
                      .ahead = ahead,
                      .ahead_lines = lines};
    if (p->to_step != 1) {
      tile.accumulate = false;
      tile.to = sum;
      tile.to_row = vectors * set->width;
      tile.runs = &all;
    }
    set->correlate[channels - 1][vectors - 1](&tile);
    if (p->to_step != 1)
      put(&tile, channels, vectors, set->width, runs, to + c * p->to_channel, p->to_channel, p->to_step, p->accumulate);
  }
}

static void correlate_strip(const ConvSet *set, const Correlation *p, const Field *field, const float *at, float *to,
                            int images, ConvAhead *ahead) {
  if (p->rows == 0 || p->columns == 0)
    return;
  const int end = (int)((p->rows - 1) * field->line) + (images - 1) * field->pitch + p->columns,
            tiles = conv_ceiling(end, set->vectors * set->width);
  const size_t lines = ahead->lines / ((size_t)tiles * p->blocks) + 1;
  for (int q = 0; q < end; q += set->vectors * set->width) {
    const int left = conv_ceiling(end - q, set->width), vectors = left < set->vectors ? left : set->vectors;
    Runs runs;
    runs_find(&runs, p, field, q, vectors, set->width, images);
    run_tile(set, p, &runs, at + q, to, vectors, ahead, lines);
  }
}

/// How many strips of images, at most `most` each, serve all threads alike.
static int strips_of(int n, int most, int threads) { return conv_ceiling(conv_ceiling(n, most), threads) * threads; }

/// Images [first, end) of x in the field `mine`, or where they are if nothing is missing there.
static const float *fill(const Field *field, float *mine, const float *x, int first, int end, int n) {
  const size_t image = (size_t)field->channels * field->h * field->w;
  if (field->in_place) {
    if ((n - first) * image >= field->size)
      return x + first * image;
    memcpy(mine, x + first * image, image * sizeof *mine);
    return mine;
  }
  for (int i = first; i < end; i++)
    for (int c = 0; c < field->channels; c++)
      field_set(field, mine, i - first, x, i, c);
  return mine;
}

/// All correlations over images of x: strips of them are shared among threads, each with a field of its own.
static void correlate(const Correlation *p, int count, const Field *field, const float *x, int n, int strips,
                      ConvWork *work, int threads) {
  const ConvSet *set = conv_set();
  const size_t image = (size_t)field->channels * field->h * field->w;
  float *fields = conv_take(work, threads * field->size * sizeof *fields);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    float *mine = fields + omp_get_thread_num() * field->size;
    memset(mine, 0, field->size * sizeof *mine);
#pragma omp for schedule(static)
    for (int s = 0; s < strips; s++) {
      const int first = conv_part(s, n, strips), end = conv_part(s + 1, n, strips),
                after = s + 1 < strips ? conv_part(s + 2, n, strips) : end;
      const float *at = fill(field, mine, x, first, end, n);
      ConvAhead ahead = {(const char *)(x + end * image), (after - end) * image * sizeof *x / 64};
      for (int j = 0; j < count && first < end; j++)
        correlate_strip(set, &p[j], field, at, p[j].to + first * p[j].to_image, end - first, &ahead);
    }
  }
}

/// w(l, c) for l = (outer, ky, kx), ky = y, y + s, …, kx = x, x + s, …, in blocks of channels.
static void pack_weights(const Correlation *p, float *to, const float *w, ptrdiff_t outer_step, ptrdiff_t channel_step,
                         int outers, int kernel, int y, int x, int stride) {
  for (int b = 0; b < p->blocks; b++) {
    const int begin = conv_part(b, p->channels, p->blocks), end = conv_part(b + 1, p->channels, p->blocks);
    for (int outer = 0; outer < outers; outer++)
      for (int ky = y; ky < kernel; ky += stride)
        for (int kx = x; kx < kernel; kx += stride)
          for (int c = begin; c < end; c++)
            *to++ = w[outer * outer_step + c * channel_step + ky * kernel + kx];
  }
}

void conv2d_forward(float *y, const float *x, const float *w, const float *b, const ConvShape *shape, int n,
                    void *scratch, int threads) {
  const int oh = conv2d_height(shape), ow = conv2d_width(shape), k = shape->kernel, taps = shape->ci * k * k;
  if (n == 0 || shape->co == 0)
    return;
  const Field one = field_of_input(shape, 1);
  const bool in_place =
      shape->stride == 1 && shape->padding == 0 && field_fit(&one) == 1 && shape->h * shape->w % ALIAS != 0;
  const int strips = in_place ? n : strips_of(n, field_fit(&one), threads);
  const Field field = in_place ? field_in_place(shape) : field_of_input(shape, conv_ceiling(n, strips));
  ConvWork work = {.at = scratch};
  int *offset = conv_take(&work, (size_t)taps * sizeof *offset);
  float *packed = conv_take(&work, (size_t)taps * shape->co * sizeof *packed);
  for (int l = 0; l < taps; l++)
    offset[l] = field_tap(&field, l / (k * k), l / k % k, l % k);
  const Correlation all = {.w = packed,
                           .offset = offset,
                           .taps = taps,
                           .channels = shape->co,
                           .blocks = conv_ceiling(shape->co, conv_set()->rows),
                           .rows = oh,
                           .columns = ow,
                           .to = y,
                           .to_image = (ptrdiff_t)shape->co * oh * ow,
                           .to_channel = (ptrdiff_t)oh * ow,
                           .to_row = ow,
                           .to_step = 1,
                           .b = b};
  pack_weights(&all, packed, w, k * k, taps, shape->ci, k, 0, 0, 1);
  correlate(&all, 1, &field, x, n, strips, &work, threads);
}

/// Pixels first, first + s, … of `size` along one axis are reached by taps a, a + s, … of the kernel, m-th of them at
/// output position of pixel t: t + shift - m.
typedef struct PixelClass {
  int first, pixels, shift, taps;
} PixelClass;

static PixelClass pixel_class(const ConvShape *shape, int size, int a) {
  const int s = shape->stride, p = shape->padding, first = ((a - p) % s + s) % s;
  return (PixelClass){.first = first,
                      .pixels = first < size ? (size - 1 - first) / s + 1 : 0,
                      .shift = (first + p - a) / s,
                      .taps = a < shape->kernel ? (shape->kernel - 1 - a) / s + 1 : 0};
}

static Field field_of_output(const ConvShape *shape, int images) {
  const int oh = conv2d_height(shape), ow = conv2d_width(shape);
  Margin margin = {0};
  for (int a = 0; a < shape->stride; a++) {
    const PixelClass y = pixel_class(shape, shape->h, a), x = pixel_class(shape, shape->w, a);
    margin.before = conv_most(margin.before, conv_most(y.taps - 1 - y.shift, x.taps - 1 - x.shift));
    margin.below = conv_most(margin.below, y.pixels + y.shift - oh);
    margin.right = conv_most(margin.right, x.pixels + x.shift - ow);
    margin.columns = conv_most(margin.columns, x.pixels);
  }
  return field_make(shape->co, oh, ow, 1, margin, images);
}

/// The correlation of class (a, c) and its taps, packed at `offset` and `packed`.
static Correlation pull_class(const Field *field, const float *w, const ConvShape *shape, int a, int c, int *offset,
                              float *packed) {
  const PixelClass y = pixel_class(shape, shape->h, a), x = pixel_class(shape, shape->w, c);
  const int k = shape->kernel, s = shape->stride;
  for (int co = 0, l = 0; co < shape->co; co++)
    for (int my = 0; my < y.taps; my++)
      for (int mx = 0; mx < x.taps; mx++)
        offset[l++] = field_tap(field, co, y.shift + field->before - my, x.shift + field->before - mx);
  Correlation some = {.w = packed,
                      .offset = offset,
                      .taps = shape->co * y.taps * x.taps,
                      .channels = shape->ci,
                      .blocks = conv_ceiling(shape->ci, conv_set()->rows),
                      .rows = y.pixels,
                      .columns = x.pixels,
                      .to_image = (ptrdiff_t)shape->ci * shape->h * shape->w,
                      .to_channel = (ptrdiff_t)shape->h * shape->w,
                      .to_row = (ptrdiff_t)s * shape->w,
                      .to_step = s};
  pack_weights(&some, packed, w, (ptrdiff_t)shape->ci * k * k, (ptrdiff_t)k * k, shape->co, k, a, c, s);
  return some;
}

void conv2d_backward_input(float *dx, const float *dy, const float *w, const ConvShape *shape, int n, bool accumulate,
                           void *scratch, int threads) {
  const int k = shape->kernel, s = shape->stride, taps = shape->co * k * k;
  if (n == 0 || shape->ci == 0)
    return;
  const Field one = field_of_output(shape, 1);
  const int strips = strips_of(n, field_fit(&one), threads);
  const Field field = field_of_output(shape, conv_ceiling(n, strips));
  ConvWork work = {.at = scratch};
  int *offset = conv_take(&work, (size_t)taps * sizeof *offset);
  float *packed = conv_take(&work, (size_t)taps * shape->ci * sizeof *packed);
  Correlation *all = conv_take(&work, (size_t)s * s * sizeof *all);
  for (int a = 0; a < s; a++)
    for (int c = 0; c < s; c++) {
      Correlation *p = all + a * s + c;
      *p = pull_class(&field, w, shape, a, c, offset, packed);
      p->to = dx + pixel_class(shape, shape->h, a).first * shape->w + pixel_class(shape, shape->w, c).first;
      p->accumulate = accumulate;
      offset += p->taps;
      packed += (size_t)p->taps * shape->ci;
    }
  correlate(all, s * s, &field, dy, n, strips, &work, threads);
}

size_t conv2d_work(const ConvShape *shape, int threads) {
  const size_t k = (size_t)shape->kernel, s = (size_t)shape->stride, ci = (size_t)shape->ci, co = (size_t)shape->co;
  const Field in = field_of_input(shape, 1), out = field_of_output(shape, 1);
  const size_t in_size = field_of_input(shape, field_fit(&in)).size,
               out_size = field_of_output(shape, field_fit(&out)).size;
  ConvWork work = {0};
  conv_take(&work, (ci > co ? ci : co) * k * k * sizeof(int));
  conv_take(&work, ci * co * k * k * sizeof(float));
  conv_take(&work, s * s * sizeof(Correlation));
  conv_take(&work, (size_t)threads * (in_size > out_size ? in_size : out_size) * sizeof(float));
  const size_t weights = conv_weights_work(shape);
  return work.used > weights ? work.used : weights;
}
