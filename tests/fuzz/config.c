// Any bytes are a configuration or a message; what is accepted prints to a text that reads back to the same.
// sources: src/config/*.c src/base/*.c
// seeds: configs tests/fuzz/seeds/config
// options: -max_len=16384
#include "config/config.h"
#include "base/hash.h"
#include "config/tree.h"

#include <stdlib.h>
#include <string.h>

enum { OVERRIDES_MOST = 4 };

static void same_from_print(const Config *first) {
  static Config second;
  char *text = config_print(first);
  Status status = config_parse(&second, first->source, text, (int64_t)strlen(text), NULL, 0);
  REQUIRE(!status.code, "what was printed is refused: %s\n%s", status.text, text);
  REQUIRE(!memcmp(first, &second, sizeof second), "what was printed reads back differently:\n%s", text);
  free(text);
}

static void tree_from_print(const char *bytes, int64_t size) {
  Tree *first, *second;
  if (tree_parse(&first, "f", bytes, size).code)
    return;
  char *text = node_print(tree_root(first));
  if (strlen(text) < TREE_LINE_MOST) {
    Status status = tree_parse(&second, "f", text, (int64_t)strlen(text));
    REQUIRE(!status.code, "a printed tree is refused: %s\n%s", status.text, text);
    char *again = node_print(tree_root(second));
    REQUIRE(!strcmp(text, again), "a printed tree reads back differently:\n%s\n%s", text, again);
    free(again);
    tree_close(second);
  }
  free(text);
  tree_close(first);
}

/// The file, and behind each NUL byte an override.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static Config config;
  char *text = malloc(size + 1);
  memcpy(text, bytes, size);
  text[size] = 0;
  size_t length = strlen(text);
  const char *override[OVERRIDES_MOST];
  int count = 0;
  for (size_t at = length + 1; at < size && count < OVERRIDES_MOST; at += strlen(text + at) + 1)
    override[count++] = text + at;
  Status status = config_parse(&config, "dir/fuzz.yaml", text, (int64_t)length, override, count);
  REQUIRE(status.code == 0 || status.code == EXIT_CONFIG, "code %d: %s", status.code, status.text);
  REQUIRE((status.code == 0) == (*status.text == 0), "code %d with the text %s", status.code, status.text);
  if (!status.code)
    same_from_print(&config);
  tree_from_print(text, (int64_t)length);
  free(text);
  return 0;
}
