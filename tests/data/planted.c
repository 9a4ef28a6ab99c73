// Planted data has the ranks, the signal-to-noise ratio, the entanglement and the blind spots that were asked for.
#include "data/planted.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void must(Status status, const char *what) { CHECK(status.code == 0, "%s: %s", what, status.text); }

/// The defaults, changed by settings that are parted by blanks.
static PlantedConfig configure(const char *settings) {
  PlantedConfig config;
  char *copy = strdup(settings), *rest = copy;
  planted_default(&config);
  for (char *setting; (setting = strsep(&rest, " "));)
    must(planted_set(&config, setting), setting);
  free(copy);
  return config;
}

static void near(double got, double want, double tolerance, const char *what) {
  CHECK(fabs(got - want) <= tolerance, "%s: got %.6g, not %.6g +- %.2g", what, got, want, tolerance);
}

/// a[n, p]' b[n, q] at (i, j)
static double inner(const double *a, int p, int i, const double *b, int q, int j, int n) {
  double sum = 0;
  for (int t = 0; t < n; t++)
    sum += a[t * p + i] * b[t * q + j];
  return sum;
}

static void check_truth(const PlantedTruth *truth) {
  double sigma = truth->config.sigma;
  int classes = truth->config.classes;
  for (int i = 0; i < truth->config.modalities; i++) {
    const PlantedModality *m = &truth->modality[i];
    int d = m->width, p = m->predictive, q = m->noise;
    for (int a = 0; a < p; a++)
      for (int b = 0; b < p; b++) {
        near(inner(m->signal_basis, p, a, m->signal_basis, p, b, d), a == b, 1e-12, "A'A");
        near(inner(m->signal, p, a, m->signal, p, b, classes) / classes, a == b ? pow(m->snr * sigma, 2) : 0, 1e-10,
             "s s'");
      }
    for (int a = 0; a < q; a++) {
      for (int b = 0; b < q; b++)
        near(inner(m->noise_basis, q, a, m->noise_basis, q, b, d), a == b, 1e-12, "B'B");
      for (int b = 0; b < p; b++)
        near(inner(m->noise_basis, q, a, m->signal_basis, p, b, d), 0, 1e-12, "B'A");
    }
    for (int k = 0; k < p; k++) {
      double sum = 0;
      for (int y = 0; y < classes; y++)
        sum += m->signal[y * p + k];
      near(sum, 0, 1e-10, "centred signals");
    }
    for (int y = 0; y < classes; y++)
      for (int z = 0; z < y; z++) {
        bool same = !memcmp(m->signal + y * p, m->signal + z * p, (size_t)p * sizeof *m->signal);
        CHECK(same == (!m->sees[y] && !m->sees[z]), "modality %d, classes %d and %d", i, y, z);
      }
  }
}

/// Coordinate k of basis[d, p]' x.
static double coordinate(const double *basis, int p, int k, const float *x, int d) {
  double sum = 0;
  for (int t = 0; t < d; t++)
    sum += basis[t * p + k] * (double)x[t];
  return sum;
}

/// What the formulas say about each sample: A'x = s + sigma w to rounding, and B'x - n is N(0, sigma^2).
static void check_samples(const PlantedTruth *truth, const Dataset *dataset) {
  double within[64], noise[64], sigma = truth->config.sigma;
  for (int i = 0; i < truth->config.modalities; i++) {
    const PlantedModality *m = &truth->modality[i];
    double square = 0, count = 0;
    for (int64_t n = 0; n < dataset->samples; n++) {
      const float *x = dataset->modality[i].values + n * m->width;
      planted_latent(within, noise, truth, i, n);
      for (int k = 0; k < m->predictive; k++)
        near(coordinate(m->signal_basis, m->predictive, k, x, m->width),
             m->signal[dataset->task[0].labels[n] * m->predictive + k] + sigma * within[k], 2e-5, "A'x");
      for (int k = 0; k < m->noise; k++, count++)
        square += pow(coordinate(m->noise_basis, m->noise, k, x, m->width) - noise[k], 2);
    }
    near(square / count, sigma * sigma, 5 * sigma * sigma * sqrt(2 / count), "variance of B'x - n");
  }
}

