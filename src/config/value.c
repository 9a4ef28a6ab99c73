// One value: from a node into its field with every check that needs no other key, and back into text.
#include "config/read.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// "KEY is VALUE; WANTED is wanted", with advice behind it.
static void complain_kind(Reader *reader, const Key *key, const Node *node, const char *shown, const char *advice) {
  char is[120], wants[220];
  node_describe(is, sizeof is, node);
  key_wants(wants, sizeof wants, key);
  tree_complain(reader->tree, node, "%s is %s; %s is wanted%s", shown, is, wants, advice);
}

/// The key of one item of a list, or of one entry of a map, and how it is called.
static Key item_key(char shown_item[KEY_PATH_MOST], const Key *key, KeyKind kind, const char *shown, int index) {
  Key item = *key;
  item.kind = kind;
  text_print(shown_item, KEY_PATH_MOST, "%s[%d]", shown, index);
  return item;
}

static bool looks_numeric(const char *text) { return *text && text[strspn(text, "0123456789+-._eExXoO,")] == 0; }

static const char *number_advice(const Node *node) {
  if (node->kind != NODE_SCALAR)
    return "";
  Node bare = *node;
  bare.quoted = false;
  if (node->quoted && scalar_kind(&bare) != SCALAR_TEXT)
    return ", without quotes";
  return scalar_kind(node) == SCALAR_ODD || looks_numeric(node->text) ? ", in plain decimal digits" : "";
}

static bool inside(const Key *key, double value) {
  return (key->above_least ? value > key->least : value >= key->least) &&
         (key->below_most ? value < key->most : value <= key->most);
}

/// The number of a scalar, if it is one and inside the bounds of the key; false after a complaint.
static bool read_number(Reader *reader, const Key *key, double *value, const Node *node, const char *shown) {
  if (key->word && node->kind == NODE_SCALAR && !strcmp(node->text, key->word)) {
    *value = -1;
    return true;
  }
  ScalarKind kind = node->kind == NODE_SCALAR ? scalar_kind(node) : SCALAR_TEXT;
  if (kind != SCALAR_WHOLE && kind != SCALAR_NUMBER) {
    complain_kind(reader, key, node, shown, number_advice(node));
    return false;
  }
  if (!text_to_double(node->text, value) || !inside(key, *value)) {
    complain_kind(reader, key, node, shown, "");
    return false;
  }
  *value += 0.0; // -0 becomes 0
  return true;
}

static bool read_whole(Reader *reader, const Key *key, int64_t *value, const Node *node, const char *shown) {
  bool scalar = node->kind == NODE_SCALAR;
  if (scalar && key->word && !strcmp(node->text, key->word)) {
    *value = 0;
    return true;
  }
  if (!scalar || scalar_kind(node) != SCALAR_WHOLE || !text_to_int64(node->text, value) ||
      !inside(key, (double)*value)) {
    complain_kind(reader, key, node, shown, scalar && scalar_kind(node) == SCALAR_WHOLE ? "" : number_advice(node));
    return false;
  }
  return true;
}

/// Index of the scalar's word among the choices, or -1 after a complaint.
static int read_choice(Reader *reader, const Key *key, const Node *node, const char *shown) {
  bool text = node->kind == NODE_SCALAR && scalar_kind(node) == SCALAR_TEXT;
  for (int i = 0; text && key->choices[i]; i++)
    if (!strcmp(node->text, key->choices[i]))
      return i;
  const char *near = text ? text_nearest(node->text, key->choices, key_choices(key)) : NULL;
  char advice[80] = "";
  if (near)
    text_print(advice, sizeof advice, "; did you mean %s?", near);
  complain_kind(reader, key, node, shown, advice);
  return -1;
}

static void read_text(Reader *reader, const Key *key, char *field, const Node *node, const char *shown) {
  bool scalar = node->kind == NODE_SCALAR;
  if (!scalar || scalar_kind(node) != SCALAR_TEXT) {
    complain_kind(reader, key, node, shown, scalar && *node->text ? ", in quotes if it is meant" : "");
    return;
  }
  size_t length = strlen(node->text);
  if (!inside(key, (double)length) || !text_printable(node->text)) {
    complain_kind(reader, key, node, shown, text_printable(node->text) ? "" : ", without control characters");
    return;
  }
  memcpy(field, node->text, length + 1);
}

