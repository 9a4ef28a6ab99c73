/// The truth of a planted data set: x_i = A_i (s_i(y) + sigma w_i) + B_i n_i + sigma e_i (data/planted.h), from which
/// A, B, s and E are drawn here.
#include "data/planted.h"

#include "base/memory.h"
#include "base/text.h"
#include "planted_streams.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 64 };

static double dot(const double *a, const double *b, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

/// Makes rows [first, count) of v[count, n] orthonormal to all rows before and to each other: Gram-Schmidt, twice. Rows
/// below `first` are orthonormal already. False when a row vanishes.
static bool orthonormalise(double *v, int first, int count, int n) {
  for (int k = first; k < count; k++) {
    double *row = v + (size_t)k * (size_t)n, before = sqrt(dot(row, row, n));
    for (int pass = 0; pass < 2; pass++)
      for (int j = 0; j < k; j++) {
        double share = dot(v + (size_t)j * (size_t)n, row, n);
        for (int i = 0; i < n; i++)
          row[i] -= share * v[(size_t)j * (size_t)n + (size_t)i];
      }
    double length = sqrt(dot(row, row, n));
    if (!(length > 1e-9 * before))
      return false;
    for (int i = 0; i < n; i++)
      row[i] /= length;
  }
  return true;
}

/// A and B: the rows of one orthonormal set of p + q in R^d, transposed.
static Status draw_bases(PlantedModality *m, uint64_t seed, int index) {
  int d = m->width, count = m->predictive + m->noise;
  RandomStream stream = {seed, RANDOM_SYNTHETIC, DRAW_BASIS, (uint32_t)index};
  double *v;
  TRY(memory_take((void **)&v, (size_t)count * (size_t)d, sizeof *v, "bases"));
  for (int k = 0; k < count; k++)
    for (int t = 0; t < d; t++)
      v[(size_t)k * (size_t)d + (size_t)t] = (double)random_normal(&stream, (uint64_t)k, (uint32_t)t);
  bool done = orthonormalise(v, 0, count, d);
  for (int t = 0; t < d; t++) {
    for (int k = 0; k < m->predictive; k++)
      m->signal_basis[(size_t)t * (size_t)m->predictive + (size_t)k] = v[(size_t)k * (size_t)d + (size_t)t];
    for (int k = 0; k < m->noise; k++)
      m->noise_basis[(size_t)t * (size_t)m->noise + (size_t)k] = v[(size_t)(m->predictive + k) * (size_t)d + (size_t)t];
  }
  free(v);
  return done ? STATUS_OK : status_error(EXIT_INTERNAL, "the bases of modality %d are not independent", index);
}

/// Draw `attempt` of the signals: v[1 + p, C] gets the constant row, then p rows orthonormal to it and each other that
/// are equal at all classes not seen. Returns the smallest squared distance between two distinct signals.
static double try_signal(double *v, const PlantedModality *m, int classes, const RandomStream *stream, int attempt) {
  int p = m->predictive;
  for (int y = 0; y < classes; y++)
    v[y] = 1 / sqrt(classes);
  for (int k = 0; k < p; k++)
    for (int y = 0; y < classes; y++) {
      uint64_t signal = m->sees[y] ? (uint64_t)y + 1 : 0;
      v[(k + 1) * classes + y] = (double)random_normal(stream, (uint64_t)attempt << 16 | signal, (uint32_t)k);
    }
  if (!orthonormalise(v, 1, p + 1, classes))
    return -1;
  double nearest = INFINITY;
  for (int a = 0; a < classes; a++)
    for (int b = 0; b < a; b++) {
      if (!m->sees[a] && !m->sees[b])
        continue;
      double distance = 0;
      for (int k = 1; k <= p; k++)
        distance += (v[k * classes + a] - v[k * classes + b]) * (v[k * classes + a] - v[k * classes + b]);
      nearest = distance < nearest ? distance : nearest;
    }
  return nearest;
}

static Status draw_signal(PlantedModality *m, const PlantedConfig *config, int index) {
  int p = m->predictive, classes = config->classes;
  RandomStream stream = {config->seed, RANDOM_SYNTHETIC, DRAW_SIGNAL, (uint32_t)index};
  double *v, best = -1;
  int draws = classes > 256 ? 1 : DRAWS; // C^2 distances a draw
  if (p == 0)
    return STATUS_OK;
  TRY(memory_take((void **)&v, (size_t)(p + 1) * (size_t)classes, sizeof *v, "signals"));
  for (int attempt = 0; attempt < draws; attempt++) {
    double nearest = try_signal(v, m, classes, &stream, attempt);
    if (nearest <= best)
      continue;
    best = nearest;
    for (int y = 0; y < classes; y++)
      for (int k = 0; k < p; k++)
        m->signal[y * p + k] = sqrt(classes) * m->snr * config->sigma * v[(k + 1) * classes + y];
  }
  free(v);
  return best >= 0 ? STATUS_OK : status_error(EXIT_INTERNAL, "the signals of modality %d are not independent", index);
}

static void draw_mixture(PlantedModality *m, int partner_rank, uint64_t seed, int index) {
  RandomStream stream = {seed, RANDOM_SYNTHETIC, DRAW_MIXTURE, (uint32_t)index};
  for (int k = 0; k < m->entangled; k++) {
    double *row = m->mixture + k * partner_rank;
    for (int l = 0; l < partner_rank; l++)
      row[l] = (double)random_normal(&stream, (uint64_t)k, (uint32_t)l);
    double length = sqrt(dot(row, row, partner_rank));
    for (int l = 0; l < partner_rank; l++)
      row[l] /= length;
  }
}

static double number(const PlantedNumbers *numbers, int index, double standard) {
  return numbers->count == 0 ? standard : numbers->item[numbers->count == 1 ? 0 : index];
}

static Status check_counts(const PlantedConfig *c) {
  const struct {
    const char *key;
    int count;
  } list[] = {{"width", c->width.count},     {"predictive", c->predictive.count},
              {"noise", c->noise.count},     {"snr", c->snr.count},
              {"scale", c->scale.count},     {"entanglement", c->entanglement.count},
              {"missing", c->missing.count}, {"kind", c->kinds}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (list[i].count > 1 && list[i].count != c->modalities)
      return status_error(EXIT_CONFIG, "%s has %d values for %d modalities; one for all, or one each, would be right",
                          list[i].key, list[i].count, c->modalities);
  if (c->names && c->names != c->modalities)
    return status_error(EXIT_CONFIG, "names has %d names for %d modalities", c->names, c->modalities);
  if (c->samples < c->classes)
    return status_error(EXIT_CONFIG, "samples=%lld is less than classes=%d", (long long)c->samples, c->classes);
  if (c->validation + c->test >= 1)
    return status_error(EXIT_CONFIG, "validation=%g and test=%g leave nothing to train on", c->validation, c->test);
  return STATUS_OK;
}

/// Which classes modality `index` sees, and how many signals it therefore has.
static int draw_sight(PlantedModality *m, const PlantedConfig *config, int index) {
  int shared = (int)lround(config->shared * config->classes);
  m->seen = 0;
  for (int y = 0; y < config->classes; y++) {
    m->sees[y] = y < shared || (y - shared) % config->modalities == index;
    m->seen += m->sees[y];
  }
  return m->seen + (m->seen < config->classes);
}

static Status size_modality(PlantedModality *m, const PlantedConfig *config, int index) {
  TRY(memory_take((void **)&m->sees, (size_t)config->classes, 1, "sight"));
  int signals = draw_sight(m, config, index), usual = signals - 1 < 4 ? signals - 1 : 4;
  m->width = (int)number(&config->width, index, 32);
  m->predictive = (int)number(&config->predictive, index, usual);
  m->noise = (int)number(&config->noise, index, 8);
  m->snr = number(&config->snr, index, ldexp(2, -index));
  m->scale = number(&config->scale, index, 2);
  m->missing = number(&config->missing, index, 0);
  if (m->predictive > signals - 1)
    return status_error(EXIT_CONFIG,
                        "predictive=%d of modality %d: it tells %d groups of classes apart, so its class means have "
                        "rank %d at most; fewer predictive "
                        "features, more classes or a larger shared= would be right",
                        m->predictive, index, signals, signals - 1);
  if (m->predictive + m->noise > m->width)
    return status_error(EXIT_CONFIG, "modality %d: predictive=%d and noise=%d need a width of at least %d, not %d",
                        index, m->predictive, m->noise, m->predictive + m->noise, m->width);
  return STATUS_OK;
}

static Status draw_modality(PlantedTruth *truth, int index) {
  const PlantedConfig *config = &truth->config;
  PlantedModality *m = &truth->modality[index];
  size_t d = (size_t)m->width, p = (size_t)m->predictive, q = (size_t)m->noise;
  m->partner = (index + 1) % config->modalities;
  int theirs = truth->modality[m->partner].predictive;
  m->entangled =
      config->modalities > 1 && theirs > 0 ? (int)lround(number(&config->entanglement, index, 0.5) * m->noise) : 0;
  TRY(memory_take((void **)&m->signal_basis, d * p, sizeof(double), "a basis"));
  TRY(memory_take((void **)&m->noise_basis, d * q, sizeof(double), "a basis"));
  TRY(memory_take((void **)&m->signal, (size_t)config->classes * p, sizeof(double), "signals"));
  TRY(memory_take((void **)&m->mixture, (size_t)m->entangled * (size_t)theirs, sizeof(double), "a mixture"));
  TRY(draw_bases(m, config->seed, index));
  TRY(draw_signal(m, config, index));
  draw_mixture(m, theirs, config->seed, index);
  return STATUS_OK;
}

Status planted_draw(PlantedTruth *truth, const PlantedConfig *config) {
  *truth = (PlantedTruth){.config = *config};
  TRY(check_counts(config));
  for (int i = 0; i < config->modalities; i++)
    TRY(size_modality(&truth->modality[i], config, i));
  for (int i = 0; i < config->modalities; i++)
    TRY(draw_modality(truth, i));
  return STATUS_OK;
}

void planted_free(PlantedTruth *truth) {
  for (int i = 0; i < DATASET_MODALITIES; i++) {
    PlantedModality *m = &truth->modality[i];
    free(m->signal_basis);
    free(m->noise_basis);
    free(m->signal);
    free(m->mixture);
    free(m->sees);
  }
  *truth = (PlantedTruth){0};
}
