// Arrays of NumPy become a data set, bit for bit; what is not exactly such an array is refused.
#include "data/npy.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// A file of format `version`.0 with this header, padded as NumPy does, and these elements.
static size_t build(unsigned char *to, int version, const char *header, const void *data, size_t size) {
  size_t length = strlen(header), start = version == 1 ? 10 : 12;
  memcpy(to, "\x93NUMPY", 6);
  to[6] = (unsigned char)version;
  to[7] = 0;
  for (size_t i = 8; i < start; i++)
    to[i] = (unsigned char)(length >> 8 * (i - 8));
  memcpy(to + start, header, length);
  memcpy(to + start + length, data, size);
  return start + length + size;
}

static void check_good(void) {
  static unsigned char bytes[1024];
  const float value[6] = {1, -2, 3.5f, 4, 5, 6};
  const char *const header[] = {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }            \n",
                                "{'shape':(2,3),'fortran_order':False,'descr':'<f4'}", "{ 'fortran_order' : False}"};
  for (int version = 1; version <= 3; version++)
    for (int i = 0; i < 2; i++) {
      Npy npy;
      size_t size = build(bytes, version, header[i], value, sizeof value);
      Status status = npy_parse(&npy, bytes, size, "a.npy");
      CHECK(status.code == 0 && npy.type == NPY_F4 && npy.dimensions == 2 && npy.dim[0] == 2 && npy.dim[1] == 3, "%s",
            status.text);
      CHECK(!memcmp(npy.bytes, value, sizeof value), "elements");
      npy_close(&npy);
      for (size_t cut = 0; cut < size; cut++)
        CHECK(npy_parse(&npy, bytes, cut, "a.npy").code == EXIT_DATA, "cut at %zu", cut);
      CHECK(npy_parse(&npy, bytes, size + 1, "a.npy").code == EXIT_DATA, "a byte too many");
    }
}

static void check_bad(void) {
  static unsigned char bytes[1024];
  static const char *const header[] = {
      "",
      "{}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)",
      "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }",
      "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }",
      "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 0), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 2, 3), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, ), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, ), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x",
      "{'descr': '<f4', 'fortran_order': __import__('os'), 'shape': (2, 3), }",
  };
  const float value[6] = {0};
  for (size_t i = 0; i < sizeof header / sizeof *header; i++) {
    Npy npy;
    size_t size = build(bytes, 1, header[i], value, sizeof value);
    Status status = npy_parse(&npy, bytes, size, "a.npy");
    CHECK(status.code == EXIT_DATA && !npy.bytes, "%s: %d %s", header[i], status.code, status.text);
  }
  const float whole[1] = {0};
  Npy npy;
  size_t size = build(bytes, 4, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", whole, sizeof whole);
  CHECK(npy_parse(&npy, bytes, size, "a.npy").code == EXIT_DATA, "format 4.0");
}

static char directory[] = "/tmp/rebasis-npy-XXXXXX"; // lint: allow, a scratch folder of this test

static char *save(const char *name, const char *descr, const char *shape, const void *data, size_t size) {
  static unsigned char bytes[4096];
  char header[256], *path = malloc(128);
  snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape);
  snprintf(path, 128, "%s/%s.npy", directory, name);
  size_t total = build(bytes, 1, header, data, size);
  FILE *file = fopen(path, "w");
  CHECK(file && fwrite(bytes, 1, total, file) == total && !fclose(file), "write %s", path);
  return path;
}

static void check_import(void) {
  const double wide[4][2] = {{1, 2}, {NAN, NAN}, {3, -4}, {1e-3, 5}};
  const uint8_t image[4][2][3] = {{{1, 2, 3}, {4, 5, 255}}};
  const int64_t labels[4] = {0, 2, -1, 1};
  const int32_t split[4] = {0, 1, 2, 0};
  NpyConfig config = {.files = 2, .task = "t"};
  config.file[0].path = save("wide", "<f8", "(4, 2)", wide, sizeof wide);
  config.file[1].path = save("image", "|u1", "(4, 2, 3)", image, sizeof image);
  config.labels = save("labels", "<i8", "(4,)", labels, sizeof labels);
  config.split = save("split", "<i4", "(4,)", split, sizeof split);
  Dataset d;
  Status status = npy_import(&d, &config);
  CHECK(status.code == 0, "%s", status.text);
  CHECK(d.samples == 4 && d.task[0].classes == 3 && d.task[0].labels[1] == 2 && d.task[0].labels[2] == -1 &&
            d.split[2] == SPLIT_TEST,
        "labels");
  CHECK(!strcmp(d.modality[0].name, "wide") && !memcmp(d.modality[0].present, "\1\0\1\1", 4), "a row of NaN is absent");
  CHECK(d.modality[0].values[6] == 1e-3f && d.modality[0].values[2] == 0, "values");
  CHECK(d.modality[1].kind == KIND_IMAGE && d.modality[1].dim[1] == 3 && d.modality[1].values[5] == 255, "an image");
  dataset_free(&d);
  const char *right = config.split;
  config.split = config.labels;
  status = npy_import(&d, &config);
  CHECK(status.code == EXIT_DATA && strstr(status.text, "0 to 2"), "%d %s", status.code, status.text);
  dataset_free(&d);
  config.split = NULL;
  const double holed[4][2] = {{1, 2}, {NAN, 3}, {3, -4}, {1e-3, 1e300}};
  unlink(config.file[0].path);
  free((char *)config.file[0].path);
  config.file[0].path = save("wide", "<f8", "(4, 2)", holed, sizeof holed);
  status = npy_import(&d, &config);
  CHECK(status.code == EXIT_DATA && strstr(status.text, "row 1 has 1 NaN"), "%d %s", status.code, status.text);
  dataset_free(&d);
  const char *const made[] = {config.file[0].path, config.file[1].path, config.labels, right};
  for (int i = 0; i < 4; i++) {
    unlink(made[i]);
    free((char *)made[i]);
  }
}

int main(void) {
  CHECK(mkdtemp(directory), "a scratch folder");
  check_good();
  check_bad();
  check_import();
  CHECK(rmdir(directory) == 0, "nothing is left behind");
  return 0;
}
