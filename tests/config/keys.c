// Every key takes the ends of its range and refuses what lies beyond, what is of another type, misspelt or given twice.
#include "config/keys.h"

#include "base/text.h"
#include "check.h"

#include <math.h>
#include <string.h>

enum { TEXT = 8192, MODALITY = 3 };

/// 32 modalities, so that no grid is too large for them.
static void base_text(char text[TEXT]) {
  int at = snprintf(text, TEXT, "data: {file: d.h5}\ngrid: {slices: 256}\nmodalities: {");
  for (int i = 0; i < MODALITIES_MOST; i++)
    at += snprintf(text + at, (size_t)(TEXT - at), "m%d: {},\n ", i);
  snprintf(text + at, (size_t)(TEXT - at), "}\n");
}

/// The path with a modality in the place of the star.
static void full_path(char path[KEY_PATH_MOST], const Key *key) {
  if (key_is_per_modality(key))
    text_print(path, KEY_PATH_MOST, "modalities.m%d%s", MODALITY, strchr(key->path, '*') + 1);
  else
    text_print(path, KEY_PATH_MOST, "%s", key->path);
}

static Status set(Config *config, const char *path, const char *value) {
  static char text[TEXT];
  base_text(text);
  char *assignment = text_format("%s=%s", path, value);
  const char *override[] = {assignment};
  Status status = config_parse(config, "f.yaml", text, (int64_t)strlen(text), override, 1);
  free(assignment);
  CHECK(status.code == 0 || status.code == EXIT_CONFIG, "%s: code %d", path, status.code);
  return status;
}

static void refuses(const Key *key, const char *value) {
  static Config config;
  char path[KEY_PATH_MOST];
  full_path(path, key);
  Status status = set(&config, path, value);
  CHECK(status.code == EXIT_CONFIG, "%s=%s was taken", path, value);
  CHECK(!strncmp(status.text, "--set:1: ", 9) && strstr(status.text, path), "%s=%s: %s", path, value, status.text);
  CHECK(strstr(status.text, "wanted"), "%s=%s: %s", path, value, status.text);
}

/// The value is taken; it may still contradict another key, but then the message is about that.
static void takes(Config *config, const Key *key, const char *value) {
  char path[KEY_PATH_MOST];
  full_path(path, key);
  Status status = set(config, path, value);
  CHECK(!strstr(status.text, "wanted") || key == key_find("run.name"), "%s=%s: %s", path, value, status.text);
}

// --- ranges
// ----------------------------------------------------------------------------------------------------------------

static void number_text(char text[64], const Key *key, double value) {
  bool whole = key->kind == KEY_WHOLE || key->kind == KEY_SEED || key->kind == KEY_WHOLES;
  bool list = key->kind == KEY_WHOLES || key->kind == KEY_NUMBERS;
  text_print(text, 64, "%s%.*g%s", list ? "[" : "", whole ? 16 : 17, value, list ? "]" : "");
}

static double stored(const Key *key, Config *config) {
  const void *field = key_field(key, config, MODALITY);
  switch (key->kind) {
  case KEY_WHOLE:
    return *(const int *)field;
  case KEY_SEED:
    return (double)*(const uint64_t *)field;
  case KEY_NUMBER:
    return *(const double *)field;
  case KEY_WHOLES:
    return ((const IntList *)field)->item[0];
  case KEY_NUMBERS:
    return ((const NumberList *)field)->item[0];
  default:
    return ((const PerModality *)field)->item[MODALITY];
  }
}

static void range_ends(const Key *key) {
  static Config config;
  bool whole = key->kind == KEY_WHOLE || key->kind == KEY_SEED || key->kind == KEY_WHOLES;
  double least = key->least, most = key->most, below, above;
  below = whole ? least - 1 : key->above_least ? least : nextafter(least, -INFINITY);
  above = whole ? most + 1 : key->below_most ? most : nextafter(most, INFINITY);
  if (key->above_least)
    least = nextafter(least, INFINITY);
  if (key->below_most)
    most = nextafter(most, -INFINITY);
  char text[64];
  double inside[2] = {least, most}, outside[2] = {below, above};
  for (int i = 0; i < 2; i++) {
    number_text(text, key, inside[i]);
    takes(&config, key, text);
    CHECK(stored(key, &config) == inside[i], "%s: %s became %.17g", key->path, text, stored(key, &config));
    number_text(text, key, outside[i]);
    refuses(key, text);
  }
  if (key->word) {
    double meant = strstr(key->path, "encoder.out") ? 64 /* an mlp's */ : key->kind == KEY_NUMBER ? -1 : 0;
    takes(&config, key, key->word);
    CHECK(stored(key, &config) == meant, "%s: %s became %g", key->path, key->word, stored(key, &config));
  }
}

