#ifndef DATA_CONTAINER_INTERNAL_H
#define DATA_CONTAINER_INTERNAL_H
/// What reading, writing and verifying containers share: HDF5 seen through a narrow door. HDF5 types stay below
/// src/data.
#include "base/status.h"
#include "data/dataset.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

enum { CONTAINER_PATH = 256 };

/// An open file: `path` borrowed, `bytes` its size on disk.
typedef struct Container {
  hid_t id;
  const char *path;
  uint64_t bytes;
} Container;

/// Element types of format version 1; anything else in a file is refused.
typedef enum ElementType { ELEMENT_U8, ELEMENT_I32, ELEMENT_I64, ELEMENT_F32, ELEMENT_F64, ELEMENT_TEXT } ElementType;

/// An array of the file whose rank, size, storage and filters have been checked against each other and against the
/// file.
typedef struct Array {
  hid_t id;
  char where[CONTAINER_PATH]; // "/tasks/digit/labels"
  ElementType type;
  size_t element; // bytes in memory; ELEMENT_TEXT: of one fixed-length string, 0 where strings are variable
  int rank;
  uint64_t dim[4], points, bytes; // bytes = points * element
  bool chunked;
} Array;

/// Quiets HDF5's own error stack, forbids plugins. Called by everything below; harmless to repeat.
void container_quiet(void);

/// Opens for reading. EXIT_NO_INPUT: absent, unreadable. EXIT_DATA: not a regular file (a FIFO does not block), not HDF5.
Status container_open(Container *container, const char *path);
void container_close(Container *container);

/// EXIT_DATA with "FILE:WHERE: " in front.
Status container_error(const Container *container, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/// Whether `where` exists; every link on the way must be a hard one, else EXIT_DATA.
Status container_exists(bool *exists, const Container *container, const char *where);

/// The names in group `where`, in the order of strcmp, each owned; the list too. `most` bounds their number.
Status container_names(char ***names, int *count, const Container *container, const char *where, int most);
void container_names_free(char **names, int count);

/// Attributes of the object at `where`. Text is cut to `size`; numbers are scalar integers in [least, most].
Status container_text(char *text, size_t size, const Container *container, const char *where, const char *name);
Status container_integer(int64_t *value, const Container *container, const char *where, const char *name, int64_t least,
                         int64_t most);
Status container_has(bool *has, const Container *container, const char *where, const char *name);
/// A text of any length, owned; NULL where the attribute is absent.
Status container_long_text(char **text, const Container *container, const char *where, const char *name);

/// Opens the array at `where`. array_open accepts whichever type of the format it is, array_expect this one only.
Status array_open(Array *array, const Container *container, const char *where);
Status array_expect(Array *array, const Container *container, const char *where, ElementType type);
/// All elements, in native byte order, into data[bytes]; for ELEMENT_TEXT of fixed length the padded strings. `verify`
/// compares with xxh64 where the array carries it.
Status array_read(void *data, const Array *array, const Container *container, bool verify);
/// Variable or fixed strings [points], each owned, and the list.
Status array_read_texts(char ***texts, const Array *array, const Container *container, bool verify);
/// Walks the index of a chunked array without reading data.
Status array_walk(const Array *array, const Container *container);
/// Whether it has an xxh64, and whether that is the hash of its contents, read in one piece.
Status array_verify(bool *carried, const Array *array, const Container *container);
void array_close(Array *array);

/// Writing. `parent` is a group or the file. Each array gets its xxh64.
bool write_text(hid_t object, const char *name, const char *text);
bool write_integer(hid_t object, const char *name, int64_t value);
bool write_number(hid_t object, const char *name, double value);
bool write_array(hid_t parent, const char *name, ElementType type, int rank, const uint64_t *dim, const void *data);
bool write_texts(hid_t parent, const char *name, char *const *texts, int64_t count);
hid_t write_group(hid_t parent, const char *name);

/// dataset_write with something more: `more` (may be NULL) adds to the open file and returns false where HDF5 failed.
Status container_write(const Dataset *dataset, const char *path, bool (*more)(hid_t file, const void *user),
                       const void *user);

/// What the contents must satisfy, found in memory: used before writing and behind reading. `path` names the file in
/// the message.
Status check_modality(const Dataset *dataset, int modality, const char *path);
Status check_labels(const DatasetTask *task, int64_t samples, const char *path);
Status check_bytes(const uint8_t *value, int64_t samples, int most, const char *path, const char *where);
bool name_is_good(const char *name);

/// "; did you mean "X"?" or the list of what there is, into text[size].
void suggest(char *text, size_t size, const char *word, const char *const *candidates, int count);

#endif
