// From made-up digits the importer pairs images and recordings by the rules, and says in one line what it lacks.
#include "data/avmnist.h"

#include "data/digits.h"

#include <stdio.h>
#include <unistd.h>

static char scratch[64];
static const char *const three[] = {"jackson", "nicolas", "theo"};
static const char *const two[] = {"ann", "bob"};

static void refused(const AvmnistOptions *options, int code, const char *words) {
  Dataset dataset;
  Status status = avmnist_import(options, &dataset);
  CHECK(status.code == code, "%s: code %d, not %d: %s", words, status.code, code, status.text);
  CHECK(strstr(status.text, words) && !strchr(status.text, '\n'), "'%s' does not say '%s'", status.text, words);
  CHECK(!dataset.samples && !dataset.ids, "%s: something is left", words);
}

static Dataset imported(const AvmnistOptions *options) {
  Dataset dataset;
  Status status = avmnist_import(options, &dataset);
  CHECK(!status.code, "%s", status.text);
  CHECK(dataset.modalities == 2 && dataset.tasks == 1 && dataset.provenance, "shape");
  return dataset;
}

/// The index that mnist_write spelled into an image, and which part it is of (1: train).
static int image_index(const Dataset *dataset, int64_t row, int *part) {
  const float *values = dataset->modality[dataset_modality(dataset, "image")].values + row * 784;
  int byte[4];
  for (int i = 0; i < 4; i++)
    byte[i] = (int)((values[i] * 0.5 + 0.5) * 255 + 0.5);
  *part = byte[3];
  return byte[0] << 16 | byte[1] << 8 | byte[2];
}

static const uint8_t *audio_present(const Dataset *dataset) {
  return dataset->modality[dataset_modality(dataset, "audio")].present;
}

/// How many j < n of this digit have a name before index's: its place among the strings, the slow way.
static int place_as_string(int index, int n) {
  char name[16], other[16];
  int place = 0;
  snprintf(name, sizeof name, "%d", index);
  for (int j = 0; j < n; j++) {
    snprintf(other, sizeof other, "%d", j);
    place += digit_of(j) == digit_of(index) && strcmp(other, name) < 0;
  }
  return place;
}

static void check_small_rows(const Dataset *dataset, int train_images, int test_images) {
  int counts[10][SPLITS] = {0};
  CHECK(dataset->samples == 1500, "%lld rows", (long long)dataset->samples);
  for (int64_t row = 0; row < 1500; row++) {
    bool test = row >= 1050;
    int part, index = image_index(dataset, row, &part);
    int j = (int)(test ? (row - 1050) % 45 : row % 105), digit = (int)(test ? (row - 1050) / 45 : row / 105);
    CHECK(part == !test && digit_of(index) == digit && dataset->task[0].labels[row] == digit, "row %lld",
          (long long)row);
    int same = 0, n = test ? test_images : train_images;
    for (int i = 0; i < n; i++)
      same += digit_of(i) == digit;
    int place = place_as_string(index, n);
    CHECK(place == (test ? same - 45 + j : j), "row %lld: image %d is number %d", (long long)row, index, place);
    if (!test) {
      char name[48];
      snprintf(name, sizeof name, "%d_%s_%d", digit, three[j / 35], 15 + j % 35);
      CHECK(!strcmp(name, dataset->ids[row]), "row %lld: %s, not %s", (long long)row, dataset->ids[row], name);
    } else if (j) {
      CHECK(strcmp(dataset->ids[row - 1], dataset->ids[row]) < 0, "row %lld: out of order", (long long)row);
    }
    counts[digit][dataset->split[row]]++;
  }
  for (int digit = 0; digit < 10; digit++)
    CHECK(counts[digit][SPLIT_TEST] == 45 && counts[digit][SPLIT_VALIDATION] == (digit < 5 ? 11 : 10),
          "digit %d: %d test, %d held out", digit, counts[digit][SPLIT_TEST], counts[digit][SPLIT_VALIDATION]);
}

