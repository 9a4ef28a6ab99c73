/// Arrays of a container: what they claim is compared with the format, with itself and with the size of the file,
/// before a byte of memory is taken for them.
#include "base/hash.h"
#include "base/text.h"
#include "container.h"

#include <stdlib.h>
#include <string.h>

enum { DEFLATE_RATIO = 1040 }; // deflate shrinks by at most 1032 to 1
#define SMALL ((uint64_t)16 << 20)
#define CHUNK_MOST ((uint64_t)64 << 20)

static const char *const element_names[] = {"uint8", "int32", "int64", "float32", "float64", "string"};

static hid_t memory_type(ElementType type) {
  switch (type) {
  case ELEMENT_U8:
    return H5T_NATIVE_UINT8;
  case ELEMENT_I32:
    return H5T_NATIVE_INT32;
  case ELEMENT_I64:
    return H5T_NATIVE_INT64;
  case ELEMENT_F32:
    return H5T_NATIVE_FLOAT;
  case ELEMENT_F64:
    return H5T_NATIVE_DOUBLE;
  case ELEMENT_TEXT:
    break;
  }
  return -1;
}

static size_t element_bytes(ElementType type) {
  static const size_t bytes[] = {1, 4, 8, 4, 8, 0};
  return bytes[type];
}

/// Which element type of the format a type in the file is; false: none of them.
static bool recognise(ElementType *found, hid_t type) {
  const struct {
    hid_t little, big;
    ElementType type;
  } known[] = {{H5T_STD_U8LE, H5T_STD_U8BE, ELEMENT_U8},
               {H5T_STD_I32LE, H5T_STD_I32BE, ELEMENT_I32},
               {H5T_STD_I64LE, H5T_STD_I64BE, ELEMENT_I64},
               {H5T_IEEE_F32LE, H5T_IEEE_F32BE, ELEMENT_F32},
               {H5T_IEEE_F64LE, H5T_IEEE_F64BE, ELEMENT_F64}};
  if (H5Tget_class(type) == H5T_STRING) {
    *found = ELEMENT_TEXT;
    return true;
  }
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (H5Tequal(type, known[i].little) > 0 || H5Tequal(type, known[i].big) > 0) {
      *found = known[i].type;
      return true;
    }
  return false;
}

static void describe_type(char *text, size_t size, hid_t type) {
  static const char *const classes[] = {"integer",     "float",           "time",     "string",
                                        "bit field",   "opaque",          "compound", "reference",
                                        "enumeration", "variable-length", "array"};
  H5T_class_t class = H5Tget_class(type);
  const char *name = class >= 0 && class < (int)(sizeof classes / sizeof *classes) ? classes[class] : "unknown";
  if (class == H5T_INTEGER || class == H5T_FLOAT)
    text_print(text, size, "%s%s%zu", class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "",
               class == H5T_INTEGER ? "int" : "float", 8 * H5Tget_size(type));
  else
    text_print(text, size, "%s", name);
}

static Status check_filters(bool *deflated, const Container *container, const char *where, hid_t plan) {
  *deflated = false;
  int filters = H5Pget_nfilters(plan);
  if (filters < 0 || filters > 8)
    return container_error(container, where, "its filters cannot be read; the file is damaged");
  for (int i = 0; i < filters; i++) {
    unsigned flags, configuration;
    size_t values = 0;
    char name[32] = "";
    H5Z_filter_t filter = H5Pget_filter2(plan, (unsigned)i, &flags, &values, NULL, sizeof name, name, &configuration);
    name[sizeof name - 1] = 0;
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
      return container_error(container, where, "uses filter %d (%s); shuffle, deflate and fletcher32 would be right",
                             (int)filter, name);
    if (filter == H5Z_FILTER_DEFLATE && *deflated)
      return container_error(container, where, "is deflated twice");
    *deflated |= filter == H5Z_FILTER_DEFLATE;
  }
  return STATUS_OK;
}

static Status check_chunk(const Array *array, const Container *container, hid_t plan, uint64_t bytes, size_t size) {
  hsize_t chunk[4];
  uint64_t total = size;
  if (H5Pget_chunk(plan, 4, chunk) != array->rank)
    return container_error(container, array->where, "its chunks cannot be read; the file is damaged");
  for (int i = 0; i < array->rank; i++)
    if (chunk[i] == 0 || __builtin_mul_overflow(total, (uint64_t)chunk[i], &total))
      return container_error(container, array->where, "has chunks of an impossible size");
  if (total > CHUNK_MOST && total / 2 > bytes)
    return container_error(container, array->where, "has chunks of %llu bytes; at most %llu would be right",
                           (unsigned long long)total, (unsigned long long)CHUNK_MOST);
  return STATUS_OK;
}