/// Entangled noise correlates with the partner's mixture within classes by `coupling`, other noise by 0, and none with
/// the class.
static void check_entanglement(const PlantedTruth *truth, const Dataset *dataset) {
  double within[64], noise[64], tolerance = 5 / sqrt((double)dataset->samples), classes = truth->config.classes;
  for (int i = 0; i < truth->config.modalities; i++) {
    const PlantedModality *m = &truth->modality[i], *partner = &truth->modality[m->partner];
    CHECK(m->entangled == 3 && m->noise == 6, "half of the noise is entangled: %d of %d", m->entangled, m->noise);
    for (int k = 0; k < m->noise; k++) {
      double together = 0, square = 0, mean[64] = {0};
      for (int64_t n = 0; n < dataset->samples; n++) {
        double mixed = 0;
        planted_latent(NULL, noise, truth, i, n);
        planted_latent(within, NULL, truth, m->partner, n);
        for (int l = 0; l < partner->predictive; l++)
          mixed += m->mixture[(k < m->entangled ? k : 0) * partner->predictive + l] * within[l];
        noise[k] /= m->scale * truth->config.sigma;
        together += noise[k] * mixed / (double)dataset->samples;
        square += noise[k] * noise[k] / (double)dataset->samples;
        mean[dataset->task[0].labels[n]] += noise[k] * classes / (double)dataset->samples;
      }
      near(together, k < m->entangled ? truth->config.coupling : 0, tolerance, "correlation with the partner");
      near(square, 1, 2 * tolerance, "variance of the noise");
      for (int y = 0; y < truth->config.classes; y++)
        near(mean[y], 0, tolerance * sqrt(classes), "class mean of the noise");
    }
  }
}

/// Without their part in A, class means are noise: so their rank is p.
static void check_rank(const PlantedTruth *truth, const Dataset *dataset) {
  int classes = truth->config.classes;
  double each = (double)dataset->samples / classes;
  for (int i = 0; i < truth->config.modalities; i++) {
    const PlantedModality *m = &truth->modality[i];
    int d = m->width, p = m->predictive;
    double *mean = calloc((size_t)(classes * d), sizeof *mean), left = 0;
    for (int64_t n = 0; n < dataset->samples; n++)
      for (int t = 0; t < d; t++)
        mean[dataset->task[0].labels[n] * d + t] += (double)dataset->modality[i].values[n * d + t] / each;
    for (int y = 0; y < classes; y++) {
      double all = 0, seen = 0;
      for (int t = 0; t < d; t++)
        all += mean[y * d + t] * mean[y * d + t];
      for (int k = 0; k < p; k++)
        seen += pow(inner(m->signal_basis, p, k, mean + y * d, 1, 0, d), 2);
      left += all - seen;
    }
    double noise = pow(truth->config.sigma, 2) * (d - p + m->noise * m->scale * m->scale) * classes / each;
    near(left / noise, 1, 0.35, "class means outside A, against what sampling noise leaves there");
    free(mean);
  }
}

/// The nearest signal in A'x: as good as seeing allows, when the signal is strong.
static void check_sight(void) {
  PlantedConfig config = configure("samples=2000 shared=0 snr=20 classes=9 predictive=2 modalities=3");
  PlantedTruth truth;
  Dataset dataset;
  must(planted_draw(&truth, &config), "draw");
  must(planted_make(&dataset, &truth), "make");
  for (int i = 0; i < 3; i++) {
    const PlantedModality *m = &truth.modality[i];
    CHECK(m->seen == 3, "modality %d sees %d classes", i, m->seen);
    int right = 0, seen = 0;
    for (int64_t n = 0; n < dataset.samples; n++) {
      int best = 0, label = dataset.task[0].labels[n];
      double nearest = INFINITY;
      for (int y = 0; y < 9; y++) {
        double distance = 0;
        for (int k = 0; k < 2; k++)
          distance += pow(coordinate(m->signal_basis, 2, k, dataset.modality[i].values + n * m->width, m->width) -
                              m->signal[y * 2 + k],
                          2);
        if (distance < nearest) {
          nearest = distance;
          best = y;
        }
      }
      seen += m->sees[label];
      right += m->sees[label] ? best == label : !m->sees[best];
    }
    CHECK(right > 0.98 * (double)dataset.samples, "modality %d: %d right", i, right);
    near(seen, (double)dataset.samples / 3, 2, "a third of the samples is of classes seen");
  }
  dataset_free(&dataset);
  planted_free(&truth);
}

