#include "checkpoint/library.h"

#include <hdf5.h>
#include <stdio.h>

void checkpoint_library(char *text, size_t size) {
  unsigned major, minor, release;
  H5get_libversion(&major, &minor, &release);
  snprintf(text, size, "%u.%u.%u, parallel", major, minor, release);
}
