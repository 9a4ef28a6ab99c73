// d_k = s(a, condition, seed k) - s(b, condition, seed k);  p by Wilcoxon's signed-rank test of the d_k;  Holm over all tests
#include "sweep/tests.h"

#include "base/memory.h"
#include "metrics/significance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS_MOST = 12, TESTS_MOST = 4096 };

static int compared_axis(const Space *space) {
  for (int a = 0; a < space->axes; a++)
    if (!strcmp(space->axis[a].key, "method.type") && space->group[space->axis[a].group].length > 1)
      return a;
  for (int a = 0; a < space->axes; a++)
    if (axis_names(space, a))
      return a;
  return -1;
}

// Runs by their number, so that a run's partner is found by arithmetic.
typedef struct Finder {
  const Results *results;
  int *run;       // [combinations], -1: none
  int64_t stride; // of the compared group
  int levels, axis;
  double *a, *b; // [runs]
  double *difference;
} Finder;

static Status finder_open(Finder *finder, const Results *results, int axis) {
  const Space *space = results->space;
  const SpaceGroup *group = &space->group[space->axis[axis].group];
  *finder = (Finder){.results = results, .stride = group->stride, .levels = group->length, .axis = axis};
  TRY(memory_take((void **)&finder->run, (size_t)space->combinations, sizeof *finder->run, "pairs of runs"));
  TRY(memory_take((void **)&finder->a, (size_t)space->runs, sizeof *finder->a, "pairs of runs"));
  TRY(memory_take((void **)&finder->b, (size_t)space->runs, sizeof *finder->b, "pairs of runs"));
  TRY(memory_take((void **)&finder->difference, (size_t)space->runs, sizeof *finder->difference, "pairs of runs"));
  for (int64_t n = 0; n < space->combinations; n++)
    finder->run[n] = -1;
  for (int i = 0; i < space->runs; i++)
    finder->run[space->run[i].number] = i;
  return STATUS_OK;
}

static void finder_close(Finder *finder) {
  free(finder->run);
  free(finder->a);
  free(finder->b);
  free(finder->difference);
}

static int level_of(const Finder *finder, int run) {
  return (int)(finder->results->space->run[run].number / finder->stride % finder->levels);
}

/// The group of the same condition at level 0: what stands for the condition.
static int condition_of(const Finder *finder, int run) {
  int64_t base = finder->results->space->run[run].number - level_of(finder, run) * finder->stride;
  int partner = finder->run[base];
  return partner >= 0 ? finder->results->group[partner] : -2;
}

static double score_of(const Results *results, bool curve, int run, int score) {
  return curve ? results_curve(results, run, score) : results_score(results, run, results->complete[run], score);
}

static Status test_pair(PairTest *test, Finder *finder, const int *member, int members, int score) {
  const Results *results = finder->results;
  int n = 0;
  for (int k = 0; k < members; k++) {
    int64_t base = results->space->run[member[k]].number;
    int run[2] = {finder->run[base + test->a * finder->stride], finder->run[base + test->b * finder->stride]};
    if (run[0] < 0 || run[1] < 0)
      continue;
    finder->a[n] = score_of(results, test->curve, run[0], score);
    finder->b[n] = score_of(results, test->curve, run[1], score);
    finder->difference[n] = finder->a[n] - finder->b[n];
    n += isfinite(finder->difference[n]);
  }
  Wilcoxon wilcoxon;
  TRY(significance_wilcoxon(&wilcoxon, finder->a, finder->b, n));
  test->difference = summary_of(finder->difference, n, 0.95);
  test->pairs = wilcoxon.pairs;
  test->p = n > 1 ? wilcoxon.p : NAN;
  test->adjusted = NAN;
  return STATUS_OK;
}

static Status add_tests(PairTests *tests, Finder *finder, const int *member, int members, int condition, int score) {
  for (int a = 0; a < finder->levels; a++)
    for (int b = a + 1; b < finder->levels; b++)
      for (int curve = 0; curve < 2 && tests->count < TESTS_MOST; curve++) {
        PairTest *test = &tests->test[tests->count++];
        *test = (PairTest){.a = a, .b = b, .condition = condition, .curve = curve};
        TRY(test_pair(test, finder, member, members, score));
        tests->count -= test->difference.n == 0;
      }
  return STATUS_OK;
}

/// Members: runs at level 0, condition by condition, then all of them.
static Status make_tests(PairTests *tests, Finder *finder, int score) {
  const Results *results = finder->results;
  int runs = results->space->runs, *member, *begin, *count, level0 = 0, conditions = 0;
  TRY(memory_take((void **)&member, 2 * (size_t)runs, sizeof *member, "pairs of runs"));
  TRY(memory_take((void **)&begin, 2 * (size_t)results->groups + 2, sizeof *begin, "pairs of runs"));
  count = begin + results->groups + 1;
  for (int i = 0; i < runs; i++)
    if (level_of(finder, i) == 0 && condition_of(finder, i) >= 0)
      count[condition_of(finder, i)]++;
  for (int g = 0; g < results->groups; g++) {
    begin[g + 1] = begin[g] + count[g];
    conditions += count[g] > 0;
    count[g] = 0;
  }
  for (int i = 0; i < runs; i++)
    if (level_of(finder, i) == 0) {
      int g = condition_of(finder, i);
      member[begin[g] + count[g]++] = i;
      level0++;
    }
  Status status = STATUS_OK;
  for (int g = 0; g < results->groups && !status.code && conditions > 1; g++)
    if (count[g])
      status = add_tests(tests, finder, member + begin[g], count[g], g, score);
  if (!status.code && level0)
    status = add_tests(tests, finder, member, level0, -1, score);
  free(member);
  free(begin);
  return status;
}

static Status adjust(PairTests *tests) {
  double *p;
  TRY(memory_take((void **)&p, (size_t)tests->count + 1, sizeof *p, "tests"));
  for (int k = 0; k < tests->count; k++)
    p[k] = tests->test[k].p;
  Status status = significance_holm(p, p, tests->count);
  for (int k = 0; k < tests->count; k++)
    tests->test[k].adjusted = p[k];
  free(p);
  return status;
}

Status pair_tests(PairTests *tests, const Results *results, int score) {
  Finder finder = {0};
  *tests = (PairTests){.axis = compared_axis(results->space)};
  const Space *space = results->space;
  if (tests->axis < 0 || space->group[space->axis[tests->axis].group].length > LEVELS_MOST)
    return STATUS_OK;
  TRY(memory_take((void **)&tests->test, TESTS_MOST, sizeof *tests->test, "tests"));
  Status status = finder_open(&finder, results, tests->axis);
  if (!status.code)
    status = make_tests(tests, &finder, score);
  if (!status.code)
    status = adjust(tests);
  finder_close(&finder);
  return status;
}
