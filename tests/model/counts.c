// SMIL's networks have the published numbers of parameters: 6,872 and 67,254, and 31,434 for the head that fuses them.
#include "method/method.h"

#include "check.h"

#include <string.h>

static const char *const text = "data: {file: none.h5}\n"
                                "modalities: {%s}\n"
                                "fusion: {type: concat, hidden: [%s]}\n";

// Parameters of a model of images [28, 28] and MFCC [20, 20] whose path begins with `prefix`.
static int64_t count(const char *modalities, const char *hidden, const char *prefix) {
  char yaml[512];
  snprintf(yaml, sizeof yaml, text, modalities, hidden);
  Config config;
  Status status = config_parse(&config, "test", yaml, (int64_t)strlen(yaml), NULL, 0);
  CHECK(status.code == 0, "%s", status.text);
  Dataset dataset = {.modalities = config.modalities, .tasks = 1, .task = {{.classes = 10}}};
  for (int i = 0; i < config.modalities; i++) {
    int side = strcmp(config.modality[i].name, "image") ? 20 : 28;
    dataset.modality[i] =
        (DatasetModality){.kind = KIND_IMAGE, .dimensions = 3, .dim = {1, side, side}, .width = side * side};
  }
  Stages stages;
  status = stages_open(&stages, &config, &dataset);
  CHECK(status.code == 0, "%s", status.text);
  int64_t number = 0;
  for (int p = 0; p < stages.parameters.count; p++)
    if (!strncmp(stages.parameters.item[p].path, prefix, strlen(prefix)))
      number += stages.parameters.item[p].size;
  stages_close(&stages);
  return number;
}

static void expect(const char *what, int64_t got, int64_t want) {
  CHECK(got == want, "%s has %lld parameters, not %lld", what, (long long)got, (long long)want);
}

int main(void) {
  expect("LeNet5", count("image: {encoder: {type: lenet}}", "32", ""), 6872);
  expect("SNetPluse", count("audio: {encoder: {type: snet}}", "160, 32", ""), 67254);
  const char *both = "image: {encoder: {type: lenet}}, audio: {encoder: {type: snet}}";
  expect("the fusion head", count(both, "64", "fusion") + count(both, "64", "head"), 31434);
  return 0;
}
