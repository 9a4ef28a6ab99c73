// From bytes to nodes, by the events of libyaml. What libyaml 0.2.5 does not limit (depth, size, number of events, the
// length of a line, which it may scan once per token) is limited here, before or while it parses; what a configuration
// never needs (anchors, aliases, tags, directives, a second document) is refused when its event arrives.
#include "config/internal.h"

#include "base/text.h"

#include <string.h>
#include <yaml.h>

typedef struct Builder {
  yaml_parser_t parser;
  Tree *tree;
  int set, events, depth;
  const char *text;
  size_t size;
} Builder;

static Status fault(const Tree *tree, int set, int line, int column, const char *what) {
  char place[PLACE_TEXT];
  tree_place(place, tree, NULL, set, line, column);
  return status_error(EXIT_CONFIG, "%s: %s", place, what);
}

/// What a look at the bytes alone can tell.
static Status check_bytes(const Tree *tree, int set, const char *text, size_t size) {
  const char *c = text, *end = c + size, *line_start = c;
  if (size > TREE_BYTES_MOST)
    return fault(tree, set, 1, 1, "is larger than 256 KiB; a configuration is a few kilobytes of YAML");
  if (size >= 2 && (!memcmp(c, "\xff\xfe", 2) || !memcmp(c, "\xfe\xff", 2)))
    return fault(tree, set, 1, 1, "is UTF-16; save it as UTF-8");
  int line = 1, column = 1;
  while (c < end) {
    int length = utf8_length(c, end);
    if (!length)
      return fault(tree, set, line, column, "a byte that is not UTF-8; save the file as UTF-8");
    if (*c == 0)
      return fault(tree, set, line, column, "a NUL byte; a configuration is a text file");
    if (((unsigned char)*c < 0x20 && *c != '\t' && *c != '\n' && *c != '\r') || *c == 0x7f)
      return fault(tree, set, line, column, "a control character; write it as an escape in double quotes");
    if (*c == '%' && c == line_start)
      return fault(tree, set, line, column, "a YAML directive; remove the line that begins with %");
    if (c - line_start >= TREE_LINE_MOST)
      return fault(tree, set, line, column, "a line of more than 4096 bytes; break it");
    column++;
    if (*c == '\n' || (*c == '\r' && !(c + 1 < end && c[1] == '\n'))) {
      line++;
      column = 1;
      line_start = c + 1;
    }
    c += length;
  }
  return STATUS_OK;
}

static Status syntax_fault(const Builder *builder) {
  const yaml_parser_t *parser = &builder->parser;
  if (parser->error == YAML_MEMORY_ERROR)
    return status_error(EXIT_INTERNAL, "out of memory for the YAML parser");
  int line = (int)parser->problem_mark.line + 1, column = (int)parser->problem_mark.column + 1;
  if (parser->error == YAML_READER_ERROR) { // has an offset, and no mark
    line = column = 1;
    for (size_t i = 0; i < parser->problem_offset && i < builder->size; i++, column++)
      if (builder->text[i] == '\n')
        line++, column = 0;
  }
  const char *problem = parser->problem ? parser->problem : "not YAML";
  const char *advice = "look at indentation, brackets and quotes there and above";
  if (strstr(problem, "cannot start any token") || strstr(problem, "tab"))
    advice = "indent with spaces, and put text that begins with a sign in quotes";
  else if (strstr(problem, "mapping values"))
    advice = "put text with a colon in quotes, and keys of one map below each other";
  char what[300];
  text_print(what, sizeof what, "not YAML: %s%s%s; %s", parser->context ? parser->context : "",
             parser->context ? ", " : "", problem, advice);
  return fault(builder->tree, builder->set, line, column, what);
}

static Status fault_at(const Builder *builder, const yaml_event_t *event, const char *what) {
  return fault(builder->tree, builder->set, (int)event->start_mark.line + 1, (int)event->start_mark.column + 1, what);
}

static Status refuse_extras(const Builder *builder, const yaml_event_t *event) {
  const yaml_char_t *anchor = NULL, *tag = NULL;
  switch (event->type) {
  case YAML_ALIAS_EVENT:
    return fault_at(builder, event, "an alias (*); write the value out");
  case YAML_SCALAR_EVENT:
    anchor = event->data.scalar.anchor, tag = event->data.scalar.tag;
    break;
  case YAML_SEQUENCE_START_EVENT:
    anchor = event->data.sequence_start.anchor, tag = event->data.sequence_start.tag;
    break;
  case YAML_MAPPING_START_EVENT:
    anchor = event->data.mapping_start.anchor, tag = event->data.mapping_start.tag;
    break;
  default:
    break;
  }
  if (anchor)
    return fault_at(builder, event, "an anchor (&); write values out, and put text that begins with & in quotes");
  if (tag)
    return fault_at(builder, event, "a tag (!); remove it, and put text that begins with ! in quotes");
  return STATUS_OK;
}

