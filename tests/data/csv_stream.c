// A table read row by row from a file has the cells, the lines and the refusals that it has when read whole, wherever pieces end.
#include "base/hash.h"
#include "data/csv.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static char path[] = "/tmp/rebasis-csv-XXXXXX";

/// All cells with their places as one hash, the number of rows, and the last Status.
typedef struct Outcome {
  uint64_t hash;
  int64_t rows;
  Status status;
} Outcome;

static Outcome read_all(Csv *csv, Status status) {
  Outcome outcome = {.status = status};
  Hash hash;
  hash_init(&hash);
  for (bool more = true; !outcome.status.code && more;) {
    outcome.status = csv_next(csv, &more);
    if (outcome.status.code || !more)
      break;
    outcome.rows++;
    for (int i = 0; i < csv->cells; i++) {
      hash_add(&hash, csv->cell[i].text, strlen(csv->cell[i].text) + 1);
      hash_add(&hash, &csv->cell[i].line, 2 * sizeof(int64_t)); // line and column
    }
    hash_add(&hash, "\n", 1);
  }
  outcome.hash = hash_value(&hash);
  return outcome;
}

static void put(const char *bytes, size_t size, int members) {
  if (members == 0) {
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, "cannot write");
    return;
  }
  for (int i = 0; i < members; i++) {
    size_t from = size * (size_t)i / (size_t)members, to = size * (size_t)(i + 1) / (size_t)members;
    gzFile file = gzopen(path, i ? "ab1" : "wb1");
    CHECK(file && gzwrite(file, bytes + from, (unsigned)(to - from)) == (int)(to - from) && gzclose(file) == Z_OK,
          "cannot write");
  }
}

/// Whole and by rows, plain and in gzip members.
static int64_t compare(const char *what, const char *bytes, size_t size) {
  Csv csv;
  Outcome want = read_all(&csv, csv_parse(&csv, bytes, size, path));
  csv_close(&csv);
  for (int members = 0; members < 3; members++) {
    put(bytes, size, members);
    Outcome got = read_all(&csv, csv_stream(&csv, path));
    CHECK(got.rows == want.rows && got.hash == want.hash && got.status.code == want.status.code &&
              !strcmp(got.status.text, want.status.text),
          "%s, %d members: %lld rows, not %lld; \"%s\", not \"%s\"", what, members, (long long)got.rows,
          (long long)want.rows, got.status.text, want.status.text);
    uint64_t hash;
    if (!want.status.code && !members)
      CHECK(csv_stream_bytes(&csv, &hash) == size && hash == hash_bytes(bytes, size), "%s: bytes and hash", what);
    csv_close(&csv);
  }
  return want.rows;
}

static void check_small(void) {
  static const char *const text[] = {
      "",           "a",
      "a,b\n1,2\n", "a\r\nb\r\n\r\n\n",
      "\n\n\n",     "a\n\nb\n",
      "a\n\r",      "a,\"b\nc\"\n\"\"\"\"",
      "a\n\"b",     "x,y\n1,\"2\"3\n",
      "a\"b\nc\n",  "\xef\xbb\xbfname\nvalue\n",
      "a,b\rc\n",   "a\n \n",
  };
  for (size_t i = 0; i < sizeof text / sizeof *text; i++)
    compare(text[i], text[i], strlen(text[i]));
}

/// Rows of several shapes, 2.3 MiB, shifted byte by byte over the ends of windows (256 KiB) and pieces (1 MiB).
static void check_shifts(void) {
  enum { ROOM = 5 << 19 };
  char *text = malloc(ROOM);
  for (int shift = 0; shift < 36; shift += 3) {
    size_t at = (size_t)shift;
    memset(text, 'x', at);
    for (int row = 0; at < ROOM - 4096; row++) // no period that the sizes of windows divide
      at += (size_t)snprintf(text + at, 4096,
                             row % 3 == 0   ? "%d,plain,%.*s.5\r\n"
                             : row % 3 == 1 ? "%d,\"a \"\"quoted\"\",\r\ncell\n\",%.*s\n"
                                            : "%d,,\"\",%.*s\n",
                             row, row * 7 % 23, "abcdefghijklmnopqrstuvw");
    for (int k = 0; k < 30; k++)
      text[at++] = '\n';
    CHECK(compare("shifts", text, at) > 50000, "rows");
    if (shift % 9)
      continue;
    text[at - 200] = 0; // near the end, behind many windows
    compare("a NUL", text, at);
  }
  free(text);
}

static void check_large_cells(void) {
  size_t size = (size_t)3 << 20, at = 0;
  char *text = malloc(size);
  for (int k = 0; k < 2; k++) { // two cells of just under 1 MiB: the window grows
    text[at++] = '"';
    memset(text + at, k ? '\n' : 'y', (1 << 20) - 2);
    at += (1 << 20) - 2;
    text[at++] = '"';
    text[at++] = k ? '\n' : ',';
  }
  memcpy(text + at, "1,2\n", 4);
  CHECK(compare("large cells", text, at + 4) == 2, "rows");
  memset(text, 'z', size);
  compare("a cell too large", text, size);
  text[7] = '"';
  compare("a quote inside a cell", text, size);
  memset(text, '\n', size);
  CHECK(compare("empty lines", text, size) == 0, "rows");
  free(text);
}

static void check_damage(void) {
  static char text[20000], packed[40000];
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = i % 10 == 9 ? '\n' : (char)('0' + i * i % 7);
  put(text, sizeof text, 2);
  FILE *file = fopen(path, "rb");
  size_t size = fread(packed, 1, sizeof packed, file);
  fclose(file);
  Csv csv;
  for (size_t cut = 2; cut < size; cut += 97) {
    put(packed, cut, 0);
    Outcome got = read_all(&csv, csv_stream(&csv, path));
    CHECK(got.status.code == EXIT_DATA || got.rows == 1000, "cut at %zu of %zu: %lld rows", cut, size,
          (long long)got.rows);
    csv_close(&csv);
  }
  CHECK(csv_stream(&csv, "/no/such/file.csv").code == EXIT_NO_INPUT, "no such file");
  csv_close(&csv);
  CHECK(csv_stream(&csv, "/dev/null").code == EXIT_DATA, "not a regular file");
  csv_close(&csv);
}

int main(void) {
  int descriptor = mkstemp(path);
  CHECK(descriptor >= 0, "no scratch file");
  close(descriptor);
  check_small();
  check_shifts();
  check_large_cells();
  check_damage();
  unlink(path);
  return 0;
}
