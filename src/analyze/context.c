// for every batch: z_i = f_i(x_i) on the modality's ranks; regroup; phi and g on the rows here; keep what they give.
#include "analyze/context.h"

#include "analyze/network.h"
#include "base/memory.h"
#include "base/text.h"
#include "comm/watchdog.h"
#include "train/metrics_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- which samples ----------------------------------------------------------------------------------------------------------

// At most `most` of them, evenly spaced: k-th is floor(k n / most).
static Status choose_samples(AnalyzeContext *context, int64_t most) {
  TRY(session_samples(context->session, context->split, &context->order, &context->n));
  if (context->n == 0)
    return status_error(EXIT_DATA, "%s: the %s split has no labelled sample; choose another with --split",
                        context->session->config.data.file, split_name(context->split));
  int64_t n = context->n;
  if (most > 0 && n > most) {
    for (int64_t k = 0; k < most; k++)
      context->order[k] = context->order[k * n / most];
    context->n = most;
  }
  return STATUS_OK;
}

static int rows_of(const AnalyzeContext *context, int b, int *first) {
  const Grid *grid = &context->session->grid;
  int64_t room = context->session->batch.room, left = context->n - b * room;
  int begin, end, n = (int)(left < room ? left : room);
  grid_fusion_slices(grid, grid->rank, &begin, &end);
  *first = slice_begin(begin, n, grid->slices);
  return slice_begin(end, n, grid->slices) - *first;
}

static Status take_rows(AnalyzeContext *context) {
  int64_t room = context->session->batch.room;
  size_t modalities = (size_t)context->session->config.modalities;
  int first;
  context->batches = (int)((context->n + room - 1) / room);
  TRY(memory_take((void **)&context->batch_row, (size_t)context->batches + 1, sizeof(int64_t), "rows to analyse"));
  for (int b = 0; b < context->batches; b++)
    context->batch_row[b + 1] = context->batch_row[b] + rows_of(context, b, &first);
  context->rows = context->batch_row[context->batches];
  size_t rows = (size_t)context->rows;
  TRY(memory_take((void **)&context->position, rows, sizeof(int64_t), "rows to analyse"));
  TRY(memory_take((void **)&context->label, rows, sizeof(int32_t), "rows to analyse"));
  TRY(memory_take((void **)&context->shown, rows * modalities, 1, "rows to analyse"));
  for (size_t i = 0; i < modalities; i++)
    TRY(memory_take((void **)&context->mask[i], rows, sizeof(float), "rows to analyse"));
  return STATUS_OK;
}

// --- views --------------------------------------------------------------------------------------------------------------------

static Status add_view(AnalyzeContext *context, const char *name, int modality, Value value) {
  View *view = &context->view[context->views];
  if (value < 0)
    return STATUS_OK;
  *view = (View){
      .modality = modality, .value = value, .width = (int)graph_width(network_stages(context)->fusion.graph, value)};
  text_print(view->name, sizeof view->name, "%s", name);
  for (int k = 0; k < context->views && !view->data; k++)
    if (context->view[k].value == value)
      view->data = context->view[k].data;
  if (!view->data)
    TRY(memory_take((void **)&view->data, (size_t)context->rows * (size_t)view->width, sizeof(float),
                    "representations to analyse"));
  context->views++;
  return STATUS_OK;
}

static Status name_views(AnalyzeContext *context) {
  const Stages *stages = network_stages(context);
  const FusionStage *fusion = &stages->fusion;
  char name[sizeof((View *)0)->name];
  int most = 2 * stages->modalities + network_layers(context) + 2;
  TRY(memory_take((void **)&context->view, (size_t)most, sizeof *context->view, "representations to analyse"));
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < stages->modalities; i++) {
      text_print(name, sizeof name, "%s/%s", kind ? "representation" : "encoder", stages->config->modality[i].name);
      TRY(add_view(context, name, i, kind ? fusion->entry[i] : fusion->input[i]));
    }
  TRY(add_view(context, "representation/fusion", -1, fusion->representation));
  for (int k = 0; k < network_layers(context); k++) {
    text_print(name, sizeof name, "input/%s", network_layer(context, k)->path);
    TRY(add_view(context, name, -1, network_layer(context, k)->layer.input));
  }
  return add_view(context, "logits", -1, fusion->logits);
}

const View *context_view(const AnalyzeContext *context, const char *name) {
  for (int k = 0; k < context->views; k++)
    if (!strcmp(context->view[k].name, name))
      return &context->view[k];
  return NULL;
}

const View *context_modality_view(const AnalyzeContext *context, const char *kind, int modality) {
  for (int k = 0; k < context->views; k++)
    if (context->view[k].modality == modality && !strncmp(context->view[k].name, kind, strlen(kind)))
      return &context->view[k];
  return NULL;
}

// --- running the model ----------------------------------------------------------------------------------------------------

// Compact rows of modality i into full ones, zeros where a sample does not show it.
static void spread(AnalyzeContext *context, int64_t row, int rows, int i, const float *compact) {
  const View *view = context_modality_view(context, "encoder", i);
  size_t width = (size_t)view->width, modalities = (size_t)context->session->config.modalities;
  for (int64_t r = row; r < row + rows; r++) {
    bool shown = context->shown[(size_t)r * modalities + (size_t)i];
    context->mask[i][r] = shown;
    if (!shown || !compact)
      continue;
    memcpy(view->data + (size_t)r * width, compact, width * sizeof(float));
    compact += width;
  }
}