/// False after a complaint: not a list, or of a wrong length.
static bool is_list(Reader *reader, const Key *key, const Node *node, const char *shown) {
  if (node->kind == NODE_LIST && node->children >= key->fewest && node->children <= key->longest)
    return true;
  if (node->kind == NODE_LIST) {
    char wants[220];
    key_wants(wants, sizeof wants, key);
    tree_complain(reader->tree, node, "%s has %d items; %s is wanted", shown, node->children, wants);
  } else
    complain_kind(reader, key, node, shown, node->kind == NODE_SCALAR && *node->text ? ": write [...]" : "");
  return false;
}

static void read_wholes(Reader *reader, const Key *key, IntList *field, const Node *node, const char *shown) {
  IntList list = {0};
  bool right = is_list(reader, key, node, shown);
  for (const Node *item = right ? node->child : NULL; item && right; item = item->next) {
    int64_t value;
    char shown_item[KEY_PATH_MOST];
    Key of_item = item_key(shown_item, key, KEY_WHOLE, shown, list.count);
    right = read_whole(reader, &of_item, &value, item, shown_item);
    list.item[list.count++] = right ? (int)value : 0;
  }
  if (right)
    *field = list;
}

static void complain_twice(Reader *reader, const Node *item, const char *shown) {
  char is[120];
  node_describe(is, sizeof is, item);
  tree_complain(reader->tree, item, "%s has %s twice; keep one", shown, is);
}

static void read_numbers(Reader *reader, const Key *key, NumberList *field, const Node *node, const char *shown) {
  NumberList list = {0};
  bool right = is_list(reader, key, node, shown);
  for (const Node *item = right ? node->child : NULL; item && right; item = item->next) {
    double value;
    char shown_item[KEY_PATH_MOST];
    Key of_item = item_key(shown_item, key, KEY_NUMBER, shown, list.count);
    right = read_number(reader, &of_item, &value, item, shown_item);
    for (int i = 0; right && i < list.count; i++)
      if (list.item[i] == value) {
        complain_twice(reader, item, shown);
        right = false;
      }
    list.item[list.count++] = right ? value : 0;
  }
  if (right)
    *field = list;
}

static int named_modality(Reader *reader, const char *name, const Node *node, const char *shown) {
  int found = config_modality(reader->config, name);
  if (found >= 0 || !reader->modalities_known)
    return found;
  const char *names[MODALITIES_MOST];
  for (int i = 0; i < reader->config->modalities; i++)
    names[i] = reader->config->modality[i].name;
  const char *near = text_nearest(name, names, reader->config->modalities);
  tree_complain(reader->tree, node, "%s names %.60s, which modalities does not declare; %s%s%s", shown, name,
                near ? "did you mean " : "remove it, or declare it", near ? near : "", near ? "?" : "");
  return -1;
}

static void read_per_modality(Reader *reader, const Key *key, PerModality *field, const Node *node, const char *shown) {
  double value;
  if (node->kind == NODE_LIST)
    complain_kind(reader, key, node, shown, "");
  else if (node->kind == NODE_SCALAR) {
    if (read_number(reader, key, &value, node, shown))
      for (int i = 0; i < reader->config->modalities; i++)
        field->item[i] = value;
  } else
    for (const Node *item = node->child; item; item = item->next) {
      char path[KEY_PATH_MOST];
      Key of_item = item_key(path, key, KEY_NUMBER, shown, 0);
      text_print(path, sizeof path, "%s.%.60s", shown, item->key);
      int modality = named_modality(reader, item->key, item, shown);
      if (read_number(reader, &of_item, &value, item, path) && modality >= 0)
        field->item[modality] = value;
    }
}

