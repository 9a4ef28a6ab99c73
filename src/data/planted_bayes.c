/// Behind the bases, a sample is z = (A_i' x_i, B_i' x_i) over the modalities seen: normal with mean mu_y = (s_i(y), 0) and a covariance
/// S that does not depend on the class,
///   cov(A_i'x, A_i'x) = sigma^2 I,   cov(B_i'x, B_i'x)_kl = sigma^2 (delta_kl + scale_i^2 (c^2 E_k.E_l or delta_kl)),
///   cov(B_i'x_k, A_j'x) = scale_i sigma^2 c E_k   (k entangled, j the partner of i),
/// and what else x holds is independent of all of it. Classes are equally frequent, so the best guess is
///   argmax_y mu_y' S^-1 z - mu_y' S^-1 mu_y / 2   (linear discriminant; Fisher 1936).
#include "base/memory.h"
#include "data/planted.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/// The discriminant for one set of modalities.
typedef struct Discriminant {
  uint32_t modalities;
  int size, at[DATASET_MODALITIES]; // coordinates of z; where those of a modality begin: first A'x, then B'x
  double *covariance;               // [size, size]; its lower triangle becomes the Cholesky factor
  double *weight, *bias;            // S^-1 mu_y [classes, size], [classes]
} Discriminant;

