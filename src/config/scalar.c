// What a scalar is, and how a text becomes one again: the core schema of YAML 1.2 (yaml.org/spec/1.2.2, chapter 10.3),
// with texts quoted where a reader of YAML 1.1 (PyYAML) would take them for something else.
#include "config/internal.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static size_t digits(const char *text) { return strspn(text, "0123456789"); }

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, without leading zeros, which may mean octal.
static ScalarKind number_kind(const char *text) {
  const char *c = text + (*text == '-' || *text == '+');
  size_t whole = digits(c);
  bool odd = whole > 1 && *c == '0';
  c += whole;
  if (whole && !*c)
    return odd ? SCALAR_ODD : SCALAR_WHOLE;
  if (*c == '.') {
    size_t fraction = digits(c + 1);
    if (!whole && !fraction)
      return SCALAR_TEXT;
    whole += fraction;
    c += 1 + fraction;
  }
  if (whole && (*c == 'e' || *c == 'E')) {
    c += 1 + (c[1] == '-' || c[1] == '+');
    size_t power = digits(c);
    c += power;
    if (!power)
      return SCALAR_TEXT;
  }
  return *c || !whole ? SCALAR_TEXT : odd ? SCALAR_ODD : SCALAR_NUMBER;
}

static bool is_word_of(const char *text, const char *const *words) {
  for (; *words; words++)
    if (!strcasecmp(text, *words))
      return true;
  return false;
}