static void read_names(Reader *reader, const Key *key, bool *field, const Node *node, const char *shown) {
  bool named[MODALITIES_MOST] = {false}, right = is_list(reader, key, node, shown);
  for (const Node *item = right ? node->child : NULL; item; item = item->next) {
    if (item->kind != NODE_SCALAR) {
      complain_kind(reader, key, item, shown, "");
      continue;
    }
    int modality = named_modality(reader, item->text, item, shown);
    if (modality >= 0 && named[modality])
      complain_twice(reader, item, shown);
    if (modality >= 0)
      named[modality] = true;
  }
  if (right)
    memcpy(field, named, sizeof named);
}

static void read_measures(Reader *reader, const Key *key, Config *config, const Node *node, const char *shown) {
  char word[MEASURES_MOST][24] = {0};
  int count = 0;
  bool right = is_list(reader, key, node, shown);
  for (const Node *item = right ? node->child : NULL; item && right; item = item->next) {
    char shown_item[KEY_PATH_MOST];
    Key of_item = item_key(shown_item, key, KEY_WORD, shown, count);
    int choice = read_choice(reader, &of_item, item, shown_item);
    right = choice >= 0;
    for (int i = 0; right && i < count; i++)
      if (!strcmp(word[i], key->choices[choice])) {
        complain_twice(reader, item, shown);
        right = false;
      }
    if (right)
      text_print(word[count++], sizeof word[0], "%s", key->choices[choice]);
  }
  if (!right)
    return;
  config->analysis.measures = count;
  memcpy(config->analysis.measure, word, sizeof word);
}

static void read_value(Reader *reader, const Key *key, void *field, const Node *node, const char *shown) {
  int64_t whole;
  int choice;
  switch (key->kind) {
  case KEY_WHOLE:
    if (read_whole(reader, key, &whole, node, shown))
      *(int *)field = (int)whole;
    break;
  case KEY_SEED:
    if (read_whole(reader, key, &whole, node, shown))
      *(uint64_t *)field = (uint64_t)whole;
    break;
  case KEY_NUMBER: {
    double number;
    if (read_number(reader, key, &number, node, shown))
      *(double *)field = number;
    break;
  }
  case KEY_BOOL:
    if (node->kind == NODE_SCALAR && scalar_kind(node) == SCALAR_BOOL)
      *(bool *)field = !strcmp(node->text, "true");
    else
      complain_kind(reader, key, node, shown, node->kind == NODE_SCALAR && node->quoted ? ", without quotes" : "");
    break;
  case KEY_TEXT:
    read_text(reader, key, field, node, shown);
    break;
  case KEY_CHOICE: // enums of this file are of the size of an int
    if ((choice = read_choice(reader, key, node, shown)) >= 0)
      *(int *)field = choice;
    break;
  case KEY_WORD:
    if ((choice = read_choice(reader, key, node, shown)) >= 0)
      REQUIRE(text_print(field, (size_t)key->most + 1, "%s", key->choices[choice]), "a choice of %s is too long",
              key->path);
    break;
  case KEY_WHOLES:
    read_wholes(reader, key, field, node, shown);
    break;
  case KEY_NUMBERS:
    read_numbers(reader, key, field, node, shown);
    break;
  case KEY_PER_MODALITY:
    read_per_modality(reader, key, field, node, shown);
    break;
  case KEY_NAMES:
    read_names(reader, key, field, node, shown);
    break;
  case KEY_MEASURES:
    read_measures(reader, key, reader->config, node, shown);
    break;
  }
}

void value_read(Reader *reader, const Key *key, void *field, const Node *node, const char *shown) {
  int before = tree_complaints(reader->tree);
  read_value(reader, key, field, node, shown);
  if (tree_complaints(reader->tree) > before)
    reader->wrong[key_index(key)] = true;
}

