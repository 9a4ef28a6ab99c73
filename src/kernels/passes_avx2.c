// Passes in AVX2 with FMA.
#include "kernels/passes.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define WIDEN(x) _mm256_cvtps_pd(x)
#define PASSES passes_avx2
#include "kernels/passes_body.h"
#else
const Passes passes_avx2;
#endif
