#ifndef SPECTRAL_BAND_H
#define SPECTRAL_BAND_H
/// From a block-cyclic matrix to a narrow band with the same singular values, and from the band to them.
#include "spectral/matrix.h"

/// Collective. rows >= columns >= 1. s[columns], descending, the same on every rank; destroys the matrix. EXIT_INTERNAL as matrix_singular_values.
Status band_singular_values(Matrix *matrix, double *s);

#endif
