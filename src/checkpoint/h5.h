#ifndef CHECKPOINT_H5_H
#define CHECKPOINT_H5_H
/// HDF5 without its noise: silent calls, failures as one line, attributes. All local.
#include "base/status.h"

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>

/// To be called before anything else of HDF5: no messages of its own, and no closing of files at exit, which may wait
/// for ranks that have gone.
void h5_quiet(void);

/// "FILE: cannot WHAT: the innermost reason that HDF5 gives", and forgets that reason.
Status h5_error(int code, const char *file, const char *what);

/// Attributes: integers of 64 bits, double, and text as h5py's str. Negative on failure.
herr_t h5_put_integer(hid_t object, const char *name, int64_t value);
herr_t h5_put_unsigned(hid_t object, const char *name, uint64_t value);
herr_t h5_put_double(hid_t object, const char *name, double value);
herr_t h5_put_text(hid_t object, const char *name, const char *value);
herr_t h5_put_hash(hid_t object, const char *name, uint64_t value);

/// Of one element and the right class (text: cut to size, hash: 16 hexadecimal digits); else negative.
herr_t h5_get_integer(hid_t object, const char *name, int64_t *value);
herr_t h5_get_unsigned(hid_t object, const char *name, uint64_t *value);
herr_t h5_get_double(hid_t object, const char *name, double *value);
herr_t h5_get_text(hid_t object, const char *name, char *value, size_t size);
herr_t h5_get_hash(hid_t object, const char *name, uint64_t *value);

#endif