static void list_lengths(const Key *key) {
  static Config config;
  for (int length = key->fewest - 1; length <= key->longest + 1; length++) {
    if (length < 0)
      continue;
    char text[2048] = "[";
    int at = 1;
    for (int i = 0; i < length; i++)
      at += snprintf(text + at, sizeof text - (size_t)at, key->kind == KEY_NUMBERS ? "%s0.%03d" : "%s%d", i ? ", " : "",
                     i + 1);
    snprintf(text + at, sizeof text - (size_t)at, "]");
    if (length < key->fewest || length > key->longest)
      refuses(key, text);
    else
      takes(&config, key, text);
  }
}

static void text_lengths(const Key *key) {
  static Config config;
  static char text[2 * PATH_MOST];
  int ends[] = {(int)key->least - 1, (int)key->least, (int)key->most, (int)key->most + 1};
  for (int i = 0; i < 4; i++) {
    if (ends[i] < 0)
      continue;
    memset(text, 'x', sizeof text);
    text_print(text + ends[i], 2, "%s", "");
    char *quoted = text_format("'%s'", text);
    if (i == 0 || i == 3)
      refuses(key, quoted);
    else {
      takes(&config, key, quoted);
      CHECK(ends[i] == 0 || !strcmp(key_field(key, &config, MODALITY), text), "%s: not what was set", key->path);
    }
    free(quoted);
  }
  refuses(key, "\"a\\nb\"");
  refuses(key, "\"a\\u202eb\"");
}

static void every_choice(const Key *key) {
  static Config config;
  for (int i = 0; key->choices[i]; i++) {
    char text[80];
    text_print(text, sizeof text, key->kind == KEY_MEASURES ? "[%s]" : "%s", key->choices[i]);
    takes(&config, key, text);
    const void *field = key_field(key, &config, MODALITY);
    const char *word = key->kind == KEY_CHOICE ? key->choices[*(const int *)field]
                       : key->kind == KEY_WORD ? field
                                               : config.analysis.measure[0];
    CHECK(!strcmp(word, key->choices[i]), "%s: %s became %s", key->path, key->choices[i], word);
    text_print(text, sizeof text, key->kind == KEY_MEASURES ? "[%sx]" : "%sx", key->choices[i]);
    refuses(key, text);
  }
}

static void boundaries(const Key *key) {
  static Config config;
  switch (key->kind) {
  case KEY_WHOLES:
  case KEY_NUMBERS:
    list_lengths(key); // and the ends of the range
  // fallthrough
  case KEY_WHOLE:
  case KEY_SEED:
  case KEY_NUMBER:
  case KEY_PER_MODALITY:
    range_ends(key);
    break;
  case KEY_TEXT:
    text_lengths(key);
    break;
  case KEY_CHOICE:
  case KEY_WORD:
  case KEY_MEASURES:
    every_choice(key);
    break;
  case KEY_BOOL:
    for (int i = 0; i < 2; i++) {
      takes(&config, key, i ? "true" : "false");
      CHECK(*(bool *)key_field(key, &config, MODALITY) == i, "%s is not %d", key->path, i);
    }
    break;
  case KEY_NAMES:
    takes(&config, key, "[m3]");
    CHECK(((bool *)key_field(key, &config, 0))[MODALITY], "%s misses m3", key->path);
    break;
  }
}

// --- types
// -----------------------------------------------------------------------------------------------------------------

