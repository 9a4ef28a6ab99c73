// The summary for people: a table of groups by rates, the tests, failures and gaps.
#include "sweep/parts.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABEL = 34, GROUPS_SHOWN = 60, TESTS_SHOWN = 40, GAPS_SHOWN = 8, RATES_SHOWN = 8 };

static void print_mean(const json_t *summary) {
  char cell[40] = "-";
  double mean = json_member_number(summary, "mean"), low = json_member_number(summary, "low");
  if (isfinite(low))
    snprintf(cell, sizeof cell, "%.3f +-%.3f", mean, mean - low);
  else if (isfinite(mean))
    snprintf(cell, sizeof cell, "%.3f", mean);
  printf("  %13s", cell);
}

static void print_groups(const json_t *root) {
  const json_t *groups = json_object_get(root, "groups");
  size_t g, k;
  json_t *group, *rate;
  printf("%s, mean and half of Student's 95 %% interval over seeds, by the rate at which modalities are withheld in "
         "the test\n",
         json_member_text(root, "score"));
  printf("%-*s %6s  %13s", LABEL, "", "runs", "all there");
  int rates = 0;
  json_array_foreach(json_object_get(json_array_get(groups, 0), "rates"), k,
                     rate) if (!strcmp(json_member_text(rate, "modality"), "all") && rates++ < RATES_SHOWN)
      printf("  %13.2f", json_member_number(rate, "rate"));
  printf("\n");
  json_array_foreach(groups, g, group) {
    if (g == GROUPS_SHOWN) {
      printf("… and %zu more groups in summary.json\n", json_array_size(groups) - g);
      break;
    }
    printf("%-*.*s %3.0f/%-3.0f", LABEL, LABEL, json_member_text(group, "label"), json_member_number(group, "done"),
           json_member_number(group, "runs"));
    print_mean(json_object_get(group, "complete"));
    rates = 0;
    json_array_foreach(json_object_get(group, "rates"), k,
                       rate) if (!strcmp(json_member_text(rate, "modality"), "all") && rates++ < RATES_SHOWN)
        print_mean(rate);
    printf("\n");
  }
}

static void print_tests(const json_t *root) {
  const json_t *tests = json_object_get(root, "tests");
  size_t k, shown = 0, count = json_array_size(tests);
  json_t *test;
  if (!count)
    return;
  printf("\n%s in pairs of runs that agree in all else; Wilcoxon's signed-rank test, Holm's correction over all %zu "
         "tests\n",
         json_member_text(root, "compared"), count);
  printf("%-24s %-34s %-17s %5s %10s %21s %9s %9s\n", "a - b", "where", "of", "pairs", "difference", "95 % interval",
         "p", "p (Holm)");
  json_array_foreach(tests, k, test) {
    const json_t *difference = json_object_get(test, "difference");
    char pair[64], interval[40] = "-", p[24] = "-", holm[24] = "-";
    if (count > TESTS_SHOWN && strcmp(json_member_text(test, "where"), "all together") != 0)
      continue;
    if (shown++ == TESTS_SHOWN)
      break;
    snprintf(pair, sizeof pair, "%s - %s", json_member_text(test, "a"), json_member_text(test, "b"));
    if (isfinite(json_member_number(difference, "low")))
      snprintf(interval, sizeof interval, "[%+.4f, %+.4f]", json_member_number(difference, "low"),
               json_member_number(difference, "high"));
    if (isfinite(json_member_number(test, "p"))) {
      snprintf(p, sizeof p, "%.2g", json_member_number(test, "p"));
      snprintf(holm, sizeof holm, "%.2g", json_member_number(test, "p_holm"));
    }
    printf("%-24.24s %-34.34s %-17s %5.0f %+10.4f %21s %9s %9s\n", pair, json_member_text(test, "where"),
           json_member_text(test, "of"), json_member_number(difference, "n"), json_member_number(difference, "mean"),
           interval, p, holm);
  }
  if (shown < count)
    printf("… and %zu more tests in summary.json\n", count - shown);
}

static void print_gaps(const json_t *root) {
  const json_t *gaps = json_object_get(root, "gaps"), *failures = json_object_get(root, "failures");
  size_t k;
  json_t *gap;
  json_array_foreach(failures, k, gap) {
    if (k == 0)
      printf("\nfailed\n");
    if (k < GAPS_SHOWN)
      printf("%s  %s\n", json_member_text(gap, "id"), json_member_text(gap, "cause"));
  }
  if (json_array_size(gaps))
    printf("\n%zu runs have no scores:", json_array_size(gaps));
  json_array_foreach(gaps, k, gap) if (k < GAPS_SHOWN)
      printf(" %s (%s)", json_member_text(gap, "id"), json_member_text(gap, "state"));
  if (json_array_size(gaps))
    printf("%s\n", json_array_size(gaps) > GAPS_SHOWN ? " …" : "");
}

void summary_print(const json_t *root) {
  print_groups(root);
  print_tests(root);
  print_gaps(root);
  const json_t *states = json_object_get(root, "states");
  printf("\n%.0f runs: %.0f done, %.0f failed, %.0f running, %.0f interrupted, %.0f missing; %.3g core-hours\n",
         json_member_number(root, "runs"), json_member_number(states, "done"), json_member_number(states, "failed"),
         json_member_number(states, "running"), json_member_number(states, "interrupted"),
         json_member_number(states, "missing"), json_member_number(root, "core_seconds") / 3600);
}
