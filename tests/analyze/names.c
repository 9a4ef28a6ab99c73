// Every measure can be asked for in a configuration, and a name that is none is refused with the nearest one.
#include "analyze/analyze.h"

#include "check.h"

#include <string.h>

static const char yaml[] = "data: {file: a.h5}\nmodalities: {a: {}}\n";

int main(void) {
  static Config config;
  char text[128];
  for (int k = 0; k < analyze_measures_count; k++) {
    const char *name = analyze_measures[k].name, *override = text;
    snprintf(text, sizeof text, "analysis.measure=[%s]", name);
    Status status = config_parse(&config, "a.yaml", yaml, (int64_t)strlen(yaml), &override, 1);
    CHECK(status.code == 0, "a row of src/config/keys.c is missing: %s", status.text);
    CHECK(analyze_measures[k].summary[0] && analyze_measures[k].measure, "%s says nothing", name);
    CHECK(analyze_check(name).code == 0, "%s is not known", name);
  }
  Status status = analyze_check("rank,simmilarity");
  CHECK(status.code == EXIT_USAGE && strstr(status.text, "did you mean similarity"), "%s", status.text);
  status = analyze_check("rank,");
  CHECK(status.code == EXIT_USAGE && strstr(status.text, "write some of rank"), "%s", status.text);
  return 0;
}
