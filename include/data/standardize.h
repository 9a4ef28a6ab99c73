#ifndef DATA_STANDARDIZE_H
#define DATA_STANDARDIZE_H
/// Mean and standard deviation of a dense modality, for data.standardize.
#include "data/dataset.h"

/// mean[width], deviation[width] of each value over the present samples of SPLIT_TRAIN, in the order of samples, two
/// passes in double: mean = sum x / n, deviation = sqrt(sum (x - mean)^2 / n). A value that does not vary has deviation
/// 1, so that dividing by it is always allowed; where no training sample has the modality, mean is 0 and deviation 1.
/// The modality must be loaded. Returns n.
int64_t standardize_measure(double *mean, double *deviation, const Dataset *dataset, int modality);

/// values[n, width] of present samples become (x - mean) / deviation, computed in double and rounded once. Rows of
/// absent samples stay zero.
void standardize_apply(Dataset *dataset, int modality, const double *mean, const double *deviation);

#endif
