#include "spectral/library.h"

#include <cblas.h>
#include <stdio.h>

void spectral_library(char *text, size_t size) {
  snprintf(text, size, "%s, core %s", openblas_get_config(), openblas_get_corename());
}
