// Each mistake is told with its place, what is wrong and what would be right, and all of one file are told together.
#include "config/config.h"
#include "config/tree.h"

#include "check.h"

#include <string.h>

#define GOOD "data: {file: d.h5}\nmodalities:\n  image: {encoder: {type: lenet}}\n  audio: {}\n"

typedef struct Case {
  const char *text, *set;
  const char *says[3]; // pieces of the message, in this order; the first is its beginning
} Case;

static const Case cases[] = {
    // places
    {"", NULL, {"f.yaml:1:1: modalities is missing", " | f.yaml:1:1: data.file is missing"}},
    {GOOD "train: {epoch: 5}\n", NULL, {"f.yaml:5:9: train.epoch is not a key; did you mean epochs?"}},
    {GOOD "train:\n  epochs: 5\n  epochs: 6\n", NULL, {"f.yaml:7:3: epochs is given twice, first on line 6; keep one"}},
    {"\xef\xbb\xbf" GOOD "train:\r\n  epoch: 5\r\n", NULL, {"f.yaml:6:3: train.epoch is not"}},
    {GOOD "run: {seed: x}\ntrain: {epochs: 0}\n",
     "data.batch=0",
     {"f.yaml:5:7: run.seed is the text \"x\"", " | f.yaml:6:9: train.epochs", " | --set:1: data.batch"}},
    {"train: {epochs: 0}\n" GOOD "  video: {encoder: {out: -1}}\n",
     NULL,
     {"f.yaml:1:9: train.epochs", " | f.yaml:6:21: modalities.video.encoder.out"}},
    // names
    {GOOD, "optimizer.learning_rte=1", {"--set:1: optimizer.learning_rte is not a key; did you mean learning_rate?"}},
    {GOOD, "epochs=5", {"--set:1: epochs is not a key; did you mean train.epochs?"}},
    {GOOD, "data.batch_size=5", {"--set:1: data.batch_size is not a key; did you mean batch?"}},
    {GOOD, "run.zzz=5", {"--set:1: run.zzz is not a key; the keys here are name, seed, out"}},
    {GOOD, "modalities.audio.enoder={}", {"--set:1: modalities.audio.enoder is not a key; did you mean encoder?"}},
    {GOOD, "'a.b'=1", {"--set:1: 'a is not a key"}},
    {GOOD, "modalities={'a/b': {}}", {"--set:1: modalities.a/b is no name"}},
    {GOOD, "modalities={\"a\\e[31m\": {}}", {"--set:1: modalities.a\\x1b[31m is no name"}},
    {GOOD,
     "modalities=[image]",
     {"--set:1: modalities is no map", "write modalities: {image: {encoder: {type: mlp}}}"}},
    {GOOD, "modalities={}", {"--set:1: modalities is no map"}},
    {GOOD, "modalities.audio=mlp", {"--set:1: modalities.audio is the text \"mlp\"; a map is wanted"}},
    {"data: {}\nmodalities: {a: {}}\n", NULL, {"f.yaml:1:1: data.file is missing; write data: {file: PATH}"}},
    {"just text", NULL, {"f.yaml:1:1: a configuration is a map"}},
    {"- a\n", NULL, {"f.yaml:1:1: a configuration is a map"}},
    {GOOD, "hidden=[3]", {"--set:1: hidden is not a key; the keys here are run, data"}},
    // one form
    {GOOD,
     "optimizer.schedule=cosine",
     {"--set:1: optimizer.schedule is the text \"cosine\"; a map is wanted: write schedule: {type: cosine}"}},
    {GOOD, "train.early_stop=10", {"--set:1: train.early_stop is the number 10", "write early_stop: {patience: 10}"}},
    {GOOD, "method.reconstruction=0.5", {"--set:1: method.reconstruction", "write reconstruction: {weight: 0.5}"}},
    {GOOD, "fusion=concat", {"--set:1: fusion is the text \"concat\"", "write fusion: {type: concat}"}},
    {GOOD,
     "data.batch='128'",
     {"--set:1: data.batch is \"128\" in quotes, a text; a whole number from 1 to 1048576 is wanted, without quotes"}},
    {GOOD, "data.shuffle=yes", {"--set:1: data.shuffle is the text \"yes\"; true or false is wanted"}},
    {GOOD, "train.epochs=1_000", {"--set:1: train.epochs is the text \"1_000\"", "in plain decimal digits"}},
    {GOOD,
     "optimizer.learning_rate=.nan",
     {"--set:1: optimizer.learning_rate is .nan; a number above 0 to 1000 is wanted"}},
    {GOOD,
     "fusion.hidden=[64, 0]",
     {"--set:1: fusion.hidden[1] is the number 0; a whole number from 1 to 65536 is wanted"}},
    {GOOD, "fusion.hidden=64", {"--set:1: fusion.hidden is the number 64", "write [...]"}},
    {GOOD, "analysis.measure=[rank, rank]", {"--set:1: analysis.measure has the text \"rank\" twice; keep one"}},
    {GOOD, "missingness.evaluate=[0, 0.0]", {"--set:1: missingness.evaluate has the number 0.0 twice"}},
    {GOOD, "run.name='a/../b'", {"--set:1: run.name is \"a/../b\"; letters, digits"}},
    {GOOD "method: {type: ebr, modalities: [image]}\nmissingness: {fill: substitute}\n",
     NULL,
     {"f.yaml:5:21: missingness.fill substitute needs a latent of every modality; leave method.modalities out"}},
    {GOOD, "method.modalities=[video]", {"--set:1: method.modalities"}},
    {GOOD, "noise.shift=-1", {"--set:1: noise.shift"}},
    // modalities that are not there
    {GOOD,
     "fusion.strength={imag: 1}",
     {"--set:1: fusion.strength names imag, which modalities does not declare; did you mean image?"}},
    {GOOD,
     "missingness.train={video: 0.5}",
     {"--set:1: missingness.train names video, which modalities does not declare; remove it, or declare it"}},
    {GOOD, "missingness={protocol: pattern, withheld: [video]}", {"--set:1: missingness.withheld names video"}},
    {GOOD,
     "missingness={protocol: pattern, withheld: [audio, audio]}",
     {"--set:1: missingness.withheld has the text \"audio\" twice"}},
    {GOOD, "noise.rate={audio: -1}", {"--set:1: noise.rate.audio is the number -1; a number from 0 to 1000 is wanted"}},
    // contradictions
    {GOOD "fusion:\n  type: sum\n",
     "modalities.image.encoder.out=32",
     {"f.yaml:6:3: fusion.type sum needs vectors of one width, but image has 32 and audio has 64"}},
    {GOOD "fusion: {type: attention}\n",
     "fusion.heads=5",
     {"--set:1: fusion.heads is 5, which does not divide the width 64"}},
    {GOOD, "method={type: kd, distillation: {crd: 0}}", {"--set:1: method.type kd with crd, logit and feature all 0"}},
    {"data: {file: d}\nmodalities: {a: {}}\n",
     "method.type=ebr",
     {"--set:1: method.type ebr works between modalities, and there is one"}},
    {GOOD, "missingness.withheld=[audio]", {"--set:1: missingness.withheld is read by protocol pattern only"}},
    {GOOD, "missingness.protocol=pattern", {"--set:1: missingness.protocol pattern withholds nothing"}},
    {GOOD,
     "missingness={protocol: pattern, withheld: [audio, image]}",
     {"--set:1: missingness.withheld names every modality"}},
    {GOOD, "noise={kind: entries, rate: {audio: 2}}", {"--set:1: noise.rate is 2 for audio"}},
    {GOOD, "grid.modality_groups=3", {"--set:1: grid.modality_groups is 3 for 2 modalities"}},
    {GOOD, "grid={data_shards: 9, slices: 8}", {"--set:1: grid.data_shards is 9 for 8 slices"}},
    // overrides
    {GOOD, "data.batch", {"--set:1: data.batch is no assignment; write --set key.path=value"}},
    {GOOD, "=5", {"--set:1: =5 is no assignment"}},
    {GOOD, "data..batch=5", {"--set:1: data..batch is no key; write --set key.path=value"}},
    {GOOD, ".=5", {"--set:1: . is no key"}},
    {GOOD, "data.batch.=5", {"--set:1: data.batch. is no key", NULL}},
    {GOOD, "data.file.x=5", {"--set:1: data.file is not a map, so nothing can be set inside"}},
    {GOOD, "data.batch=", {"--set:1: data.batch is empty; a whole number"}},
    {GOOD, "data.batch={a: ", {"--set:1: not YAML: "}},
    {GOOD, "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1", {"--set:1: a.a.a", "is no key"}},
    // not YAML, or more of it than is read
    {"a: b\n\tc: d\n", NULL, {"f.yaml:2:1: not YAML: ", "spaces"}},
    {"a: [1, 2\nb: 3\n", NULL, {"f.yaml:2:", "not YAML: "}},
    {"a: b: c\n", NULL, {"f.yaml:1:5: not YAML: ", "quotes"}},
    {GOOD "---\n" GOOD, NULL, {"f.yaml:5:1: a second document; keep one"}},
    {"a: &x 1\n", NULL, {"f.yaml:1:4: an anchor (&)"}},
    {"a: 1\nb: *x\n", NULL, {"f.yaml:2:4: an alias (*)"}},
    {"a: !!python/object:os.system 1\n", NULL, {"f.yaml:1:4: a tag (!)"}},
    {"%YAML 1.1\n---\na: 1\n", NULL, {"f.yaml:1:1: a YAML directive"}},
    {"? [a, b]\n: 1\n", NULL, {"f.yaml:1:3: a list or map as a key"}},
    {"a: 1\nb: \xff\n", NULL, {"f.yaml:2:4: a byte that is not UTF-8"}},
    {"a: 1\nb: \x1b[31m\n", NULL, {"f.yaml:2:4: a control character"}},
    {"\xff\xfe"
     "a",
     NULL,
     {"f.yaml:1:1: is UTF-16; save it as UTF-8"}},
    {GOOD "run: {name: \"a\\0b\"}\n", NULL, {"f.yaml:5:13: a NUL character; remove it"}},
    {"a: 1\nb: \xc2\x81\n", NULL, {"f.yaml:2:4: not YAML: "}}, // told by libyaml's reader, which counts bytes only
    {"a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", NULL, {"f.yaml:1:19: nested more than 16 deep"}},
};

