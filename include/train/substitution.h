#ifndef TRAIN_SUBSTITUTION_H
#define TRAIN_SUBSTITUTION_H
/// Substitution at inference (missingness.fill: substitute with method ebr): a missing modality i is replaced by the latent of the nearest
/// modality that the sample shows, through i's own inverse: h_i^-1(g_j(x_j)). Chaudhuri et al., ICML 2025, section 4.4.
///   similarity[i, j] = mean over samples that show both of cos(g_i(x), g_j(x))
///   list    (the paper): modalities ordered by similarity to the strongest one; nearest is nearest in that order, ties to the higher
///   table   nearest is the largest similarity[i, j]
/// The strongest modality is the one with the best accuracy when only it is shown. Never measured on test data.
#include "train/session.h"

typedef struct Substitution {
  double similarity[MODALITIES_MOST][MODALITIES_MOST]; // NaN where no sample shows both
  double strength[MODALITIES_MOST];                    // accuracy of each modality alone
  Substitutes substitutes;
} Substitution;

/// Whether this configuration substitutes.
bool substitution_wanted(const Config *config);

/// Declares where similarity and strength stand in the state list, so that checkpoints carry them. Before the state block is taken.
void substitution_declare(Parameters *state, int modalities);

/// Collective. Measures on the configured split (training data where validation is empty), writes the state block, and sets the order.
Status substitution_measure(Session *session, Substitution *substitution);

/// Sets the order from the state block of a loaded checkpoint.
void substitution_recall(const Session *session, Substitution *substitution);

#endif
