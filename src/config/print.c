// A Config as YAML, as a hash, and the table of keys as help: all by walking the table.
#include "config/read.h"

#include "base/hash.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static FILE *open_text(char **text, size_t *size) {
  FILE *to = open_memstream(text, size);
  REQUIRE(to, "out of memory for a string");
  return to;
}

/// The heads of the sections that `path` is in and `before` was not, and the key itself up to its colon.
static void print_key(FILE *to, const char *before, const char *path) {
  int indent = 0;
  for (const char *dot; (dot = strchr(path, '.')); path = dot + 1, indent += 2) {
    size_t length = (size_t)(dot - path);
    bool same = before && !strncmp(before, path, length) && before[length] == '.';
    before = same ? before + length + 1 : NULL;
    if (same)
      continue;
    char *name = text_format("%.*s", (int)length, path), *printed = scalar_print(name);
    fprintf(to, "%*s%s:\n", indent, "", printed);
    free(printed);
    free(name);
  }
  fprintf(to, "%*s%s: ", indent, "", path);
}

/// One key after another; those below modalities.* for each modality in turn. Harmless ones are left out for the hash.
static void print_config(FILE *to, const Config *config, bool hashed) {
  char path[KEY_PATH_MOST], before[KEY_PATH_MOST] = "";
  for (int first = 0, end; first < key_count; first = end) {
    for (end = first + 1;
         end < key_count && key_is_per_modality(&key_table[first]) && key_is_per_modality(&key_table[end]);)
      end++;
    int copies = key_is_per_modality(&key_table[first]) ? config->modalities : 1;
    for (int modality = 0; modality < copies; modality++)
      for (const Key *key = &key_table[first]; key < &key_table[end]; key++) {
        if (hashed && key->harmless)
          continue;
        if (key_is_per_modality(key))
          text_print(path, sizeof path, "modalities.%s%s", config->modality[modality].name, strchr(key->path, '*') + 1);
        else
          text_print(path, sizeof path, "%s", key->path);
        print_key(to, before, path);
        value_print(to, config, key, key_field(key, (Config *)config, modality));
        fputc('\n', to);
        memcpy(before, path, sizeof before);
      }
  }
}

char *config_print(const Config *config) {
  char *text;
  size_t size;
  FILE *to = open_text(&text, &size);
  print_config(to, config, false);
  REQUIRE(fclose(to) == 0, "out of memory for a string");
  return text;
}

uint64_t config_hash(const Config *config) {
  char *text;
  size_t size;
  FILE *to = open_text(&text, &size);
  print_config(to, config, true);
  REQUIRE(fclose(to) == 0, "out of memory for a string");
  uint64_t hash = hash_bytes(text, size);
  free(text);
  return hash;
}

char *config_help(void) {
  char *text, wants[220];
  size_t size;
  FILE *to = open_text(&text, &size);
  for (const Key *key = key_table; key < key_table + key_count; key++) {
    char path[KEY_PATH_MOST];
    if (key_is_per_modality(key))
      text_print(path, sizeof path, "modalities.NAME%s", strchr(key->path, '*') + 1);
    else
      text_print(path, sizeof path, "%s", key->path);
    key_wants(wants, sizeof wants, key);
    const char *standard = !key->standard ? key->standard_text : *key->standard ? key->standard : "\"\"";
    fprintf(to, "%-38s %s; %s. Default: %s\n", path, key->help, wants, standard);
  }
  REQUIRE(fclose(to) == 0, "out of memory for a string");
  return text;
}
