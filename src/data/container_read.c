/// Reading a container: structure first, in full; then one modality at a time.
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "container.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MOST = 1024 };
#define SAMPLES_MOST ((uint64_t)1 << 40)

/// An array with one element per sample, read into a block of its own.
static Status read_column(void **block, const Dataset *dataset, const Container *container, const char *where,
                          ElementType type) {
  Array array;
  TRY(array_expect(&array, container, where, type));
  Status status = STATUS_OK;
  if (array.rank != 1 || array.dim[0] != (uint64_t)dataset->samples)
    status = container_error(
        container, where, "has %d dimension%s and %llu rows; one value per sample, [%lld], would be right", array.rank,
        array.rank > 1 ? "s" : "", (unsigned long long)array.dim[0], (long long)dataset->samples);
  if (!status.code)
    status = memory_take(block, array.points, array.element, where);
  if (!status.code)
    status = array_read(*block, &array, container, !dataset->unverified);
  array_close(&array);
  return status;
}

static Status open_root(Dataset *dataset, const Container *container) {
  char format[32];
  int64_t version;
  TRY(container_text(format, sizeof format, container, "/", "format"));
  if (strcmp(format, "rebasis-data"))
    return container_error(container, "/", "the attribute \"format\" is \"%s\"; \"rebasis-data\" would be right",
                           format);
  TRY(container_integer(&version, container, "/", "version", 1, 1));
  bool has;
  TRY(container_has(&has, container, "/", "name"));
  if (has)
    TRY(container_text(dataset->name, sizeof dataset->name, container, "/", "name"));
  TRY(container_long_text(&dataset->provenance, container, "/", "provenance"));
  Array split;
  TRY(array_expect(&split, container, "/split", ELEMENT_U8));
  uint64_t samples = split.dim[0];
  array_close(&split);
  if (samples < 1 || samples > SAMPLES_MOST)
    return container_error(container, "/split", "has %llu samples; at least one would be right",
                           (unsigned long long)samples);
  dataset->samples = (int64_t)samples;
  TRY(read_column((void **)&dataset->split, dataset, container, "/split", ELEMENT_U8));
  return check_bytes(dataset->split, dataset->samples, SPLIT_TEST, container->path, "/split");
}

static Status open_ids(Dataset *dataset, const Container *container) {
  bool exists;
  TRY(container_exists(&exists, container, "/ids"));
  if (!exists)
    return STATUS_OK;
  Array array;
  TRY(array_expect(&array, container, "/ids", ELEMENT_TEXT));
  Status status = STATUS_OK;
  if (array.rank != 1 || array.dim[0] != (uint64_t)dataset->samples)
    status =
        container_error(container, "/ids", "does not hold one string per sample, [%lld]", (long long)dataset->samples);
  else
    status = array_read_texts(&dataset->ids, &array, container, !dataset->unverified);
  array_close(&array);
  return status;
}

/// Kind and classes stand at the labels, or at the task's group.
static Status read_task_kind(DatasetTask *task, const Container *container, const char *labels) {
  char where[CONTAINER_PATH], kind[32];
  bool has;
  TRY(container_has(&has, container, labels, "kind"));
  text_print(where, sizeof where, has ? "/tasks/%s/labels" : "/tasks/%s", task->name);
  TRY(container_text(kind, sizeof kind, container, where, "kind"));
  task->binary = !strcmp(kind, "binary");
  if (!task->binary && strcmp(kind, "multiclass"))
    return container_error(container, where,
                           "the attribute \"kind\" is \"%s\"; \"multiclass\" or \"binary\" would be right", kind);
  int64_t classes = 2;
  TRY(container_has(&has, container, where, "classes"));
  if (has || !task->binary)
    TRY(container_integer(&classes, container, where, "classes", task->binary ? 1 : 2, task->binary ? 2 : 1 << 20));
  task->classes = task->binary ? 2 : (int)classes;
  return STATUS_OK;
}

static Status open_task(Dataset *dataset, const Container *container, const char *name) {
  char where[CONTAINER_PATH];
  DatasetTask *task = &dataset->task[dataset->tasks++];
  text_print(task->name, sizeof task->name, "%s", name);
  text_print(where, sizeof where, "/tasks/%s/labels", name);
  TRY(read_column((void **)&task->labels, dataset, container, where, ELEMENT_I32));
  TRY(read_task_kind(task, container, where));
  return check_labels(task, dataset->samples, container->path);
}

