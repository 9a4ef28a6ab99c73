// Images with their padding, laid out for the tiles of a convolution.
#include "kernels/conv_field.h"

#include "kernels/conv_tile.h"
#include "kernels/tile.h"

enum { LINE = 16, OVERRUN = CONV_VECTORS * CONV_WIDTH, STRIP_POSITIONS = 512 };

const ConvSet *conv_set(void) {
  const TileSet *set = tile_set();
  return set == &tile_set_avx512 ? &conv_set_avx512 : set == &tile_set_avx2 ? &conv_set_avx2 : &conv_set_portable;
}

Field field_make(int channels, int h, int w, int stride, Margin margin, int images) {
  Field field = {.channels = channels, .h = h, .w = w, .stride = stride, .before = margin.before, .images = images};
  int lines, tail;
  if (stride == 1) {
    tail = conv_most(margin.before, margin.right);
    lines = margin.before + h + margin.below;
    field.pitch = conv_most(w + tail, margin.columns);
  } else {
    tail = 0;
    lines = conv_ceiling(margin.before + h + margin.below, stride);
    field.pitch = conv_ceiling(margin.before + w + margin.right, stride);
  }
  field.line = (ptrdiff_t)images * field.pitch;
  // An odd number of cache lines from plane to plane, that they do not all fall into the same set.
  field.phase = ((lines * field.line + tail + LINE - 1) / LINE | 1) * LINE;
  field.channel = (ptrdiff_t)stride * stride * field.phase;
  field.size = (size_t)(channels * field.channel + OVERRUN);
  return field;
}

int field_fit(const Field *one) {
  const ptrdiff_t most = STRIP_POSITIONS / (one->h * one->line);
  return most > 1 ? (int)most : 1;
}

Field field_of_input(const ConvShape *shape, int images) {
  const int p = shape->padding;
  return field_make(shape->ci, shape->h, shape->w, shape->stride, (Margin){p, p, p, conv2d_width(shape)}, images);
}

Field field_in_place(const ConvShape *shape) {
  const ptrdiff_t plane = (ptrdiff_t)shape->h * shape->w;
  return (Field){.channels = shape->ci,
                 .h = shape->h,
                 .w = shape->w,
                 .stride = 1,
                 .images = 1,
                 .pitch = shape->w,
                 .line = shape->w,
                 .phase = plane,
                 .channel = plane,
                 .size = (size_t)(shape->ci * plane + OVERRUN),
                 .in_place = true};
}

int field_tap(const Field *field, int channel, int ky, int kx) {
  const int s = field->stride;
  return (int)(channel * field->channel + (ky % s * s + kx % s) * field->phase + ky / s * field->line + kx / s);
}

void field_set(const Field *field, float *to, int i, const float *x, ptrdiff_t image, int channel) {
  const int s = field->stride, h = field->h, w = field->w, before = field->before;
  x += (image * field->channels + channel) * h * w;
  to += i * field->pitch + channel * field->channel;
  if (s == 1) {
    conv_set()->copy(to + before * field->line + before, field->line, x, h, w);
    return;
  }
  for (int row = 0; row < h; row++, x += w) {
    const int y = row + before;
    float *line = to + y % s * s * field->phase + y / s * field->line;
    for (int phase = 0; phase < s; phase++, line += field->phase)
      for (int j = before <= phase ? 0 : (before - phase + s - 1) / s; j * s + phase - before < w; j++)
        line[j] = x[j * s + phase - before];
  }
}

void *conv_take(ConvWork *work, size_t bytes) {
  void *piece = work->at ? work->at + work->used : NULL;
  work->used += (bytes + 63) / 64 * 64;
  return piece;
}
