#include "cli/version.h"

#include "checkpoint/library.h"
#include "comm/library.h"
#include "kernels/gemm.h"
#include "spectral/library.h"

#include <stdio.h>

void version_print(void) {
  char text[512];
  printf("rebasis %s\n", REBASIS_VERSION);
#ifdef __clang__
  printf("compiler   %s\n", __VERSION__); // names itself
#else
  printf("compiler   GCC %s\n", __VERSION__);
#endif
  comm_library(text, sizeof text);
  printf("MPI        %s\n", text);
  printf("kernels    own products, %s\n", gemm_kernel());
  spectral_library(text, sizeof text);
  printf("BLAS       %s\n", text);
  checkpoint_library(text, sizeof text);
  printf("HDF5       %s\n", text);
  printf("ScaLAPACK  %s\n", SCALAPACK_VERSION_TEXT);
}
