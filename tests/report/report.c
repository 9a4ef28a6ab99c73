// A run becomes one well-formed page without scripts, its numbers become CSV, and broken files are named by line.
#include "report/report.h"

#include "base/text.h"
#include "check.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[256];

static void put(const char *name, const char *text) {
  char path[512];
  text_print(path, sizeof path, "%s/%s", dir, name);
  FILE *file = fopen(path, "w");
  CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0, "cannot write %s", path);
}

static char *get(const char *name) {
  char path[512];
  text_print(path, sizeof path, "%s/%s", dir, name);
  FILE *file = fopen(path, "r");
  CHECK(file, "%s is missing", path);
  char *text = calloc(1, 1 << 20);
  CHECK(text && fread(text, 1, (1 << 20) - 1, file) > 0, "%s is empty", path);
  fclose(file);
  return text;
}

// Every element that opens closes, in order; returns the number of elements.
static int balance(const char *page) {
  char stack[64][16];
  int depth = 0, elements = 0;
  for (const char *at = strchr(page, '<'); at; at = strchr(at + 1, '<')) {
    const char *end = strchr(at, '>');
    CHECK(end, "a tag does not end: %.40s", at);
    bool closing = at[1] == '/', empty = end[-1] == '/' || at[1] == '!' || !strncmp(at, "<meta", 5);
    char name[16] = "";
    size_t length = strcspn(at + 1 + closing, " />\n");
    CHECK(length < sizeof name, "an odd tag: %.40s", at);
    memcpy(name, at + 1 + closing, length);
    if (closing) {
      CHECK(depth > 0 && !strcmp(stack[depth - 1], name), "</%s> closes <%s>", name, depth ? stack[depth - 1] : "");
      depth--;
    } else if (!empty) {
      CHECK(depth < 64, "too deep");
      memcpy(stack[depth++], name, sizeof name);
      elements++;
    }
  }
  CHECK(depth == 0, "<%s> is never closed", stack[depth - 1]);
  return elements;
}

static int count_lines(const char *text) {
  int lines = 0;
  for (; *text; text++)
    lines += *text == '\n';
  return lines;
}

static const char config[] =
    "run: {name: bold, seed: 7}\n"
    "data: {file: \"<b>bold</b> & co.h5\", task: digit}\n"
    "modalities:\n  image: {encoder: {type: linear, out: 4}}\n  audio: {encoder: {type: linear, out: 4}}\n";
static const char metrics[] =
    "{\"step\": 10, \"epoch\": 1, \"split\": \"train\", \"loss.total\": 2.5, \"loss.semantic\": 2.0, \"loss.md\": 0.5, "
    "\"gradient_norm.image\": 1, \"gradient_norm.audio\": 0.1}\n"
    "{\"step\": 10, \"epoch\": 1, \"split\": \"validation\", \"loss.total\": 2.4, \"accuracy\": 0.5}\n"
    "{\"step\": 20, \"epoch\": 2, \"split\": \"train\", \"loss.total\": 1.5, \"loss.semantic\": 1.25, \"loss.md\": "
    "0.25, "
    "\"gradient_norm.image\": 0.5, \"gradient_norm.audio\": null}\n"
    "{\"step\": 20, \"epoch\": 2, \"split\": \"validation\", \"loss.total\": 1.9, \"accuracy\": 0.625}\n"
    "{\"step\": 30, \"epo"; // the run was cut here
static const char evaluation[] =
    "{\"run\": \"r\", \"split\": \"test\", \"task\": \"digit\", \"classes\": 10, \"note\": \"<i>\", \"patterns\": ["
    "{\"present\": [\"image\", \"audio\"], \"n\": 450, \"accuracy\": 0.9875, \"accuracy_ci\": [0.97, 0.995], \"loss\": "
    "0.1},"
    "{\"present\": [\"<audio>\"], \"n\": 450, \"accuracy\": 0.25, \"accuracy_ci\": [0.2, 0.3]}],"
    "\"rates\": [{\"rate\": 0.0, \"modality\": \"all\", \"n\": 450, \"accuracy\": 0.9875},"
    "{\"rate\": 0.4, \"modality\": \"all\", \"n\": 450, \"accuracy\": 0.8}]}";
static const char rank[] =
    "{\"head/weight\": {\"singular_values\": [4, 2, 1, 0], \"numerical_rank\": 3, \"tolerance\": 1e-3,"
    "\"effective_rank\": 2.6, \"stable_rank\": 1.3125}}";

static void want_failure(int code, const char *words) {
  Status status = report_write(dir);
  CHECK(status.code == code && strstr(status.text, words), "%d \"%s\", not %d \"%s\"", status.code, status.text, code,
        words);
}

