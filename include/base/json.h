#ifndef BASE_JSON_H
#define BASE_JSON_H
/// What readers and writers of results ask of jansson again and again.
#include <jansson.h>

/// The number under `key`; NaN where there is none.
double json_member_number(const json_t *object, const char *key);
/// The text under `key`, borrowed from the object; "" where there is none.
const char *json_member_text(const json_t *object, const char *key);
/// A new reference: JSON has no NaN and no infinity, they become null.
json_t *json_real_or_null(double value);

#endif
