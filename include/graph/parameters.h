#ifndef GRAPH_PARAMETERS_H
#define GRAPH_PARAMETERS_H
/// All parameters of a model in one flat block of floats, declared once as (path, shape, start value).
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { PARAMETER_PATH = 96, PARAMETER_DIMENSIONS = 4 };

typedef enum ParameterInit {
  INIT_ZERO, INIT_ONE,
  INIT_UNIFORM,        // U(-1/sqrt(fan_in), 1/sqrt(fan_in)): PyTorch's default for linear and convolution, weight and bias
  INIT_KAIMING_NORMAL, // N(0, 2/fan_in)
  INIT_NORMAL,         // N(0, 0.02^2)
  INIT_UNIT            // U(-sqrt(3/fan_in), sqrt(3/fan_in)): rows of fan_in numbers have length about 1
} ParameterInit;

typedef struct Parameter {
  char path[PARAMETER_PATH]; // "encoders/image/0/weight": the path in a checkpoint
  int dimensions, dim[PARAMETER_DIMENSIONS];
  ParameterInit init;
  int fan_in;
  int64_t offset, size;      // in the flat block, in floats; offsets are multiples of 16
  bool turned;               // a matrix of which files show the transpose: a linear layer of codes, kept by code
  bool frozen;               // the optimiser leaves it alone, and its gradient does not count
} Parameter;

/// The declared list. Every rank declares the same list in the same order, whichever parts it runs.
typedef struct Parameters {
  int count, room;
  Parameter *item;           // owned
  int64_t size;              // floats in the flat block, padding included; padding is always 0
} Parameters;

/// Declares, or finds when the path was declared before with the same shape (shared parameters); returns the index.
int parameters_declare(Parameters *parameters, const char *path, const int *dim, int dimensions, ParameterInit init, int fan_in);
int parameters_find(const Parameters *parameters, const char *path); // -1 if absent
/// dim = the shape that files show.
void parameter_shape(int dim[PARAMETER_DIMENSIONS], const Parameter *parameter);
/// Freezes every parameter whose path begins with `prefix`.
void parameters_freeze(Parameters *parameters, const char *prefix);
/// Real parameters, without padding.
int64_t parameters_number(const Parameters *parameters);
/// Start values as pure functions of (seed, XXH64 of the path, element as files show it): the same however the list is ordered.
void parameters_init(float *block, const Parameters *parameters, uint64_t seed);
/// XXH64 of all values in order of declaration, as files show them, without padding.
uint64_t parameters_hash(const float *block, const Parameters *parameters);
void parameters_free(Parameters *parameters);

#endif