/// The next event, to be deleted by the caller when successful.
static Status next_event(Builder *builder, yaml_event_t *event) {
  if (!yaml_parser_parse(&builder->parser, event))
    return syntax_fault(builder);
  Status status = refuse_extras(builder, event);
  if (!status.code && ++builder->events > TREE_EVENTS_MOST)
    status = fault_at(builder, event, "more than 8192 values; a configuration has about a hundred");
  if (status.code)
    yaml_event_delete(event);
  return status;
}

static Status build_node(Builder *builder, Node **node, const yaml_event_t *event);

static Status build_items(Builder *builder, Node *list) {
  for (;;) {
    yaml_event_t event;
    TRY(next_event(builder, &event));
    Node *item = NULL;
    bool end = event.type == YAML_SEQUENCE_END_EVENT;
    Status status = end ? STATUS_OK : build_node(builder, &item, &event);
    yaml_event_delete(&event);
    TRY(status);
    if (end)
      return STATUS_OK;
    node_append(list, item);
  }
}

static void hang_value(Builder *builder, Node *map, Node *key, Node *value) {
  value->key = key->text;
  value->key_line = key->line;
  value->key_column = key->column;
  const Node *before = node_find(map, key->text);
  if (before)
    tree_complain(builder->tree, value, "%.60s is given twice, first on line %d; keep one", key->text,
                  before->key_line);
  else
    node_append(map, value);
}

static Status build_entries(Builder *builder, Node *map) {
  Node *key = NULL;
  for (;;) {
    yaml_event_t event;
    TRY(next_event(builder, &event));
    Node *node = NULL;
    bool end = event.type == YAML_MAPPING_END_EVENT;
    Status status = STATUS_OK;
    if (!end && !key && event.type != YAML_SCALAR_EVENT)
      status = fault_at(builder, &event, "a list or map as a key; a key is a word");
    else if (!end && map->children >= TREE_KEYS_MOST)
      status = fault_at(builder, &event, "more than 256 keys in one map; no section has so many");
    else if (!end)
      status = build_node(builder, &node, &event);
    yaml_event_delete(&event);
    TRY(status);
    if (end)
      return STATUS_OK;
    if (key)
      hang_value(builder, map, key, node);
    key = key ? NULL : node;
  }
}

static Status build_node(Builder *builder, Node **node, const yaml_event_t *event) {
  bool scalar = event->type == YAML_SCALAR_EVENT;
  const char *text = scalar ? (const char *)event->data.scalar.value : NULL;
  size_t length = scalar ? event->data.scalar.length : 0;
  if (scalar && memchr(text, 0, length))
    return fault_at(builder, event, "a NUL character; remove it");
  NodeKind kind = scalar ? NODE_SCALAR : event->type == YAML_SEQUENCE_START_EVENT ? NODE_LIST : NODE_MAP;
  TRY(node_make(node, builder->tree, kind, text, length));
  (*node)->set = builder->set;
  (*node)->line = (int)event->start_mark.line + 1;
  (*node)->column = (int)event->start_mark.column + 1;
  (*node)->quoted = scalar && event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  if (scalar)
    return STATUS_OK;
  if (builder->depth >= TREE_DEPTH_MOST)
    return fault_at(builder, event, "nested more than 16 deep; write it flatter");
  builder->depth++;
  Status status = kind == NODE_LIST ? build_items(builder, *node) : build_entries(builder, *node);
  builder->depth--;
  return status;
}

static Status build_document(Builder *builder, Node **root) {
  for (bool seen = false;;) {
    yaml_event_t event;
    TRY(next_event(builder, &event));
    Status status = STATUS_OK;
    yaml_event_type_t type = event.type;
    if (type == YAML_DOCUMENT_START_EVENT && seen)
      status = fault_at(builder, &event, "a second document; keep one, without a line of ---");
    else if (type == YAML_DOCUMENT_START_EVENT)
      seen = true;
    else if (type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT)
      status = build_node(builder, root, &event);
    yaml_event_delete(&event);
    TRY(status);
    if (type == YAML_STREAM_END_EVENT)
      return STATUS_OK;
  }
}

Status yaml_build(Node **root, Tree *tree, const char *text, int64_t size, int set) {
  *root = NULL;
  if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
    text += 3, size -= 3;
  TRY(check_bytes(tree, set, text, (size_t)size));
  Builder builder = {.tree = tree, .set = set, .text = text, .size = (size_t)size};
  if (!yaml_parser_initialize(&builder.parser))
    return status_error(EXIT_INTERNAL, "out of memory for the YAML parser");
  yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&builder.parser, (const unsigned char *)text, (size_t)size);
  Status status = build_document(&builder, root);
  yaml_parser_delete(&builder.parser);
  if (status.code)
    *root = NULL;
  return status;
}
