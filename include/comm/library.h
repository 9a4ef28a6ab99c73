#ifndef COMM_LIBRARY_H
#define COMM_LIBRARY_H
/// The version of the library that this room rests on, as it calls itself, into text[size]. May be called before MPI starts.
#include <stddef.h>
void comm_library(char *text, size_t size);
#endif
