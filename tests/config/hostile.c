// Files made to stall or exhaust a YAML parser are refused within a small share of a second of this process's time.
#include "config/config.h"
#include "config/tree.h"

#include "check.h"

#include <string.h>
#include <time.h>

/// Ten times the aim of 50 ms: the machine that runs this may be slow, and the code instrumented.
static const double seconds_most = 0.5;

enum { BYTES = TREE_BYTES_MOST };

typedef struct Hostile {
  const char *before,
      *piece; // `piece` is repeated until the line has `line` bytes, the line until the file has `bytes`
  int line, bytes;
  const char *says;
} Hostile;

static const Hostile cases[] = {
    {"", "[", 20000, 20000, "more than 4096 bytes"},
    {"", "[", 120000, 120000, "more than 4096 bytes"},
    {"a: ", "[", 4000, 4000, "nested more than 16 deep"},
    {"a: ", "[", 4000, BYTES, "nested more than 16 deep"},
    {"", "[", 1, BYTES, "nested more than 16 deep"},
    {"", "{a: ", 4000, BYTES, "nested more than 16 deep"},
    {"", "[{a: ", 5, BYTES, "nested more than 16 deep"},
    {"", "- ", 4000, BYTES, "nested more than 16 deep"},
    {"", "? ", 4000, BYTES, "a key is a word"},
    {"", "a", 120000, 120000, "more than 4096 bytes"},
    {"", "a", 4000, BYTES, ""},
    {"a: ", "b", 1, BYTES, ""},
    {"", ": ", 4000, BYTES, "not YAML"},
    {"", "a: 1\n", 5, BYTES, "more than 8192 values"},
    {"[", "1,", 4000, BYTES, "more than 8192 values"},
    {"[", "[],", 4000, BYTES, "more than 8192 values"},
    {"[", "{},", 3, BYTES, "more than 8192 values"},
    {"{", "a: 1, ", 4000, BYTES, "more than 8192 values"},
    {"[", "\"x\" ", 4000, BYTES, "not YAML"},
    {"a: \"", "\\n", 4000, BYTES, "not YAML"},
    {"a: \"", "\n", 1, BYTES, "not YAML"},
    {"a: '", "''", 2, BYTES, "not YAML"},
    {"a: |\n", " x", 2, BYTES, "is not a key"},
    {"a: >\n", "\n", 1, BYTES, "is not a key"},
    {"a: |\n", " ", 4000, BYTES, "is not a key"},
    {"", "- &a x\n", 7, BYTES, "an anchor"},
    {"", "%TAG !a! tag:x\n", 15, BYTES, "a YAML directive"},
    {"", "---\n", 4, BYTES, "a second document"},
    {"", "- !!x x\n", 8, BYTES, "a tag"},
    {"", "*", 4000, BYTES, "not YAML"},
    {"", "#", 4000, BYTES, "missing"},
    {"", "\n", 1, BYTES, "missing"},
    {"", "\r", 1, BYTES, "missing"},
    {"", " ", 4000, BYTES, "missing"},
    {"", "\t", 4000, BYTES, "not YAML"},
    {"", "]", 4000, BYTES, "not YAML"},
    {"[", "\xe2\x80\xa8[", 4000, BYTES, "nested more than 16 deep"}, // a line separator of YAML 1.1
    {"", "a: 1\n", 5, BYTES + 1, "larger than 256 KiB"},
};

static double cpu_seconds(void) {
  struct timespec now;
  CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0, "no clock");
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double refused(const char *text, int64_t size, const char *says, int which) {
  static Config config;
  double before = cpu_seconds();
  Status status = config_parse(&config, "f", text, size, NULL, 0);
  double took = cpu_seconds() - before;
  CHECK(status.code == EXIT_CONFIG && strstr(status.text, says), "case %d: %d %s, without '%s'", which, status.code,
        status.text, says);
  CHECK(took < seconds_most, "case %d took %.3f s: %s", which, took, status.text);
  return took;
}

static int64_t make(char *text, const Hostile *hostile) {
  int64_t at = (int64_t)strlen(hostile->before), piece = (int64_t)strlen(hostile->piece), line = at;
  memcpy(text, hostile->before, (size_t)at);
  while (at + piece < hostile->bytes) {
    memcpy(text + at, hostile->piece, (size_t)piece);
    at += piece;
    line += piece;
    if (line + piece > hostile->line && text[at - 1] != '\n' && text[at - 1] != '\r' && at + 1 < hostile->bytes) {
      text[at++] = '\n';
      line = 0;
    }
  }
  while (at < hostile->bytes)
    text[at++] = '\n';
  return at;
}

/// Keys that are all different, and all unknown: each would be looked up among its siblings.
static void unknown_keys(char *text) {
  int64_t at = 0;
  for (int section = 0; at < BYTES - 8192; section++) {
    at += snprintf(text + at, (size_t)(BYTES - at), "s%d: {", section);
    for (int i = 0; i < 250; i++)
      at += snprintf(text + at, (size_t)(BYTES - at), "learning_ratf%d: 1,\n", i);
    at += snprintf(text + at, (size_t)(BYTES - at), "}\n");
  }
  refused(text, at, "", 1000);
  at = snprintf(text, BYTES, "modalities: {");
  for (int i = 0; i < 255; i++)
    at += snprintf(text + at, (size_t)(BYTES - at), "m%d: {encoder: {typ: 1}},\n", i);
  at += snprintf(text + at, (size_t)(BYTES - at), "}\n");
  refused(text, at, "did you mean type?", 1001);
  at = 0;
  for (int i = 0; i < 300; i++)
    at += snprintf(text + at, (size_t)(BYTES - at), "k%d: 1\n", i);
  refused(text, at, "more than 256 keys", 1002);
}

int main(int argc, char **argv) {
  char *text = malloc(BYTES + 16);
  CHECK(text, "out of memory");
  double longest = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double took = refused(text, make(text, &cases[i]), cases[i].says, (int)i);
    longest = took > longest ? took : longest;
  }
  unknown_keys(text);
  for (int shift = 0; shift < 62; shift++) { // sizes that lie
    memset(text, 'a', 16);
    if ((int64_t)1 << shift > BYTES)
      refused(text, (int64_t)1 << shift, "larger than 256 KiB", 2000 + shift);
  }
  if (argc > 1 && !strcmp(argv[1], "-v"))
    printf("longest %.2f ms\n", 1e3 * longest);
  free(text);
}
