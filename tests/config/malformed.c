// A configuration cut off at any byte, or with any bit flipped, is either refused with a place or prints to itself.
#include "config/config.h"

#include "check.h"

#include <string.h>

static const char sample[] = "\xef\xbb\xbf# \xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82\r\n"
                             "run: {name: a, seed: 1, out: 'runs/a'}\r\n"
                             "data: {file: \"d\\x2eh5\", batch: 128, shuffle: true}\n"
                             "modalities:\n"
                             "  image: {encoder: {type: lenet, out: auto}}\n"
                             "  audio:\n"
                             "    encoder:\n"
                             "      hidden:\n"
                             "      - 512\n"
                             "      - 256\n"
                             "fusion: {strength: {image: 1.0}}\n"
                             "method: {type: ebr, adversarial: {weight: 1.0e-3}}\n"
                             "missingness:\n"
                             "  train: {audio: 0.5}   # a comment: [with, {signs\n"
                             "  evaluate: [0.0, 0.1,\n"
                             "    .95]\n"
                             "train: {early_stop: {metric: \n"
                             "  validation.loss}}\n"
                             "data2: >\n"
                             "  folded\n"
                             "...\n";

/// The text stands for what a disk or an editor made of the sample.
static void survives(const char *text, int64_t size, const char *how, int64_t where) {
  Config first, second;
  Status status = config_parse(&first, "f.yaml", text, size, NULL, 0);
  if (status.code) {
    CHECK(status.code == EXIT_CONFIG && !strncmp(status.text, "f.yaml:", 7), "%s %lld: %d %s", how, (long long)where,
          status.code, status.text);
    long line = strtol(status.text + 7, NULL, 10);
    CHECK(line >= 1 && line <= 24, "%s %lld: %s", how, (long long)where, status.text);
    return;
  }
  char *printed = config_print(&first);
  status = config_parse(&second, "f.yaml", printed, (int64_t)strlen(printed), NULL, 0);
  CHECK(!status.code, "%s %lld: %s\n%s", how, (long long)where, status.text, printed);
  CHECK(!memcmp(&first, &second, sizeof first), "%s %lld: not the same from\n%s", how, (long long)where, printed);
  free(printed);
}

static void all_of(const char *text, int64_t size) {
  char *copy = malloc((size_t)size);
  CHECK(copy, "out of memory");
  for (int64_t length = 0; length <= size; length++) {
    char *exact = malloc((size_t)length + 1); // the end of the block is the end of the text, for the sanitizer
    CHECK(exact, "out of memory");
    memcpy(exact + 1, text, (size_t)length);
    survives(exact + 1, length, "cut at", length);
    free(exact);
  }
  for (int64_t i = 0; i < size * 8; i++) {
    memcpy(copy, text, (size_t)size);
    copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
    survives(copy, size, "flipped bit", i);
  }
  for (int64_t i = 0; i < size; i++) {
    memcpy(copy, text, (size_t)size);
    copy[i] = "\0\n\t:{}[]#\"'&*!%@`|>-?, \xff"[i % 23];
    survives(copy, size, "a sign at", i);
  }
  free(copy);
}

int main(void) {
  all_of(sample, sizeof sample - 1);
  const char *wrong = strstr(sample, "data2"); // without its one wrong key, so that the rest is looked at to the end
  Config config;
  Status status = config_parse(&config, "f.yaml", sample, wrong - sample, NULL, 0);
  CHECK(!status.code, "the sample is wrong itself: %s", status.text);
  all_of(sample, wrong - sample);
}
