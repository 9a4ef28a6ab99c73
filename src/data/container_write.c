/// Writing a container: to a file beside it, flushed, read back, renamed. Only a whole file ever has the name.
#include "base/hash.h"
#include "base/text.h"
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES ((uint64_t)1 << 20)

bool write_text(hid_t object, const char *name, const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, H5T_VARIABLE); // h5py reads these as str, and fixed ones as bytes
  H5Tset_cset(type, H5T_CSET_UTF8);
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool done = attribute >= 0 && H5Awrite(attribute, type, &text) >= 0;
  done = (attribute < 0 || H5Aclose(attribute) >= 0) && done;
  H5Sclose(space);
  H5Tclose(type);
  return done;
}

static bool write_scalar(hid_t object, const char *name, hid_t file_type, hid_t type, const void *value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool done = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
  done = (attribute < 0 || H5Aclose(attribute) >= 0) && done;
  H5Sclose(space);
  return done;
}

bool write_integer(hid_t object, const char *name, int64_t value) {
  return write_scalar(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

bool write_number(hid_t object, const char *name, double value) {
  return write_scalar(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

hid_t write_group(hid_t parent, const char *name) {
  return H5Gcreate2(parent, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
}

/// Large floats are shuffled and deflated in chunks of about a megabyte of whole rows; all else lies contiguous. No
/// time stamps: the same data set is the same file, byte for byte.
static hid_t storage_plan(ElementType type, int rank, const uint64_t *dim, uint64_t bytes) {
  hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(plan, false);
  if (type != ELEMENT_F32 || bytes <= CHUNK_BYTES)
    return plan;
  uint64_t row = bytes / dim[0], rows = CHUNK_BYTES / row;
  hsize_t chunk[4];
  for (int i = 0; i < rank; i++)
    chunk[i] = dim[i];
  chunk[0] = rows < 1 ? 1 : rows < dim[0] ? rows : dim[0];
  H5Pset_chunk(plan, rank, chunk);
  H5Pset_shuffle(plan);
  H5Pset_deflate(plan, 1);
  return plan;
}

static bool write_typed(hid_t parent, const char *name, hid_t file_type, hid_t type, hid_t plan, int rank,
                        const uint64_t *dim, const void *data, uint64_t bytes) {
  hsize_t extent[4];
  for (int i = 0; i < rank; i++)
    extent[i] = dim[i];
  hid_t space = H5Screate_simple(rank, extent, NULL);
  hid_t id = H5Dcreate2(parent, name, file_type, space, H5P_DEFAULT, plan, H5P_DEFAULT);
  char hash[17];
  hash_text(hash, hash_bytes(data, bytes));
  bool done = id >= 0 && (bytes == 0 || H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0) &&
              write_text(id, "xxh64", hash);
  done = (id < 0 || H5Dclose(id) >= 0) && done;
  H5Sclose(space);
  H5Pclose(plan);
  return done;
}

bool write_array(hid_t parent, const char *name, ElementType type, int rank, const uint64_t *dim, const void *data) {
  const hid_t file[] = {H5T_STD_U8LE, H5T_STD_I32LE, H5T_STD_I64LE, H5T_IEEE_F32LE, H5T_IEEE_F64LE};
  const hid_t memory[] = {H5T_NATIVE_UINT8, H5T_NATIVE_INT32, H5T_NATIVE_INT64, H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE};
  uint64_t bytes = H5Tget_size(memory[type]);
  for (int i = 0; i < rank; i++)
    bytes *= dim[i];
  return write_typed(parent, name, file[type], memory[type], storage_plan(type, rank, dim, bytes), rank, dim, data,
                     bytes);
}

bool write_texts(hid_t parent, const char *name, char *const *texts, int64_t count) {
  size_t width = 1;
  for (int64_t i = 0; i < count; i++)
    width = strlen(texts[i]) > width ? strlen(texts[i]) : width;
  char *packed = calloc((size_t)count, width);
  if (!packed)
    return false;
  for (int64_t i = 0; i < count; i++)
    memcpy(packed + (size_t)i * width, texts[i], strlen(texts[i]));
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, width);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  uint64_t dim[1] = {(uint64_t)count};
  bool done = write_typed(parent, name, type, type, storage_plan(ELEMENT_TEXT, 1, dim, 0), 1, dim, packed,
                          (uint64_t)count * width);
  H5Tclose(type);
  free(packed);
  return done;
}

static bool write_task(hid_t tasks, const DatasetTask *task, uint64_t samples) {
  hid_t group = write_group(tasks, task->name);
  bool done = group >= 0 && write_array(group, "labels", ELEMENT_I32, 1, &samples, task->labels);
  hid_t labels = done ? H5Dopen2(group, "labels", H5P_DEFAULT) : -1;
  done = labels >= 0 && write_text(labels, "kind", task->binary ? "binary" : "multiclass") &&
         write_integer(labels, "classes", task->classes);
  done = (labels < 0 || H5Dclose(labels) >= 0) && done;
  return (group < 0 || H5Gclose(group) >= 0) && done;
}

/// The kind stands at the group and at the array that carries the contents, so that a reader finds it in either place.
static bool mark_kind(hid_t group, const char *array, const DatasetModality *m) {
  const char *kind = modality_kind_name(m->kind);
  hid_t holder = H5Dopen2(group, array, H5P_DEFAULT);
  bool done = holder >= 0 && write_text(holder, "kind", kind) && write_text(group, "kind", kind);
  if (done && m->kind == KIND_CODES)
    done = write_integer(holder, "vocabulary", m->vocabulary) && write_integer(group, "vocabulary", m->vocabulary);
  return (holder < 0 || H5Dclose(holder) >= 0) && done;
}

static bool write_contents(hid_t group, const DatasetModality *m, uint64_t samples) {
  uint64_t dim[4] = {(uint64_t)m->entries}, offsets = samples + 1;
  for (int i = 0; i < m->dimensions; i++)
    dim[i + 1] = (uint64_t)m->dim[i];
  if (!write_array(group, "present", ELEMENT_U8, 1, &samples, m->present))
    return false;
  if (!modality_kind_dense(m->kind) && !write_array(group, "offsets", ELEMENT_I64, 1, &offsets, m->offsets))
    return false;
  if (m->kind == KIND_CODES)
    return write_array(group, "codes", ELEMENT_I32, 1, dim, m->codes) && mark_kind(group, "codes", m);
  if (m->kind == KIND_SERIES && !write_array(group, "times", ELEMENT_F32, 1, dim, m->times))
    return false;
  return write_array(group, "values", ELEMENT_F32, 1 + m->dimensions, dim, m->values) && mark_kind(group, "values", m);
}

static bool write_modality(hid_t modalities, const DatasetModality *m, uint64_t samples) {
  hid_t group = write_group(modalities, m->name);
  bool done = group >= 0 && write_contents(group, m, samples);
  return (group < 0 || H5Gclose(group) >= 0) && done;
}

static bool write_all(hid_t file, const Dataset *dataset) {
  uint64_t samples = (uint64_t)dataset->samples;
  if (!write_text(file, "format", "rebasis-data") || !write_integer(file, "version", 1) ||
      !write_text(file, "name", dataset->name) ||
      !write_text(file, "provenance", dataset->provenance ? dataset->provenance : "{}"))
    return false;
  bool done = write_array(file, "split", ELEMENT_U8, 1, &samples, dataset->split);
  if (done && dataset->ids)
    done = write_texts(file, "ids", dataset->ids, dataset->samples);
  hid_t tasks = write_group(file, "tasks"), modalities = write_group(file, "modalities");
  done = done && tasks >= 0 && modalities >= 0;
  for (int i = 0; done && i < dataset->tasks; i++)
    done = write_task(tasks, &dataset->task[i], samples);
  for (int i = 0; done && i < dataset->modalities; i++)
    done = write_modality(modalities, &dataset->modality[i], samples);
  done = (tasks < 0 || H5Gclose(tasks) >= 0) && done;
  return (modalities < 0 || H5Gclose(modalities) >= 0) && done;
}

static Status check_all(const Dataset *dataset, const char *path) {
  TRY(check_bytes(dataset->split, dataset->samples, SPLIT_TEST, path, "/split"));
  for (int i = 0; i < dataset->tasks; i++)
    TRY(check_labels(&dataset->task[i], dataset->samples, path));
  for (int i = 0; i < dataset->modalities; i++) {
    TRY(check_bytes(dataset->modality[i].present, dataset->samples, 1, path, "present"));
    TRY(check_modality(dataset, i, path));
  }
  return STATUS_OK;
}

static Status flush_to_disk(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC);
  bool done = fd >= 0 && fsync(fd) == 0;
  int error = errno;
  if (fd >= 0)
    close(fd);
  return done ? STATUS_OK : status_error(EXIT_IO, "%s: cannot be flushed to disk: %s", path, strerror(error));
}

static Status create(hid_t *file, const char *path, const char *part) {
  struct stat stat_of;
  if (!stat(path, &stat_of) && !S_ISREG(stat_of.st_mode))
    return status_error(EXIT_CANNOT_CREATE, "%s: is %s; a file would be right", path,
                        S_ISDIR(stat_of.st_mode) ? "a directory" : "not a regular file");
  int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (fd < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
  close(fd);
  container_quiet();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  H5Pset_file_locking(access, false, true);
  *file = H5Fcreate(part, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  H5Pclose(access);
  return *file >= 0 ? STATUS_OK : status_error(EXIT_CANNOT_CREATE, "%s: HDF5 cannot create it", path);
}

static Status publish(const char *path, const char *part) {
  TRY(flush_to_disk(part, O_RDONLY));
  Status status = dataset_verify(part, NULL, NULL);
  if (status.code)
    return status_error(EXIT_IO, "%s: what was written does not read back (%s)", path, status.text);
  if (rename(part, path))
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot be renamed from %s: %s", path, part, strerror(errno));
  char *copy = text_format("%s", path);
  status = flush_to_disk(dirname(copy), O_RDONLY | O_DIRECTORY);
  free(copy);
  return status;
}

static Status write_part(const Dataset *dataset, const char *path, const char *part,
                         bool (*more)(hid_t file, const void *user), const void *user) {
  hid_t file = -1;
  TRY(create(&file, path, part));
  errno = 0;
  bool done = write_all(file, dataset) && (!more || more(file, user)) && H5Fflush(file, H5F_SCOPE_LOCAL) >= 0;
  int error = errno;
  done = H5Fclose(file) >= 0 && done;
  Status status =
      done ? publish(path, part)
           : status_error(EXIT_IO, "%s: writing failed: %s", path, error ? strerror(error) : "HDF5 gives no reason");
  if (status.code)
    unlink(part);
  return status;
}

Status container_write(const Dataset *dataset, const char *path, bool (*more)(hid_t file, const void *user),
                       const void *user) {
  TRY(check_all(dataset, path));
  char *part = text_format("%s.tmp", path);
  Status status = write_part(dataset, path, part, more, user);
  free(part);
  return status;
}

Status dataset_write(const Dataset *dataset, const char *path) { return container_write(dataset, path, NULL, NULL); }
