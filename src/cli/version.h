#ifndef CLI_VERSION_H
#define CLI_VERSION_H
/// Prints version, compiler, and the versions of the libraries in use, to standard output.
void version_print(void);
#endif
