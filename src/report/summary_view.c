#include "report/summary_view.h"

#include "base/json.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

const char *view_value(const json_t *group, const char *key) {
  return json_member_text(json_object_get(group, "values"), key);
}

static double group_of(const View *view, const char *key) {
  size_t k;
  json_t *one;
  json_array_foreach(json_object_get(view->root, "keys"), k,
                     one) if (!strcmp(json_member_text(one, "key"), key)) return json_member_number(one, "group");
  return -1;
}

bool view_compares(const View *view, const char *key) {
  return !strcmp(key, view->compared) || group_of(view, key) == group_of(view, view->compared);
}

char *view_level_name(const View *view, const json_t *group) {
  char *label = text_format("%s", view_value(group, view->compared));
  size_t k;
  json_t *key;
  json_array_foreach(json_object_get(view->root, "keys"), k, key) {
    const char *name = json_member_text(key, "key");
    if (!json_is_true(json_object_get(key, "names")) || !strcmp(name, view->compared) || !view_compares(view, name))
      continue;
    char *longer = text_format("%s, %s", label, view_value(group, name));
    free(label);
    label = longer;
  }
  return label;
}

char *view_facet(const View *view, const json_t *group) {
  char *label = text_format("%s", "");
  size_t k;
  json_t *key;
  json_array_foreach(json_object_get(view->root, "keys"), k, key) {
    const char *name = json_member_text(key, "key");
    if (!json_is_true(json_object_get(key, "names")) || view_compares(view, name))
      continue;
    char *longer = text_format("%s%s%s: %s", label, *label ? ", " : "", name, view_value(group, name));
    free(label);
    label = longer;
  }
  return label;
}

static int remember(char **list, int *count, int most, const char *word) {
  for (int k = 0; k < *count; k++)
    if (!strcmp(list[k], word))
      return k;
  if (*count == most)
    return -1;
  list[*count] = text_format("%s", word);
  return (*count)++;
}

void view_open(View *view, const json_t *root) {
  size_t g;
  json_t *group;
  *view = (View){.root = root,
                 .groups = json_object_get(root, "groups"),
                 .compared = json_member_text(root, "compared"),
                 .score = json_member_text(root, "score")};
  json_array_foreach(view->groups, g, group) {
    char *facet = view_facet(view, group);
    char *level = view_level_name(view, group);
    remember(view->level, &view->levels, LINES_MOST, level);
    free(level);
    remember(view->facet, &view->facets, FACETS_MOST, facet);
    free(facet);
  }
}

void view_close(View *view) {
  for (int k = 0; k < view->levels; k++)
    free(view->level[k]);
  for (int k = 0; k < view->facets; k++)
    free(view->facet[k]);
}

int view_level(const View *view, const json_t *group) {
  char *name = view_level_name(view, group);
  int level = view->levels;
  while (--level >= 0 && strcmp(view->level[level], name) != 0)
    continue;
  free(name);
  return level;
}

// "{a: {encoder: {out: 4}}, b: {}}, 0.5" -> "{a, b}, 0.5": of a map of maps the names say enough.
static char *without_inner_maps(const char *from) {
  char *to = text_format("%s", from), *out = to;
  int depth = 0;
  for (const char *at = from; *at; at++) {
    if (depth == 1 && !strncmp(at, ": {", 3)) {
      int inner = 0;
      for (at += 2; *at; at++) {
        inner += *at == '{';
        inner -= *at == '}';
        if (inner == 0)
          break;
      }
      if (!*at)
        break;
      continue;
    }
    depth += *at == '{';
    depth -= *at == '}';
    *out++ = *at;
  }
  *out = 0;
  return to;
}

/// False where two different texts of `value` and those `seen` would become one.
static bool stay_apart(json_t *seen, json_t *value) {
  const char *key;
  json_t *inner;
  size_t i;
  bool apart = true;
  if (json_is_string(value) && strchr(json_string_value(value), '{')) {
    char *shorter = without_inner_maps(json_string_value(value));
    const json_t *other = json_object_get(seen, shorter);
    apart = !other || json_equal(other, value);
    json_object_set(seen, shorter, value);
    free(shorter);
  }
  json_object_foreach(value, key, inner) apart &= stay_apart(seen, inner);
  json_array_foreach(value, i, inner) apart &= stay_apart(seen, inner);
  return apart;
}

static void shorten(json_t *value) {
  const char *key;
  json_t *inner;
  size_t i;
  if (json_is_string(value) && strchr(json_string_value(value), '{')) {
    char *shorter = without_inner_maps(json_string_value(value));
    json_string_set(value, shorter);
    free(shorter);
  }
  json_object_foreach(value, key, inner) shorten(inner);
  json_array_foreach(value, i, inner) shorten(inner);
}

void view_shorten_maps(json_t *value) {
  json_t *seen = json_object();
  REQUIRE(seen, "out of memory for a summary");
  if (stay_apart(seen, value))
    shorten(value);
  json_decref(seen);
}