static ScalarKind plain_kind(const char *text) {
  static const char *const nulls[] = {"", "~", "null", NULL};
  static const char *const odds[] = {".inf", "-.inf", "+.inf", ".nan", "true", "false", NULL};
  if (is_word_of(text, nulls))
    return SCALAR_NULL;
  if (!strcmp(text, "true") || !strcmp(text, "false"))
    return SCALAR_BOOL;
  if (is_word_of(text, odds))
    return SCALAR_ODD;
  if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o') && text[2])
    if (!text[2 + strspn(text + 2, text[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567")])
      return SCALAR_ODD;
  return number_kind(text);
}

ScalarKind scalar_kind(const Node *scalar) { return scalar->quoted ? SCALAR_TEXT : plain_kind(scalar->text); }

/// Length of the UTF-8 character at c, 0 if there is none (RFC 3629: no overlong forms, no surrogates, at most
/// U+10FFFF).
int utf8_length(const char *text, const char *end) {
  const unsigned char *c = (const unsigned char *)text;
  if (*c < 0x80)
    return 1;
  int length = *c >= 0xc2 && *c < 0xe0 ? 2 : *c >= 0xe0 && *c < 0xf0 ? 3 : *c >= 0xf0 && *c < 0xf5 ? 4 : 0;
  if (!length || end - text < length)
    return 0;
  for (int i = 1; i < length; i++)
    if ((c[i] & 0xc0) != 0x80)
      return 0;
  bool wrong = (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) || (*c == 0xf0 && c[1] < 0x90) ||
               (*c == 0xf4 && c[1] > 0x8f);
  return wrong ? 0 : length;
}

/// The code point at *text, and steps over it; a byte that is not UTF-8 counts as U+FFFF, which is no character.
static unsigned code_point(const char **text) {
  int length = utf8_length(*text, *text + strnlen(*text, 4));
  const unsigned char *c = (const unsigned char *)*text;
  *text += length ? length : 1;
  if (length < 2)
    return length ? *c : 0xffff;
  unsigned value = *c & (0x7fu >> length);
  for (int i = 1; i < length; i++)
    value = value << 6 | (c[i] & 0x3f);
  return value;
}

static bool is_printable(unsigned code) {
  bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  bool mark = code == 0x2028 || code == 0x2029 || code == 0xfeff || code == 0xfffe || code == 0xffff;
  bool turned = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069); // would reverse a message
  return !control && !mark && !turned;
}

bool text_printable(const char *text) {
  while (*text)
    if (!is_printable(code_point(&text)))
      return false;
  return true;
}

size_t text_show(char *to, size_t size, const char *from, size_t most) {
  size_t at = 0;
  for (const char *c = from, *start = c; *c; start = c) {
    unsigned code = code_point(&c);
    char piece[12];
    bool cut = (size_t)(c - from) > most;
    if (cut)
      text_print(piece, sizeof piece, "...");
    else if (is_printable(code))
      text_print(piece, sizeof piece, "%.*s", (int)(c - start), start);
    else if (c - start == 1)
      text_print(piece, sizeof piece, "\\x%02x", (unsigned char)*start);
    else
      text_print(piece, sizeof piece, code < 256 ? "\\x%02x" : "\\u%04x", code);
    if (at + strlen(piece) >= size)
      break;
    at += (size_t)snprintf(to + at, size - at, "%s", piece);
    if (cut)
      break;
  }
  to[at] = 0;
  return at;
}

void node_describe(char *text, int size, const Node *node) {
  char shown[200];
  text_show(shown, sizeof shown, node->text ? node->text : "", 40);
  if (node->kind != NODE_SCALAR) {
    text_print(text, (size_t)size, node->kind == NODE_LIST ? "a list" : "a map");
    return;
  }
  const char *before = "", *after = "";
  switch (scalar_kind(node)) {
  case SCALAR_NULL:
    before = "empty";
    break;
  case SCALAR_BOOL:
    before = "the truth value ";
    break;
  case SCALAR_WHOLE:
  case SCALAR_NUMBER:
    before = "the number ";
    break;
  case SCALAR_ODD:
    break;
  case SCALAR_TEXT:
    before = "the text \"", after = "\"";
    if (*shown && plain_kind(node->text) != SCALAR_TEXT)
      before = "\"", after = "\" in quotes, a text";
    break;
  }
  text_print(text, (size_t)size, "%s%s%s", before, scalar_kind(node) == SCALAR_NULL ? "" : shown, after);
}

/// True when every reader takes the bare text for a text, in block and in flow style.
static bool is_plain(const char *text) {
  static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", NULL};
  if (!isalpha((unsigned char)*text) && *text != '/' && *text != '_')
    return false;
  for (const char *c = text; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr("_./-", *c))
      return false;
  return !is_word_of(text, words);
}

static void print_scalar(FILE *to, const char *text) {
  if (is_plain(text)) {
    fputs(text, to);
    return;
  }
  fputc('"', to);
  for (const char *c = text, *start = c; *c; start = c) {
    unsigned code = code_point(&c);
    if (code == '"' || code == '\\')
      fprintf(to, "\\%c", code);
    else if (is_printable(code))
      fprintf(to, "%.*s", (int)(c - start), start);
    else
      fprintf(to, code < 256 ? "\\x%02x" : "\\u%04x", code);
  }
  fputc('"', to);
}

char *scalar_print(const char *text) {
  char *result = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&result, &size);
  REQUIRE(to, "out of memory for a string");
  print_scalar(to, text);
  REQUIRE(fclose(to) == 0, "out of memory for a string");
  return result;
}

static void print_node(FILE *to, const Node *node) {
  if (node->kind == NODE_SCALAR) {
    ScalarKind kind = scalar_kind(node);
    if (kind == SCALAR_TEXT)
      print_scalar(to, node->text);
    else
      fputs(kind == SCALAR_NULL ? "null" : node->text, to);
    return;
  }
  fputc(node->kind == NODE_LIST ? '[' : '{', to);
  for (const Node *child = node->child; child; child = child->next) {
    if (node->kind == NODE_MAP) {
      print_scalar(to, child->key);
      fputs(": ", to);
    }
    print_node(to, child);
    if (child->next)
      fputs(", ", to);
  }
  fputc(node->kind == NODE_LIST ? ']' : '}', to);
}

char *node_print(const Node *node) {
  char *text = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&text, &size);
  REQUIRE(to, "out of memory for a string");
  print_node(to, node);
  REQUIRE(fclose(to) == 0, "out of memory for a string");
  return text;
}
