#ifndef ANALYZE_FOLDER_H
#define ANALYZE_FOLDER_H
/// The runs of a sweep directory.
#include "base/status.h"

#include <stdbool.h>

enum { RUN_NAME = 64 }; // room for the name of a run's directory: a hash

/// Whether DIR/runs/NAME/FILE is there.
bool folder_has(const char *dir, const char *name, const char *file);

/// names[count][RUN_NAME], owned (free), by name: runs that are `wanted`. None at all is no error here.
void folder_runs(char (**names)[RUN_NAME], int *count, const char *dir,
                 bool (*wanted)(const char *dir, const char *name));

#endif