/// Alone, the best guess is the nearest signal; with an entangled partner, noise uncovers what hides the signal.
static void check_best(void) {
  PlantedConfig config =
      configure("samples=4000 shared=1 snr=0.8 classes=6 predictive=3 noise=9 modalities=2 scale=30 coupling=1 "
                "entanglement=1 test=0.5");
  PlantedTruth truth;
  Dataset dataset;
  must(planted_draw(&truth, &config), "draw");
  must(planted_make(&dataset, &truth), "make");
  const PlantedModality *m = &truth.modality[0];
  int right = 0, count = 0;
  for (int64_t n = 0; n < dataset.samples; n++) {
    int best = 0;
    double nearest = INFINITY;
    for (int y = 0; y < 6; y++) {
      double distance = 0;
      for (int k = 0; k < 3; k++)
        distance += pow(coordinate(m->signal_basis, 3, k, dataset.modality[0].values + n * m->width, m->width) -
                            m->signal[y * 3 + k],
                        2);
      best = distance < nearest ? y : best;
      nearest = fmin(distance, nearest);
    }
    if (dataset.split[n] == SPLIT_TEST) {
      right += best == dataset.task[0].labels[n];
      count++;
    }
  }
  double alone, both, subset;
  must(planted_bayes(&alone, &truth, &dataset, SPLIT_TEST, 1), "bayes");
  must(planted_bayes(&both, &truth, &dataset, SPLIT_TEST, 3), "bayes");
  near(alone, (double)right / count, 1e-3, "the nearest signal");
  CHECK(alone < 0.6 && both > 0.99, "alone %g, both %g", alone, both);
  for (int64_t n = 0; n < dataset.samples; n++)
    dataset.modality[1].present[n] = n % 2;
  must(planted_bayes(&subset, &truth, &dataset, SPLIT_TEST, 3), "bayes");
  near(subset, (alone + both) / 2, 0.05, "half of the samples lack the second modality");
  dataset_free(&dataset);
  planted_free(&truth);
}

static void check_presence_and_kinds(void) {
  PlantedConfig vector = configure("samples=3000 missing=0.2,0.7,0.9 width=24,12,10 noise=3 names=a,b,c");
  PlantedConfig mixed = vector;
  must(planted_set(&mixed, "kind=image,codes,series"), "kinds");
  PlantedTruth truth;
  Dataset plain, various;
  must(planted_draw(&truth, &vector), "draw");
  must(planted_make(&plain, &truth), "make");
  truth.config = mixed;
  must(planted_make(&various, &truth), "make");
  int count[3] = {0}, none = 0;
  for (int64_t n = 0; n < 3000; n++) {
    int any = 0;
    for (int i = 0; i < 3; i++) {
      count[i] += plain.modality[i].present[n];
      any |= plain.modality[i].present[n];
    }
    none += !any;
  }
  // All three fall short with probability .2 .7 .9 = .126; then a, whose shortfall t is uniform in [0, .2), is rescued if those of b and
  // c are larger: mean of (1 - t / .7) (1 - t / .9) = 1 - .1 / .7 - .1 / .9 + (.04 / 3) / .63 = .7672.
  near(count[0] / 3000.0, 0.8 + 0.126 * 0.7672, 5 * sqrt(0.9 * 0.1 / 3000), "rate of a");
  CHECK(none == 0 && count[1] / 3000.0 > 0.3 - 0.03 && count[2] / 3000.0 > 0.1 - 0.02, "%d samples have nothing", none);
  const DatasetModality *image = &various.modality[0], *codes = &various.modality[1], *series = &various.modality[2];
  CHECK(image->dimensions == 3 && image->dim[1] == 4 && image->dim[2] == 6, "24 values are 4 x 6");
  CHECK(!memcmp(image->values, plain.modality[0].values, 3000 * 24 * 4), "an image is the vector, folded");
  CHECK(codes->vocabulary == 24 && codes->offsets[3000] == codes->entries && series->offsets[3000] == series->entries,
        "ragged ends");
  for (int64_t n = 0; n < 3000; n++) {
    const float *x = plain.modality[1].values + n * 12;
    int64_t at = codes->offsets[n];
    for (int t = 0; t < 12; t++)
      if (fabsf(x[t]) > 0.5f)
        CHECK(codes->codes[at++] == 2 * t + (x[t] < 0), "code of sample %lld", (long long)n);
    CHECK(at == codes->offsets[n + 1], "codes of sample %lld", (long long)n);
    int64_t seen = series->offsets[n + 1] - series->offsets[n];
    CHECK(plain.modality[2].present[n] ? seen >= 2 && seen <= 6 : seen == 0, "%lld observations", (long long)seen);
  }
  dataset_free(&plain);
  dataset_free(&various);
  planted_free(&truth);
}

