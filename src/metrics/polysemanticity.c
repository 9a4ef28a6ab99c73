// capacity_j = (w_j . w_j)^2 / sum_k (w_j . w_k)^2
// A. Scherlis, K. Sachan, A. Jermyn, J. Benton, B. Shlegeris: Polysemanticity and Capacity in Neural Networks, arXiv:2210.01892, section 2.
// p(w_p) >= m (m-1) (min_i d_i)^2 / (sum_i d_i)^2
// A. Chaudhuri, A. Dutta, T. Bui, S. Georgescu: A Closer Look at Multimodal Representation Collapse, ICML 2025, Lemma 1.
#include "metrics/polysemanticity.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

void weight_gram(double *gram, const float *w, int out, int in) {
  memset(gram, 0, (size_t)in * (size_t)in * sizeof *gram);
  for (int r = 0; r < out; r++, w += in)
    for (int i = 0; i < in; i++) {
      double factor = (double)w[i], *row = gram + (size_t)i * (size_t)in;
      for (int j = 0; j <= i; j++)
        row[j] += factor * (double)w[j];
    }
  for (int i = 0; i < in; i++)
    for (int j = 0; j < i; j++)
      gram[(size_t)j * (size_t)in + (size_t)i] = gram[(size_t)i * (size_t)in + (size_t)j];
}

static int modality_of(int column, const int *begin, int m) {
  int i = 0;
  while (i + 1 < m && column >= begin[i + 1])
    i++;
  return i;
}

void weight_capacity(double *capacity, double *foreign, const double *gram, int in, const int *begin, int m) {
  for (int j = 0; j < in; j++) {
    const double *row = gram + (size_t)j * (size_t)in;
    double own = row[j], all = 0, others = 0;
    int mine = modality_of(j, begin, m);
    for (int k = 0; k < in; k++) { // relative to the own square, so that nothing overflows or vanishes
      double share = own > 0 ? row[k] / own : 0;
      all += share * share;
      if (k < begin[mine] || k >= begin[mine + 1])
        others += share * share;
    }
    capacity[j] = own > 0 ? 1 / all : 0;
    if (foreign)
      foreign[j] = own > 0 ? others / all : 0;
  }
}

void modality_energy(double *energy, const double *v, const int *begin, int m) {
  double all = 0;
  for (int i = 0; i < m; i++) {
    energy[i] = 0;
    for (int j = begin[i]; j < begin[i + 1]; j++)
      energy[i] += v[j] * v[j];
    all += energy[i];
  }
  for (int i = 0; i < m; i++)
    energy[i] = all > 0 ? energy[i] / all : 0;
}

double share_entropy(const double *share, int m) {
  double entropy = 0, sum = 0;
  for (int i = 0; i < m; i++) {
    entropy -= share[i] > 0 ? share[i] * log(share[i]) : 0;
    sum += share[i];
  }
  return sum > 0 ? fmax(entropy, 0) : NAN;
}

static double sum_of(const int *width, int m) {
  double sum = 0;
  for (int i = 0; i < m; i++)
    sum += width[i];
  return sum;
}

double collision_bound(const int *width, int m) {
  double least = width[0], sum = sum_of(width, m);
  for (int i = 1; i < m; i++)
    least = fmin(least, width[i]);
  return m * (m - 1.0) * least * least / (sum * sum);
}

double collision_chance(const int *width, int m) {
  double sum = sum_of(width, m), same = 0;
  for (int i = 0; i < m; i++)
    same += width[i] / sum * (width[i] / sum);
  return 1 - same;
}

// Two numbers of one Philox block: 32 bits each, scaled to [0, sum) by multiplication; the bias is below sum / 2^32.
int64_t collision_draw(const int *width, int m, int64_t draws, uint64_t seed) {
  RandomStream stream = {seed, RANDOM_ANALYSIS, 0, 0};
  int64_t crossing = 0;
  uint64_t sum = (uint64_t)sum_of(width, m);
  for (int64_t k = 0; k < draws; k++) {
    uint32_t bits[4];
    int modality[2];
    random_block(bits, &stream, (uint64_t)k, 0);
    for (int side = 0; side < 2; side++) {
      uint64_t at = bits[side] * sum >> 32;
      for (modality[side] = 0; at >= (uint64_t)width[modality[side]]; modality[side]++)
        at -= (uint64_t)width[modality[side]];
    }
    crossing += modality[0] != modality[1];
  }
  return crossing;
}