static double dot(const double *a, const double *b, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

static void place(Discriminant *d, const PlantedTruth *truth, uint32_t modalities) {
  d->modalities = modalities;
  d->size = 0;
  for (int i = 0; i < truth->config.modalities; i++)
    if (modalities >> i & 1) {
      d->at[i] = d->size;
      d->size += truth->modality[i].predictive + truth->modality[i].noise;
    }
}

static void fill_covariance(Discriminant *d, const PlantedTruth *truth) {
  int n = d->size;
  double square = truth->config.sigma * truth->config.sigma, c = truth->config.coupling;
  memset(d->covariance, 0, (size_t)n * (size_t)n * sizeof *d->covariance);
  for (int i = 0; i < n; i++)
    d->covariance[i * n + i] = square;
  for (int i = 0; i < truth->config.modalities; i++) {
    const PlantedModality *m = &truth->modality[i];
    int first = d->at[i] + m->predictive, theirs = truth->modality[m->partner].predictive;
    for (int k = 0; d->modalities >> i & 1 && k < m->noise; k++) {
      int row = first + k;
      if (k >= m->entangled) {
        d->covariance[row * n + row] += m->scale * m->scale * square;
        continue;
      }
      const double *mixture = m->mixture + k * theirs;
      for (int l = 0; l < m->entangled; l++)
        d->covariance[row * n + first + l] +=
            m->scale * m->scale * square *
            (c * c * dot(mixture, m->mixture + l * theirs, theirs) + (k == l) * (1 - c * c));
      for (int l = 0; d->modalities >> m->partner & 1 && l < theirs; l++) {
        int column = d->at[m->partner] + l;
        d->covariance[row * n + column] = d->covariance[column * n + row] = m->scale * square * c * mixture[l];
      }
    }
  }
}

/// S = L L', L in place; S is at least sigma^2 I in the directions that matter, up to what coupling 1 takes away.
static void cholesky(double *s, int n) {
  for (int j = 0; j < n; j++)
    for (int i = j; i < n; i++) {
      double rest = s[i * n + j] - dot(s + i * n, s + j * n, j);
      s[i * n + j] = i == j ? sqrt(rest > 0 ? rest : 1e-300) : rest / s[j * n + j];
    }
}

/// x becomes S^-1 x.
static void solve(const double *l, double *x, int n) {
  for (int i = 0; i < n; i++)
    x[i] = (x[i] - dot(l + i * n, x, i)) / l[i * n + i];
  for (int i = n - 1; i >= 0; i--) {
    for (int k = i + 1; k < n; k++)
      x[i] -= l[k * n + i] * x[k];
    x[i] /= l[i * n + i];
  }
}

static void train(Discriminant *d, const PlantedTruth *truth, uint32_t modalities) {
  place(d, truth, modalities);
  double *mean = d->covariance + (size_t)d->size * (size_t)d->size;
  fill_covariance(d, truth);
  cholesky(d->covariance, d->size);
  for (int y = 0; y < truth->config.classes; y++) {
    memset(mean, 0, (size_t)d->size * sizeof *mean);
    for (int i = 0; i < truth->config.modalities; i++) {
      const PlantedModality *m = &truth->modality[i];
      if (modalities >> i & 1 && m->predictive > 0)
        memcpy(mean + d->at[i], m->signal + y * m->predictive, (size_t)m->predictive * sizeof *mean);
    }
    double *weight = d->weight + y * d->size;
    memcpy(weight, mean, (size_t)d->size * sizeof *mean);
    solve(d->covariance, weight, d->size);
    d->bias[y] = -dot(weight, mean, d->size) / 2;
  }
}

static void project(double *z, const double *basis, int features, const float *x, int width) {
  memset(z, 0, (size_t)features * sizeof *z);
  for (int t = 0; t < width; t++)
    for (int k = 0; k < features; k++)
      z[k] += basis[t * features + k] * (double)x[t];
}

static int guess(const Discriminant *d, double *z, const PlantedTruth *truth, const Dataset *dataset, int64_t sample) {
  int best = 0;
  double highest = -INFINITY;
  for (int i = 0; i < truth->config.modalities; i++) {
    const PlantedModality *m = &truth->modality[i];
    if (!(d->modalities >> i & 1))
      continue;
    const float *x = dataset->modality[i].values + sample * m->width;
    project(z + d->at[i], m->signal_basis, m->predictive, x, m->width);
    project(z + d->at[i] + m->predictive, m->noise_basis, m->noise, x, m->width);
  }
  for (int y = 0; y < truth->config.classes; y++) {
    double score = dot(d->weight + y * d->size, z, d->size) + d->bias[y];
    if (score > highest) {
      highest = score;
      best = y;
    }
  }
  return best;
}

static uint32_t seen(const Dataset *dataset, uint32_t modalities, int64_t sample) {
  uint32_t pattern = 0;
  for (int i = 0; i < dataset->modalities; i++)
    pattern |= (modalities >> i & dataset->modality[i].present[sample] & 1u) << i;
  return pattern;
}

typedef struct Seen {
  uint32_t pattern;
  int64_t sample;
} Seen;

static int compare(const void *a, const void *b) {
  const Seen *x = a, *y = b;
  if (x->pattern != y->pattern)
    return x->pattern < y->pattern ? -1 : 1;
  return (x->sample > y->sample) - (x->sample < y->sample);
}

/// Samples are taken pattern by pattern, so that each discriminant is made once. order[N] is scratch, z[size] too.
static double score(Discriminant *d, double *z, Seen *order, const PlantedTruth *truth, const Dataset *dataset,
                    Split split) {
  uint32_t modalities = d->modalities;
  int64_t right = 0, count = 0;
  for (int64_t n = 0; n < dataset->samples; n++) {
    uint32_t pattern = dataset->split[n] == split ? seen(dataset, modalities, n) : 0;
    if (pattern)
      order[count++] = (Seen){pattern, n};
  }
  qsort(order, (size_t)count, sizeof *order, compare);
  for (int64_t i = 0; i < count; i++) {
    if (i == 0 || order[i].pattern != order[i - 1].pattern)
      train(d, truth, order[i].pattern);
    right += guess(d, z, truth, dataset, order[i].sample) == dataset->task[0].labels[order[i].sample];
  }
  return count ? (double)right / (double)count : NAN;
}

Status planted_bayes(double *accuracy, const PlantedTruth *truth, const Dataset *dataset, Split split,
                     uint32_t modalities) {
  Discriminant d;
  modalities &= (uint32_t)((1ull << truth->config.modalities) - 1);
  for (int i = 0; i < truth->config.modalities; i++)
    REQUIRE(!(modalities >> i & 1) || (modality_kind_dense(dataset->modality[i].kind) && dataset->modality[i].values),
            "modality %d is not dense", i);
  place(&d, truth, modalities);
  size_t size = (size_t)d.size, classes = (size_t)truth->config.classes;
  double *block;
  TRY(memory_take((void **)&block, size * size + (2 + classes) * size + classes, sizeof *block, "a discriminant"));
  d.covariance = block; // and behind it a mean, of the size that the pattern at hand has
  d.weight = block + size * size + 2 * size;
  d.bias = d.weight + classes * size;
  double *z = block + size * size + size;
  Seen *order;
  Status status = memory_take((void **)&order, (size_t)dataset->samples, sizeof *order, "an order of samples");
  if (!status.code)
    *accuracy = score(&d, z, order, truth, dataset, split);
  free(order);
  free(block);
  return status;
}
