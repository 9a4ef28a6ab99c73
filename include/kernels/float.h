#ifndef KERNELS_FLOAT_H
#define KERNELS_FLOAT_H
/// How this process computes with floats.

/// From now on, results below 2^-126 (float) or 2^-1022 (double) are 0, in this thread and those that it starts, wherever the processor can.
/// For main, before anything is computed: all ranks round alike.
void float_flush_tiny(void);

#endif
