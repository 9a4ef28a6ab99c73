// Passes in plain C: fmaf() rounds once wherever it runs, be it slowly.
#define TARGET
#define LANES 4
#define WIDEN(x) __builtin_convertvector(x, Wide)
#define PASSES passes_portable
#include "kernels/passes_body.h"