static Status read_kind(ModalityKind *kind, const Container *container, const char *where) {
  char text[32];
  TRY(container_text(text, sizeof text, container, where, "kind"));
  for (int i = KIND_VECTOR; i <= KIND_SERIES; i++)
    if (!strcmp(text, modality_kind_name((ModalityKind)i))) {
      *kind = (ModalityKind)i;
      return STATUS_OK;
    }
  return container_error(container, where,
                         "the attribute \"kind\" is \"%s\"; vector, image, spectrogram, codes or series would be right",
                         text);
}

/// The kind stands at the values of a dense modality, or at the modality's group; the first that is there counts.
static Status find_kind(ModalityKind *kind, const Container *container, const char *group) {
  static const char *const holders[] = {"", "/values", "/codes", "/offsets"};
  for (int i = 0; i < 4; i++) {
    char where[CONTAINER_PATH];
    bool there;
    text_print(where, sizeof where, "%s%s", group, holders[i]);
    TRY(container_exists(&there, container, where));
    if (there)
      TRY(container_has(&there, container, where, "kind"));
    if (there)
      return read_kind(kind, container, where);
  }
  return container_error(
      container, group,
      "the attribute \"kind\" is missing; vector, image, spectrogram, codes or series would be right");
}

static Status shape_dense(DatasetModality *m, int64_t samples, const Container *container, const char *group) {
  char where[CONTAINER_PATH];
  Array array;
  text_print(where, sizeof where, "%s/values", group);
  TRY(array_expect(&array, container, where, ELEMENT_F32));
  array_close(&array);
  m->dimensions = array.rank - 1;
  if (m->kind == KIND_VECTOR ? m->dimensions != 1 : m->dimensions < 2)
    return container_error(container, where, "has %d dimensions; a %s has %s", array.rank, modality_kind_name(m->kind),
                           m->kind == KIND_VECTOR ? "[N, width]"
                                                  : "[N, height, width] or [N, channels, height, width]");
  if (array.dim[0] != (uint64_t)samples)
    return container_error(container, where, "has %llu rows; one per sample, %lld, would be right",
                           (unsigned long long)array.dim[0], (long long)samples);
  m->width = 1;
  for (int i = 0; i < m->dimensions; i++) {
    uint64_t dim = array.dim[i + 1];
    if (dim < 1 || dim > INT32_MAX || (m->width *= (int64_t)dim) > INT32_MAX)
      return container_error(container, where, "has rows of no or too many values; 1 to %d would be right", INT32_MAX);
    m->dim[i] = (int)dim;
  }
  m->entries = samples;
  return STATUS_OK;
}

static Status check_offsets_shape(int64_t samples, const Container *container, const char *group) {
  char where[CONTAINER_PATH];
  Array array;
  text_print(where, sizeof where, "%s/offsets", group);
  TRY(array_expect(&array, container, where, ELEMENT_I64));
  array_close(&array);
  if (array.rank != 1 || array.dim[0] != (uint64_t)samples + 1)
    return container_error(container, where, "has %llu rows; samples + 1, [%lld], would be right",
                           (unsigned long long)array.dim[0], (long long)samples + 1);
  return STATUS_OK;
}

static Status shape_codes(DatasetModality *m, int64_t samples, const Container *container, const char *group) {
  char where[CONTAINER_PATH];
  Array array;
  int64_t vocabulary;
  bool has;
  TRY(check_offsets_shape(samples, container, group));
  text_print(where, sizeof where, "%s/codes", group);
  TRY(array_expect(&array, container, where, ELEMENT_I32));
  array_close(&array);
  if (array.rank != 1)
    return container_error(container, where, "has %d dimensions; [nnz] would be right", array.rank);
  m->entries = (int64_t)array.points;
  TRY(container_has(&has, container, group, "vocabulary"));
  TRY(container_integer(&vocabulary, container, has ? group : where, "vocabulary", 1, INT32_MAX));
  m->vocabulary = (int)vocabulary;
  return STATUS_OK;
}

