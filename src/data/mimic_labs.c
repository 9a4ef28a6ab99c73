/// z = (value - mean) / deviation of the item's values in training admissions (n - 1 below the squares; Welford, Technometrics 1962).
/// A number of an admission and an item: z of the last value, mean of z, whether one was abnormal, whether there was one.
#include "mimic_parts.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM_LAST, ITEM_MEAN, ITEM_ABNORMAL, ITEM_OBSERVED, ITEM_VALUES };

/// What is kept of the values of an admission; all of an item are 32 bytes times the cohort.
typedef struct LabCell {
  int64_t time; // of the last value; among equals the one further down in the table
  double last, sum;
  int32_t count;
  bool abnormal;
} LabCell;

typedef struct LabItem {
  int64_t id;
  char *label;   // owned
  LabCell *cell; // owned [rows], from the first value on
  int64_t count; // values in training admissions
  double mean, squares;
} LabItem;

typedef struct Labs {
  Cohort *cohort;
  const Dataset *dataset;
  LabItem *item; // by id
  int items;
  const Admission *last; // found last
} Labs;

static bool is_wanted(const char *label) {
  static const char *const names[] = {"Hematocrit",  "Platelet",   "WBC",     "Bilirubin", "pH",
                                      "Bicarbonate", "Creatinine", "Lactate", "Potassium", "Sodium"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strstr(label, names[i]))
      return true;
  return false;
}

static int compare_items(const void *a, const void *b) {
  const LabItem *x = a, *y = b;
  return (x->id > y->id) - (x->id < y->id);
}

static Status take_item(Labs *labs, Sheet *sheet) {
  LabItem one = {0};
  if (!is_wanted(sheet_text(sheet, 1)))
    return STATUS_OK;
  TRY(sheet_integer(&one.id, sheet, 0));
  LabItem *larger = realloc(labs->item, ((size_t)labs->items + 1) * sizeof *larger);
  if (!larger)
    return status_error(EXIT_INTERNAL, "out of memory: %d laboratory items", labs->items);
  labs->item = larger;
  one.label = text_format("%s", sheet_text(sheet, 1));
  labs->item[labs->items++] = one;
  sheet->used++;
  return STATUS_OK;
}

static Status take_items(Labs *labs, Sheet *sheet) {
  for (bool more;;) {
    TRY(sheet_next(sheet, &more));
    if (!more)
      break;
    TRY(take_item(labs, sheet));
  }
  if (labs->items)
    qsort(labs->item, (size_t)labs->items, sizeof *labs->item, compare_items);
  for (int i = 1; i < labs->items; i++)
    if (labs->item[i].id == labs->item[i - 1].id)
      return status_error(EXIT_DATA, "%s: itemid %lld is there twice", sheet->path, (long long)labs->item[i].id);
  return STATUS_OK;
}

// --- events ------------------------------------------------------------------------------------------------------------

enum {
  EVENT_SUBJECT,
  EVENT_ADMISSION,
  EVENT_ITEM,
  EVENT_CHARTED,
  EVENT_STORED,
  EVENT_VALUE,
  EVENT_FLAG,
  EVENT_COLUMNS
};

/// The member of the cohort that the event belongs to, and its time; NULL: it does not count.
static Status find_event(const Admission **member, int64_t *time, Labs *labs, const Sheet *sheet) {
  bool by_id = sheet->column[EVENT_ADMISSION] >= 0;
  int when = sheet->column[EVENT_STORED] >= 0 ? EVENT_STORED : EVENT_CHARTED;
  int64_t id;
  *member = NULL;
  if (!sheet_has(sheet, when) || (by_id && !sheet_has(sheet, EVENT_ADMISSION)))
    return STATUS_OK;
  TRY(sheet_time(time, sheet, when));
  TRY(sheet_integer(&id, sheet, by_id ? EVENT_ADMISSION : EVENT_SUBJECT));
  if (!by_id)
    labs->last = cohort_stay(labs->cohort, id, *time);
  else if (!labs->last || labs->last->id != id)
    labs->last = cohort_admission(labs->cohort, id);
  if (labs->last && labs->last->row >= 0 && *time <= labs->last->discharge)
    *member = labs->last;
  return STATUS_OK;
}

static Status take_event(Labs *labs, Sheet *sheet) {
  LabItem key = {0};
  const Admission *member;
  int64_t time;
  double value;
  if (!sheet_has(sheet, EVENT_VALUE))
    return STATUS_OK;
  TRY(sheet_integer(&key.id, sheet, EVENT_ITEM));
  LabItem *item =
      labs->items ? bsearch(&key, labs->item, (size_t)labs->items, sizeof *labs->item, compare_items) : NULL;
  if (!item)
    return STATUS_OK;
  TRY(find_event(&member, &time, labs, sheet));
  if (!member)
    return STATUS_OK;
  TRY(sheet_number(&value, sheet, EVENT_VALUE));
  if (!item->cell)
    TRY(memory_take((void **)&item->cell, (size_t)labs->cohort->rows, sizeof *item->cell, "laboratory values"));
  LabCell *cell = &item->cell[member->row];
  if (cell->count == 0 || time >= cell->time) {
    cell->time = time;
    cell->last = value;
  }
  cell->sum += value;
  cell->count++;
  cell->abnormal |= !strcmp(sheet_text(sheet, EVENT_FLAG), "abnormal");
  sheet->used++;
  if (labs->dataset->split[member->row] != SPLIT_TRAIN)
    return STATUS_OK;
  double before = value - item->mean;
  item->mean += before / (double)++item->count;
  item->squares += before * (value - item->mean);
  return STATUS_OK;
}

static Status take_events(Labs *labs, Sheet *sheet) {
  for (bool more;;) {
    TRY(sheet_next(sheet, &more));
    if (!more)
      return STATUS_OK;
    TRY(take_event(labs, sheet));
  }
}

static Status read_tables(Labs *labs, const MimicOptions *options) {
  static const char *const items[] = {"itemid", "label"};
  static const char *const events[] = {"subject_id", "?hadm_id", "itemid", "charttime",
                                       "?storetime", "valuenum", "?flag"};
  Sheet sheet;
  Status status = cohort_table(&sheet, options, "d_labitems", NULL, items, 2);
  if (!status.code)
    status = take_items(labs, &sheet);
  if (!status.code)
    cohort_table_done(labs->cohort, &sheet, "d_labitems");
  sheet_close(&sheet);
  TRY(status);
  status = cohort_table(&sheet, options, "labevents", options->labevents, events, EVENT_COLUMNS);
  if (!status.code)
    status = take_events(labs, &sheet);
  if (!status.code)
    cohort_table_done(labs->cohort, &sheet, "labevents");
  sheet_close(&sheet);
  return status;
}

// --- the modality ------------------------------------------------------------------------------------------------------

/// Whether the item has a place: its training values vary.
static bool varies(const LabItem *item) { return item->count > 1 && item->squares > 0; }

static Status name_columns(Words *columns, const Labs *labs, int *places) {
  static const char *const names[ITEM_VALUES] = {"last", "mean", "abnormal", "observed"};
  int number;
  for (int i = 0; i < labs->items; i++)
    for (int k = 0; k < ITEM_VALUES && varies(&labs->item[i]); k++) {
      char *name = text_format("%lld %s: %s", (long long)labs->item[i].id, labs->item[i].label, names[k]);
      Status status = words_number(&number, columns, name);
      free(name);
      TRY(status);
      *places += k == 0;
    }
  return STATUS_OK;
}

static void fill_item(DatasetModality *m, const LabItem *item, int64_t rows, int place) {
  double deviation = sqrt(item->squares / (double)(item->count - 1));
  for (int64_t n = 0; n < rows; n++) {
    const LabCell *cell = &item->cell[n];
    float *to = m->values + n * m->width + place * ITEM_VALUES;
    if (cell->count == 0)
      continue;
    to[ITEM_LAST] = (float)((cell->last - item->mean) / deviation);
    to[ITEM_MEAN] = (float)((cell->sum / cell->count - item->mean) / deviation);
    to[ITEM_ABNORMAL] = cell->abnormal;
    to[ITEM_OBSERVED] = 1;
    m->present[n] = 1;
  }
}

static Status fill_labs(Labs *labs, Dataset *dataset, Words *columns) {
  int places = 0;
  TRY(name_columns(columns, labs, &places));
  if (places == 0)
    return STATUS_OK;
  TRY(dataset_add_dense(dataset, "labs", KIND_VECTOR, 1, (int[]){places * ITEM_VALUES}));
  DatasetModality *m = &dataset->modality[dataset->modalities - 1];
  memset(m->present, 0, (size_t)dataset->samples);
  for (int i = 0, place = 0; i < labs->items; i++) {
    if (varies(&labs->item[i]))
      fill_item(m, &labs->item[i], dataset->samples, place++);
    free(labs->item[i].cell); // the values grow as the cells go
    labs->item[i].cell = NULL;
  }
  return STATUS_OK;
}

Status mimic_labs(Cohort *cohort, Dataset *dataset, const MimicOptions *options, Words *columns) {
  Labs labs = {.cohort = cohort, .dataset = dataset};
  Status status = read_tables(&labs, options);
  if (!status.code)
    status = fill_labs(&labs, dataset, columns);
  for (int i = 0; i < labs.items; i++) {
    free(labs.item[i].label);
    free(labs.item[i].cell);
  }
  free(labs.item);
  return status;
}
