#ifndef KERNELS_CONV_FIELD_H
#define KERNELS_CONV_FIELD_H
/// Some images side by side, each channel a plane of numbers with the zeros of the padding around them, so that a tap of a
/// kernel is an offset that holds for all positions of all images at once: pixel (c, y, x) of image i stands at
///   c channel + ((Y mod s) s + X mod s) phase + (Y / s) line + i pitch + X / s,  Y = y + before, X = x + before:
/// a line holds one row of every image. Where s is 1, the zeros to the right of a row are those to the left of the next.
#include "kernels/conv.h"

typedef struct Field {
  int channels, h, w, stride, before;
  int images, pitch;
  ptrdiff_t line, phase, channel; // distances in floats
  size_t size;                    // in floats, with what a tile may read behind the last plane
  bool in_place;                  // x itself, as field_in_place says
} Field;

/// Zeros needed around an image, and the most output columns that will be counted in a row of it.
typedef struct Margin {
  int before, below, right, columns;
} Margin;

Field field_make(int channels, int h, int w, int stride, Margin margin, int images);

/// How many images, at least one, a field like that of one image should hold: enough that its end costs little, and no more
/// than the caches like.
int field_fit(const Field *one);

/// Image `image` of x [images, channels, h, w], one channel of it, into place `i` of the field; the zeros stand there already.
void field_set(const Field *field, float *to, int i, const float *x, ptrdiff_t image, int channel);

/// A single image as it stands in x, for convolutions of stride 1 without padding: no zeros are missing. Behind it, what a
/// tile may read must be there.
Field field_in_place(const ConvShape *shape);

/// That of the input of a convolution, and the offset of tap (ci, ky, kx) for an output position at oy line + i pitch + ox.
Field field_of_input(const ConvShape *shape, int images);
int field_tap(const Field *field, int channel, int ky, int kx);

/// Scratch is handed out in pieces of whole lines. With at == NULL they are only counted.
typedef struct ConvWork {
  char *at;
  size_t used;
} ConvWork;

void *conv_take(ConvWork *work, size_t bytes);

/// What the weights' gradients need of it.
size_t conv_weights_work(const ConvShape *shape);

static inline int conv_ceiling(int a, int b) { return (a + b - 1) / b; }

static inline int conv_most(int a, int b) { return a > b ? a : b; }

/// Where part i of `count` things in `parts` nearly equal parts begins.
static inline int conv_part(int i, int count, int parts) { return (int)((long long)i * count / parts); }

#endif
