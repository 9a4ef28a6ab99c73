#include "base/json.h"

#include <math.h>

double json_member_number(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *json_member_text(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

json_t *json_real_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }
