#ifndef BASE_FILE_H
#define BASE_FILE_H
/// Small files of text, whole or not at all.
#include "base/status.h"

/// Writes `text`, and the end of its last line if it lacks that, to `path` through a file of another name beside it that no other process
/// uses, flushed and renamed, so that a reader sees the old text or the new one. A device or a pipe is written to as it is.
/// EXIT_CANNOT_CREATE, EXIT_IO; what was there stays then.
Status file_replace(const char *path, const char *text);

#endif
