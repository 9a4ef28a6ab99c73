// Deadlines are understood as people and Slurm write them, and nothing else is.
#include "base/deadline.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { NOW = 1769882400 }; // 2026-01-31T18:00:00Z

static const struct {
  const char *text;
  double left;
} good[] = {
    {"90s", 90},
    {"30min", 1800},
    {"2h", 7200},
    {"1.5d", 129600},
    {"0s", 0},
    {"29:35", 1775},
    {"0:00", 0},
    {"-0:07", -7},
    {"2:29:35", 8975},
    {"1-02:29:35", 95375},
    {"365-00:00:00", 31536000},
    {"@1769882460", 60},
    {"@1769882399", -1},
    {"2026-01-31T18:00:30Z", 30},
    {"2026-01-31T19:00Z", 3600},
    {"2026-01-31T20:30", 5400}, // local: an hour ahead of UTC
    {"none", INFINITY},
    {"UNLIMITED", INFINITY},
    {"unlimited", INFINITY},
    {"NOT_SET", INFINITY},
    {"INVALID", INFINITY},
};

static const char *const bad[] = {"",
                                  "30",
                                  "30 min",
                                  "min",
                                  "-30min",
                                  "1e3s",
                                  "30m",
                                  "1:2:3:4",
                                  "1-02:30",
                                  "1:",
                                  ":30",
                                  "1-",
                                  "@",
                                  "@1.5",
                                  "@x",
                                  "tomorrow",
                                  "18:00Z",
                                  "1.2.3s",
                                  "2026-01-31",
                                  "nan s",
                                  "99999999999999999:00",
                                  "2026-01-31T18:00+01:00",
                                  "--5:00",
                                  "30min "};

int main(void) {
  setenv("TZ", "XXX-1", 1); // of POSIX: an hour ahead of UTC, no summer time
  tzset();
  for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
    double left = NAN;
    CHECK(deadline_parse(&left, good[k].text, NOW), "%s is not understood", good[k].text);
    CHECK(left == good[k].left, "%s: %g s, not %g s", good[k].text, left, good[k].left);
  }
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    double left = 42;
    CHECK(!deadline_parse(&left, bad[k], NOW), "'%s' is taken for %g s", bad[k], left);
    CHECK(left == 42, "'%s' is refused, but left a value behind", bad[k]);
  }
  return 0;
}
