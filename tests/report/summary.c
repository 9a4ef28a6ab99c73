// In the page of a sweep, maps of modalities are named by their modalities, unless two of them differ in something else.
#include "report/summary_view.h"

#include "check.h"

#include <string.h>

static void compare(const char *text, const char *wanted) {
  json_t *value = json_loads(text, 0, NULL);
  CHECK(value, "no JSON: %s", text);
  view_shorten_maps(value);
  char *got = json_dumps(value, JSON_SORT_KEYS);
  CHECK(!strcmp(got, wanted), "%s, not %s", got, wanted);
  free(got);
  json_decref(value);
}

int main(void) {
  compare("{\"x\": [\"{a: {out: 4}, b: {}}\", \"{b: {}}\"], \"y\": \"{a: {out: 4}, b: {}}\", \"z\": \"4: {\"}",
          "{\"x\": [\"{a, b}\", \"{b}\"], \"y\": \"{a, b}\", \"z\": \"4: {\"}");
  compare("{\"x\": [\"{a: {out: 4}}\", \"{b: {}}\"], \"y\": {\"z\": \"{a: {out: 5}}\"}}",
          "{\"x\": [\"{a: {out: 4}}\", \"{b: {}}\"], \"y\": {\"z\": \"{a: {out: 5}}\"}}");
  return 0;
}
