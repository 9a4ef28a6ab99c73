// Tables are read as RFC 4180 says, and what it does not allow is refused with line and column.
#include "data/csv.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/// The cells of all rows as "cell|cell\ncell|…", or the error, into text.
static Status render(char *text, size_t size, const char *bytes, size_t length) {
  Csv csv;
  size_t at = 0;
  bool more = true;
  Status status = csv_parse(&csv, bytes, length, "t.csv");
  text[0] = 0;
  while (!status.code && more) {
    status = csv_next(&csv, &more);
    for (int i = 0; !status.code && i < csv.cells && more; i++)
      at += (size_t)snprintf(text + at, size - at, "%s%s", csv.cell[i].text, i + 1 < csv.cells ? "|" : "#");
  }
  csv_close(&csv);
  return status;
}

/// "A string literal", with its length, so that it may hold NUL bytes.
typedef struct Case {
  const char *bytes, *want; // rows; or the error's LINE:COLUMN and words
  size_t length;
} Case;

static const Case good[] = {
    {"", "", 0},
    {"a", "a#", 0},
    {"a,b\n1,2\n", "a|b#1|2#", 0},
    {"a,b\r\n1,2\r\n", "a|b#1|2#", 0},
    {"a,b\n1,2", "a|b#1|2#", 0},
    {"a\n\n\r\n\n", "a#", 0},
    {"a,\n,b\n,\n", "a|#|b#|#", 0},
    {"a\n\nb\n", "a##b#", 0},
    {"\xef\xbb\xbf"
     "a,b\n",
     "a|b#", 0},
    {"\"a\",\"b\"\n", "a|b#", 0},
    {"\"a,b\",\"c\"\"d\"\"\"\n", "a,b|c\"d\"#", 0},
    {"\"line\nbreak\",2\n3,4\n", "line\nbreak|2#3|4#", 0},
    {"\"\",\"\"\"\"\n", "|\"#", 0},
    {"\"a\r\nb\"\r\n", "a\r\nb#", 0},
    {"\"\xef\xbb\xbf\"", "\xef\xbb\xbf#", 0},
    {" a , b \n", " a | b #", 0},
    {"gr\xc3\xbc\xc3\x9f"
     "e,\xe2\x82\xac\n",
     "gr\xc3\xbc\xc3\x9f"
     "e|\xe2\x82\xac#",
     0},
};

static const Case bad[] = {
    {"a\0b\n", "1:2: a NUL", 4},
    {"a,\"b\0\"\n", "1:5: a NUL", 7},
    {"a,b\rc,d\r", "1:4: a carriage return", 0},
    {"a,b\n1,2\r", "2:4: a carriage return", 0},
    {"a\"b\n", "1:2: a quote inside", 0},
    {"a,b\n1,\"2\"x\n", "2:6: text behind", 0},
    {"a,b\n\"1\" ,2\n", "2:4: text behind", 0},
    {"a,b\n1,\"2\n3,4\n", "2:3: a quote that is never closed", 0},
    {"\"", "1:1: a quote that is never closed", 0},
    {"\"a\"\"", "1:1: a quote that is never closed", 0},
    {"\"x\ny\",\"z\n", "2:4: a quote that is never closed", 0},
    {"\xff\xfe"
     "a\0,\0",
     "1:4: a NUL", 6},
};

static void check_tables(void) {
  static char text[4096];
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    Status status = render(text, sizeof text, good[i].bytes, strlen(good[i].bytes));
    CHECK(status.code == 0 && !strcmp(text, good[i].want), "case %zu: got \"%s\" %s, not \"%s\"", i, text, status.text,
          good[i].want);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char want[128];
    snprintf(want, sizeof want, "t.csv:%s", bad[i].want);
    Status status = render(text, sizeof text, bad[i].bytes, bad[i].length ? bad[i].length : strlen(bad[i].bytes));
    CHECK(status.code == EXIT_DATA && !strncmp(status.text, want, strlen(want)), "case %zu: got \"%s\", not \"%s…\"", i,
          status.text, want);
  }
}

static void check_large(void) {
  size_t size = (size_t)3 << 20;
  char *bytes = malloc(size), text[8];
  memset(bytes, 'x', size);
  Status status = render(text, sizeof text, bytes, size);
  CHECK(status.code == EXIT_DATA && strstr(status.text, "1:1048577: a cell of more than 1 MiB"), "%s", status.text);
  bytes[0] = '"';
  status = render(text, sizeof text, bytes, size);
  CHECK(status.code == EXIT_DATA && strstr(status.text, "perhaps a quote is not closed"), "%s", status.text);
  memset(bytes, ',', size);
  status = render(text, sizeof text, bytes, size);
  CHECK(status.code == EXIT_DATA && strstr(status.text, "more than 1048576 cells"), "%s", status.text);
  memset(bytes, '\n', size);
  status = render(text, sizeof text, bytes, size);
  CHECK(status.code == 0 && !*text, "three million empty lines are no table: %s", status.text);
  free(bytes);
}

static size_t deflate_gzip(unsigned char *to, size_t room, const char *from, size_t size) {
  z_stream stream = {0};
  CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK, "deflateInit2");
  stream.next_in = (Bytef *)from;
  stream.avail_in = (uInt)size;
  stream.next_out = to;
  stream.avail_out = (uInt)room;
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate");
  size_t done = room - stream.avail_out;
  deflateEnd(&stream);
  return done;
}

static void check_gzip(void) {
  const char plain[] = "a,b\n1,2\n3.25,-4e-7\n\"x\",\"y\"\n";
  const char want[] = "a|b#1|2#3.25|-4e-7#x|y#";
  static unsigned char packed[256];
  char text[256];
  size_t size = deflate_gzip(packed, sizeof packed, plain, strlen(plain));
  Status status = render(text, sizeof text, (char *)packed, size);
  CHECK(status.code == 0 && !strcmp(text, want), "gzip: %s %s", text, status.text);
  for (size_t cut = 2; cut < size; cut++) {
    status = render(text, sizeof text, (char *)packed, cut);
    CHECK(status.code == EXIT_DATA, "cut at %zu of %zu is accepted: %s", cut, size, text);
  }
  packed[size] = 'x';
  CHECK(render(text, sizeof text, (char *)packed, size + 1).code == EXIT_DATA, "a stray byte behind is accepted");
  for (size_t bit = 16; bit < 8 * size; bit++) { // the first two bytes make it gzip
    packed[bit / 8] ^= (unsigned char)(1 << bit % 8);
    status = render(text, sizeof text, (char *)packed, size);
    CHECK(status.code == EXIT_DATA || !strcmp(text, want), "bit %zu changes the table to %s", bit, text);
    packed[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
}

int main(void) {
  check_tables();
  check_large();
  check_gzip();
  return 0;
}