static void whole_run(void) {
  put("metrics.jsonl", metrics);
  put("evaluation.json", evaluation);
  put("analysis/rank.json", rank);
  Status status = report_write(dir);
  CHECK(status.code == 0, "%s", status.text);
  char *page = get("report.html");
  CHECK(balance(page) > 60, "the page has %d elements", balance(page));
  CHECK(!strstr(page, "<script") && !strstr(page, "<b>bold") && !strstr(page, "http") && !strstr(page, "<i>"),
        "foreign markup");
  CHECK(strstr(page, "&lt;b&gt;bold&lt;/b&gt; &amp; co") && strstr(page, "&lt;audio&gt;"), "names are missing");
  CHECK(strstr(page, "0.988 [0.970, 0.995]") && strstr(page, "n = 450") && strstr(page, "would score: 0.1"),
        "scores are missing");
  CHECK(strstr(page, "gradient_norm by modality") && strstr(page, "Parts of the loss") && strstr(page, "1.31"),
        "a section is missing");
  char *training = get("report-training.csv"), *patterns = get("report-patterns.csv");
  CHECK(count_lines(training) == 1 + 10 + 4, "report-training.csv has %d lines", count_lines(training));
  CHECK(strstr(training, "20,2,validation,accuracy,0.625\n"), "a point is missing:\n%s", training);
  CHECK(strstr(patterns, "image + audio,450,accuracy,0.98750000000000004,0.96999999999999997,0.995,\n"), "not:\n%s",
        patterns);
  status = report_write(dir);
  char *again = get("report.html");
  CHECK(status.code == 0 && !strcmp(page, again), "a second report differs from the first");
  free(page);
  free(training);
  free(patterns);
  free(again);
}

static void broken_files(void) {
  put("metrics.jsonl", "{\"step\": 1, \"split\": \"train\", \"a\": 1}\n{\"step\": \n{\"step\": 3, \"a\": 1}\n");
  want_failure(65, "metrics.jsonl:2:");
  put("metrics.jsonl", "{\"split\": \"train\", \"a\": 1}\n");
  want_failure(65, "metrics.jsonl:1:");
  put("metrics.jsonl", metrics);
  put("evaluation.json", "{\"run\": \"r\",\n \"patterns\": [}");
  want_failure(65, "evaluation.json:2:");
  put("evaluation.json", "[]");
  want_failure(65, "evaluation.json:1:");
}

// Legal JSON with odd contents draws what there is.
static void odd_files(void) {
  put("metrics.jsonl", metrics);
  put("evaluation.json", "{\"patterns\": [1, {}, {\"present\": \"x\", \"accuracy\": \"high\", \"accuracy_ci\": 3}], "
                         "\"rates\": {}, \"classes\": -4}");
  put("analysis/rank.json",
      "{\"a\": {\"singular_values\": []}, \"b\": [{\"matrix\": \"m\", \"singular_values\": [0, null]}]}");
  Status status = report_write(dir);
  CHECK(status.code == 0, "%s", status.text);
  char *page = get("report.html");
  balance(page);
  CHECK(!strstr(page, "nan"), "a NaN got in");
  free(page);
}

// What was measured while training is drawn by group, items by their whole names.
static void measured(void) {
  put("metrics.jsonl",
      "{\"step\": 5, \"epoch\": 0, \"split\": \"analysis\", \"rank.fusion/0/weight.numerical_rank\": 9, "
      "\"rank.fusion/0/weight.effective_rank\": 7.5}\n"
      "{\"step\": 5, \"epoch\": 0, \"split\": \"analysis\", \"rank.gradient/head/weight.effective_rank\": 3}\n"
      "{\"step\": 9, \"epoch\": 1, \"split\": \"analysis\", \"rank.fusion/0/weight.effective_rank\": 6.5}\n"
      "{\"step\": 9, \"epoch\": 1, \"split\": \"analysis\", \"rank.gradient/head/weight.effective_rank\": 2}\n");
  put("analysis/rank.json",
      "{\"about\": {\"measure\": \"rank\", \"split\": \"test\", \"step\": 9, \"n\": 77},"
      "\"fusion/0/weight\": {\"singular_values\": [3, 1]}, \"fusion/0/weight/image\": {\"singular_values\": [2]},"
      "\"gradient/head/weight\": {\"singular_values\": [2, 1]}}");
  put("evaluation.json", evaluation);
  Status status = report_write(dir);
  CHECK(status.code == 0, "%s", status.text);
  char *page = get("report.html");
  balance(page);
  static const char *const wanted[] = {"Singular values: weights of the fusion stage",
                                       "Singular values: blocks of its first layer, by modality",
                                       "Effective rank over training: weights of the fusion stage",
                                       "Effective rank over training: gradients",
                                       ">fusion/0/weight<",
                                       ">gradient/head/weight<",
                                       "Step 9; representations and gradients of the test split, n = 77."};
  for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
    CHECK(strstr(page, wanted[k]), "nothing like %s", wanted[k]);
  CHECK(!strstr(page, "Singular values: representations"), "an empty plot");
  free(page);
}

int main(void) {
  const char *scratch = getenv("TMPDIR");
  text_print(dir, sizeof dir, "%s/rebasis-report-XXXXXX", scratch ? scratch : "/tmp");
  CHECK(mkdtemp(dir), "cannot make %s", dir);
  char inner[512], command[512];
  text_print(inner, sizeof inner, "%s/analysis", dir);
  CHECK(mkdir(inner, 0700) == 0, "cannot make %s", inner);
  want_failure(66, "config.yaml");
  put("config.yaml", config);
  Status status = report_write(dir); // a run that has not begun
  CHECK(status.code == 0, "%s", status.text);
  whole_run();
  broken_files();
  odd_files();
  measured();
  text_print(command, sizeof command, "rm -r '%s'", dir);
  return system(command) != 0;
}
