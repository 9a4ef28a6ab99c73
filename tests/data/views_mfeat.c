// The six views of UCI's handwritten digits import as published: shapes, labels, folds, and a 1-nearest-neighbour score.
// labels: data
#include "data/views.h"

#include "check.h"
#include "data/standardize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/// Share of odd rows whose nearest even row, standardised over the even rows, has the same label.
static double nearest_neighbour(Dataset *dataset, int modality) {
  const DatasetModality *m = &dataset->modality[modality];
  double *mean = calloc((size_t)m->width, sizeof *mean), *deviation = calloc((size_t)m->width, sizeof *deviation);
  for (int64_t n = 0; n < dataset->samples; n++)
    dataset->split[n] = n % 2 ? SPLIT_TEST : SPLIT_TRAIN;
  standardize_measure(mean, deviation, dataset, modality);
  standardize_apply(dataset, modality, mean, deviation);
  int right = 0;
  for (int64_t n = 1; n < dataset->samples; n += 2) {
    int64_t best = 0;
    double nearest = INFINITY;
    for (int64_t k = 0; k < dataset->samples; k += 2) {
      float distance = 0;
      for (int64_t i = 0; i < m->width; i++)
        distance += (m->values[n * m->width + i] - m->values[k * m->width + i]) *
                    (m->values[n * m->width + i] - m->values[k * m->width + i]);
      if ((double)distance < nearest) {
        nearest = (double)distance;
        best = k;
      }
    }
    right += dataset->task[0].labels[best] == dataset->task[0].labels[n];
  }
  free(mean);
  free(deviation);
  return 2.0 * right / (double)dataset->samples;
}

int main(void) {
  static const char *const name[] = {"fac", "fou", "kar", "mor", "pix", "zer"};
  static const int width[] = {216, 76, 64, 6, 240, 47};
  // scikit-learn 1.2.1, KNeighborsClassifier(1) on even rows, standardised by their mean and deviation.
  static const double score[] = {0.959, 0.763, 0.954, 0.670, 0.974, 0.799};
  const char *root = getenv("REBASIS_TEST_DATA");
  static char path[6][1024];
  ViewsConfig config = {
      .views = 6, .task = "digit", .partition = {.seed = 1, .validation = 0.1, .folds = 5, .fold = 2}};
  for (int i = 0; i < 6; i++) {
    snprintf(path[i], sizeof path[i], "%s/mfeat/mfeat-%s.csv", root ? root : "", name[i]);
    config.view[i] = (ViewFile){.name = name[i], .path = path[i]};
  }
  config.view[4].height = 16;
  config.view[4].width = 15;
  FILE *there = fopen(path[0], "r");
  if (!there) {
    printf("skipped: REBASIS_TEST_DATA has no mfeat\n");
    return 77;
  }
  fclose(there);
  Dataset dataset;
  Status status = views_import(&dataset, &config);
  CHECK(status.code == 0, "%s", status.text);
  CHECK(dataset.samples == 2000 && dataset.modalities == 6 && dataset.task[0].classes == 10 && !dataset.task[0].binary,
        "2000 digits");
  int count[10][SPLITS] = {{0}};
  for (int n = 0; n < 2000; n++) {
    CHECK(dataset.task[0].labels[n] == n / 200, "rows are in the order of classes");
    count[n / 200][dataset.split[n]]++;
  }
  for (int c = 0; c < 10; c++)
    CHECK(count[c][SPLIT_TEST] == 40 && count[c][SPLIT_VALIDATION] == 16, "class %d: %d tested, %d validated", c,
          count[c][SPLIT_TEST], count[c][SPLIT_VALIDATION]);
  CHECK(dataset.modality[4].kind == KIND_IMAGE && dataset.modality[4].dim[0] == 16, "pix is 16 x 15");
  for (int i = 0; i < 6; i++) {
    CHECK(dataset.modality[i].width == width[i], "%s has %lld values", name[i], (long long)dataset.modality[i].width);
    double got = nearest_neighbour(&dataset, i);
    CHECK(fabs(got - score[i]) <= 0.0005, "%s: nearest neighbour %.4f, not %.3f", name[i], got, score[i]);
  }
  dataset_free(&dataset);
  return 0;
}
