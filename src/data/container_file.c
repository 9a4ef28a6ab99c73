/// HDF5 through a narrow door: files, links and attributes, none of which is believed.
#include "base/text.h"
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTRIBUTE_MOST = 1 << 20 };

void container_quiet(void) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); // a failure becomes a Status, once, in our words
  H5PLset_loading_state(0);              // a file may name a filter; code is never loaded on a file's behalf
}

Status container_error(const Container *container, const char *where, const char *format, ...) {
  char text[STATUS_TEXT];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return status_error(EXIT_DATA, "%s:%s: %s", container->path, where, text);
}

/// Looks before HDF5 does: H5Fopen would block on a FIFO and read a device for ever.
static Status look(uint64_t *bytes, const char *path) {
  static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return status_error(EXIT_NO_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
  struct stat stat;
  unsigned char start[8] = {0};
  bool known = fstat(fd, &stat) == 0;
  ssize_t got = known && S_ISREG(stat.st_mode) ? pread(fd, start, sizeof start, 0) : 0;
  int error = errno;
  close(fd);
  if (!known || got < 0)
    return status_error(EXIT_IO, "%s: cannot be read: %s", path, strerror(error));
  if (!S_ISREG(stat.st_mode))
    return status_error(EXIT_DATA, "%s: is %s; a file would be right", path,
                        S_ISDIR(stat.st_mode) ? "a directory" : "not a regular file");
  if (got < 8 || memcmp(start, signature, 8))
    return status_error(EXIT_DATA, "%s: is not an HDF5 file; a container made by `rebasis data import` would be right",
                        path);
  *bytes = (uint64_t)stat.st_size;
  return STATUS_OK;
}

Status container_open(Container *container, const char *path) {
  *container = (Container){.id = -1, .path = path};
  TRY(look(&container->bytes, path));
  container_quiet();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  H5Pset_file_locking(access, false, true); // we only read; network file systems often cannot lock
  container->id = H5Fopen(path, H5F_ACC_RDONLY, access);
  H5Pclose(access);
  if (container->id < 0)
    return status_error(EXIT_DATA, "%s: HDF5 cannot open it; it is truncated or damaged", path);
  return STATUS_OK;
}

void container_close(Container *container) {
  if (container->id >= 0)
    H5Fclose(container->id);
  container->id = -1;
}

Status container_exists(bool *exists, const Container *container, const char *where) {
  *exists = false;
  if (strlen(where) >= CONTAINER_PATH)
    return container_error(container, where, "the path is too long");
  char prefix[CONTAINER_PATH];
  for (const char *end = where; *end;) {
    end = strchrnul(end + 1, '/');
    memcpy(prefix, where, (size_t)(end - where));
    prefix[end - where] = 0;
    htri_t there = H5Lexists(container->id, prefix, H5P_DEFAULT);
    if (there == 0)
      return STATUS_OK;
    H5L_info_t info;
    if (there < 0 || H5Lget_info(container->id, prefix, &info, H5P_DEFAULT) < 0)
      return container_error(container, prefix, "the link cannot be read; the file is damaged");
    if (info.type != H5L_TYPE_HARD)
      return container_error(container, prefix, "is %s link; only what lies in the file itself is read",
                             info.type == H5L_TYPE_EXTERNAL ? "an external" : "a soft");
    H5O_info_t object;
    H5O_type_t want = *end ? H5O_TYPE_GROUP : H5O_TYPE_UNKNOWN;
    if (H5Oget_info_by_name2(container->id, prefix, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
      return container_error(container, prefix, "the object cannot be read; the file is damaged");
    if (want == H5O_TYPE_GROUP && object.type != H5O_TYPE_GROUP)
      return container_error(container, prefix, "is not a group");
  }
  *exists = true;
  return STATUS_OK;
}

typedef struct NameList {
  char **name;
  int count, most;
} NameList;

static herr_t collect(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  (void)group, (void)info;
  NameList *list = user;
  if (list->count == list->most || strlen(name) > CONTAINER_PATH / 2)
    return -1;
  list->name[list->count] = strdup(name);
  return list->name[list->count++] ? 0 : -1;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void container_names_free(char **names, int count) {
  for (int i = 0; names && i < count; i++)
    free(names[i]);
  free(names);
}

Status container_names(char ***names, int *count, const Container *container, const char *where, int most) {
  *names = NULL;
  *count = 0;
  H5O_info_t object;
  bool exists = true;
  if (strcmp(where, "/"))
    TRY(container_exists(&exists, container, where));
  if (!exists)
    return STATUS_OK;
  if (H5Oget_info_by_name2(container->id, where, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
      object.type != H5O_TYPE_GROUP)
    return container_error(container, where, "is not a group");
  NameList list = {.name = calloc((size_t)most, sizeof(char *)), .most = most};
  REQUIRE(list.name, "out of memory for %d names", most);
  hsize_t at = 0;
  herr_t outcome =
      H5Literate_by_name(container->id, where, H5_INDEX_NAME, H5_ITER_INC, &at, collect, &list, H5P_DEFAULT);
  *names = list.name;
  *count = list.count;
  if (outcome < 0)
    return container_error(container, where, "its members cannot be listed; at most %d with short names would be right",
                           most);
  qsort(list.name, (size_t)list.count, sizeof *list.name, compare_names);
  return STATUS_OK;
}

/// An attribute that holds one element; -1 in *id where there is none of that name.
static Status attribute_open(hid_t *id, hid_t *type, const Container *container, const char *where, const char *name) {
  *id = *type = -1;
  htri_t there = H5Aexists_by_name(container->id, where, name, H5P_DEFAULT);
  if (there < 0)
    return container_error(container, where, "the attribute \"%s\" cannot be read; the file is damaged", name);
  if (there == 0)
    return STATUS_OK;
  *id = H5Aopen_by_name(container->id, where, name, H5P_DEFAULT, H5P_DEFAULT);
  hid_t space = *id < 0 ? -1 : H5Aget_space(*id);
  *type = *id < 0 ? -1 : H5Aget_type(*id);
  hssize_t points = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
  if (space >= 0)
    H5Sclose(space);
  if (points == 1 && *type >= 0)
    return STATUS_OK;
  if (*type >= 0)
    H5Tclose(*type);
  if (*id >= 0)
    H5Aclose(*id);
  return container_error(container, where, "the attribute \"%s\" does not hold one value", name);
}

static char *attribute_text(hid_t id, hid_t type) {
  char *text = NULL;
  if (H5Tis_variable_str(type) > 0) {
    char *read = NULL;
    if (H5Aread(id, type, &read) < 0)
      return NULL;
    text = strdup(read ? read : "");
    H5free_memory(read);
    return text;
  }
  size_t size = H5Tget_size(type);
  if (size > ATTRIBUTE_MOST || !(text = calloc(1, size + 1)))
    return NULL;
  if (H5Aread(id, type, text) < 0) {
    free(text);
    return NULL;
  }
  if (H5Tget_strpad(type) == H5T_STR_SPACEPAD)
    for (size_t at = strlen(text); at > 0 && text[at - 1] == ' '; at--)
      text[at - 1] = 0;
  return text;
}

Status container_long_text(char **text, const Container *container, const char *where, const char *name) {
  hid_t id, type;
  *text = NULL;
  TRY(attribute_open(&id, &type, container, where, name));
  if (id < 0)
    return STATUS_OK;
  bool string = H5Tget_class(type) == H5T_STRING;
  if (string)
    *text = attribute_text(id, type);
  H5Tclose(type);
  H5Aclose(id);
  if (!*text)
    return container_error(container, where, "the attribute \"%s\" is not a readable string", name);
  return STATUS_OK;
}

Status container_text(char *text, size_t size, const Container *container, const char *where, const char *name) {
  char *whole;
  TRY(container_long_text(&whole, container, where, name));
  if (!whole)
    return container_error(container, where, "the attribute \"%s\" is missing", name);
  bool fits = text_print(text, size, "%s", whole);
  free(whole);
  return fits ? STATUS_OK
              : container_error(container, where, "the attribute \"%s\" is longer than %zu bytes", name, size - 1);
}

Status container_integer(int64_t *value, const Container *container, const char *where, const char *name, int64_t least,
                         int64_t most) {
  hid_t id, type;
  TRY(attribute_open(&id, &type, container, where, name));
  if (id < 0)
    return container_error(container, where, "the attribute \"%s\" is missing", name);
  bool integer = H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) <= 8;
  bool read = integer && H5Aread(id, H5T_NATIVE_INT64, value) >= 0;
  H5Tclose(type);
  H5Aclose(id);
  if (!read)
    return container_error(container, where, "the attribute \"%s\" is not an integer", name);
  if (*value < least || *value > most)
    return container_error(container, where, "the attribute \"%s\" is %lld; %lld to %lld would be right", name,
                           (long long)*value, (long long)least, (long long)most);
  return STATUS_OK;
}

Status container_has(bool *has, const Container *container, const char *where, const char *name) {
  htri_t there = H5Aexists_by_name(container->id, where, name, H5P_DEFAULT);
  *has = there > 0;
  return there < 0 ? container_error(container, where, "the attribute \"%s\" cannot be read; the file is damaged", name)
                   : STATUS_OK;
}
