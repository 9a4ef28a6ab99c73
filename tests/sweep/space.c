// A sweep file becomes the runs that it says, each the very configuration that --set would make, and its mistakes are told with their place.
#include "sweep/space.h"

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASE "data: {file: d.h5}\nmodalities: {a: {}, b: {}}\nmissingness: {train: 0.1}\n"
#define INLINE "base: {data: {file: d.h5}, modalities: {a: {}, b: {}}}\n"

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s cannot be written", path);
}

static Space read_text(const char *text) {
  Space space;
  write_file("s.yaml", text);
  Status status = space_read(&space, "s.yaml");
  CHECK(!status.code, "%s", status.text);
  return space;
}

static void check_refused(const char *text, int code, const char *begins, const char *says) {
  Space space;
  write_file("s.yaml", text);
  Status status = space_read(&space, "s.yaml");
  CHECK(status.code == code, "ended with %d, not %d: %s\n%s", status.code, code, status.text, text);
  CHECK(!strncmp(status.text, begins, strlen(begins)), "begins not with %s: %s", begins, status.text);
  CHECK(strstr(status.text, says), "says not %s: %s", says, status.text);
  space_free(&space);
}

// Against the naive way: one --set after another on the base.
static void check_run(const Space *space, int run, const char *const *sets, int count) {
  Config config, wanted;
  Status status = space_config(&config, space, run, "out");
  CHECK(!status.code, "%s", status.text);
  CHECK(!config_read(&wanted, "base.yaml", sets, count).code, "the naive way fails");
  CHECK(config_hash(&config) == config_hash(&wanted), "run %d is another configuration", run);
  CHECK(space->run[run].hash == config_hash(&wanted), "run %d has another hash", run);
  char out[64];
  snprintf(out, sizeof out, "out/runs/%s", space->run[run].id);
  CHECK(!strcmp(config.run.out, out), "out is %s", config.run.out);
}

static void check_product(void) {
  Space space = read_text("base: base.yaml\nrepeats: [7, 9]\nsweep: {method.type: [vanilla, ebr], missingness.train: "
                          "[0.0, 0.5, {b: 0.3}]}\n"
                          "zip: {fusion.type: [concat, sum], fusion.hidden: [[8], []]}\n");
  CHECK(space.runs == 24 && space.combinations == 24 && space.axes == 5 && space.groups == 4, "%d runs", space.runs);
  check_run(&space, 0,
            (const char *[]){"method.type=vanilla", "missingness.train=0.0", "fusion.type=concat", "fusion.hidden=[8]",
                             "run.seed=7"},
            5);
  check_run(&space, 23,
            (const char *[]){"method.type=ebr", "missingness.train={b: 0.3}", "fusion.type=sum", "fusion.hidden=[]",
                             "run.seed=9"},
            5);
  check_run(&space, 9,
            (const char *[]){"method.type=ebr", "missingness.train=0.5", "fusion.type=concat", "fusion.hidden=[8]",
                             "run.seed=9"},
            5);
  for (int i = 0; i < space.runs; i++) {
    CHECK(space_find(&space, space.run[i].id) == i, "run %d is not found", i);
    for (int k = 0; k < i; k++)
      CHECK(space.run[i].hash != space.run[k].hash, "two runs with one hash");
  }
  char text[200];
  space_describe(text, sizeof text, &space, 9);
  CHECK(strstr(text, "missingness.train: 0.5") && strstr(text, "run.seed: 9"), "%s", text);
  space_free(&space);
}

// Neither the order of keys, nor names, nor directories decide what a run is.
static void check_identity(void) {
  Space one = read_text("name: x\nbase: base.yaml\nsweep: {train.epochs: [3], data.batch: [32]}\n");
  mkdir("other", 0777);
  write_file("other/base.yaml", "missingness:\n  train: 0.1\nrun: {name: z, out: elsewhere}\nmodalities: {a: {}, b: "
                                "{}}\ndata:\n  batch: 9\n  file: d.h5\n");
  write_file("other/t.yaml", "sweep: {data.batch: [32], train.epochs: [3]}\nbase: base.yaml\n");
  Space two;
  CHECK(!space_read(&two, "other/t.yaml").code, "the second is refused");
  CHECK(!strcmp(one.run[0].id, two.run[0].id), "%s is not %s", one.run[0].id, two.run[0].id);
  CHECK(!strcmp(one.name, "x") && !strcmp(two.name, "t"), "names %s %s", one.name, two.name);
  space_free(&one);
  space_free(&two);
}

