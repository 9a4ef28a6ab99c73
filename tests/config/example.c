// The example of the contract is read, printed and read back to the same configuration, with every default in place.
#include "config/config.h"

#include "check.h"

#include <string.h>

static const char example[] =
    "run:        {name: avmnist-ebr, seed: 1, out: runs/avmnist-ebr}\n"
    "data:       {file: data/avmnist.h5, task: digit, batch: 128, shuffle: true}\n"
    "modalities:\n"
    "  image:    {encoder: {type: lenet, out: 64}}\n"
    "  audio:    {encoder: {type: mlp, hidden: [512, 256], out: 64}}\n"
    "fusion:     {type: concat, hidden: [256], strength: {image: 1.0}}\n"
    "method:     {type: ebr, factor: [1024], latent: 512, inverse: [1024], discriminator: [512, 256],\n"
    "             adversarial: {weight: 1.0, schedule: interleave, period: 10}, reconstruction: {weight: 0.0}}\n"
    "missingness:\n"
    "  train:    {audio: 0.5}          # probability that a present modality is withheld from a training sample\n"
    "  evaluate: [0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95]\n"
    "  fill:     substitute            # zero | mean | learned | substitute\n"
    "optimizer:  {type: adam, learning_rate: 1.0e-3, weight_decay: 0.0, clip_norm: 1.0, schedule: {type: cosine, "
    "warmup_epochs: 2}}\n"
    "train:      {epochs: 50, early_stop: {metric: validation.accuracy, patience: 10}}\n"
    "grid:       {modality_groups: auto, data_shards: auto, slices: 8, threads: 1}\n"
    "checkpoint: {every_epochs: 1, every_minutes: 10, every_steps: 0, keep: 3}   # step 0 is always saved; keep: all\n"
    "analysis:   {every_epochs: 5, measure: [rank, similarity]}\n";

static Config parse(const char *name, const char *text) {
  Config config;
  Status status = config_parse(&config, name, text, (int64_t)strlen(text), NULL, 0);
  CHECK(!status.code, "%d %s", status.code, status.text);
  return config;
}

static void example_is_read(void) {
  Config c = parse("dir/example.yaml", example);
  CHECK(!strcmp(c.run.name, "avmnist-ebr") && c.run.seed == 1 && !strcmp(c.run.out, "runs/avmnist-ebr"), "run");
  CHECK(!strcmp(c.data.task, "digit") && c.data.batch == 128 && c.data.shuffle && !c.data.standardize, "data");
  CHECK(c.modalities == 2 && config_modality(&c, "audio") == 1 && config_modality(&c, "video") == -1, "modalities");
  CHECK(c.modality[0].encoder.type == ENCODER_LENET && c.modality[0].encoder.out == 64, "image");
  CHECK(c.modality[1].encoder.hidden.count == 2 && c.modality[1].encoder.hidden.item[1] == 256, "audio");
  CHECK(c.method.type == METHOD_EBR && c.method.ebr.discriminator.item[1] == 256 && c.method.ebr.period == 10,
        "method");
  CHECK(c.missingness.train.item[0] == 0 && c.missingness.train.item[1] == 0.5 && c.fusion.strength.item[1] == 1,
        "per modality");
  CHECK(c.missingness.evaluate.count == 7 && c.missingness.evaluate.item[6] == 0.95 &&
            c.missingness.fill == FILL_SUBSTITUTE,
        "missingness");
  CHECK(c.optimizer.learning_rate == 1e-3 && c.optimizer.schedule.type == SCHEDULE_COSINE &&
            c.optimizer.schedule.warmup_epochs == 2,
        "optimizer");
  CHECK(!strcmp(c.train.metric, "validation.accuracy") && c.train.patience == 10 && c.train.epochs == 50, "train");
  CHECK(c.grid.modality_groups == 0 && c.grid.slices == 8 && !strcmp(c.grid.window, "auto"), "grid");
  CHECK(c.checkpoint.keep == 3 && c.checkpoint.every_minutes == 10, "checkpoint");
  CHECK(c.analysis.measures == 2 && !strcmp(c.analysis.measure[1], "similarity"), "analysis");
}

static void print_reads_back(const char *text) {
  Config first = parse("a.yaml", text);
  char *printed = config_print(&first);
  Config second = parse("a.yaml", printed);
  CHECK(!memcmp(&first, &second, sizeof first), "not the same from:\n%s", printed);
  CHECK(config_hash(&first) == config_hash(&second), "another hash");
  char *again = config_print(&second);
  CHECK(!strcmp(printed, again), "printed differently:\n%s\n%s", printed, again);
  free(printed);
  free(again);
}

static void defaults_are_sensible(void) {
  Config c = parse("some/dir/my run.v2.yaml", "data: {file: d.h5}\nmodalities: {a: {}, b: {encoder: {type: snet}}}\n");
  CHECK(!strcmp(c.run.name, "my-run.v2") && !strcmp(c.run.out, "runs/my-run.v2"), "%s %s", c.run.name, c.run.out);
  CHECK(c.modality[0].encoder.type == ENCODER_MLP && c.modality[0].encoder.out == 64 && c.modality[1].encoder.out == 0,
        "widths");
  CHECK(c.optimizer.clip_norm == 1 && c.train.epochs == 20 && !strcmp(c.train.metric, "none") && c.checkpoint.keep == 3,
        "defaults");
  CHECK(c.fusion.strength.item[1] == 1 && c.fusion.strength.item[2] == 0, "nothing beyond the last modality");
}

/// What decides the result changes the hash; name, place, grid and checkpoints do not.
static void hash_knows_what_matters(void) {
  static const char *const same[] = {"run.name=x",     "run.out=y",        "grid.data_shards=2",
                                     "grid.threads=4", "grid.window='on'", "checkpoint.keep=all"};
  static const char *const other[] = {"grid.slices=4", "run.seed=2", "data.task=t", "modalities.image.encoder.out=32",
                                      "fusion.strength=2"};
  Config plain = parse("a.yaml", example), config;
  for (int i = 0; i < 11; i++) {
    const char *set = i < 6 ? same[i] : other[i - 6];
    Status status = config_parse(&config, "a.yaml", example, sizeof example - 1, &set, 1);
    CHECK(!status.code, "%s", status.text);
    CHECK((config_hash(&config) == config_hash(&plain)) == (i < 6), "%s", set);
  }
}

int main(void) {
  example_is_read();
  print_reads_back(example);
  print_reads_back(
      "data: {file: \"a \\\"b\\\" \\\\ c\", task: \"123\"}\nmodalities: {\"1\": {}, \"true\": {}, \"off\": {encoder: "
      "{type: lenet}}}\n"
      "run: {seed: 9007199254740991}\nnoise: {rate: {off: 1e-7}}\noptimizer: {learning_rate: 0.1234567890123456789, "
      "clip_norm: 1e6}\n"
      "checkpoint: {keep: all}\ngrid: {window: off}\nmissingness: {protocol: pattern, withheld: [off, 1]}\n");
  defaults_are_sensible();
  hash_knows_what_matters();
}