static void check_small(AvmnistOptions options) {
  Dataset whole = imported(&options);
  check_small_rows(&whole, 1310, 590);
  for (int64_t row = 0; row < 1500; row++)
    CHECK(audio_present(&whole)[row], "row %lld is silent", (long long)row);
  for (int pairs = 0; pairs <= 105; pairs += 35) { // 0; 35 and 70, which 3 does not divide; all
    options.pairs = pairs;
    Dataset some = imported(&options);
    int present = 0;
    for (int64_t row = 0; row < 1500; row++) {
      bool heard = audio_present(&some)[row];
      present += heard;
      CHECK(some.split[row] == whole.split[row], "the split depends on --pairs");
      if (row < 1050)
        CHECK(heard == (pairs % 3 ? row % 105 < pairs : row % 35 < pairs / 3), "row %lld of %d pairs", (long long)row,
              pairs);
      const float *values = some.modality[1].values + row * 400, *all = whole.modality[1].values + row * 400;
      for (int i = 0; i < 400; i++)
        CHECK(values[i] == (heard ? all[i] : 0), "row %lld, value %d", (long long)row, i);
    }
    CHECK(present == 450 + 10 * pairs, "%d pairs: %d sounds", pairs, present);
    dataset_free(&some);
  }
  options.pairs = AVMNIST_PAIRS;
  options.seed = 2;
  Dataset other = imported(&options);
  CHECK(memcmp(other.split, whole.split, 1500), "the seed decides nothing");
  dataset_free(&other);
  options.validation = 0;
  other = imported(&options);
  for (int64_t row = 0; row < 1050; row++)
    CHECK(other.split[row] == SPLIT_TRAIN, "row %lld is held out", (long long)row);
  dataset_free(&other);
  dataset_free(&whole);
}

/// Row = index, same digit, and the recording's split is the row's.
static void check_full_rows(const Dataset *dataset, const AvmnistOptions *options, int train_images) {
  for (int64_t row = 0; row < dataset->samples; row++) {
    int part, index = image_index(dataset, row, &part), digit, take;
    char speaker[48];
    CHECK(part == (row < train_images) && index == row - (part ? 0 : train_images), "row %lld is image %d",
          (long long)row, index);
    CHECK(sscanf(dataset->ids[row], "%d_%3s_%d", &digit, speaker, &take) == 3, "%s", dataset->ids[row]);
    CHECK(digit == digit_of(index) && dataset->task[0].labels[row] == digit, "row %lld: %s", (long long)row,
          dataset->ids[row]);
    bool test = options->split == AVMNIST_SPEAKER ? !strcmp(speaker, "bob") : take < 5;
    Split right = test                                                 ? SPLIT_TEST
                  : take >= 5 && take < 10 && options->validation != 0 ? SPLIT_VALIDATION
                                                                       : SPLIT_TRAIN;
    CHECK(dataset->split[row] == right && (right == SPLIT_TEST) == !part, "row %lld: %s is in split %d", (long long)row,
          dataset->ids[row], dataset->split[row]);
  }
}

/// Values of the recordings that train, each once: mean 0, deviation 1.
static void check_standard(const Dataset *dataset) {
  double sum = 0, squares = 0, n = 0;
  for (int64_t row = 0; row < dataset->samples; row++) {
    bool seen = dataset->split[row] != SPLIT_TRAIN;
    for (int64_t before = 0; before < row && !seen; before++)
      seen = dataset->split[before] == SPLIT_TRAIN && !strcmp(dataset->ids[before], dataset->ids[row]);
    for (int i = 0; !seen && i < 1024; i++, n++) {
      double value = dataset->modality[1].values[row * 1024 + i];
      sum += value;
      squares += value * value;
    }
  }
  CHECK(sum / n < 1e-4 && sum / n > -1e-4 && squares / n < 1.0001 && squares / n > 0.9999, "mean %g, mean square %g",
        sum / n, squares / n);
}