static void other_types(const Key *key) {
  static const char *const never[] = {"",      "~",    "null", "!",   "True",     "{nowhere: [}", ".nan", ".inf",
                                      "-.INF", "0x10", "0o7",  "007", "{m3: []}", "[[]]",         "[{}]", "[~]"};
  static const char *const texts[] = {"'1'",
                                      "\"0.5\"",
                                      "1_000",
                                      "yes",
                                      "abc",
                                      "1,5",
                                      "0.5.5",
                                      "1e",
                                      "+-1",

                                      "1 2",
                                      "'true'",
                                      "1e999",
                                      "99999999999999999999",
                                      "-9223372036854775809"};
  static const char *const others[] = {"true", "yes", "[true]", "[abc]", "{m3: abc}", "[yes, no]"};
  bool number = key->kind == KEY_NUMBER || key->kind == KEY_PER_MODALITY || key->kind == KEY_NUMBERS;
  bool whole = key->kind == KEY_WHOLE || key->kind == KEY_SEED || key->kind == KEY_WHOLES;
  static Config config;
  char path[KEY_PATH_MOST];
  full_path(path, key);
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    CHECK(set(&config, path, never[i]).code == EXIT_CONFIG, "%s=%s was taken", path, never[i]);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (key->kind != KEY_TEXT)
      CHECK(set(&config, path, texts[i]).code == EXIT_CONFIG, "%s=%s was taken", path, texts[i]);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (number || whole)
      refuses(key, others[i]);
  if (whole)
    for (int i = 0; i < 3; i++)
      refuses(key, key->kind == KEY_WHOLES ? (const char *[]){"[1.0]", "[1e1]", "[auto]"}[i]
                                           : (const char *[]){"1.0", "1e1", "none"}[i]);
  if (key->kind == KEY_BOOL)
    for (int i = 0; i < 6; i++)
      refuses(key, (const char *[]){"0", "1", "on", "off", "TRUE", "[true]"}[i]);
  if (key->kind == KEY_TEXT)
    for (int i = 0; i < 7; i++)
      refuses(key, (const char *[]){"1", "1.5", "true", "False", "[a]", "{a: b}", "1e3"}[i]);
  if (key->kind == KEY_NUMBERS)
    refuses(key, "0.5");
}

// --- names
// -----------------------------------------------------------------------------------------------------------------

static void misspelt(const Key *key) {
  static Config config;
  char path[KEY_PATH_MOST], wrong[KEY_PATH_MOST];
  full_path(path, key);
  text_print(wrong, sizeof wrong, "%sx", path);
  Status status = set(&config, wrong, "1");
  CHECK(status.code == EXIT_CONFIG && strstr(status.text, wrong) && strstr(status.text, "did you mean"), "%s: %s",
        wrong, status.text);
  CHECK(strstr(status.text, strrchr(path, '.') + 1), "%s: %s", wrong, status.text);
  text_print(wrong, sizeof wrong, "%s.below", path);
  status = set(&config, wrong, "1");
  CHECK(status.code == EXIT_CONFIG, "%s was taken", wrong);
}

/// {a: {b: {c: v, c: v}}}, over several lines, the second of which has the second c.
static void given_twice(const Key *key) {
  static Config config;
  char path[KEY_PATH_MOST], text[TEXT];
  full_path(path, key);
  int at = snprintf(text, TEXT, "{"), depth = 1;
  char *rest = path, *name = strsep(&rest, ".");
  for (; rest; name = strsep(&rest, "."), depth++)
    at += snprintf(text + at, (size_t)(TEXT - at), "%s: {", name);
  snprintf(text + at, (size_t)(TEXT - at), "%s: 1,\n %s: 1%.*s", name, name, depth, "}}}}}}}}");
  Status status = config_parse(&config, "f.yaml", text, (int64_t)strlen(text), NULL, 0);
  CHECK(status.code == EXIT_CONFIG && strstr(status.text, "f.yaml:2:2: ") && strstr(status.text, "twice"), "%s: %s",
        text, status.text);
}

int main(void) {
  for (int i = 0; i < key_count; i++) {
    boundaries(&key_table[i]);
    other_types(&key_table[i]);
    misspelt(&key_table[i]);
    given_twice(&key_table[i]);
  }
}