static void told(const Case *c) {
  Config config;
  Status status = config_parse(&config, "f.yaml", c->text, (int64_t)strlen(c->text), &c->set, c->set ? 1 : 0);
  CHECK(status.code == EXIT_CONFIG, "%d for %s --set %s", status.code, c->text, c->set ? c->set : "");
  CHECK(!strncmp(status.text, c->says[0], strlen(c->says[0])), "%s\n%s", status.text, c->says[0]);
  const char *from = status.text;
  for (int i = 0; i < 3 && c->says[i]; i++) {
    from = strstr(from, c->says[i]);
    CHECK(from, "%s\n%s", status.text, c->says[i]);
  }
}

/// What is wrong with a key does not make others look wrong too.
static void nothing_follows_from_a_mistake(void) {
  static const char text[] =
      "data: {file: d}\nmodalities: {a: {encoder: {out: x}}, b: {}}\nfusion: {type: sum, strength: {b: 1}}\n";
  Config config;
  Status status = config_parse(&config, "f", text, sizeof text - 1, NULL, 0);
  CHECK(status.code == EXIT_CONFIG && !strstr(status.text, " | "), "%s", status.text);
  static const char undeclared[] = "data: {file: d}\nmodalities: 3\nfusion: {strength: {b: 1}}\n";
  status = config_parse(&config, "f", undeclared, sizeof undeclared - 1, NULL, 0);
  CHECK(status.code == EXIT_CONFIG && !strstr(status.text, " | "), "%s", status.text);
}

