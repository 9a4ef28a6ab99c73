// Images with their padding, laid out for the tiles of a convolution.
#include "kernels/conv_field.h"

#include "kernels/conv_tile.h"
#include "kernels/tile.h"

#include <string.h>

enum { LINE = 16, OVERRUN = CONV_VECTORS * CONV_WIDTH };

const ConvSet *conv_set(void) {
  const TileSet *set = tile_set();
  return set == &tile_set_avx512 ? &conv_set_avx512 : set == &tile_set_avx2 ? &conv_set_avx2 : &conv_set_portable;
}

Field field_make(int channels, int h, int w, int stride, Margin margin, size_t room) {
  Field field = {.channels = channels, .h = h, .w = w, .stride = stride, .before = margin.before};
  ptrdiff_t rows, tail = 0;
  if (stride == 1) {
    const int below = conv_most(margin.before, margin.below), right = conv_most(margin.before, margin.right);
    rows = conv_most(h + below, margin.rows);
    field.pitch = conv_most(w + right, margin.columns);
    tail = (ptrdiff_t)below * field.pitch + right;
  } else {
    rows = conv_ceiling(margin.before + h + margin.below, stride);
    field.pitch = conv_ceiling(margin.before + w + margin.right, stride);
  }
  field.image = rows * field.pitch;
  const ptrdiff_t phases = (ptrdiff_t)stride * stride, whole = channels * phases * field.image;
  field.images = whole < (ptrdiff_t)room ? (int)((ptrdiff_t)room / whole) : 1;
  // An odd number of lines from plane to plane, that they do not all fall into the same set of the cache.
  field.phase = ((field.images * field.image + tail + LINE - 1) / LINE | 1) * LINE;
  field.channel = phases * field.phase;
  field.size = (size_t)(channels * field.channel + OVERRUN);
  return field;
}

Field field_of_input(const ConvShape *shape, size_t room) {
  const int p = shape->padding;
  return field_make(shape->ci, shape->h, shape->w, shape->stride,
                    (Margin){p, p, p, conv2d_height(shape), conv2d_width(shape)}, room);
}

int field_tap(const Field *field, int channel, int ky, int kx) {
  const int s = field->stride;
  return (int)(channel * field->channel + (ky % s * s + kx % s) * field->phase + ky / s * field->pitch + kx / s);
}

void field_set(const Field *field, float *to, int i, const float *x, ptrdiff_t image, int channel) {
  const int s = field->stride, h = field->h, w = field->w;
  x += (image * field->channels + channel) * h * w;
  to += i * field->image + channel * field->channel;
  for (int row = 0; row < h; row++, x += w) {
    const int y = row + field->before;
    float *line = to + y % s * s * field->phase + y / s * field->pitch;
    if (s == 1)
      memcpy(line + field->before, x, (size_t)w * sizeof *x);
    else
      for (int j = 0; j < w; j++)
        line[(j + field->before) % s * field->phase + (j + field->before) / s] = x[j];
  }
}

void *conv_take(ConvWork *work, size_t bytes) {
  void *piece = work->at ? work->at + work->used : NULL;
  work->used += (bytes + 63) / 64 * 64;
  return piece;
}
