// A sweep directory explains itself: its sweep.yaml holds the base too, so that it reads the same wherever the first file has gone.
#include "base/file.h"
#include "base/text.h"
#include "sweep/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

Status sweep_directory(char *dir, const Space *space, const char *out) {
  bool fits =
      out ? text_print(dir, PATH_MOST - 64, "%s", out) : text_print(dir, PATH_MOST - 64, "sweeps/%s", space->name);
  if (!fits || !*dir)
    return status_error(EXIT_USAGE, "%.80s: this cannot be the path of a sweep directory", out ? out : space->name);
  for (size_t length = strlen(dir); length > 1 && dir[length - 1] == '/';)
    dir[--length] = 0;
  return STATUS_OK;
}

// --- the file

/// Maps one key a line, as deep as they go; what else there is in one line.
static void print_node(FILE *to, const Node *node, int indent) {
  for (const Node *child = node->child; child; child = child->next) {
    char *key = scalar_print(child->key);
    fprintf(to, "%*s%s:", indent, "", key);
    free(key);
    if (child->kind == NODE_MAP && child->children) {
      fputc('\n', to);
      print_node(to, child, indent + 2);
      continue;
    }
    if (child->kind == NODE_LIST && child->children && child->child->kind == NODE_MAP) {
      fputc('\n', to);
      for (const Node *item = child->child; item; item = item->next) {
        char *text = node_print(item);
        fprintf(to, "%*s- %s\n", indent + 2, "", text);
        free(text);
      }
      continue;
    }
    char *text = node_print(child);
    fprintf(to, " %s\n", text);
    free(text);
  }
}

static char *print_space(const Space *space) {
  char *text;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  REQUIRE(to, "out of memory for a sweep file");
  char *name = scalar_print(space->name);
  fprintf(to, "# The sweep of this directory; its base is part of it.\nname: %s\nbase:\n", name);
  free(name);
  print_node(to, space->base_map, 2);
  for (const Node *node = tree_root(space->tree)->child; node; node = node->next)
    if (strcmp(node->key, "base") != 0 && strcmp(node->key, "name") != 0) {
      Node only = {.kind = NODE_MAP, .children = 1}, copy = *node;
      copy.next = NULL;
      only.child = &copy;
      print_node(to, &only, 0);
    }
  REQUIRE(fclose(to) == 0, "out of memory for a sweep file");
  return text;
}

static bool says(const char *path, const char *text) {
  size_t size = strlen(text);
  char *found = malloc(size + 2);
  FILE *file = fopen(path, "re");
  bool same = found && file && fread(found, 1, size + 1, file) == size && !memcmp(found, text, size);
  if (file)
    fclose(file);
  free(found);
  return same;
}

static Status make_folders(const char *dir) {
  char path[PATH_MOST + 8];
  text_print(path, sizeof path, "%s/runs", dir);
  for (char *at = path + 1;; at++) {
    char kept = *at;
    if (kept && kept != '/')
      continue;
    *at = 0;
    struct stat facts;
    if (mkdir(path, 0777) != 0 && (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)))
      return status_error(EXIT_CANNOT_CREATE, "%s: cannot be made a sweep directory: %s", path, strerror(errno));
    if (!kept)
      return STATUS_OK;
    *at = kept;
  }
}

Status sweep_directory_make(const Space *space, const char *dir) {
  char path[PATH_MOST + 16];
  TRY(make_folders(dir));
  text_print(path, sizeof path, "%s/sweep.yaml", dir);
  char *text = print_space(space);
  Status status = says(path, text) ? STATUS_OK : file_replace(path, text);
  free(text);
  return status;
}

Status sweep_find(Space *space, char *dir, const char *path, const char *out) {
  char file[PATH_MOST + 16];
  struct stat facts;
  *space = (Space){0};
  bool folder = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
  if (!folder) {
    TRY(space_read(space, path));
    return sweep_directory(dir, space, out);
  }
  if (out)
    return status_error(EXIT_USAGE, "%s: is a sweep directory already; leave out --out", path);
  if (!text_print(file, PATH_MOST, "%s/sweep.yaml", path))
    return status_error(EXIT_USAGE, "%.80s: the path is too long", path);
  if (stat(file, &facts) != 0)
    return status_error(EXIT_NO_INPUT, "%s: holds no sweep.yaml; name a sweep file or a sweep directory", path);
  TRY(space_read(space, file));
  return sweep_directory(dir, space, path);
}
