// Parameters are found by path, start from (seed, path, element) alone, and hash without their padding.
#include "graph/parameters.h"

#include "base/hash.h"
#include "check.h"

#include <math.h>
#include <string.h>

static int declare(Parameters *list, const char *path, int rows, int columns, ParameterInit init) {
  return parameters_declare(list, path, (int[]){rows, columns}, 2, init, columns);
}

static float *start(const Parameters *list, uint64_t seed) {
  float *block = malloc((size_t)list->size * sizeof *block);
  CHECK(block, "out of memory");
  parameters_init(block, list, seed);
  return block;
}

static void check_moments(const float *value, int64_t n, double deviation, const char *what) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; i++) {
    sum += (double)value[i];
    squares += (double)value[i] * (double)value[i];
  }
  CHECK(fabs(sum / (double)n) < 4 * deviation / sqrt((double)n), "the mean of %s is %g", what, sum / (double)n);
  CHECK(fabs(sqrt(squares / (double)n) / deviation - 1) < 0.02, "the deviation of %s is %g, not %g", what,
        sqrt(squares / (double)n), deviation);
}

int main(void) {
  Parameters one = {0}, two = {0};
  int a = declare(&one, "a/weight", 100, 203, INIT_UNIFORM), b = declare(&one, "b", 1, 3, INIT_ONE);
  int c = declare(&one, "c", 200, 201, INIT_KAIMING_NORMAL), d = declare(&one, "d", 301, 100, INIT_NORMAL);
  CHECK(declare(&one, "b", 1, 3, INIT_ZERO) == b && one.count == 4, "b was declared before");
  CHECK(parameters_find(&one, "c") == c && parameters_find(&one, "e") == -1, "finding by path");
  CHECK(parameters_number(&one) == 100 * 203 + 3 + 200 * 201 + 301 * 100, "the number of parameters");
  for (int i = 0; i < one.count; i++)
    CHECK(one.item[i].offset % 16 == 0 && one.item[i].offset + one.item[i].size <= one.size, "the place of %s",
          one.item[i].path);

  int d2 = declare(&two, "d", 301, 100, INIT_NORMAL), a2 = declare(&two, "a/weight", 100, 203, INIT_UNIFORM);
  float *x = start(&one, 3), *y = start(&two, 3), *z = start(&one, 4);
  CHECK(memcmp(x + one.item[a].offset, y + two.item[a2].offset, 100 * 203 * sizeof *x) == 0, "a depends on the order");
  CHECK(memcmp(x + one.item[d].offset, y + two.item[d2].offset, 301 * 100 * sizeof *x) == 0, "d depends on the order");
  CHECK(memcmp(x + one.item[a].offset, z + one.item[a].offset, 100 * 203 * sizeof *x) != 0,
        "a does not depend on the seed");
  check_moments(x + one.item[a].offset, one.item[a].size, 1 / sqrt(203.0 * 3), "uniform numbers");
  check_moments(x + one.item[c].offset, one.item[c].size, sqrt(2 / 201.0), "Kaiming's numbers");
  check_moments(x + one.item[d].offset, one.item[d].size, 0.02, "normal numbers");
  for (int64_t i = 0; i < one.item[a].size; i++)
    CHECK(fabsf(x[one.item[a].offset + i]) <= (float)(1 / sqrt(203.0)), "a uniform number out of bounds");

  uint64_t hash = parameters_hash(x, &one);
  x[one.item[b].offset + 3] = 7; // padding
  CHECK(parameters_hash(x, &one) == hash, "padding is hashed");
  x[one.item[b].offset + 2] = 7;
  CHECK(parameters_hash(x, &one) != hash, "the last number is not hashed");
  Parameters single = {0};
  declare(&single, "s", 1, 3, INIT_ONE);
  float *ones = start(&single, 0);
  CHECK(parameters_hash(ones, &single) == hash_bytes((float[]){1, 1, 1}, 12), "the hash is XXH64 of the values");
  free(x);
  free(y);
  free(z);
  free(ones);
  parameters_free(&one);
  parameters_free(&two);
  parameters_free(&single);
  return 0;
}
