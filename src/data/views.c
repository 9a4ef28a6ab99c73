/// Tables side by side: rows must be the same samples; labels become classes, rows without values absent samples.
#include "data/views.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "container.h"
#include "table.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Views {
  const ViewsConfig *config;
  Table table[DATASET_MODALITIES];
  int tables;
  char **class; // [classes] borrowed from a table's labels
  int classes;
} Views;

/// Rows of two tables say the same.
static Status check_same(const Table *a, const Texts *x, const Table *b, const Texts *y, const char *what) {
  for (int64_t i = 0; x->count && y->count && i < x->count; i++)
    if (strcmp(x->item[i], y->item[i]))
      return status_error(
          EXIT_DATA,
          "%s: row %lld (without the header) has the %s \"%s\", but \"%s\" in %s; the same sample would be right",
          b->csv.name, (long long)i + 1, what, y->item[i], x->item[i], a->csv.name);
  return STATUS_OK;
}

static const Table *first_with(const Views *views, size_t texts) {
  for (int i = 0; i < views->tables; i++)
    if (((const Texts *)((const char *)&views->table[i] + texts))->count)
      return &views->table[i];
  return NULL;
}

static Status check_tables(const Views *views) {
  const ViewsConfig *config = views->config;
  const struct {
    const char *what, *wanted;
    size_t at;
  } column[] = {{"id", config->id, offsetof(Table, ids)},
                {"label", config->label ? config->label : "last", offsetof(Table, labels)},
                {"split", config->split, offsetof(Table, splits)}};
  for (int i = 1; i < views->tables; i++)
    if (views->table[i].rows != views->table[0].rows)
      return status_error(EXIT_DATA, "%s: has %lld rows, %s has %lld; one row per sample in every file would be right",
                          views->table[i].csv.name, (long long)views->table[i].rows, views->table[0].csv.name,
                          (long long)views->table[0].rows);
  for (size_t k = 0; k < sizeof column / sizeof *column; k++) {
    const Table *first = first_with(views, column[k].at);
    if (column[k].wanted && !first)
      return status_error(EXIT_CONFIG, "none of the %d files has a column \"%s\" for the %s", views->tables,
                          column[k].wanted, column[k].what);
    for (int i = 0; first && i < views->tables; i++) {
      const Table *table = &views->table[i];
      TRY(check_same(first, (const Texts *)((const char *)first + column[k].at), table,
                     (const Texts *)((const char *)table + column[k].at), column[k].what));
    }
  }
  for (int i = 0; i < views->tables && !config->impute_mean; i++)
    if (views->table[i].holed)
      return status_error(EXIT_DATA,
                          "%s:%lld:%lld: an empty cell among others; a whole row without values (absent), or to impute "
                          "means, would be right",
                          views->table[i].csv.name, (long long)views->table[i].holed_line,
                          (long long)views->table[i].holed_column);
  return STATUS_OK;
}

static int compare_integers(const void *a, const void *b) {
  int64_t x = 0, y = 0;
  text_to_int64(*(char *const *)a, &x);
  text_to_int64(*(char *const *)b, &y);
  return (x > y) - (x < y);
}

