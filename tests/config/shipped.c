// Every configuration in configs/ and configs/paper/ is read, teaches no key wrongly, and the README there lists the keys as they are.
#include "config/config.h"
#include "sweep/space.h"

#include "check.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

static void folder(char path[PATH_MAX]) {
  snprintf(path, PATH_MAX, "%s", __FILE__);
  for (int up = 0; up < 3; up++) {
    char *slash = strrchr(path, '/');
    CHECK(slash, "the source is not in tests/config: %s", __FILE__);
    *slash = 0;
  }
  CHECK(strlen(path) + sizeof "/configs" < PATH_MAX, "too long: %s", path);
  memcpy(path + strlen(path), "/configs", sizeof "/configs");
}

static char *file_text(const char *path) {
  FILE *file = fopen(path, "rb");
  CHECK(file, "%s cannot be opened", path);
  enum { MOST = 1 << 18 };
  char *text = calloc(1, MOST);
  size_t size = text ? fread(text, 1, MOST - 1, file) : 0;
  CHECK(size > 0, "%s is empty", path);
  fclose(file);
  return text;
}

static void check_sweep(const char *path) {
  Space space;
  Status status = space_read(&space, path);
  CHECK(!status.code && space.runs > 1 && space.runs == space.combinations, "%s: %d runs: %s", path, space.runs,
        status.text);
  space_free(&space);
}

static void check_run(const char *path, const char *name) {
  Config config, again;
  Status status = config_read(&config, path, NULL, 0);
  CHECK(!status.code, "%s", status.text);
  CHECK(!strncmp(config.run.name, name, strlen(name) - strlen(".yaml")), "%s is called %s", path, config.run.name);
  char *printed = config_print(&config);
  status = config_parse(&again, path, printed, (int64_t)strlen(printed), NULL, 0);
  CHECK(!status.code && config_hash(&config) == config_hash(&again), "%s: %s", path, status.text);
  free(printed);
}

// Sweeps are called sweep-…, figure-… or table-….
static bool is_sweep(const char *name) {
  return !strncmp(name, "sweep-", 6) || !strncmp(name, "figure-", 7) || !strncmp(name, "table-", 6);
}

// Returns how many configurations there are.
static int check_folder(const char *configs) {
  char path[2 * PATH_MAX];
  int count = 0;
  DIR *directory = opendir(configs);
  CHECK(directory, "%s cannot be opened", configs);
  for (struct dirent *entry; (entry = readdir(directory));) {
    const char *dot = strrchr(entry->d_name, '.');
    if (!dot || strcmp(dot, ".yaml") != 0)
      continue;
    snprintf(path, sizeof path, "%s/%s", configs, entry->d_name);
    if (is_sweep(entry->d_name))
      check_sweep(path);
    else
      check_run(path, entry->d_name);
    count++;
  }
  closedir(directory);
  return count;
}

int main(void) {
  char configs[PATH_MAX], path[2 * PATH_MAX];
  folder(configs);
  int count = check_folder(configs);
  CHECK(count >= 5, "%d configurations found in %s", count, configs);
  snprintf(path, sizeof path, "%s/paper", configs);
  count = check_folder(path);
  CHECK(count >= 20, "%d configurations found in %s", count, path);
  snprintf(path, sizeof path, "%s/README.md", configs);
  char *readme = file_text(path), *help = config_help();
  CHECK(strstr(readme, help), "%s does not hold the output of `rebasis train --config-help`; put it there", path);
  free(readme);
  free(help);
}
