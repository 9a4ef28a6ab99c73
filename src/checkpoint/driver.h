#ifndef CHECKPOINT_DRIVER_H
#define CHECKPOINT_DRIVER_H
/// An HDF5 file driver of one process on a descriptor that the caller keeps. HDF5 never learns that a write failed: it
/// frees a file whose closing fails and frees it again when MPI ends (a crash, in 1.10). So a failed write is kept here
/// and nothing is written after it, and the caller asks when all is done.
#include "base/status.h"

#include <hdf5.h>

typedef struct DriverFile {
  int file;         // borrowed
  const char *name; // in errors; borrowed
  Status failure;   // the first one
} DriverFile;

/// File access properties that use the driver on `file`, borrowed until the HDF5 file is closed; negative on failure.
/// The name given to H5Fcreate or H5Fopen must exist, but is not opened.
hid_t driver_access(DriverFile *file);

#endif