static void encode_batch(AnalyzeContext *context, int b) {
  Session *session = context->session;
  MaskProtocol everything = {.kind = MASK_NONE};
  const float *z[MODALITIES_MOST];
  int64_t begin = (int64_t)b * session->batch.room, left = context->n - begin, row = context->batch_row[b];
  int first, rows, n = (int)(left < session->batch.room ? left : session->batch.room);
  int modalities = session->config.modalities;
  batch_make(&session->batch, &session->dataset, &everything, context->order + begin, n, true);
  step_represent(session->step, &session->batch, z, &first, &rows);
  REQUIRE(row + rows == context->batch_row[b + 1], "%d rows of a batch, not as announced", rows);
  for (int r = 0; r < rows; r++) {
    context->position[row + r] = begin + first + r;
    context->label[row + r] = session->dataset.task[0].labels[context->order[begin + first + r]];
    memcpy(context->shown + (row + r) * modalities, session->batch.keep + (size_t)(first + r) * (size_t)modalities,
           (size_t)modalities);
  }
  for (int i = 0; i < modalities; i++)
    spread(context, row, rows, i, z[i]);
}

static bool is_input(const Stages *stages, Value value) {
  for (int i = 0; i < stages->modalities; i++)
    if (stages->fusion.input[i] == value)
      return true;
  return false;
}

static void keep_batch(AnalyzeContext *context, int b) {
  int rows;
  network_forward(context, b, &rows);
  for (int k = 0; k < context->views; k++) {
    const View *view = &context->view[k];
    if (!is_input(network_stages(context), view->value))
      memcpy(view->data + context->batch_row[b] * view->width, network_data(context, view->value),
             (size_t)rows * (size_t)view->width * sizeof(float));
  }
}

static Status prepare(AnalyzeContext *context, int64_t samples) {
  int room = 1;
  TRY(choose_samples(context, samples));
  TRY(take_rows(context));
  for (int b = 0; b < context->batches; b++)
    if (context->batch_row[b + 1] - context->batch_row[b] > room)
      room = (int)(context->batch_row[b + 1] - context->batch_row[b]);
  TRY(network_open(&context->network, context->session, room));
  return name_views(context);
}

Status context_open(AnalyzeContext *context, Session *session, Split split, int64_t samples) {
  context->session = session;
  context->comm = session->comm;
  context->split = split;
  TRY(comm_agree(session->comm, prepare(context, samples)));
  for (int b = 0; b < context->batches; b++) {
    watchdog_phase("encode for analysis", -1);
    encode_batch(context, b);
    keep_batch(context, b);
  }
  return STATUS_OK;
}

void context_close(AnalyzeContext *context) {
  for (int k = 0; k < context->views; k++) {
    bool shared = false;
    for (int j = 0; j < k; j++)
      shared |= context->view[j].value == context->view[k].value;
    if (!shared)
      free(context->view[k].data);
  }
  for (int i = 0; i < MODALITIES_MOST; i++)
    free(context->mask[i]);
  void *owned[] = {context->order, context->position,  context->label,
                   context->shown, context->batch_row, context->view};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
    free(owned[i]);
  network_close(context->network);
}

// --- gathering ----------------------------------------------------------------------------------------------------------------

Status context_gather(AnalyzeContext *context, const View *view, float **whole) {
  size_t width = (size_t)view->width;
  TRY(comm_agree(context->comm, memory_take((void **)whole, (size_t)context->n * width, sizeof(float),
                                            "a representation of all samples")));
  for (int64_t r = 0; r < context->rows; r++)
    for (size_t j = 0; j < width; j++) // adding +0 turns -0 into +0, as the sum over ranks does
      (*whole)[(size_t)context->position[r] * width + j] = view->data[(size_t)r * width + j] + 0.0f;
  exchange_collect(&context->session->grid, *whole, context->n * view->width);
  return STATUS_OK;
}

Status context_gather_shown(AnalyzeContext *context, int modality, uint8_t **shown) {
  float *flag = NULL;
  Status status = memory_take((void **)&flag, (size_t)context->n, sizeof *flag, "which samples show a modality");
  if (status.code == 0)
    status = memory_take((void **)shown, (size_t)context->n, 1, "which samples show a modality");
  status = comm_agree(context->comm, status);
  if (status.code == 0) {
    for (int64_t r = 0; r < context->rows; r++)
      flag[context->position[r]] = context->mask[modality][r];
    exchange_collect(&context->session->grid, flag, context->n);
    for (int64_t k = 0; k < context->n; k++)
      (*shown)[k] = flag[k] != 0;
  }
  free(flag);
  return status;
}

// --- results ------------------------------------------------------------------------------------------------------------------

json_t *context_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static void log_numbers(AnalyzeContext *context, const char *item, int count, const char *const *key,
                        const double *value) {
  char name[256];
  metrics_log_begin(context->log, context->step, context->epoch - 1, "analysis");
  for (int k = 0; k < count; k++) {
    text_print(name, sizeof name, "%s.%s.%s", context->measure, item, key[k]);
    metrics_log_number(context->log, name, value[k]);
  }
  metrics_log_end(context->log);
}

void context_row(AnalyzeContext *context, const char *item, int count, const char *const *key, const double *value) {
  if (context->log)
    log_numbers(context, item, count, key, value);
  if (!context->table || !comm_is_root(context->comm))
    return;
  printf("%-16s %-34s", context->measure, item);
  for (int k = 0; k < count; k++)
    printf("  %s %.6g", key[k], value[k]);
  printf("\n");
}