/// Thirty mistakes fit one line of text, which says how many more there are.
static void many_are_counted(void) {
  char text[4096] = GOOD "train: {";
  for (int i = 0; i < 29; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "x%d: 1,\n", i);
  snprintf(text + strlen(text), sizeof text - strlen(text), "y: 1}\n");
  Config config;
  Status status = config_parse(&config, "f.yaml", text, (int64_t)strlen(text), NULL, 0);
  const char *more = strstr(status.text, " | and ");
  CHECK(status.code == EXIT_CONFIG && more, "%s", status.text);
  int told_count = 1;
  for (const char *at = status.text; (at = strstr(at, " | f.yaml")); at++)
    told_count++;
  CHECK(told_count > 1 && strtol(more + 7, NULL, 10) + told_count == 30, "%s", status.text);
}

static void overrides_apply_in_order(void) {
  static const char *const set[] = {"data.batch=1",
                                    "data.batch=2",
                                    "modalities.audio.encoder.out=32",
                                    "modalities.video={}",
                                    "missingness.train={video: 0.25}",
                                    "missingness.train.audio=0.5",
                                    "fusion.hidden=[64,32]",
                                    "data.task='1'"};
  Config c;
  Status status = config_parse(&c, "f.yaml", GOOD, sizeof GOOD - 1, set, sizeof set / sizeof *set);
  CHECK(!status.code, "%s", status.text);
  CHECK(c.data.batch == 2 && c.modality[1].encoder.out == 32 && c.modalities == 3 &&
            !strcmp(c.modality[2].name, "video"),
        "batch, modalities");
  CHECK(c.missingness.train.item[0] == 0 && c.missingness.train.item[1] == 0.5 && c.missingness.train.item[2] == 0.25,
        "missingness");
  CHECK(c.fusion.hidden.count == 2 && c.fusion.hidden.item[1] == 32 && !strcmp(c.data.task, "1"), "hidden, task");
}

