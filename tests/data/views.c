// Tables become a data set: columns, labels, splits, missing rows; and mistakes are named by file, line and column.
#include "data/views.h"

#include "check.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ViewFile table(const char *name, const char *text) {
  return (ViewFile){.name = name, .path = name, .bytes = text, .size = strlen(text)};
}

static ViewsConfig config_of(const char *a, const char *b) {
  ViewsConfig config = {.views = b ? 2 : 1, .partition = {.seed = 1, .validation = 0.25, .test = 0.25}};
  config.view[0] = table("a", a);
  if (b)
    config.view[1] = table("b", b);
  return config;
}

static void must(Dataset *dataset, const ViewsConfig *config) {
  Status status = views_import(dataset, config);
  CHECK(status.code == 0, "%s", status.text);
}

static void refuse(const ViewsConfig *config, int code, const char *words) {
  Dataset dataset;
  Status status = views_import(&dataset, config);
  CHECK(status.code == code && strstr(status.text, words), "got %d \"%s\", not %d \"%s\"", status.code, status.text,
        code, words);
  dataset_free(&dataset);
}

static void check_values(void) {
  ViewsConfig config = config_of("x,y,label\n1, 2.5 ,7\n-3e-2,4,3\n.5,1e3,\nNA,,3\n", "label,z\n7,1\n3,nan\n,3\n3,4\n");
  Dataset d;
  config.label = "label";
  must(&d, &config);
  const float want[4][2] = {{1, 2.5f}, {-3e-2f, 4}, {.5f, 1e3f}, {0, 0}};
  CHECK(d.samples == 4 && d.modalities == 2 && d.modality[0].width == 2 && d.modality[1].width == 1, "shapes");
  CHECK(!memcmp(d.modality[0].values, want, sizeof want), "values");
  CHECK(!memcmp(d.modality[0].present, "\1\1\1\0", 4) && !memcmp(d.modality[1].present, "\1\0\1\1", 4),
        "rows without values are absent");
  const int32_t labels[4] = {1, 0, -1, 0};
  CHECK(d.task[0].binary && d.task[0].classes == 2 && !memcmp(d.task[0].labels, labels, sizeof labels),
        "3 and 7 are classes 0 and 1");
  json_t *made = json_loads(d.provenance, 0, NULL);
  CHECK(made && !strcmp(json_string_value(json_array_get(json_object_get(made, "classes"), 1)), "7"), "provenance: %s",
        d.provenance);
  json_decref(made);
  dataset_free(&d);
}

static void check_columns(void) {
  ViewsConfig config =
      config_of("id,label,split,v\np1,cat,train,1\np2,dog,test,2\np3,ant,1,3\n", "v,id\n5,p1\n6,p2\n7,p3\n");
  Dataset d;
  config.label = "label";
  config.id = "id";
  config.split = "split";
  config.task = "animal";
  must(&d, &config);
  const int32_t labels[3] = {1, 2, 0};
  CHECK(!strcmp(d.ids[2], "p3") && !strcmp(d.task[0].name, "animal") &&
            !memcmp(d.task[0].labels, labels, sizeof labels),
        "ids and labels");
  CHECK(!memcmp(d.split, "\0\2\1", 3), "splits by name and by number");
  CHECK(d.modality[0].width == 1 && d.modality[1].values[1] == 6, "values");
  dataset_free(&d);
  config = config_of("1,2,0\n3,4,1\n5,6,0\n", NULL);
  config.no_header = true;
  config.label = "3";
  config.view[0].height = 1;
  config.view[0].width = 2;
  must(&d, &config);
  CHECK(d.samples == 3 && d.modality[0].kind == KIND_IMAGE && d.modality[0].dim[1] == 2 && d.modality[0].values[4] == 5,
        "no header");
  dataset_free(&d);
}