static Status shape_series(DatasetModality *m, int64_t samples, const Container *container, const char *group) {
  char where[CONTAINER_PATH];
  Array times, values;
  TRY(check_offsets_shape(samples, container, group));
  text_print(where, sizeof where, "%s/times", group);
  TRY(array_expect(&times, container, where, ELEMENT_F32));
  array_close(&times);
  if (times.rank != 1)
    return container_error(container, where, "has %d dimensions; [nnz] would be right", times.rank);
  text_print(where, sizeof where, "%s/values", group);
  TRY(array_expect(&values, container, where, ELEMENT_F32));
  array_close(&values);
  if (values.rank > 2 || values.dim[0] != times.dim[0])
    return container_error(
        container, where,
        "has %d dimensions and %llu rows; [%llu] or [%llu, width], as there are times, would be right", values.rank,
        (unsigned long long)values.dim[0], (unsigned long long)times.dim[0], (unsigned long long)times.dim[0]);
  uint64_t width = values.rank == 2 ? values.dim[1] : 1;
  if (width < 1 || width > INT32_MAX)
    return container_error(container, where, "has rows of %llu values; 1 to %d would be right",
                           (unsigned long long)width, INT32_MAX);
  m->entries = (int64_t)times.points;
  m->width = (int64_t)width;
  m->dimensions = 1;
  m->dim[0] = (int)width;
  return STATUS_OK;
}

/// What the file itself says of the contents: enough to tell two files apart without reading them.
static Status read_contents(DatasetModality *m, const Container *container, const char *group) {
  static const char *const names[] = {"values", "offsets", "codes", "times"};
  Hash hash;
  hash_init(&hash);
  m->contents = 0;
  for (int i = 0; i < 4; i++) {
    char where[CONTAINER_PATH + 16], text[24];
    bool there;
    text_print(where, sizeof where, "%s/%s", group, names[i]);
    TRY(container_exists(&there, container, where));
    if (there)
      TRY(container_has(&there, container, where, "xxh64"));
    if (!there)
      continue;
    TRY(container_text(text, sizeof text, container, where, "xxh64"));
    for (char *c = text; *c; c++)
      *c = (char)tolower((unsigned char)*c);
    hash_add(&hash, text, strlen(text) + 1);
    m->contents = hash_value(&hash);
  }
  return STATUS_OK;
}

static Status open_modality(Dataset *dataset, const Container *container, const char *name) {
  char group[CONTAINER_PATH], where[CONTAINER_PATH + 16];
  DatasetModality *m = &dataset->modality[dataset->modalities++];
  text_print(m->name, sizeof m->name, "%s", name);
  text_print(group, sizeof group, "/modalities/%s", name);
  TRY(find_kind(&m->kind, container, group));
  if (modality_kind_dense(m->kind))
    TRY(shape_dense(m, dataset->samples, container, group));
  else
    TRY(m->kind == KIND_CODES ? shape_codes(m, dataset->samples, container, group)
                              : shape_series(m, dataset->samples, container, group));
  TRY(read_contents(m, container, group));
  text_print(where, sizeof where, "%s/present", group);
  TRY(read_column((void **)&m->present, dataset, container, where, ELEMENT_U8));
  return check_bytes(m->present, dataset->samples, 1, container->path, where);
}

/// What is read from one of the two groups: all of it, or the names asked for, in the order asked for.
typedef struct Selection {
  const char *where, *what; // "/tasks", "task"
  int most, wanted;
  const char *const *name;
  Status (*open)(Dataset *dataset, const Container *container, const char *name);
} Selection;

static Status unknown(const Container *container, const Selection *selection, const char *name, char **names,
                      int count) {
  char text[STATUS_TEXT / 2];
  suggest(text, sizeof text, name, (const char *const *)names, count);
  return status_error(EXIT_CONFIG, "%s: has no %s \"%s\"; %s", container->path, selection->what, name, text);
}

static Status select_names(Dataset *dataset, const Container *container, const Selection *selection, char **names,
                           int count) {
  bool all = !selection->name;
  int wanted = all ? count : selection->wanted;
  if (wanted > selection->most)
    return status_error(all ? EXIT_DATA : EXIT_CONFIG, "%s:%s: %d of them; at most %d are possible", container->path,
                        selection->where, wanted, selection->most);
  for (int i = 0; i < wanted; i++) {
    const char *name = all ? names[i] : selection->name[i];
    int at = 0;
    while (at < count && strcmp(names[at], name))
      at++;
    if (at == count)
      return unknown(container, selection, name, names, count);
    for (int k = 0; k < i; k++)
      if (!strcmp(all ? names[k] : selection->name[k], name))
        return status_error(EXIT_CONFIG, "%s: the %s \"%s\" is asked for twice", container->path, selection->what,
                            name);
    if (!name_is_good(name))
      return container_error(
          container, selection->where,
          "the name \"%s\"; 1 to %d bytes without '.', ',', '=', spaces and control characters would be right", name,
          DATASET_NAME - 1);
    TRY(selection->open(dataset, container, name));
  }
  return STATUS_OK;
}