static void check_twins(void) {
  Space space = read_text(INLINE "sweep: {train.epochs: [3, 4, 3], checkpoint.keep: [1, 2]}\n");
  CHECK(space.runs == 2 && space.combinations == 6, "%d runs of %lld", space.runs, (long long)space.combinations);
  CHECK(space.twin[0] != space.twin[1], "no twins are named");
  space_free(&space);
}

// All seven parts of a map of three, and of a list, each as if it stood there; the whole comes first.
static void check_subsets(void) {
  Space space =
      read_text("base: base.yaml\nsubsets: {modalities: {a: {encoder: {out: 5}}, b: {}, c: {}}}\nrepeats: 2\n");
  CHECK(space.runs == 14 && space.groups == 2, "%d runs", space.runs);
  check_run(&space, 0, (const char *[]){"modalities={a: {encoder: {out: 5}}, b: {}, c: {}}", "run.seed=1"}, 2);
  check_run(&space, 5, (const char *[]){"modalities={a: {encoder: {out: 5}}, c: {}}", "run.seed=2"}, 2);
  check_run(&space, 12, (const char *[]){"modalities={a: {encoder: {out: 5}}}", "run.seed=1"}, 2);
  for (int i = 0; i < space.runs; i++)
    for (int k = 0; k < i; k++)
      CHECK(space.run[i].hash != space.run[k].hash, "runs %d and %d are one", i, k);
  space_free(&space);
  space = read_text("base: base.yaml\nsubsets: {missingness.evaluate: [0.1, 0.2]}\n");
  CHECK(space.runs == 3, "%d runs", space.runs);
  check_run(&space, 1, (const char *[]){"missingness.evaluate=[0.2]"}, 1);
  space_free(&space);
}

static double drawn(const Space *space, int run, const char *key) {
  for (int a = 0; a < space->axes; a++)
    if (!strcmp(space->axis[a].key, key)) {
      double value;
      CHECK(sscanf(space_value(space, run, a), "%lf", &value) == 1, "no number");
      return value;
    }
  CHECK(false, "no axis %s", key);
  return 0;
}

// A larger count or another key changes no draw; the logarithms of 400 draws are uniform (mean within five deviations).
static void check_draws(void) {
  Space few = read_text(INLINE "sample: {count: 5, optimizer.learning_rate: {loguniform: [1.0e-4, 1.0e-2]}}\n");
  Space many = read_text(
      INLINE
      "sample: {data.batch: {uniform: [16, 19]}, count: 400, optimizer.learning_rate: {loguniform: [1.0e-4, 1.0e-2]}, "
      "fusion.type: {choice: [sum, concat]}}\n");
  CHECK(few.runs == 5 && many.runs == 400, "%d and %d draws", few.runs, many.runs);
  double sum = 0;
  int seen[4] = {0};
  for (int i = 0; i < 400; i++) {
    double rate = drawn(&many, i, "optimizer.learning_rate"), batch = drawn(&many, i, "data.batch");
    CHECK(i >= 5 || rate == drawn(&few, i, "optimizer.learning_rate"), "draw %d has changed", i);
    CHECK(rate >= 1e-4 && rate <= 1e-2 && batch >= 16 && batch <= 19 && batch == floor(batch), "%g, %g", rate, batch);
    sum += log10(rate);
    seen[(int)batch - 16]++;
  }
  CHECK(fabs(sum / 400 + 3) < 5 * 2 / sqrt(12.0 * 400), "mean of logarithms %g", sum / 400);
  for (int k = 0; k < 4; k++)
    CHECK(abs(seen[k] - 100) < 45, "%d draws of %d", seen[k], k + 16);
  space_free(&few);
  space_free(&many);
}

static void check_options(void) {
  Space space =
      read_text(INLINE "slurm: {time: 02:00:00, exclusive: true, requeue: false, constraint: [a, b], mem: 4G}\n");
  CHECK(space.runs == 1 && space.options == 5, "%d options", space.options);
  CHECK(!strcmp(space.option[0].value, "02:00:00") && !space.option[1].value && !strcmp(space.option[3].value, "b"),
        "options differ");
  space_free(&space);
}

