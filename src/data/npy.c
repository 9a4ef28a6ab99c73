/// A .npy file is "\x93NUMPY", version, length of the header, a header that is a Python dictionary with the keys descr,
/// fortran_order and shape, and the elements (numpy.lib.format).
#include "data/npy.h"

#include "base/memory.h"
#include "base/text.h"
#include "source.h"

#include <stdlib.h>
#include <string.h>

static const size_t file_most = (size_t)4 << 30;

static size_t type_size(NpyType type) {
  static const size_t size[] = {4, 8, 4, 8, 1};
  return size[type];
}

/// The header's text, being read; `wrong` says what was expected where reading stopped.
typedef struct Header {
  const char *at, *end, *wrong;
} Header;

static void blanks(Header *h) {
  while (h->at < h->end && (*h->at == ' ' || *h->at == '\n'))
    h->at++;
}

static bool accept(Header *h, const char *word) {
  size_t length = strlen(word);
  blanks(h);
  if ((size_t)(h->end - h->at) < length || memcmp(h->at, word, length))
    return false;
  h->at += length;
  return true;
}

static bool expect(Header *h, const char *word, const char *wrong) {
  if (!accept(h, word)) {
    h->wrong = wrong;
    return false;
  }
  return true;
}

static bool read_descr(Npy *npy, Header *h) {
  static const char *const descr[] = {"'<f4'", "'<f8'", "'<i4'", "'<i8'", "'|u1'"};
  for (int i = 0; i <= NPY_U1; i++)
    if (accept(h, descr[i])) {
      npy->type = (NpyType)i;
      return true;
    }
  h->wrong = "a type that is not read; '<f4', '<f8', '<i4', '<i8' or '|u1' would be right";
  return false;
}

static bool read_shape(Npy *npy, Header *h) {
  if (!expect(h, "(", "a shape in parentheses would be right"))
    return false;
  npy->count = 1;
  while (!accept(h, ")")) {
    int64_t value = 0;
    blanks(h);
    const char *begin = h->at;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9' && value < INT64_MAX / 20; h->at++)
      value = 10 * value + (*h->at - '0');
    if (h->at == begin || value < 1 || npy->dimensions == NPY_DIMENSIONS ||
        __builtin_mul_overflow(npy->count, value, &npy->count)) {
      h->wrong = "1 to 4 dimensions, each at least 1, would be right";
      return false;
    }
    npy->dim[npy->dimensions++] = value;
    if (!accept(h, ",") && h->at < h->end && *h->at != ')') {
      h->wrong = "a comma between dimensions would be right";
      return false;
    }
  }
  if (npy->dimensions == 0)
    h->wrong = "1 to 4 dimensions would be right, not a single number";
  return npy->dimensions > 0;
}

static bool read_header(Npy *npy, Header *h) {
  bool descr = false, order = false, shape = false;
  if (!expect(h, "{", "a dictionary would be right"))
    return false;
  while (!accept(h, "}")) {
    bool done;
    if (!descr && accept(h, "'descr':"))
      done = descr = read_descr(npy, h);
    else if (!order && accept(h, "'fortran_order':"))
      done = order =
          expect(h, "False", "the array is in Fortran order; C order (numpy.ascontiguousarray) would be right");
    else if (!shape && accept(h, "'shape':"))
      done = shape = read_shape(npy, h);
    else
      done = expect(h, "'descr'", "the keys descr, fortran_order and shape, once each, would be right");
    if (!done)
      return false;
    if (!accept(h, ",")) {
      if (!expect(h, "}", "a comma or the dictionary's end would be right"))
        return false;
      break;
    }
  }
  blanks(h);
  if (h->at != h->end || !descr || !order || !shape)
    h->wrong = "the keys descr, fortran_order and shape, and nothing behind the dictionary, would be right";
  return !h->wrong;
}

static Status find_header(Header *h, const uint8_t *bytes, size_t size, const char *name) {
  if (size < 10 || memcmp(bytes, "\x93NUMPY", 6))
    return status_error(EXIT_DATA, "%s: is not a .npy file", name);
  if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
    return status_error(EXIT_DATA, "%s: .npy format %d.%d; 1.0, 2.0 or 3.0 would be right", name, bytes[6], bytes[7]);
  size_t start = bytes[6] == 1 ? 10 : 12, length = bytes[8] | (size_t)bytes[9] << 8;
  if (start == 12)
    length |= size < 12 ? 0 : (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  if (size < start || length > size - start)
    return status_error(EXIT_DATA, "%s: ends within its header", name);
  *h = (Header){(const char *)bytes + start, (const char *)bytes + start + length, NULL};
  return STATUS_OK;
}

Status npy_parse(Npy *npy, const void *bytes, size_t size, const char *name) {
  Header header = {0};
  *npy = (Npy){0};
  TRY(find_header(&header, bytes, size, name));
  const char *data = header.end;
  if (!read_header(npy, &header))
    return status_error(EXIT_DATA, "%s:%zu: %s", name, (size_t)(header.at - (const char *)bytes), header.wrong);
  size_t have = size - (size_t)(data - (const char *)bytes), each = type_size(npy->type);
  if (have % each || have / each != (uint64_t)npy->count)
    return status_error(EXIT_DATA,
                        "%s: holds %zu bytes of elements; the %lld elements of its shape would be %s%zu bytes", name,
                        have, (long long)npy->count, (uint64_t)npy->count > SIZE_MAX / each ? "more than " : "",
                        (uint64_t)npy->count > SIZE_MAX / each ? SIZE_MAX : (size_t)npy->count * each);
  TRY(memory_take(&npy->bytes, have, 1, name));
  memcpy(npy->bytes, data, have);
  return STATUS_OK;
}

Status npy_open(Npy *npy, const char *path) {
  FileBytes file;
  *npy = (Npy){0};
  TRY(file_bytes_read(&file, path, file_most));
  Status status = npy_parse(npy, file.bytes, file.size, path);
  file_bytes_free(&file);
  return status;
}

void npy_close(Npy *npy) {
  free(npy->bytes);
  *npy = (Npy){0};
}
