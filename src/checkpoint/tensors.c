#include "checkpoint/tensors.h"

#include <hdf5.h>
#include <stdbool.h>

static hid_t memory_type(TensorType type) {
  return type == TENSOR_FLOAT    ? H5T_NATIVE_FLOAT
         : type == TENSOR_DOUBLE ? H5T_NATIVE_DOUBLE
         : type == TENSOR_INT64  ? H5T_NATIVE_INT64
                                 : H5T_NATIVE_UINT8;
}

static bool write_one(hid_t file, hid_t links, const NamedTensor *tensor) {
  hsize_t dim[4];
  for (int d = 0; d < tensor->dimensions; d++)
    dim[d] = (hsize_t)tensor->dim[d];
  hid_t space = H5Screate_simple(tensor->dimensions, dim, NULL), type = memory_type(tensor->type);
  hid_t set = H5Dcreate2(file, tensor->path, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  bool good = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor->data) >= 0;
  if (set >= 0)
    good = H5Dclose(set) >= 0 && good;
  H5Sclose(space);
  return good;
}

Status tensors_write(const char *path, const NamedTensor *tensor, int tensors) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  if (file < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot be created; name a file in a directory that can be written",
                        path);
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  bool good = true;
  for (int k = 0; k < tensors && good; k++)
    good = write_one(file, links, &tensor[k]);
  H5Pclose(links);
  good = H5Fclose(file) >= 0 && good;
  return good ? STATUS_OK : status_error(EXIT_IO, "%s: cannot be written; is the disk full?", path);
}