/// Bytes on disk: storage must explain what the shape claims, and fit into the file.
static Status check_storage(Array *array, const Container *container, size_t size) {
  hid_t plan = H5Dget_create_plist(array->id);
  if (plan < 0)
    return container_error(container, array->where, "cannot be opened; the file is damaged");
  H5D_layout_t layout = H5Pget_layout(plan);
  array->chunked = layout == H5D_CHUNKED;
  uint64_t bytes = array->points * size;
  bool deflated = false;
  Status status = STATUS_OK;
  if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
    status =
        container_error(container, array->where, "is a virtual dataset; its data would have to lie in the file itself");
  else if (H5Pget_external_count(plan) != 0)
    status = container_error(container, array->where,
                             "keeps its data in another file; its data would have to lie in the file itself");
  if (!status.code)
    status = check_filters(&deflated, container, array->where, plan);
  if (!status.code && array->chunked)
    status = check_chunk(array, container, plan, bytes, size);
  H5Pclose(plan);
  TRY(status);
  uint64_t storage = H5Dget_storage_size(array->id), ratio = deflated ? DEFLATE_RATIO : 1;
  if (storage > container->bytes)
    return container_error(container, array->where, "claims %llu bytes of a file of %llu", (unsigned long long)storage,
                           (unsigned long long)container->bytes);
  if (bytes > SMALL && bytes / ratio > storage)
    return container_error(container, array->where, "claims %llu bytes, but the file holds only %llu for it",
                           (unsigned long long)bytes, (unsigned long long)storage);
  return STATUS_OK;
}

static Status check_shape(Array *array, const Container *container) {
  hid_t space = H5Dget_space(array->id);
  hsize_t dim[H5S_MAX_RANK] = {0};
  int rank =
      space >= 0 && H5Sget_simple_extent_type(space) == H5S_SIMPLE ? H5Sget_simple_extent_dims(space, dim, NULL) : -1;
  if (space >= 0)
    H5Sclose(space);
  if (rank < 1 || rank > 4)
    return container_error(container, array->where, "has %s; 1 to 4 dimensions would be right",
                           rank > 4 ? "too many dimensions" : "no dimensions");
  array->rank = rank;
  array->points = 1;
  for (int i = 0; i < rank; i++) {
    array->dim[i] = dim[i];
    if (__builtin_mul_overflow(array->points, array->dim[i], &array->points) || array->points > (uint64_t)1 << 56)
      return container_error(container, array->where, "claims an impossible number of elements");
  }
  return STATUS_OK;
}

static Status check_type(Array *array, size_t *size, const Container *container) {
  hid_t type = H5Dget_type(array->id);
  if (type < 0)
    return container_error(container, array->where, "has a type that cannot be read; the file is damaged");
  char name[32] = "";
  bool known = recognise(&array->type, type), variable = H5Tis_variable_str(type) > 0;
  *size = H5Tget_size(type);
  describe_type(name, sizeof name, type);
  H5Tclose(type);
  if (!known)
    return container_error(container, array->where, "holds %s elements, which the format does not have", name);
  if (*size == 0 || *size > 1 << 20)
    return container_error(container, array->where, "has elements of %zu bytes", *size);
  array->element = array->type != ELEMENT_TEXT ? element_bytes(array->type) : variable ? 0 : *size;
  return STATUS_OK;
}

static Status array_check(Array *array, const Container *container) {
  size_t size = 0;
  TRY(check_shape(array, container));
  TRY(check_type(array, &size, container));
  array->bytes = array->points * array->element;
  return check_storage(array, container, size);
}

