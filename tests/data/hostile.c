// A container made by somebody else is read when it is right, and refused in one line that names the place when it is not.
// timeout: 120
#include "data/dataset.h"

#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/// Reads in this process, without the child in between: nothing in these files breaks HDF5 itself.
static Status read_all(const char *path) {
  Dataset dataset;
  Status status = dataset_open(&dataset, path, NULL);
  for (int i = 0; !status.code && i < dataset.modalities; i++)
    status = dataset_load(&dataset, path, i);
  dataset_free(&dataset);
  return status;
}

static void check_file(const char *path, int code, const char *words) {
  Status probed = dataset_probe(path), status = read_all(path);
  CHECK(status.code == code, "%s: got %d (%s), not %d", path, status.code, status.text, code);
  CHECK(strstr(status.text, words), "%s: \"%s\" does not say \"%s\"", path, status.text, words);
  CHECK(code == 0 || strstr(status.text, strrchr(path, '/') + 1), "%s: \"%s\" does not name the file", path,
        status.text);
  CHECK(probed.code == status.code && !strcmp(probed.text, status.text), "%s: the probe says %d %s", path, probed.code,
        probed.text);
}

static int check_made(const char *directory) {
  char *script = strdup(__FILE__), command[1024], line[512], path[512];
  *strrchr(script, '/') = 0;
  snprintf(command, sizeof command, "%s/h5py_hostile.py", script);
  CHECK(access(command, R_OK) == 0, "%s is not there", command);
  snprintf(command, sizeof command, "/usr/bin/python3 -W ignore '%s/h5py_hostile.py' '%s'", script, directory);
  free(script);
  FILE *made = popen(command, "r");
  int files = 0;
  while (made && fgets(line, sizeof line, made)) {
    char name[64], words[128] = "";
    int code;
    line[strcspn(line, "\n")] = 0;
    CHECK(sscanf(line, "%63s %d %127[^\n]", name, &code, words) >= 2, "%s", line);
    snprintf(path, sizeof path, "%s/%s.h5", directory, name);
    check_file(path, code, words);
    unlink(path);
    files++;
  }
  CHECK(pclose(made) == 0 && files > 0, "the script failed after %d files", files);
  return files;
}

static void check_no_container(const char *directory) {
  char path[512];
  snprintf(path, sizeof path, "%s/none.h5", directory);
  check_file(path, EXIT_NO_INPUT, "none.h5");
  snprintf(path, sizeof path, "%s/.", directory);
  check_file(path, EXIT_DATA, "directory");
  check_file("/dev/zero", EXIT_DATA, "regular");
  check_file("/dev/null", EXIT_DATA, "regular");
  snprintf(path, sizeof path, "%s/fifo", directory);
  CHECK(mkfifo(path, 0600) == 0, "a FIFO");
  check_file(path, EXIT_DATA, "regular");
  unlink(path);
  const char *const content[] = {"", "\x89HD", "\x89HDF\r\n\x1a\n", "not a container at all",
                                 "\x89HDF\r\n\x1a\nnot a container at all"};
  for (size_t i = 0; i < sizeof content / sizeof *content; i++) {
    snprintf(path, sizeof path, "%s/bytes", directory);
    FILE *file = fopen(path, "w");
    fputs(content[i], file);
    fclose(file);
    check_file(path, EXIT_DATA, "HDF5");
    unlink(path);
  }
}

int main(void) {
  char directory[] = "/tmp/rebasis-hostile-XXXXXX";
  CHECK(mkdtemp(directory), "a scratch directory");
  alarm(100);
  check_no_container(directory);
  bool python = system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") == 0;
  int files = python ? check_made(directory) : 0;
  CHECK(rmdir(directory) == 0, "nothing is left behind");
  if (!python) {
    printf("skipped: /usr/bin/python3 has no h5py\n");
    return 77;
  }
  CHECK(files > 90, "%d files", files);
  return 0;
}