void value_default(Reader *reader, const Key *key, void *field) {
  if (!key->standard)
    return;
  char copy[KEY_PATH_MOST];
  Node node = {.kind = *key->standard == '[' ? NODE_LIST : NODE_SCALAR, .text = copy, .quoted = !*key->standard};
  REQUIRE(text_print(copy, sizeof copy, "%s", key->standard), "the default of %s is too long", key->path);
  Node item[MEASURES_MOST] = {{0}};
  if (node.kind == NODE_LIST)
    for (char *rest = copy + 1, *word; (word = strtok_r(NULL, ", ]", &rest)); node.children++) {
      REQUIRE(node.children < MEASURES_MOST, "the default of %s has too many items", key->path);
      item[node.children] = (Node){.kind = NODE_SCALAR, .text = word};
      if (node.children)
        item[node.children - 1].next = &item[node.children];
    }
  node.child = node.children ? item : NULL;
  int before = tree_complaints(reader->tree);
  read_value(reader, key, field, &node, key->path);
  REQUIRE(tree_complaints(reader->tree) == before, "the default of %s is outside its own bounds", key->path);
}

// --- back into text

/// The shortest decimal that reads back as the same double, in a form that YAML 1.1 takes for a number too: 1.0e-05,
/// 128.0.
static void print_number(FILE *to, double value) {
  char text[40];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    for (char *c = text; *c; c++)
      if (*c == ',') // a locale's decimal point
        *c = '.';
    double back;
    if (text_to_double(text, &back) && back == value)
      break;
  }
  size_t mantissa = strcspn(text, "e");
  fprintf(to, "%.*s%s%s", (int)mantissa, text, memchr(text, '.', mantissa) ? "" : ".0", text + mantissa);
}

static void print_text(FILE *to, const char *text) {
  char *printed = scalar_print(text);
  fputs(printed, to);
  free(printed);
}

static void print_per_modality(FILE *to, const Config *config, const PerModality *field) {
  for (int i = 0; i < config->modalities; i++) {
    fputs(i ? ", " : "", to);
    print_text(to, config->modality[i].name);
    fputs(": ", to);
    print_number(to, field->item[i]);
  }
}

static void print_names(FILE *to, const Config *config, const bool *field) {
  const char *between = "";
  for (int i = 0; i < config->modalities; i++)
    if (field[i]) {
      fputs(between, to);
      print_text(to, config->modality[i].name);
      between = ", ";
    }
}

static void print_list(FILE *to, const Config *config, const Key *key, const void *field) {
  const IntList *wholes = field;
  const NumberList *numbers = field;
  fputc(key->kind == KEY_PER_MODALITY ? '{' : '[', to);
  if (key->kind == KEY_WHOLES)
    for (int i = 0; i < wholes->count; i++)
      fprintf(to, "%s%d", i ? ", " : "", wholes->item[i]);
  else if (key->kind == KEY_NUMBERS)
    for (int i = 0; i < numbers->count; i++) {
      fputs(i ? ", " : "", to);
      print_number(to, numbers->item[i]);
    }
  else if (key->kind == KEY_PER_MODALITY)
    print_per_modality(to, config, field);
  else if (key->kind == KEY_NAMES)
    print_names(to, config, field);
  else
    for (int i = 0; i < config->analysis.measures; i++)
      fprintf(to, "%s%s", i ? ", " : "", config->analysis.measure[i]);
  fputc(key->kind == KEY_PER_MODALITY ? '}' : ']', to);
}

void value_print(FILE *to, const Config *config, const Key *key, const void *field) {
  switch (key->kind) {
  case KEY_WHOLE:
    if (key->word && *(const int *)field == 0)
      fputs(key->word, to);
    else
      fprintf(to, "%d", *(const int *)field);
    break;
  case KEY_SEED:
    fprintf(to, "%llu", (unsigned long long)*(const uint64_t *)field);
    break;
  case KEY_NUMBER:
    if (key->word && *(const double *)field < 0)
      fputs(key->word, to);
    else
      print_number(to, *(const double *)field);
    break;
  case KEY_BOOL:
    fputs(*(const bool *)field ? "true" : "false", to);
    break;
  case KEY_CHOICE:
    print_text(to, key->choices[*(const int *)field]);
    break;
  case KEY_TEXT:
  case KEY_WORD:
    print_text(to, field);
    break;
  default:
    print_list(to, config, key, field);
  }
}
