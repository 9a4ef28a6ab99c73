/// Every array of a file against its checksum, wherever the array is.
#include "base/text.h"
#include "container.h"

#include <string.h>

enum { DEPTH_MOST = 8, MEMBERS_MOST = 1024, ARRAYS_MOST = 16384 };

typedef struct Tally {
  int arrays, checked, visited;
} Tally;

static Status verify_group(Tally *tally, const Container *container, const char *where, int depth);

static Status verify_array(Tally *tally, const Container *container, const char *where) {
  Array array;
  bool has, carried;
  tally->arrays++;
  TRY(container_has(&has, container, where, "xxh64"));
  if (!has) // somebody else's array, perhaps of a type that we do not know
    return STATUS_OK;
  TRY(array_open(&array, container, where));
  Status status = array_verify(&carried, &array, container);
  array_close(&array);
  tally->checked += carried;
  return status;
}

static Status verify_member(Tally *tally, const Container *container, const char *where, int depth) {
  bool exists;
  H5O_info_t object;
  if (++tally->visited > ARRAYS_MOST)
    return container_error(container, where, "the file has more than %d objects", ARRAYS_MOST);
  TRY(container_exists(&exists, container, where));
  if (!exists || H5Oget_info_by_name2(container->id, where, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
    return container_error(container, where, "cannot be read; the file is damaged");
  if (object.type == H5O_TYPE_DATASET)
    return verify_array(tally, container, where);
  return object.type == H5O_TYPE_GROUP ? verify_group(tally, container, where, depth + 1) : STATUS_OK;
}

static Status verify_group(Tally *tally, const Container *container, const char *where, int depth) {
  char **names;
  int count;
  if (depth > DEPTH_MOST)
    return container_error(container, where, "is nested deeper than %d groups", DEPTH_MOST);
  Status status = container_names(&names, &count, container, where, MEMBERS_MOST);
  for (int i = 0; !status.code && i < count; i++) {
    char member[CONTAINER_PATH];
    if (text_print(member, sizeof member, "%s/%s", strcmp(where, "/") ? where : "", names[i]))
      status = verify_member(tally, container, member, depth);
    else
      status = container_error(container, where, "has members whose path is too long");
  }
  container_names_free(names, count);
  return status;
}

Status dataset_verify(const char *path, int *arrays, int *checked) {
  Container container;
  Tally tally = {0};
  Status status = container_open(&container, path);
  if (!status.code)
    status = verify_group(&tally, &container, "/", 0);
  container_close(&container);
  if (arrays)
    *arrays = tally.arrays;
  if (checked)
    *checked = tally.checked;
  return status;
}
