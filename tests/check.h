#ifndef CHECK_H
#define CHECK_H
/// The third macro of the house: a test is silent when right, and says "file:line: what" and ends with 1 when wrong.
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition, ...)                              \
  do {                                                     \
    if (!(condition)) {                                    \
      fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);      \
      fprintf(stderr, __VA_ARGS__);                        \
      fprintf(stderr, " (%s)\n", #condition);              \
      exit(1);                                             \
    }                                                      \
  } while (0)

#endif
