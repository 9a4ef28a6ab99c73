#include "report/settings.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 8, KEY_ROOM = 256 };

static void add(Settings *settings, const char *key, const char *value, size_t length) {
  int n = settings->count++;
  if ((n & (n - 1)) == 0) {
    settings->item = realloc(settings->item, (n ? 2 * (size_t)n : 1) * sizeof *settings->item);
    REQUIRE(settings->item, "out of memory for %d settings", n);
  }
  if (length > 1 && value[0] == '"' && value[length - 1] == '"') {
    value++;
    length -= 2;
  }
  settings->item[n] = (Setting){text_format("%s", key), text_format("%.*s", (int)length, value)};
}

// "{a: 1.0, b: 0.5}" behind `key`.
static void add_map(Settings *settings, const char *key, const char *map) {
  char inner[KEY_ROOM];
  for (const char *at = map + 1; *at && *at != '}';) {
    size_t name = strcspn(at, ":}"), value;
    if (at[name] != ':')
      return;
    text_print(inner, sizeof inner, "%s.%.*s", key, (int)name, at);
    at += name + 1;
    at += strspn(at, " ");
    value = strcspn(at, ",}");
    add(settings, inner, at, value);
    at += value;
    at += strspn(at, ", ");
  }
}

// One line of block YAML, two blanks a level; path[depth] is the length of the key down to that level.
static void add_line(Settings *settings, char key[KEY_ROOM], size_t path[DEPTH], const char *line, size_t length) {
  size_t blanks = strspn(line, " "), depth = blanks / 2;
  const char *colon = memchr(line, ':', length);
  if (!colon || depth + 1 >= DEPTH)
    return;
  text_print(key + path[depth], KEY_ROOM - path[depth], "%s%.*s", depth ? "." : "", (int)(colon - line - (long)blanks),
             line + blanks);
  path[depth + 1] = strlen(key);
  const char *value = colon + 1 + strspn(colon + 1, " ");
  if (value >= line + length)
    return;
  if (*value == '{')
    add_map(settings, key, value);
  else
    add(settings, key, value, (size_t)(line + length - value));
}

void settings_read(Settings *settings, const Config *config) {
  *settings = (Settings){0};
  char key[KEY_ROOM] = "", *text = config_print(config);
  size_t path[DEPTH] = {0};
  char number[16];
  text_print(number, sizeof number, "%d", config->modalities);
  add(settings, "number of modalities", number,
      strlen(number)); // before their keys, which would tell runs apart one by one
  for (const char *line = text; *line;) {
    size_t length = strcspn(line, "\n");
    add_line(settings, key, path, line, length);
    line += length + (line[length] == '\n');
  }
  free(text);
}

const char *settings_find(const Settings *settings, const char *key) {
  for (int i = 0; i < settings->count; i++)
    if (!strcmp(settings->item[i].key, key))
      return settings->item[i].value;
  return NULL;
}

void settings_free(Settings *settings) {
  for (int i = 0; i < settings->count; i++) {
    free(settings->item[i].key);
    free(settings->item[i].value);
  }
  free(settings->item);
  *settings = (Settings){0};
}

char *settings_axis(const char *key) {
  static const struct {
    const char *prefix, *words;
  } known[] = {{"fusion.own", "weight of its own task loss"},
               {"fusion.strength", "factor on its vector"},
               {"noise.rate", "rate of noise in training"},
               {"missingness.train", "withheld in training"}};
  for (size_t k = 0; k < sizeof known / sizeof *known; k++)
    if (!strncmp(key, known[k].prefix, strlen(known[k].prefix)) && strchr(".", key[strlen(known[k].prefix)]))
      return text_format("%s: %s", key, known[k].words);
  return text_format("%s", key);
}

bool settings_matters(const char *key) {
  if (!strcmp(key, "grid.slices"))
    return true;
  return strncmp(key, "run.", 4) != 0 && strncmp(key, "grid.", 5) != 0 && strncmp(key, "checkpoint.", 11) != 0;
}