static int compare_texts(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool is_unlabelled(const char *text) { return !*text || !strcasecmp(text, "na") || !strcasecmp(text, "nan"); }

/// The distinct labels in order, then each label's place among them.
static Status add_labels(Dataset *dataset, Views *views) {
  const Table *table = first_with(views, offsetof(Table, labels));
  const Texts *labels = &table->labels;
  int64_t count = 0, distinct = 0, number;
  bool integers = true;
  TRY(memory_take((void **)&views->class, (size_t)labels->count, sizeof *views->class, "labels"));
  for (int64_t i = 0; i < labels->count; i++)
    if (!is_unlabelled(labels->item[i])) {
      views->class[count++] = labels->item[i];
      integers &= text_to_int64(labels->item[i], &number);
    }
  int (*compare)(const void *, const void *) = integers ? compare_integers : compare_texts;
  qsort(views->class, (size_t)count, sizeof *views->class, compare);
  for (int64_t i = 0; i < count; i++)
    if (i == 0 || compare(&views->class[i], &views -> class[distinct - 1]))
      views->class[distinct++] = views->class[i];
  if (distinct < 2 || distinct > 1 << 16)
    return status_error(EXIT_DATA, "%s: has %lld distinct labels; 2 to 65536 classes would be right", table->csv.name,
                        (long long)distinct);
  views->classes = (int)distinct;
  TRY(dataset_add_task(dataset, views->config->task ? views->config->task : "label", distinct == 2, (int)distinct));
  for (int64_t i = 0; i < labels->count; i++)
    if (!is_unlabelled(labels->item[i])) {
      char **place = bsearch(&labels->item[i], views->class, (size_t)distinct, sizeof *views->class, compare);
      dataset->task[0].labels[i] = (int32_t)(place - views->class);
    }
  return STATUS_OK;
}

static Status add_split(Dataset *dataset, const Views *views) {
  const Table *table = first_with(views, offsetof(Table, splits));
  if (!table) {
    partition_split(dataset->split, dataset->task[0].labels, dataset->samples, &views->config->partition);
    return STATUS_OK;
  }
  for (int64_t i = 0; i < dataset->samples; i++) {
    const char *text = table->splits.item[i];
    int split = 0;
    while (split < SPLITS && strcmp(text, split_name((Split)split)) && !(text[0] == '0' + split && !text[1]))
      split++;
    if (split == SPLITS)
      return status_error(
          EXIT_DATA, "%s: row %lld (without the header) has the split \"%s\"; train, validation or test would be right",
          table->csv.name, (long long)i + 1, text);
    dataset->split[i] = (uint8_t)split;
  }
  return STATUS_OK;
}

static Status add_ids(Dataset *dataset, Views *views) {
  Table *table = (Table *)first_with(views, offsetof(Table, ids));
  if (!table)
    return STATUS_OK;
  dataset->ids = table->ids.item; // handed over
  table->ids = (Texts){0};
  return STATUS_OK;
}

/// Empty cells of rows that are not empty altogether: the column's mean over such training rows as have it.
static Status impute(const Dataset *dataset, const DatasetModality *m, const Table *table) {
  for (int64_t k = 0; k < m->width; k++) {
    double sum = 0;
    int64_t count = 0, holes = 0;
    for (int64_t n = 0; n < dataset->samples; n++) {
      float value = m->values[n * m->width + k];
      bool known = m->present[n] && !isnan(value);
      holes += m->present[n] && isnan(value);
      sum += known && dataset->split[n] == SPLIT_TRAIN ? (double)value : 0;
      count += known && dataset->split[n] == SPLIT_TRAIN;
    }
    if (holes && !count)
      return status_error(EXIT_DATA, "%s: column %lld of the values has no training row to impute from",
                          table->csv.name, (long long)k + 1);
    for (int64_t n = 0; holes && n < dataset->samples; n++)
      if (m->present[n] && isnan(m->values[n * m->width + k]))
        m->values[n * m->width + k] = (float)(sum / (double)count);
  }
  return STATUS_OK;
}

static Status add_view(Dataset *dataset, const Views *views, int index) {
  const Table *table = &views->table[index];
  const ViewFile *file = &views->config->view[index];
  bool image = file->height > 0 || file->width > 0;
  int vector[1] = {(int)table->width}, shape[2] = {file->height, file->width};
  if (image && (int64_t)file->height * file->width != table->width)
    return status_error(EXIT_CONFIG, "%s: has %lld values a row; %d x %d = %lld would be right", file->path,
                        (long long)table->width, file->height, file->width, (long long)file->height * file->width);
  TRY(dataset_add_dense(dataset, table->name, image ? KIND_IMAGE : KIND_VECTOR, image ? 2 : 1, image ? shape : vector));
  DatasetModality *m = &dataset->modality[index];
  memcpy(m->values, table->values, (size_t)(m->entries * m->width) * sizeof *m->values);
  for (int64_t n = 0; n < dataset->samples; n++) {
    bool any = false;
    for (int64_t i = 0; i < m->width; i++)
      any |= !isnan(m->values[n * m->width + i]);
    m->present[n] = any;
    if (!any)
      memset(m->values + n * m->width, 0, (size_t)m->width * sizeof *m->values);
  }
  return table->holed ? impute(dataset, m, table) : STATUS_OK;
}

/// Text of a file as JSON; U+FFFD where it is not UTF-8.
static json_t *text_json(const char *text) {
  json_t *value = json_string(text);
  return value ? value : json_string("\xef\xbf\xbd");
}

static char *provenance(const Views *views) {
  const ViewsConfig *config = views->config;
  json_t *root =
      json_pack("{s:s, s:i, s:b}", "command", "data import views", "version", 1, "impute_mean", config->impute_mean);
  json_t *files = json_array(), *classes = json_array();
  for (int i = 0; i < views->tables; i++) {
    char hash[17];
    const char *slash = strrchr(config->view[i].path, '/');
    hash_text(hash, views->table[i].hash);
    json_t *file = json_pack("{s:s, s:I, s:I}", "xxh64", hash, "rows", (json_int_t)views->table[i].rows, "width",
                             (json_int_t)views->table[i].width);
    json_object_set_new(file, "file", text_json(slash ? slash + 1 : config->view[i].path));
    json_object_set_new(file, "modality", text_json(views->table[i].name));
    json_array_append_new(files, file);
  }
  for (int i = 0; i < views->classes && i < 256; i++)
    json_array_append_new(classes, text_json(views->class[i]));
  json_object_set_new(root, "files", files);
  json_object_set_new(root, "classes", classes);
  if (!config->split)
    json_object_set_new(root, "partition", partition_json(&config->partition));
  char *text = json_dumps(root, JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
  json_decref(root);
  return text;
}

static Status import_all(Dataset *dataset, Views *views) {
  const ViewsConfig *config = views->config;
  if (!config->split)
    TRY(partition_check(&config->partition));
  for (; views->tables < config->views;) {
    int index = views->tables++;
    TRY(table_read(&views->table[index], &config->view[index], config));
  }
  TRY(check_tables(views));
  TRY(dataset_init(dataset, config->name ? config->name : "views", views->table[0].rows));
  TRY(add_labels(dataset, views));
  TRY(add_split(dataset, views));
  TRY(add_ids(dataset, views));
  for (int i = 0; i < views->tables; i++)
    TRY(add_view(dataset, views, i));
  dataset->provenance = provenance(views);
  return STATUS_OK;
}

Status views_import(Dataset *dataset, const ViewsConfig *config) {
  *dataset = (Dataset){0};
  if (config->views < 1 || config->views > DATASET_MODALITIES)
    return status_error(EXIT_CONFIG, "%d tables; 1 to %d would be right", config->views, DATASET_MODALITIES);
  Views *views = calloc(1, sizeof *views);
  if (!views)
    return status_error(EXIT_INTERNAL, "out of memory for the tables' names");
  views->config = config;
  Status status = import_all(dataset, views);
  for (int i = 0; i < views->tables; i++)
    table_free(&views->table[i]);
  free(views->class);
  free(views);
  return status;
}
