// Passes in AVX-512.
#include "kernels/passes.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,fma,prefer-vector-width=512")))
#define LANES 16
#define WIDEN(x) _mm512_cvtps_pd(x)
#define PASSES passes_avx512
#include "kernels/passes_body.h"
#else
const Passes passes_avx512;
#endif