static void check_imputing(void) {
  ViewsConfig config = config_of("x,y,s,l\n1,1,train,0\n3,,train,1\n,4,test,1\n100,7,test,0\nNA,NA,train,1\n", NULL);
  Dataset d;
  config.split = "s";
  refuse(&config, EXIT_DATA, "a:3:3: an empty cell");
  config.impute_mean = true;
  must(&d, &config);
  const float want[5][2] = {{1, 1}, {3, 1}, {2, 4}, {100, 7}, {0, 0}};
  CHECK(!memcmp(d.modality[0].values, want, sizeof want), "means of the training rows that have the value");
  CHECK(!memcmp(d.modality[0].present, "\1\1\1\1\0", 5), "a row without values stays absent");
  dataset_free(&d);
}

static void check_mistakes(void) {
  static const struct {
    const char *a, *b, *words;
    int code;
  } bad[] = {
      {"", NULL, "a:1:1: the file is empty", EXIT_DATA},
      {"x,label\n", NULL, "a:2:1: no row", EXIT_DATA},
      {"x,label\n1,0\n2\n", NULL, "a:3:1: a row of 1 cells", EXIT_DATA},
      {"x,label\n1,0\n2,3,4\n", NULL, "a:3:5: a row of 3 cells", EXIT_DATA},
      {"x,label\n1,0\n\n2,1\n", NULL, "a:3:1: a row of 1 cells", EXIT_DATA},
      {"x,label\n1e999,0\n", NULL, "a:2:1: \"1e999\"", EXIT_DATA},
      {"x,label\n1e39,0\n", NULL, "beyond the range of float32", EXIT_DATA},
      {"x,y,label\n1,0x1p3,0\n", NULL, "a:2:3: \"0x1p3\"", EXIT_DATA},
      {"x,label\ninf,0\n", NULL, "a:2:1: \"inf\"", EXIT_DATA},
      {"x,label\n1_000,0\n", NULL, "a:2:1: ", EXIT_DATA},
      {"x,label\n\"1,5\",0\n", NULL, "a:2:1: \"1,5\"", EXIT_DATA},
      {"x,label\n1 2,0\n", NULL, "a:2:1: ", EXIT_DATA},
      {"x,label\n1,0\n2,0\n", NULL, "1 distinct labels", EXIT_DATA},
      {"label\n1\n2\n", NULL, "no column of values", EXIT_DATA},
      {"x;label\n1;0\n", NULL, "commas between cells", EXIT_DATA},
      {"x,label\n1,0\n2,1\n", "y,label\n1,0\n", "b: has 1 rows, a has 2", EXIT_DATA},
      {"x,label\n1,0\n2,1\n", "y,label\n1,0\n2,0\n", "b: row 2", EXIT_DATA},
      {"x,label\n1,0\n2,1\n", "y\n1\n2\n", "b:1:1: no column of values", EXIT_DATA},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ViewsConfig config = config_of(bad[i].a, bad[i].b);
    refuse(&config, bad[i].code, bad[i].words);
  }
  ViewsConfig config = config_of("x,label\n1,0\n2,1\n", NULL);
  config.label = "labl";
  refuse(&config, EXIT_CONFIG, "did you mean \"label\"?");
  config.label = "3";
  refuse(&config, EXIT_CONFIG, "no label column");
  config = config_of("x,x,label\n1,2,0\n2,3,1\n", NULL);
  config.id = "x";
  refuse(&config, EXIT_DATA, "a:1:3: a second column \"x\"");
  config.id = "label";
  refuse(&config, EXIT_CONFIG, "not different");
  config = config_of("x,label\n1,0\n2,1\n", "y,label\n1,0\n2,1\n");
  config.label = "klass";
  refuse(&config, EXIT_CONFIG, "none of the 2 files");
  config = config_of("x,label\n1,0\n2,1\n", NULL);
  config.partition.test = 1;
  refuse(&config, EXIT_CONFIG, "fractions");
  config = config_of("x,label\n1,0\n2,1\n", "y,label\n1,0\n2,1\n");
  config.view[1].name = "a";
  refuse(&config, EXIT_CONFIG, "there twice");
  config = (ViewsConfig){.views = 1, .view = {{.path = "/no/such/file.csv"}}};
  refuse(&config, EXIT_NO_INPUT, "/no/such/file.csv");
}

int main(void) {
  check_values();
  check_columns();
  check_imputing();
  check_mistakes();
  return 0;
}
