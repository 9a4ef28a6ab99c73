#ifndef CHECKPOINT_FILES_H
#define CHECKPOINT_FILES_H
/// Plain files, written and read whole or with a reason. All local. Interrupted and short calls are continued; a failed
/// fsync is never tried again, because the kernel then believes the pages to be clean.
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { FILE_PATH = 4096, FILE_NAME = 256 };

/// EXIT_IO "NAME: cannot WHAT: reason of errno".
Status file_error(const char *name, const char *what);

/// bytes[size] at `offset` of the file. EXIT_IO; reading past the end says so.
Status file_write(int file, const void *bytes, size_t size, int64_t offset, const char *name);
Status file_read(int file, void *bytes, size_t size, int64_t offset, const char *name);

/// Bytes and names have reached the disk.
Status file_sync(int file, const char *name);

/// close(), whose error is an error too.
Status file_close(int file, const char *name);

/// Opens a regular file for reading; *size is its length. EXIT_NO_INPUT when absent.
Status file_open(int *file, int64_t *size, const char *name);

/// Replaces name `to` by `from` in one directory at once, and makes that permanent. `shown` names the directory in
/// errors.
Status name_replace(int directory, const char *from, const char *to, const char *shown);

/// Removes a name if it is there.
Status name_remove(int directory, const char *name, const char *shown);

#endif