static Status open_selection(Dataset *dataset, const Container *container, const Selection *selection) {
  char **names;
  int count;
  Status status = container_names(&names, &count, container, selection->where, NAMES_MOST);
  if (!status.code)
    status = select_names(dataset, container, selection, names, count);
  container_names_free(names, count);
  return status;
}

static Status open_all(Dataset *dataset, const Container *container, const DatasetWanted *wanted) {
  Selection tasks = {"/tasks", "task", DATASET_TASKS, wanted->tasks, wanted->task, open_task};
  Selection modalities = {"/modalities",      "modality",       DATASET_MODALITIES,
                          wanted->modalities, wanted->modality, open_modality};
  dataset->unverified = wanted->unverified;
  TRY(open_root(dataset, container));
  TRY(open_ids(dataset, container));
  TRY(open_selection(dataset, container, &tasks));
  TRY(open_selection(dataset, container, &modalities));
  if (dataset->modalities == 0 && !wanted->modality)
    return container_error(container, "/modalities", "there is no modality; at least one would be right");
  return STATUS_OK;
}

Status dataset_open(Dataset *dataset, const char *path, const DatasetWanted *wanted) {
  static const DatasetWanted everything = {0};
  Container container;
  *dataset = (Dataset){0};
  Status status = container_open(&container, path);
  if (!status.code)
    status = open_all(dataset, &container, wanted ? wanted : &everything);
  container_close(&container);
  return status;
}

static Status fill_block(void *block, uint64_t points, const Dataset *dataset, const Container *container,
                         const char *where, ElementType type) {
  Array array;
  TRY(array_expect(&array, container, where, type));
  Status status = STATUS_OK;
  if (array.points != points)
    status = container_error(container, where, "changed while it was being read");
  else
    status = array_read(block, &array, container, !dataset->unverified);
  array_close(&array);
  return status;
}

static Status fill(Dataset *dataset, const Container *container, int modality) {
  DatasetModality *m = &dataset->modality[modality];
  uint64_t entries = (uint64_t)m->entries, width = (uint64_t)m->width;
  const struct {
    const char *name;
    void *block;
    uint64_t points;
    ElementType type;
    bool there;
  } part[] = {{"values", m->values, entries * width, ELEMENT_F32, m->kind != KIND_CODES},
              {"offsets", m->offsets, (uint64_t)dataset->samples + 1, ELEMENT_I64, !modality_kind_dense(m->kind)},
              {"codes", m->codes, entries, ELEMENT_I32, m->kind == KIND_CODES},
              {"times", m->times, entries, ELEMENT_F32, m->kind == KIND_SERIES}};
  for (int i = 0; i < 4; i++) {
    char where[CONTAINER_PATH];
    text_print(where, sizeof where, "/modalities/%s/%s", m->name, part[i].name);
    if (part[i].there)
      TRY(fill_block(part[i].block, part[i].points, dataset, container, where, part[i].type));
  }
  TRY(check_modality(dataset, modality, container->path));
  // What an absent sample's row holds must not matter: NaN there is usual in other people's files.
  for (int64_t n = 0; modality_kind_dense(m->kind) && n < dataset->samples; n++)
    if (!m->present[n])
      memset(m->values + n * m->width, 0, (size_t)m->width * sizeof *m->values);
  return STATUS_OK;
}

Status dataset_fill(Dataset *dataset, const char *path, int modality) {
  REQUIRE(modality >= 0 && modality < dataset->modalities, "modality %d of %d", modality, dataset->modalities);
  Container container;
  Status status = container_open(&container, path);
  if (!status.code)
    status = fill(dataset, &container, modality);
  container_close(&container);
  return status;
}

Status dataset_load(Dataset *dataset, const char *path, int modality) {
  REQUIRE(modality >= 0 && modality < dataset->modalities, "modality %d of %d", modality, dataset->modalities);
  TRY(dataset_attach(dataset, modality));
  return dataset_fill(dataset, path, modality);
}