/// An override can stand in for a section that the file leaves empty, or for the whole file.
static void overrides_make_maps(void) {
  static const char *const set[] = {"data.file=d.h5", "modalities.a.encoder.type=linear",
                                    "train.early_stop.metric=validation.loss"};
  static const char *const files[] = {"", "data:\nmodalities:\ntrain:\n", "# nothing\n", "---\n", "~\n"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    Config c;
    Status status = config_parse(&c, "f.yaml", files[i], (int64_t)strlen(files[i]), set, 3);
    CHECK(!status.code && c.modality[0].encoder.type == ENCODER_LINEAR && !strcmp(c.train.metric, "validation.loss"),
          "%s: %s", files[i], status.text);
  }
}

/// The 257th key of a map is one too many, whoever adds it.
static void overrides_are_bounded(void) {
  enum { SETS = TREE_KEYS_MOST + 1 };
  static char text[SETS][16];
  const char *set[SETS];
  for (int i = 0; i < SETS; i++) {
    snprintf(text[i], sizeof text[i], "x.k%d=1", i);
    set[i] = text[i];
  }
  Config config;
  Status status = config_parse(&config, "f.yaml", GOOD, sizeof GOOD - 1, set, SETS);
  CHECK(status.code == EXIT_CONFIG && strstr(status.text, "--set:1: x is not a key") &&
            strstr(status.text, "more than 256 keys"),
        "%s", status.text);
}

static void names_follow_from_files(void) {
  static const char *const names[][2] = {
      {"a/b/avmnist.yaml", "avmnist"}, {"..yaml", "yaml"}, {"-x", "x"}, {"-.yaml", "yaml"}, {"", "run"},
      {"\xc3\xa9.yaml", "run"},        {"a b.yml", "a-b"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    Config config;
    Status status = config_parse(&config, names[i][0], GOOD, sizeof GOOD - 1, NULL, 0);
    CHECK(!status.code && !strcmp(config.run.name, names[i][1]), "%s: %s %s", names[i][0], config.run.name,
          status.text);
  }
}

/// A tree prints to one line that reads back to the same tree, whatever its texts are.
static void trees_print(void) {
  static const char flow[] =
      "{a: [1, 1.5, true, ~, 'true', \"1\", x y, 'it''s', \"\\e\\n\\u2028\\\\\", on, {}], '': []}";
  static const char block[] = "a: [1, {b: 'x: y'}]\nc:\n  - d\n  - |\n    two\n    lines\n? e\n";
  static const char *const texts[] = {flow, block};
  static const char *const wanted[] = {
      "{a: [1, 1.5, true, null, \"true\", \"1\", \"x y\", \"it's\", \"\\x1b\\x0a\\u2028\\\\\", \"on\", {}], \"\": []}",
      "{a: [1, {b: \"x: y\"}], c: [d, \"two\\x0alines\\x0a\"], e: null}"};
  for (int i = 0; i < 2; i++) {
    Tree *first, *second;
    Status status = tree_parse(&first, "f", texts[i], (int64_t)strlen(texts[i]));
    CHECK(!status.code, "%s", status.text);
    char *printed = node_print(tree_root(first));
    status = tree_parse(&second, "f", printed, (int64_t)strlen(printed));
    CHECK(!status.code, "%s: %s", printed, status.text);
    char *again = node_print(tree_root(second));
    CHECK(!strcmp(printed, again), "%s\n%s", printed, again);
    CHECK(!strcmp(printed, wanted[i]), "%s", printed);
    free(printed);
    free(again);
    tree_close(first);
    tree_close(second);
  }
}

int main(void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    told(&cases[i]);
  nothing_follows_from_a_mistake();
  many_are_counted();
  overrides_apply_in_order();
  overrides_make_maps();
  overrides_are_bounded();
  names_follow_from_files();
  trees_print();
}
