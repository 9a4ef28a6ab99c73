#ifndef SWEEP_TESTS_H
#define SWEEP_TESTS_H
/// Pairwise comparisons of the values of one key, as sweep/collect.h defines them.
#include "sweep/results.h"

typedef struct PairTest {
  int a, b;             // values of the key
  int condition;        // a group that stands for the combination of the other keys; -1: all together
  bool curve;           // of the mean over rates; else of the score with nothing withheld
  Summary difference;   // a - b, over pairs
  double p, adjusted;   // NaN: too few pairs
  int pairs;            // that differ
} PairTest;

typedef struct PairTests {
  int axis;             // the key that is compared; -1: none has two values
  int count;
  PairTest *test;       // owned
} PairTests;

Status pair_tests(PairTests *tests, const Results *results, int score);

#endif