static void check_splits(const Dataset *dataset, int classes) {
  int count[16][SPLITS] = {{0}};
  for (int64_t n = 0; n < dataset->samples; n++)
    count[dataset->task[0].labels[n]][dataset->split[n]]++;
  for (int y = 0; y < classes; y++) {
    near(count[y][SPLIT_TEST], 0.25 * (double)dataset->samples / classes, 1, "tested of a class");
    near(count[y][SPLIT_VALIDATION], 0.15 * (double)dataset->samples / classes, 1, "validated of a class");
  }
}

static void check_refusals(void) {
  PlantedConfig config;
  PlantedTruth truth;
  planted_default(&config);
  const struct {
    const char *setting, *words;
  } bad[] = {{"entaglement=0.5", "did you mean \"entanglement\""},
             {"samples", "KEY=VALUE"},
             {"snr=2,x", "a number"},
             {"width=3.5", "an integer"},
             {"missing=1.5", "from 0 to 1"},
             {"kind=vectr", "\"vector\""},
             {"seed=-1", "integer"},
             {"names=a/b", "name"},
             {"snr=", "number"},
             {"snr=1,,2", "number"},
             {"classes=1e999", "integer"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    Status status = planted_set(&config, bad[i].setting);
    CHECK(status.code == EXIT_CONFIG && strstr(status.text, bad[i].words), "%s: %d %s", bad[i].setting, status.code,
          status.text);
  }
  const char *const impossible[] = {"snr=1,2",   "predictive=9", "width=5",
                                    "samples=3", "names=a,b",    "kind=vector,codes"};
  for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
    planted_default(&config);
    must(planted_set(&config, impossible[i]), impossible[i]);
    Status status = planted_draw(&truth, &config);
    CHECK(status.code == EXIT_CONFIG, "%s: %d %s", impossible[i], status.code, status.text);
    planted_free(&truth);
  }
}

int main(void) {
  PlantedConfig config = configure("samples=6000 noise=6 predictive=4,3,2 sigma=0.5 seed=11 width=24");
  PlantedTruth truth;
  Dataset dataset, again;
  must(planted_draw(&truth, &config), "draw");
  must(planted_make(&dataset, &truth), "make");
  check_truth(&truth);
  check_samples(&truth, &dataset);
  check_entanglement(&truth, &dataset);
  check_rank(&truth, &dataset);
  check_splits(&dataset, 8);
  must(planted_make(&again, &truth), "make again");
  CHECK(dataset_identity(&again) == dataset_identity(&dataset), "the same seed, the same data");
  CHECK(!memcmp(again.modality[2].values, dataset.modality[2].values, 6000 * 24 * 4), "the same seed, the same values");
  dataset_free(&again);
  dataset_free(&dataset);
  planted_free(&truth);
  check_sight();
  check_best();
  check_presence_and_kinds();
  check_refusals();
  return 0;
}