static void check_mistakes(void) {
  const int wrong = EXIT_CONFIG;
  check_refused("", wrong, "s.yaml:1:1: base is missing", "base: CONFIG.yaml");
  check_refused("- a\n", wrong, "s.yaml:1:1: a sweep is a map", "");
  check_refused(INLINE "swep: {}\n", wrong, "s.yaml:2:1: swep is not a key of a sweep", "did you mean sweep?");
  check_refused(INLINE "sweep: {}\nsweep: {}\n", wrong, "s.yaml:3:1: sweep is given twice", "");
  check_refused(INLINE "sweep: {train.epochs: 5}\n", wrong, "s.yaml:2:9: sweep.train.epochs is the number 5", "[1, 2]");
  check_refused(INLINE "sweep: {train.epochs: []}\n", wrong, "s.yaml:2:9: ", "a list of values is wanted");
  check_refused(INLINE "sweep: {train.epoch: [5]}\n", wrong, "s.yaml:2:23: train.epoch is not a key",
                "did you mean epochs?");
  check_refused(INLINE "sweep: {trian.epochs: [5]}\n", wrong, "s.yaml:2:24: trian is not a key", "");
  check_refused(INLINE "sweep: {train.epochs: [5, 0]}\n", wrong, "s.yaml:2:27: train.epochs is the number 0",
                "in the run with train.epochs: 0");
  check_refused(INLINE "sweep:\n  train.epochs: [5]\n  run.seed: [1]\nrepeats: 2\n", wrong,
                "s.yaml:5:1: run.seed is swept already", "");
  check_refused(INLINE "sweep: {missingness.train: [0.1], missingness.train.a: [0.2]}\n", wrong,
                "s.yaml:2:35: ", "swept already");
  check_refused(INLINE "sweep: {run.out: [a]}\n", wrong, "s.yaml:2:9: run.out is given by the sweep itself", "");
  check_refused(INLINE "zip: {train.epochs: [1, 2], data.batch: [1]}\n", wrong, "s.yaml:2:29: data.batch has 1 values",
                "change together");
  check_refused(INLINE "subsets: {train.epochs: 5}\n", wrong, "s.yaml:2:11: subsets.train.epochs: a map or list", "");
  check_refused(INLINE "subsets: [modalities]\n", wrong, "s.yaml:2:1: subsets is a list", "a map is wanted");
  check_refused(INLINE "subsets: {modalities: {a: {}, b: {oen: 1}}}\n", wrong, "s.yaml:2:", "oen is not a key");
  check_refused(INLINE "sample: {train.epochs: {uniform: [1, 2]}}\n", wrong, "s.yaml:2:1: sample.count is missing", "");
  check_refused(INLINE "sample: {count: 2, data.batch: {unifrom: [1, 2]}}\n", wrong,
                "s.yaml:2:33: unifrom is no distribution", "uniform?");
  check_refused(INLINE "sample: {count: 2, data.batch: {uniform: [2, 1]}}\n", wrong,
                "s.yaml:2:33: ", "two whole numbers");
  check_refused(INLINE "sample: {count: 2, optimizer.learning_rate: {loguniform: [0, 1]}}\n", wrong,
                "s.yaml:2:46: ", "numbers above 0");
  check_refused(INLINE "sample: {count: 0}\n", wrong, "s.yaml:2:1: sample draws nothing",
                "sample.count is the number 0");
  check_refused(INLINE "repeats: 0\n", wrong, "s.yaml:2:1: repeats is the number 0", "");
  check_refused(INLINE "repeats: [1, x]\n", wrong, "s.yaml:2:14: run.seed is the text \"x\"", "");
  check_refused(INLINE "slurm: {--time: 5}\n", wrong, "s.yaml:2:9: slurm.--time is no option", "");
  check_refused("base: none.yaml\n", EXIT_NO_INPUT, "s.yaml:1:7: base: none.yaml: cannot be opened", "");
  check_refused("base: {data: {file: d.h5}}\n", wrong, "s.yaml:1:7: modalities is missing", "");
  check_refused("base: bad.yaml\nsweep: {train.epochs: [1]}\n", wrong, "bad.yaml:4:9: train.epoch is not a key", "");
  check_refused(
      INLINE
      "sweep: {a: [1,2,3,4,5,6,7,8,9,10], b: [1,2,3,4,5,6,7,8,9,10], c: [1,2,3,4,5,6,7,8,9,10]}\nrepeats: 10000\n",
      wrong, "s.yaml:1:1: more than 1000000 runs", "");
}

int main(void) {
  char folder[] = "space-XXXXXX";
  CHECK(mkdtemp(folder) && chdir(folder) == 0, "no scratch folder");
  write_file("base.yaml", BASE);
  write_file("bad.yaml", BASE "train: {epoch: 5}\n");
  check_product();
  check_identity();
  check_twins();
  check_subsets();
  check_draws();
  check_options();
  check_mistakes();
  for (const char *const *name =
           (const char *const[]){"other/base.yaml", "other/t.yaml", "s.yaml", "base.yaml", "bad.yaml", NULL};
       *name; name++)
    unlink(*name);
  return rmdir("other") || chdir("..") || rmdir(folder);
}
