#ifndef METRICS_POLYSEMANTICITY_H
#define METRICS_POLYSEMANTICITY_H
/// How much of a layer is shared by several features, or by several modalities. A layer's weight is w[out, in], row-major; the columns of
/// modality i are [begin[i], begin[i+1]), i < m. Everything inside is double.
#include "base/status.h"

#include <stdint.h>

/// gram[in, in] = w' w: products of the vectors with which two inputs enter the layer (the neural feature matrix).
void weight_gram(double *gram, const float *w, int out, int in);

/// Capacity that the layer spends on each input j (Scherlis et al., 2022, eq. 1):
///   capacity[j] = (w_j . w_j)^2 / sum_k (w_j . w_k)^2    in [0, 1]; 0 for a column of zeros. Their sum is at most min(out, in).
/// foreign[j] (may be NULL) is the part of the sum that inputs of other modalities make up: with what modality j is entangled.
void weight_capacity(double *capacity, double *foreign, const double *gram, int in, const int *begin, int m);

/// energy[m] = share of |v|^2 in each modality's columns of v[in] (a neuron's weights, or a direction); all 0 for v = 0.
void modality_energy(double *energy, const double *v, const int *begin, int m);
/// Entropy in nats of shares that sum to 1: 0 for one modality, ln m when all have the same. NaN when all are 0.
double share_entropy(const double *share, int m);

/// Lemma 1 of Chaudhuri et al., ICML 2025: the least chance that a neuron which carries two features carries features of two modalities,
///   m (m-1) (min_i d_i)^2 / (sum_i d_i)^2,    and what it is exactly when all pairs of features are equally likely:  1 - sum_i d_i^2 / (sum d)^2.
double collision_bound(const int *width, int m);
double collision_chance(const int *width, int m);
/// How many of `draws` pairs of features, drawn at random (pure function of seed), are of two modalities.
int64_t collision_draw(const int *width, int m, int64_t draws, uint64_t seed);

#endif
