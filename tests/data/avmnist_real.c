// The real MNIST and FSDD give data sets of the published sizes, balanced, and no recording in two splits.
// labels: data
// timeout: 120
#include "data/avmnist.h"

#include "check.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

static Dataset imported(const AvmnistOptions *options) {
  Dataset dataset;
  Status status = avmnist_import(options, &dataset);
  CHECK(!status.code, "%s", status.text);
  return dataset;
}

static void check_small(AvmnistOptions options) {
  Dataset dataset = imported(&options);
  int counts[10][SPLITS] = {0};
  for (int64_t row = 0; row < dataset.samples; row++)
    counts[dataset.task[0].labels[row]][dataset.split[row]]++;
  int held = 0;
  for (int digit = 0; digit < 10; digit++) {
    held += counts[digit][SPLIT_VALIDATION];
    CHECK(counts[digit][SPLIT_TRAIN] + counts[digit][SPLIT_VALIDATION] == 105 && counts[digit][SPLIT_TEST] == 45,
          "digit %d", digit);
  }
  CHECK(dataset.samples == 1500 && held == 105, "%lld rows, %d held out", (long long)dataset.samples, held);
  CHECK(!strcmp(dataset.ids[0], "0_jackson_15") && !strcmp(dataset.ids[1050], "0_jackson_0"), "%s, %s", dataset.ids[0],
        dataset.ids[1050]);
  // Columns of the MFCC that are not padding, over all clips: counted by hand once per frame number (design: 15, 616,
  // 702, …).
  int frames[21] = {0};
  for (int64_t row = 0; row < dataset.samples; row++) {
    int columns = 0;
    for (int t = 0; t < 20; t++)
      columns += dataset.modality[1].values[row * 400 + t] != -1;
    frames[columns]++;
  }
  static const int right[] = {0, 15, 616, 702, 142, 21, 2, 0, 0, 0, 0, 0, 2};
  for (int t = 0; t <= 12; t++)
    CHECK(frames[t] == right[t], "%d clips of %d frames, not %d", frames[t], t, right[t]);
  dataset_free(&dataset);
}

static void check_full(AvmnistOptions options) {
  options.protocol = AVMNIST_FULL;
  Dataset dataset = imported(&options);
  static const int mnist_test[] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
  int counts[10][SPLITS] = {0}, takes[50][SPLITS] = {0};
  for (int64_t row = 0; row < dataset.samples; row++) {
    counts[dataset.task[0].labels[row]][dataset.split[row]]++;
    int take = (int)strtol(strrchr(dataset.ids[row], '_') + 1, NULL, 10);
    CHECK(take >= 0 && take < 50 && dataset.ids[row][0] - '0' == dataset.task[0].labels[row], "%s", dataset.ids[row]);
    takes[take][dataset.split[row]]++;
  }
  int sum[SPLITS] = {0};
  for (int digit = 0; digit < 10; digit++) {
    CHECK(counts[digit][SPLIT_TEST] == mnist_test[digit], "%d test images of a %d", counts[digit][SPLIT_TEST], digit);
    for (int s = 0; s < SPLITS; s++)
      sum[s] += counts[digit][s];
  }
  CHECK(sum[SPLIT_TRAIN] == 55000 && sum[SPLIT_VALIDATION] == 5000 && sum[SPLIT_TEST] == 10000, "%d, %d, %d", sum[0],
        sum[1], sum[2]);
  for (int take = 0; take < 50; take++) {
    int own = take < 5 ? SPLIT_TEST : take < 10 ? SPLIT_VALIDATION : SPLIT_TRAIN;
    for (int s = 0; s < SPLITS; s++)
      CHECK((takes[take][s] > 0) == (s == own), "take %d in split %d", take, s);
  }
  for (int m = 0; m < 2; m++)
    for (int64_t i = 0; i < dataset.samples * dataset.modality[m].width; i++)
      CHECK(fabsf(dataset.modality[m].values[i]) < 10, "%s: value %g", dataset.modality[m].name,
            dataset.modality[m].values[i]);
  dataset_free(&dataset);
}

int main(void) {
  const char *data = getenv("REBASIS_TEST_DATA");
  char mnist[4096], fsdd[4096];
  snprintf(mnist, sizeof mnist, "%s/mnist", data ? data : ".");
  snprintf(fsdd, sizeof fsdd, "%s/fsdd", data ? data : ".");
  struct stat about;
  if (!data || stat(mnist, &about) || stat(fsdd, &about)) {
    printf("skipped: REBASIS_TEST_DATA names no directory with mnist and fsdd in it\n");
    return 77;
  }
  AvmnistOptions options = AVMNIST_DEFAULTS;
  options.mnist = mnist;
  options.fsdd = fsdd;
  check_small(options);
  check_full(options);
  return 0;
}
