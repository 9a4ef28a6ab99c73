// What is no regular file is refused without waiting for it, and what is one may be of any system's making.
#include "config/config.h"
#include "config/tree.h"

#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX];

static const char *in_folder(const char *name) {
  static char path[2 * PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static const char *write_file(const char *name, const char *text, size_t size) {
  const char *path = in_folder(name);
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite(text, 1, size, file) == size && fclose(file) == 0, "%s cannot be written", path);
  return path;
}

static Status read_path(const char *path) {
  Config config;
  return config_read(&config, path, NULL, 0);
}

static void refused(const char *path, int code, const char *says) {
  Status status = read_path(path);
  CHECK(status.code == code, "%s: %d %s", path, status.code, status.text);
  CHECK(!strncmp(status.text, path, strlen(path)) && strstr(status.text, says), "%s, without '%s'", status.text, says);
}

static void taken(const char *path) {
  Status status = read_path(path);
  CHECK(!status.code, "%s", status.text);
}

static void not_files(void) {
  refused(in_folder("none.yaml"), EXIT_NO_INPUT, "cannot be opened: No such file");
  refused(folder, EXIT_NO_INPUT, "is a directory");
  refused("/dev/zero", EXIT_NO_INPUT, "not a regular file");
  refused("/dev/null", EXIT_NO_INPUT, "not a regular file");
  const char *pipe_path = in_folder("pipe");
  CHECK(mkfifo(pipe_path, 0600) == 0, "no pipe");
  alarm(20); // a reader that waits ends here
  refused(pipe_path, EXIT_NO_INPUT, "not a regular file");
  alarm(0);
  unlink(pipe_path);
  const char *loop = in_folder("loop");
  CHECK(symlink("loop", loop) == 0, "no link");
  refused(loop, EXIT_NO_INPUT, "cannot be opened");
  unlink(loop);
}

static void sizes(void) {
  static const char good[] = "data: {file: d.h5}\nmodalities: {a: {}}\n";
  static char text[TREE_BYTES_MOST + 1];
  memset(text, '\n', sizeof text);
  memcpy(text, good, sizeof good - 1);
  taken(write_file("most.yaml", text, TREE_BYTES_MOST));
  refused(write_file("most.yaml", text, TREE_BYTES_MOST + 1), EXIT_CONFIG, "larger than 256 KiB");
  const char *huge = write_file("most.yaml", good, sizeof good - 1);
  CHECK(truncate(huge, (off_t)1 << 30) == 0, "no sparse file");
  refused(huge, EXIT_CONFIG, "larger than 256 KiB");
  refused(write_file("most.yaml", "", 0), EXIT_CONFIG, "data.file is missing");
  unlink(in_folder("most.yaml"));
}

static void line_ends(void) {
  static const char *const texts[] = {
      "data: {file: d.h5}\r\nmodalities:\r\n  a: {}\r\n",
      "\xef\xbb\xbf"
      "data: {file: d.h5}\r\nmodalities: {a: {}}",
      "data: {file: d.h5}\rmodalities: {a: {}}\r",
      "---\ndata: {file: d.h5}\nmodalities: {a: {}}\n...\n",
      "# \xc3\xa9\n\n\ndata: {file: \"\xe6\x95\xb0.h5\"}\nmodalities: {\xe5\x83\x8f: {}}\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    taken(write_file("ends.yaml", texts[i], strlen(texts[i])));
  unlink(in_folder("ends.yaml"));
}

/// Names reach messages whole when they fit, from their end when they do not, and never raw.
static void names_in_messages(void) {
  Config config;
  char name[900];
  memset(name, 'n', sizeof name);
  memcpy(name + sizeof name - 8, "/x.yaml", 8);
  Status status = config_parse(&config, name, "a: 1\n", 5, NULL, 0);
  CHECK(status.code == EXIT_CONFIG && !strncmp(status.text, "...nnn", 6) && strstr(status.text, "n/x.yaml:1:1: "), "%s",
        status.text);
  status = config_parse(&config, "a\nb\x1b[2J.yaml", "a: 1\n", 5, NULL, 0);
  CHECK(!strncmp(status.text, "a\\x0ab\\x1b[2J.yaml:1:1: ", 24), "%s", status.text);
}

int main(void) {
  const char *temporary = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/rebasis-files-XXXXXX", temporary ? temporary : "/tmp");
  CHECK(mkdtemp(folder), "%s cannot be made", folder);
  not_files();
  sizes();
  line_ends();
  names_in_messages();
  CHECK(rmdir(folder) == 0, "%s is not empty", folder);
}
