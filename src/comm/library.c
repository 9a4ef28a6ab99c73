#include "comm/library.h"

#include <mpi.h>
#include <stdio.h>
#include <string.h>

void comm_library(char *text, size_t size) {
  char name[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  MPI_Get_library_version(name, &length);
  name[strcspn(name, ",\n")] = 0;
  snprintf(text, size, "%s", name);
}
