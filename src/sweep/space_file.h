#ifndef SWEEP_SPACE_FILE_H
#define SWEEP_SPACE_FILE_H
#include "sweep/space.h"

/// Reads the sweep file and its base into axes, groups and options; expands nothing. Errors as space_read.
Status space_file_read(Space *space, const char *path);

#endif
