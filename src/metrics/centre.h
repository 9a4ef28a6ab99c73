#ifndef METRICS_CENTRE_H
#define METRICS_CENTRE_H
#include "base/status.h"

#include <stdint.h>

/// *z [n, d], owned: x[n, d] minus the mean of each column; a constant column becomes exactly 0.
Status centre_columns(double **z, const float *x, int64_t n, int d);

#endif
