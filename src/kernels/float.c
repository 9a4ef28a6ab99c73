// Numbers below the normal range cost a hundred cycles each. A discriminator that is sure of itself has nothing but such gradients, and a
// step of EBR then took half as long again.
#include "kernels/float.h"

#ifdef __SSE__
#include <immintrin.h>
#endif

void float_flush_tiny(void) {
#ifdef __SSE__
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
#endif
}
