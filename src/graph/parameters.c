// Start values: element e of the parameter PATH is a function of (seed, XXH64(PATH), e) alone.
//   U(-b, b), b = 1/sqrt(fan_in): what PyTorch's kaiming_uniform(a = sqrt(5)) comes to for linear and convolution;
//   N(0, 2/fan_in): He et al., ICCV 2015;
//   U(-b, b), b = sqrt(3/fan_in), variance 1/fan_in: the memory bank of contrastive distillation.
#include "graph/parameters.h"

#include "base/hash.h"
#include "base/random.h"
#include "base/text.h"
#include "kernels/math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16 };

int parameters_find(const Parameters *parameters, const char *path) {
  for (int i = 0; i < parameters->count; i++)
    if (strcmp(parameters->item[i].path, path) == 0)
      return i;
  return -1;
}

int parameters_declare(Parameters *parameters, const char *path, const int *dim, int dimensions, ParameterInit init,
                       int fan_in) {
  REQUIRE(0 < dimensions && dimensions <= PARAMETER_DIMENSIONS, "%s has %d dimensions", path, dimensions);
  int found = parameters_find(parameters, path);
  if (found >= 0) {
    const Parameter *old = &parameters->item[found];
    REQUIRE(old->dimensions == dimensions && memcmp(old->dim, dim, (size_t)dimensions * sizeof *dim) == 0,
            "%s was declared before with another shape", path);
    return found;
  }
  if (parameters->count == parameters->room) {
    parameters->room = parameters->room ? 2 * parameters->room : 32;
    parameters->item = realloc(parameters->item, (size_t)parameters->room * sizeof *parameters->item);
    REQUIRE(parameters->item, "out of memory for the list of parameters");
  }
  Parameter *item = &parameters->item[parameters->count];
  *item = (Parameter){.dimensions = dimensions, .init = init, .fan_in = fan_in, .offset = parameters->size, .size = 1};
  REQUIRE(text_print(item->path, sizeof item->path, "%s", path), "the path %s is too long", path);
  for (int d = 0; d < dimensions; d++) {
    REQUIRE(dim[d] > 0, "%s has an empty dimension", path);
    item->dim[d] = dim[d];
    item->size *= dim[d];
  }
  REQUIRE(fan_in > 0 || (init != INIT_UNIFORM && init != INIT_KAIMING_NORMAL), "%s has no fan-in", path);
  parameters->size += (item->size + ALIGN - 1) / ALIGN * ALIGN;
  return parameters->count++;
}

void parameter_shape(int dim[PARAMETER_DIMENSIONS], const Parameter *parameter) {
  memcpy(dim, parameter->dim, sizeof parameter->dim);
  if (parameter->turned) {
    dim[0] = parameter->dim[1];
    dim[1] = parameter->dim[0];
  }
}

int64_t parameters_number(const Parameters *parameters) {
  int64_t number = 0;
  for (int i = 0; i < parameters->count; i++)
    number += parameters->item[i].size;
  return number;
}

static void uniform_fill(float *value, int64_t n, float bound, const RandomStream *stream) {
  uint32_t word[4];
  for (int64_t e = 0; e < n; e++) {
    if (e % 4 == 0)
      random_block(word, stream, (uint64_t)e / 4, 0);
    value[e] = (2 * ((float)(word[e % 4] >> 8) * 0x1p-24f) - 1) * bound;
  }
}

static void parameter_init(float *value, const Parameter *item, uint64_t seed) {
  uint64_t name = hash_bytes(item->path, strlen(item->path));
  RandomStream stream = {seed, RANDOM_INIT, (uint32_t)name, (uint32_t)(name >> 32)};
  float deviation = item->init == INIT_NORMAL ? 0.02f : (float)sqrt(2.0 / (item->fan_in > 0 ? item->fan_in : 1));
  switch (item->init) {
  case INIT_ZERO:
    break; // the block was zeroed
  case INIT_ONE:
    for (int64_t e = 0; e < item->size; e++)
      value[e] = 1;
    break;
  case INIT_UNIFORM:
    uniform_fill(value, item->size, (float)(1 / sqrt((double)item->fan_in)), &stream);
    break;
  case INIT_UNIT:
    uniform_fill(value, item->size, (float)sqrt(3.0 / (double)item->fan_in), &stream);
    break;
  case INIT_KAIMING_NORMAL:
  case INIT_NORMAL:
    for (int64_t e = 0; e < item->size; e++)
      value[e] = deviation * random_normal(&stream, (uint64_t)e / 2, (uint32_t)e % 2);
    break;
  }
}

// By way of a copy: the ranks of a node may share the block, and all write the same into it.
static void turned_init(float *value, const Parameter *item, uint64_t seed) {
  float *shown = calloc((size_t)item->size, sizeof *shown);
  REQUIRE(shown, "out of memory for the start values of %s", item->path);
  parameter_init(shown, item, seed);
  floats_turn(value, shown, item->dim[1], item->dim[0], (size_t)item->dim[0]);
  free(shown);
}

void parameters_init(float *block, const Parameters *parameters, uint64_t seed) {
  memset(block, 0, (size_t)parameters->size * sizeof *block);
  for (int i = 0; i < parameters->count; i++)
    if (parameters->item[i].turned)
      turned_init(block + parameters->item[i].offset, &parameters->item[i], seed);
    else
      parameter_init(block + parameters->item[i].offset, &parameters->item[i], seed);
}

// Columns of what memory holds are rows of what files show: a few of them at a time.
static void hash_turned(Hash *hash, const float *value, const Parameter *item) {
  enum { STRIPE = 16 };
  int rows = item->dim[0], columns = item->dim[1];
  float *shown = malloc((size_t)rows * STRIPE * sizeof *shown);
  REQUIRE(shown, "out of memory for the hash of %s", item->path);
  for (int j = 0; j < columns; j += STRIPE) {
    int width = columns - j < STRIPE ? columns - j : STRIPE;
    floats_turn(shown, value + j, rows, width, (size_t)columns);
    hash_add(hash, shown, (size_t)rows * (size_t)width * sizeof *shown);
  }
  free(shown);
}

uint64_t parameters_hash(const float *block, const Parameters *parameters) {
  Hash hash;
  hash_init(&hash);
  for (int i = 0; i < parameters->count; i++) {
    const Parameter *item = &parameters->item[i];
    if (item->turned)
      hash_turned(&hash, block + item->offset, item);
    else
      hash_add(&hash, block + item->offset, (size_t)item->size * sizeof *block);
  }
  return hash_value(&hash);
}

void parameters_freeze(Parameters *parameters, const char *prefix) {
  for (int i = 0; i < parameters->count; i++)
    parameters->item[i].frozen |= strncmp(parameters->item[i].path, prefix, strlen(prefix)) == 0;
}

void parameters_free(Parameters *parameters) {
  free(parameters->item);
  *parameters = (Parameters){0};
}
