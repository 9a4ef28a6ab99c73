#include "checkpoint/driver.h"

#include "checkpoint/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if H5_VERSION_GE(1, 13, 2)
#include <H5FDdevelop.h>
#endif

typedef struct Driver {
  H5FD_t common; // HDF5's own part
  DriverFile *on;
  haddr_t eoa, eof;
} Driver;

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access, haddr_t most) {
  (void)name, (void)most;
  DriverFile *const *on = H5Pget_driver_info(access);
  struct stat facts;
  if (!on || fstat((*on)->file, &facts) != 0)
    return NULL;
  if (flags & H5F_ACC_TRUNC) {
    if (ftruncate((*on)->file, 0) != 0)
      return NULL;
    facts.st_size = 0;
  }
  Driver *driver = calloc(1, sizeof *driver);
  if (!driver) {
    (*on)->failure = status_error(EXIT_INTERNAL, "%s: out of memory for reading or writing it", (*on)->name);
    return NULL;
  }
  driver->on = *on;
  driver->eof = (haddr_t)facts.st_size;
  return &driver->common;
}

static herr_t driver_close(H5FD_t *file) {
  free(file);
  return 0;
}

static herr_t driver_query(const H5FD_t *file, unsigned long *flags) {
  (void)file;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return ((const Driver *)file)->eoa;
}

static herr_t driver_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t address) {
  (void)type;
  ((Driver *)file)->eoa = address;
  return 0;
}

static haddr_t driver_get_eof(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return ((const Driver *)file)->eof;
}

static herr_t driver_get_handle(H5FD_t *file, hid_t access, void **handle) {
  (void)access;
  *handle = &((Driver *)file)->on->file;
  return 0;
}

/// Bytes behind the end of the file read as zeros, as in HDF5's own drivers.
static herr_t driver_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer) {
  (void)type, (void)transfer;
  const Driver *driver = (const Driver *)file;
  size_t there = address >= driver->eof ? 0 : driver->eof - address < size ? (size_t)(driver->eof - address) : size;
  memset((char *)buffer + there, 0, size - there);
  Status status = file_read(driver->on->file, buffer, there, (int64_t)address, driver->on->name);
  if (status.code != 0 && driver->on->failure.code == 0)
    driver->on->failure = status;
  return status.code ? -1 : 0;
}

static herr_t driver_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer) {
  (void)type, (void)transfer;
  Driver *driver = (Driver *)file;
  if (driver->on->failure.code == 0)
    driver->on->failure = file_write(driver->on->file, buffer, size, (int64_t)address, driver->on->name);
  if (address + size > driver->eof)
    driver->eof = address + size;
  return 0;
}

static herr_t driver_truncate(H5FD_t *file, hid_t transfer, hbool_t closing) {
  (void)transfer, (void)closing;
  Driver *driver = (Driver *)file;
  if (driver->eoa == driver->eof)
    return 0;
  int result = 0;
  while (driver->on->failure.code == 0 && (result = ftruncate(driver->on->file, (off_t)driver->eoa)) != 0 &&
         errno == EINTR)
    ;
  if (result != 0)
    driver->on->failure = file_error(driver->on->name, "set the length of");
  driver->eof = driver->eoa;
  return 0;
}

static const H5FD_class_t driver_class = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION,
    .value = 511, // of the range that HDF5 leaves to applications
#endif
    .name = "rebasis",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(DriverFile *),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .get_handle = driver_get_handle,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t driver_access(DriverFile *file) {
  static hid_t driver; // HDF5 keeps it to the end of the process
  if (driver <= 0)
    driver = H5FDregister(&driver_class);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (H5Pset_driver(access, driver, &file) < 0) {
    H5Pclose(access);
    return -1;
  }
  return access;
}