static void check_full(AvmnistOptions options) {
  options.protocol = AVMNIST_FULL;
  options.pairs = 3;
  refused(&options, EXIT_USAGE, "--pairs");
  options.pairs = AVMNIST_PAIRS;
  options.test_speakers = "bob";
  refused(&options, EXIT_USAGE, "--split speaker");
  options.split = AVMNIST_SPEAKER;
  options.test_speakers = "ann,bob";
  refused(&options, EXIT_USAGE, "all 2 speakers");
  options.test_speakers = "bop";
  refused(&options, EXIT_USAGE, "did you mean \"bob\"");
  options.test_speakers = "bob,";
  refused(&options, EXIT_USAGE, "\"\" is nobody");
  options.test_speakers = NULL;
  refused(&options, EXIT_USAGE, "\"theo\" is nobody");
  options.test_speakers = "bob";
  Dataset dataset = imported(&options);
  check_full_rows(&dataset, &options, 360);
  check_standard(&dataset);
  dataset_free(&dataset);
  options = (AvmnistOptions){options.mnist, options.fsdd, .protocol = AVMNIST_FULL, .pairs = AVMNIST_PAIRS, .seed = 5};
  for (int held = 0; held < 2; held++) {
    options.validation = held ? -1 : 0;
    dataset = imported(&options);
    check_full_rows(&dataset, &options, 360);
    int counts[SPLITS] = {0};
    for (int64_t row = 0; row < dataset.samples; row++)
      counts[dataset.split[row]]++;
    CHECK(counts[SPLIT_VALIDATION] == (held ? 30 : 0) && counts[SPLIT_TEST] == 90, "%d held out",
          counts[SPLIT_VALIDATION]);
    Dataset again = imported(&options);
    CHECK(dataset_identity(&again) == dataset_identity(&dataset) && !strcmp(again.provenance, dataset.provenance) &&
              !memcmp(again.modality[1].values, dataset.modality[1].values, (size_t)again.samples * 4096),
          "twice the same and not the same");
    dataset_free(&again);
    dataset_free(&dataset);
  }
}

static void scratch_empty(void) {
  static const char *const name[] = {"recordings.tar.gz", "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                     "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
  for (int i = 0; i < 5; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", scratch, name[i]);
    unlink(path);
  }
}

int main(void) {
  snprintf(scratch, sizeof scratch, "/tmp/rebasis-avmnist-XXXXXX");
  CHECK(mkdtemp(scratch), "mkdtemp");
  AvmnistOptions options = AVMNIST_DEFAULTS;
  refused(&options, EXIT_USAGE, "--mnist");
  options.mnist = scratch;
  refused(&options, EXIT_USAGE, "--fsdd");
  options.fsdd = scratch;
  refused(&options, EXIT_NO_INPUT, "train-images-idx3-ubyte");
  options.pairs = 106;
  refused(&options, EXIT_USAGE, "--pairs 106");
  options.pairs = AVMNIST_PAIRS;
  options.validation = 1;
  refused(&options, EXIT_USAGE, "--validation 1");
  options.validation = 0.0 / 0.0;
  refused(&options, EXIT_USAGE, "--validation");
  options.validation = -1;
  options.split = AVMNIST_SPEAKER;
  refused(&options, EXIT_USAGE, "--protocol full");
  options.split = AVMNIST_OFFICIAL;

  mnist_write(scratch, "train", 1310);
  refused(&options, EXIT_NO_INPUT, "t10k-images");
  mnist_write(scratch, "t10k", 590);
  refused(&options, EXIT_NO_INPUT, "recordings.tar.gz");
  fsdd_write(scratch, three, 3, 52, "4_nicolas_17.wav");
  refused(&options, EXIT_DATA, "4_nicolas_17.wav is missing");
  fsdd_write(scratch, three, 3, 52, NULL);
  check_small(options);
  mnist_write(scratch, "train", 900);
  refused(&options, EXIT_DATA, "needs 105");

  mnist_write(scratch, "train", 360);
  mnist_write(scratch, "t10k", 90);
  fsdd_write(scratch, two, 2, 12, NULL);
  check_full(options);
  options.protocol = AVMNIST_FULL;
  fsdd_write(scratch, two, 2, 5, NULL);
  refused(&options, EXIT_DATA, "no recording of a 0 is left");
  options.validation = 0.999;
  fsdd_write(scratch, two, 2, 12, NULL);
  refused(&options, EXIT_USAGE, "to train on");
  scratch_empty();
  rmdir(scratch);
  return 0;
}