Status array_open(Array *array, const Container *container, const char *where) {
  *array = (Array){.id = -1};
  bool exists;
  TRY(container_exists(&exists, container, where));
  text_print(array->where, sizeof array->where, "%s", where);
  if (!exists)
    return container_error(container, where, "is missing");
  H5O_info_t object;
  if (H5Oget_info_by_name2(container->id, where, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
      object.type != H5O_TYPE_DATASET)
    return container_error(container, where, "is not a dataset");
  array->id = H5Dopen2(container->id, where, H5P_DEFAULT);
  if (array->id < 0)
    return container_error(container, where, "cannot be opened; the file is damaged");
  Status status = array_check(array, container);
  if (status.code)
    array_close(array);
  return status;
}

Status array_expect(Array *array, const Container *container, const char *where, ElementType type) {
  TRY(array_open(array, container, where));
  if (array->type == type)
    return STATUS_OK;
  array_close(array);
  return container_error(container, where, "holds %s; %s would be right", element_names[array->type],
                         element_names[type]);
}

void array_close(Array *array) {
  if (array->id >= 0)
    H5Dclose(array->id);
  array->id = -1;
}

static Status compare(bool *carried, const Array *array, const Container *container, uint64_t value) {
  char want[24], got[17];
  *carried = false;
  bool has;
  TRY(container_has(&has, container, array->where, "xxh64"));
  if (!has)
    return STATUS_OK;
  TRY(container_text(want, sizeof want, container, array->where, "xxh64"));
  hash_text(got, value);
  *carried = true;
  if (strcasecmp(got, want))
    return container_error(container, array->where,
                           "its contents hash to %s, but its xxh64 is %s: damaged, or edited; if the edit is wanted, "
                           "delete that attribute",
                           got, want);
  return STATUS_OK;
}

static Status read_raw(void *data, const Array *array, const Container *container) {
  hid_t type = array->type == ELEMENT_TEXT ? H5Dget_type(array->id) : memory_type(array->type);
  herr_t outcome = H5Dread(array->id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
  if (array->type == ELEMENT_TEXT)
    H5Tclose(type);
  return outcome < 0 ? container_error(container, array->where, "cannot be read; the file is truncated or damaged")
                     : STATUS_OK;
}

Status array_read(void *data, const Array *array, const Container *container, bool verify) {
  bool carried;
  if (array->points > 0)
    TRY(read_raw(data, array, container));
  return verify ? compare(&carried, array, container, hash_bytes(data, array->bytes)) : STATUS_OK;
}

/// Variable strings: HDF5 makes them; we copy them, so that every string has one owner. The hash is that of the strings
/// with their NULs.
static Status read_variable(char **texts, uint64_t *value, const Array *array, const Container *container) {
  char **raw = calloc(array->points ? array->points : 1, sizeof *raw);
  if (!raw)
    return status_error(EXIT_INTERNAL, "out of memory for %llu strings", (unsigned long long)array->points);
  Status status = read_raw(raw, array, container);
  Hash hash;
  hash_init(&hash);
  for (uint64_t i = 0; i < array->points; i++) {
    if (!status.code) {
      texts[i] = strdup(raw[i] ? raw[i] : "");
      REQUIRE(texts[i], "out of memory for a string");
      hash_add(&hash, texts[i], strlen(texts[i]) + 1);
    }
    H5free_memory(raw[i]);
  }
  *value = hash_value(&hash);
  free(raw);
  return status;
}

static Status read_fixed(char **texts, uint64_t *value, const Array *array, const Container *container) {
  char *raw = calloc(array->bytes + 1, 1);
  if (!raw)
    return status_error(EXIT_INTERNAL, "out of memory: %s%s needs %llu bytes", container->path, array->where,
                        (unsigned long long)array->bytes);
  Status status = read_raw(raw, array, container);
  for (uint64_t i = 0; !status.code && i < array->points; i++) {
    texts[i] = strndup(raw + i * array->element, array->element);
    REQUIRE(texts[i], "out of memory for a string");
  }
  *value = hash_bytes(raw, array->bytes);
  free(raw);
  return status;
}

Status array_read_texts(char ***texts, const Array *array, const Container *container, bool verify) {
  uint64_t value = 0;
  bool carried;
  *texts = calloc(array->points ? array->points : 1, sizeof **texts);
  if (!*texts)
    return status_error(EXIT_INTERNAL, "out of memory for %llu strings", (unsigned long long)array->points);
  Status status =
      array->element ? read_fixed(*texts, &value, array, container) : read_variable(*texts, &value, array, container);
  if (!status.code && verify)
    status = compare(&carried, array, container, value);
  if (!status.code)
    return status;
  for (uint64_t i = 0; i < array->points; i++)
    free((*texts)[i]);
  free(*texts);
  *texts = NULL;
  return status;
}

Status array_walk(const Array *array, const Container *container) {
  hsize_t chunks;
  hid_t space = array->chunked ? H5Dget_space(array->id) : -1;
  if (space < 0)
    return STATUS_OK;
  herr_t outcome = H5Dget_num_chunks(array->id, space, &chunks);
  H5Sclose(space);
  return outcome < 0 ? container_error(container, array->where, "its index of chunks is damaged") : STATUS_OK;
}

Status array_verify(bool *carried, const Array *array, const Container *container) {
  *carried = false;
  if (array->type == ELEMENT_TEXT) {
    char **texts;
    TRY(container_has(carried, container, array->where, "xxh64"));
    TRY(array_read_texts(&texts, array, container, true));
    for (uint64_t i = 0; i < array->points; i++)
      free(texts[i]);
    free(texts);
    return STATUS_OK;
  }
  TRY(container_has(carried, container, array->where, "xxh64"));
  void *data = malloc(array->bytes ? array->bytes : 1);
  if (!data)
    return status_error(EXIT_INTERNAL, "out of memory: %s%s needs %llu bytes", container->path, array->where,
                        (unsigned long long)array->bytes);
  Status status = array_read(data, array, container, true);
  free(data);
  return status;
}
