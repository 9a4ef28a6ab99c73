#include "checkpoint/layout.h"

#include "checkpoint/driver.h"
#include "checkpoint/h5.h"
#include "checkpoint/seal.h"

#include <math.h>
#include <string.h>

enum { VERSION = 1 };
static const char format_name[] = "rebasis-checkpoint";

static herr_t put_root(hid_t root, const CheckpointHead *head) {
  herr_t worst = 0;
  worst |= h5_put_text(root, "format", format_name);
  worst |= h5_put_integer(root, "version", VERSION);
  worst |= h5_put_text(root, "program", "rebasis " REBASIS_VERSION);
  worst |= h5_put_integer(root, "step", head->step);
  worst |= h5_put_integer(root, "epoch", head->epoch);
  worst |= h5_put_unsigned(root, "seed", head->seed);
  worst |= h5_put_text(root, "grid", head->grid);
  worst |= h5_put_hash(root, "config_xxh64", head->config_hash);
  worst |= h5_put_hash(root, "data_xxh64", head->data_hash);
  worst |= h5_put_hash(root, "parameters_xxh64", head->parameters_hash);
  worst |= h5_put_integer(root, "complete", 1);
  return worst;
}

static herr_t put_extra(hid_t state, const double *extra) {
  hsize_t count = sizeof((CheckpointHead){0}.extra) / sizeof *extra;
  hid_t space = H5Screate_simple(1, &count, NULL);
  hid_t attribute = H5Acreate2(state, "extra", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  herr_t result = attribute < 0 ? -1 : H5Awrite(attribute, H5T_NATIVE_DOUBLE, extra);
  if (attribute >= 0 && H5Aclose(attribute) < 0)
    result = -1;
  H5Sclose(space);
  return result;
}

static herr_t put_state(hid_t file, const CheckpointHead *head) {
  hid_t state = H5Gcreate2(file, "/state", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (state < 0)
    return -1;
  herr_t worst = 0;
  worst |= h5_put_integer(state, "batch", head->batch);
  worst |= h5_put_double(state, "best", head->best);
  worst |= h5_put_integer(state, "best_epoch", head->best_epoch);
  worst |= h5_put_integer(state, "patience_left", head->patience_left);
  worst |= h5_put_integer(state, "metrics_bytes", head->metrics_bytes);
  worst |= put_extra(state, head->extra);
  return H5Gclose(state) < 0 ? -1 : worst;
}

/// One dataset: its place taken at once, its values left to the ranks.
static herr_t put_tensor(int64_t *offset, hid_t file, const CheckpointTensor *tensor, uint64_t hash, hid_t links,
                         hid_t creation) {
  hsize_t dims[PARAMETER_DIMENSIONS];
  bool empty = false;
  for (int d = 0; d < tensor->dimensions; d++) {
    dims[d] = (hsize_t)tensor->dim[d];
    empty = empty || dims[d] == 0;
  }
  hid_t space = H5Screate_simple(tensor->dimensions, dims, NULL);
  hid_t dataset = H5Dcreate2(file, tensor->path, H5T_IEEE_F32LE, space, links, creation, H5P_DEFAULT);
  H5Sclose(space);
  if (dataset < 0)
    return -1;
  haddr_t place = H5Dget_offset(dataset);
  herr_t result = h5_put_hash(dataset, "xxh64", hash);
  *offset = empty ? 0 : (int64_t)place;
  if (!empty && place == HADDR_UNDEF)
    result = -1;
  return H5Dclose(dataset) < 0 ? -1 : result;
}

static herr_t put_tensors(int64_t *offset, hid_t file, const CheckpointTensor *tensor, int tensors,
                          const uint64_t *hash) {
  hid_t links = H5Pcreate(H5P_LINK_CREATE), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  H5Pset_layout(creation, H5D_CONTIGUOUS);
  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(creation, false); // one state, one file
  herr_t result = 0;
  for (int t = 0; t < tensors && result >= 0; t++)
    result = put_tensor(&offset[t], file, &tensor[t], hash[t], links, creation);
  H5Pclose(links);
  H5Pclose(creation);
  return result;
}

static hid_t file_create(DriverFile *on) {
  hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = driver_access(on);
  H5Pset_userblock(creation, SEAL_SIZE);
  H5Pset_alignment(access, 65536, 4096); // large tensors on pages of their own
  hid_t file = access < 0 ? -1 : H5Fcreate(on->name, H5F_ACC_TRUNC, creation, access);
  if (access >= 0)
    H5Pclose(access);
  H5Pclose(creation);
  return file;
}

static Status create(int64_t *offset, DriverFile *on, const CheckpointHead *head, const CheckpointTensor *tensor,
                     int tensors, const uint64_t *hash) {
  hid_t file = file_create(on);
  if (file < 0)
    return h5_error(EXIT_IO, on->name, "create");
  Status status = STATUS_OK;
  hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
  if (root < 0 || put_root(root, head) < 0 || put_state(file, head) < 0 ||
      put_tensors(offset, file, tensor, tensors, hash) < 0)
    status = h5_error(EXIT_IO, on->name, "write");
  if (root >= 0)
    H5Gclose(root);
  if (H5Fclose(file) < 0 && status.code == 0)
    status = h5_error(EXIT_IO, on->name, "write");
  return status;
}

Status layout_create(int64_t *offset, int file, const char *name, const CheckpointHead *head,
                     const CheckpointTensor *tensor, int tensors, const uint64_t *hash) {
  DriverFile on = {.file = file, .name = name};
  Status status = create(offset, &on, head, tensor, tensors, hash);
  return on.failure.code ? on.failure : status;
}

static herr_t get_extra(hid_t state, double *extra) {
  hssize_t count = sizeof((CheckpointHead){0}.extra) / sizeof *extra;
  if (H5Aexists(state, "extra") <= 0)
    return -1;
  hid_t attribute = H5Aopen(state, "extra", H5P_DEFAULT);
  hid_t space = attribute < 0 ? -1 : H5Aget_space(attribute), type = attribute < 0 ? -1 : H5Aget_type(attribute);
  herr_t result = -1;
  if (space >= 0 && type >= 0 && H5Sget_simple_extent_npoints(space) == count && H5Tget_class(type) == H5T_FLOAT)
    result = H5Aread(attribute, H5T_NATIVE_DOUBLE, extra);
  if (type >= 0)
    H5Tclose(type);
  if (space >= 0)
    H5Sclose(space);
  if (attribute >= 0)
    H5Aclose(attribute);
  return result;
}

// Returns from the function it stands in, which a function cannot.
#define GET(call, key)                                                                                                 \
  do {                                                                                                                 \
    if ((call) < 0)                                                                                                    \
      return key;                                                                                                      \
  } while (0)

/// The first attribute that is missing or not of its type, or NULL.
static const char *get_root(CheckpointHead *head, hid_t root) {
  GET(h5_get_integer(root, "step", &head->step), "step");
  GET(h5_get_integer(root, "epoch", &head->epoch), "epoch");
  GET(h5_get_unsigned(root, "seed", &head->seed), "seed");
  GET(h5_get_text(root, "grid", head->grid, sizeof head->grid), "grid");
  GET(h5_get_hash(root, "config_xxh64", &head->config_hash), "config_xxh64");
  GET(h5_get_hash(root, "data_xxh64", &head->data_hash), "data_xxh64");
  GET(h5_get_hash(root, "parameters_xxh64", &head->parameters_hash), "parameters_xxh64");
  return NULL;
}

static const char *get_state(CheckpointHead *head, hid_t state) {
  GET(h5_get_integer(state, "batch", &head->batch), "state/batch");
  GET(h5_get_double(state, "best", &head->best), "state/best");
  GET(h5_get_integer(state, "best_epoch", &head->best_epoch), "state/best_epoch");
  GET(h5_get_integer(state, "patience_left", &head->patience_left), "state/patience_left");
  GET(h5_get_integer(state, "metrics_bytes", &head->metrics_bytes), "state/metrics_bytes");
  GET(get_extra(state, head->extra), "state/extra");
  return NULL;
}

static Status head_possible(const CheckpointHead *head, const char *name) {
  if (head->step < 0 || head->epoch < 0 || head->batch < 0 || head->metrics_bytes < 0)
    return status_error(EXIT_DATA, "%s: step %lld, epoch %lld, batch %lld, metrics_bytes %lld: none may be negative",
                        name, (long long)head->step, (long long)head->epoch, (long long)head->batch,
                        (long long)head->metrics_bytes);
  return STATUS_OK;
}

static Status read_head(CheckpointHead *head, hid_t root, hid_t state, const char *name) {
  char format[32];
  int64_t version, complete;
  if (h5_get_text(root, "format", format, sizeof format) < 0 || strcmp(format, format_name) != 0)
    return status_error(EXIT_DATA, "%s: is not a checkpoint: its attribute format is not \"%s\"", name, format_name);
  if (h5_get_integer(root, "version", &version) < 0 || version != VERSION)
    return status_error(EXIT_DATA, "%s: has another version of the format; this program reads version %d", name,
                        VERSION);
  if (h5_get_integer(root, "complete", &complete) < 0 || complete != 1)
    return status_error(EXIT_DATA, "%s: is not complete", name);
  const char *missing = get_root(head, root);
  if (!missing)
    missing = state < 0 ? "state" : get_state(head, state);
  if (missing)
    return status_error(EXIT_DATA, "%s: '%s' is missing or of the wrong type", name, missing);
  return head_possible(head, name);
}

Status layout_read_head(CheckpointHead *head, int64_t file, const char *name) {
  hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
  if (root < 0)
    return h5_error(EXIT_DATA, name, "read the root of");
  hid_t state = H5Lexists(root, "state", H5P_DEFAULT) > 0 ? H5Gopen2(root, "state", H5P_DEFAULT) : -1;
  *head = (CheckpointHead){0};
  Status status = read_head(head, root, state, name);
  if (state >= 0)
    H5Gclose(state);
  H5Gclose(root);
  return status;
}
