#include "checkpoint/h5.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// HDF5 forgets a failure at its next call, which may well be the one that cleans up: so the reason is kept when it
// happens.
static char reason[256];

static herr_t keep_description(unsigned n, const H5E_error2_t *error, void *unused) {
  (void)n, (void)unused;
  if (error->desc && *error->desc)
    snprintf(reason, sizeof reason, "%s", error->desc);
  return 0;
}

static herr_t keep_innermost(hid_t stack, void *unused) {
  return *reason ? 0 : H5Ewalk2(stack, H5E_WALK_DOWNWARD, keep_description, unused);
}

void h5_quiet(void) {
  H5dont_atexit();
  *reason = 0;
  H5Eset_auto2(H5E_DEFAULT, keep_innermost, NULL);
}

Status h5_error(int code, const char *file, const char *what) {
  Status status = status_error(code, "%s: cannot %s: %s", file, what, *reason ? reason : "HDF5 gives no reason");
  *reason = 0;
  return status;
}

static herr_t put(hid_t object, const char *name, hid_t type, const void *value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  herr_t result = attribute < 0 ? -1 : H5Awrite(attribute, type, value);
  if (attribute >= 0 && H5Aclose(attribute) < 0)
    result = -1;
  H5Sclose(space);
  return result;
}

herr_t h5_put_integer(hid_t object, const char *name, int64_t value) {
  return put(object, name, H5T_STD_I64LE, &value);
}
herr_t h5_put_unsigned(hid_t object, const char *name, uint64_t value) {
  return put(object, name, H5T_STD_U64LE, &value);
}
herr_t h5_put_double(hid_t object, const char *name, double value) { return put(object, name, H5T_IEEE_F64LE, &value); }

static hid_t text_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

herr_t h5_put_text(hid_t object, const char *name, const char *value) {
  hid_t type = text_type();
  herr_t result = put(object, name, type, &value);
  H5Tclose(type);
  return result;
}

herr_t h5_put_hash(hid_t object, const char *name, uint64_t value) {
  char text[17];
  hash_text(text, value);
  return h5_put_text(object, name, text);
}

/// Opens an attribute that holds one element of the class; *type is the file's type. Negative otherwise.
static hid_t open_one(hid_t object, const char *name, H5T_class_t class, hid_t *type) {
  *type = -1;
  if (H5Aexists(object, name) <= 0)
    return -1;
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  hid_t space = attribute < 0 ? -1 : H5Aget_space(attribute);
  *type = attribute < 0 ? -1 : H5Aget_type(attribute);
  bool right = space >= 0 && *type >= 0 && H5Sget_simple_extent_npoints(space) == 1 && H5Tget_class(*type) == class;
  if (space >= 0)
    H5Sclose(space);
  if (right)
    return attribute;
  if (*type >= 0)
    H5Tclose(*type);
  if (attribute >= 0)
    H5Aclose(attribute);
  return -1;
}

static herr_t get(hid_t object, const char *name, H5T_class_t class, hid_t memory, void *value) {
  hid_t type, attribute = open_one(object, name, class, &type);
  if (attribute < 0)
    return -1;
  herr_t result = H5Aread(attribute, memory, value);
  H5Tclose(type);
  H5Aclose(attribute);
  return result;
}

herr_t h5_get_integer(hid_t object, const char *name, int64_t *value) {
  return get(object, name, H5T_INTEGER, H5T_NATIVE_INT64, value);
}
herr_t h5_get_unsigned(hid_t object, const char *name, uint64_t *value) {
  return get(object, name, H5T_INTEGER, H5T_NATIVE_UINT64, value);
}
herr_t h5_get_double(hid_t object, const char *name, double *value) {
  return get(object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, value);
}

static herr_t get_variable(hid_t attribute, char *value, size_t size) {
  hid_t type = text_type();
  char *text = NULL;
  hid_t stored = H5Aget_type(attribute);
  H5Tset_cset(type, H5Tget_cset(stored));
  herr_t result = H5Aread(attribute, type, &text);
  if (result >= 0)
    snprintf(value, size, "%s", text ? text : "");
  H5free_memory(text);
  H5Tclose(stored);
  H5Tclose(type);
  return result;
}

static herr_t get_fixed(hid_t attribute, hid_t type, char *value, size_t size) {
  enum { LONGEST = 65536 }; // of an attribute in the object header
  size_t length = H5Tget_size(type);
  if (length == 0 || length > LONGEST)
    return -1;
  char *text = calloc(length + 1, 1);
  herr_t result = text ? H5Aread(attribute, type, text) : -1;
  if (result >= 0)
    snprintf(value, size, "%s", text);
  free(text);
  return result;
}

herr_t h5_get_text(hid_t object, const char *name, char *value, size_t size) {
  hid_t type, attribute = open_one(object, name, H5T_STRING, &type);
  if (attribute < 0)
    return -1;
  herr_t result =
      H5Tis_variable_str(type) > 0 ? get_variable(attribute, value, size) : get_fixed(attribute, type, value, size);
  H5Tclose(type);
  H5Aclose(attribute);
  return result;
}

herr_t h5_get_hash(hid_t object, const char *name, uint64_t *value) {
  char text[32], rest;
  unsigned long long parsed;
  if (h5_get_text(object, name, text, sizeof text) < 0 || strlen(text) != 16 ||
      strspn(text, "0123456789abcdefABCDEF") != 16 || sscanf(text, "%llx%c", &parsed, &rest) != 1)
    return -1;
  *value = parsed;
  return 0;
}
