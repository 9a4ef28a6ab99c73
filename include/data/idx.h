#ifndef DATA_IDX_H
#define DATA_IDX_H
/// IDX, the format of MNIST: big-endian words 0x0000TTDD and D sizes, then the values, row-major. Only unsigned bytes
/// (TT = 0x08) and at most four dimensions are taken. Format: the page of LeCun, Cortes and Burges on MNIST.
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { IDX_DIMENSIONS = 4 };

typedef struct Idx {
  int dimensions;
  int64_t dim[IDX_DIMENSIONS]; // each >= 1
  int64_t count;               // their product
  uint8_t *values;             // [count] owned (idx_free)
} Idx;

/// Reads IDX from bytes[size], plain or gzip; `name` stands for it in messages. The sizes are held against what the
/// bytes can contain before memory is taken; the content must end where the values end, and a gzip stream must be whole
/// and right. EXIT_DATA "NAME:OFFSET: …", where OFFSET counts unpacked bytes, or packed ones when the packing is at
/// fault.
Status idx_parse(Idx *idx, const uint8_t *bytes, size_t size, const char *name);
void idx_free(Idx *idx);

/// A labelled set of images.
typedef struct Mnist {
  int64_t count, height, width;
  uint8_t *pixels; // [count, height, width] owned (mnist_free)
  uint8_t *labels; // [count] 0..9, owned
  char file[2][40];
  uint64_t xxh64[2]; // of the two files as they are on disk: images, labels
  int64_t bytes[2];
} Mnist;

/// Reads DIR/PART-images-idx3-ubyte and DIR/PART-labels-idx1-ubyte, each as such or with .gz behind the name. PART is
/// "train" or "t10k". EXIT_NO_INPUT, EXIT_DATA (also: numbers differ, a label above 9, images not 28 x 28), EXIT_IO.
Status mnist_read(Mnist *mnist, const char *directory, const char *part);
void mnist_free(Mnist *mnist);

#endif
