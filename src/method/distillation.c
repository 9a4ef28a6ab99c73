// M_i <- v / |v|,  v = momentum M_i + (1 - momentum) e_i,  for the samples i of a batch; each comes once, so the order is of no account.
// The embeddings e of all ranks are put side by side first (every number comes from one rank), so that every rank does the same.
// Tian, Krishnan, Isola, ICLR 2020.
#include "method/distillation.h"

#include "base/memory.h"
#include "base/random.h"
#include "comm/exchange.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool shows_both(const Dataset *dataset, int64_t n, int student, int teacher) {
  return dataset->split[n] == SPLIT_TRAIN && dataset->task[0].labels[n] >= 0 && dataset->modality[student].present[n] &&
         dataset->modality[teacher].present[n];
}

static Status sort_rows(Bank *bank, const Dataset *dataset) {
  const int32_t *labels = dataset->task[0].labels;
  int32_t *next;
  TRY(memory_take((void **)&next, (size_t)bank->classes + 1, sizeof *next, "the memory bank"));
  for (int64_t n = 0; n < dataset->samples; n++)
    if (bank->row_of[n] >= 0)
      bank->begin[labels[n] + 1]++;
  for (int c = 0; c < bank->classes; c++) {
    bank->begin[c + 1] += bank->begin[c];
    next[c] = bank->begin[c];
  }
  for (int64_t n = 0; n < dataset->samples; n++)
    if (bank->row_of[n] >= 0)
      bank->by_class[next[labels[n]]++] = bank->row_of[n];
  free(next);
  return STATUS_OK;
}

Status bank_open(Distillation *distillation, const Dataset *dataset, int teacher) {
  Bank *bank = &distillation->bank[distillation->banks++];
  const char *names[] = {dataset->modality[distillation->student].name, dataset->modality[teacher].name};
  *bank = (Bank){.modality = teacher, .classes = dataset->task[0].binary ? 2 : dataset->task[0].classes};
  TRY(memory_take((void **)&bank->row_of, (size_t)dataset->samples, sizeof(int32_t), "the memory bank"));
  TRY(memory_take((void **)&bank->begin, (size_t)bank->classes + 1, sizeof(int32_t), "the memory bank"));
  for (int64_t n = 0; n < dataset->samples; n++)
    bank->row_of[n] = shows_both(dataset, n, distillation->student, teacher) ? bank->rows++ : -1;
  if (bank->rows == 0)
    return status_error(EXIT_DATA,
                        "data set %s: no labelled training sample shows both %s and %s, so nothing can be distilled",
                        dataset->name, names[0], names[1]);
  TRY(memory_take((void **)&bank->by_class, (size_t)bank->rows, sizeof(int32_t), "the memory bank"));
  TRY(sort_rows(bank, dataset));
  for (int c = 0; c < bank->classes; c++)
    if (bank->begin[c + 1] - bank->begin[c] == bank->rows)
      return status_error(
          EXIT_DATA,
          "data set %s: all training samples that show both %s and %s are of class %d; method.distillation.crd "
          "needs two classes, set it to 0",
          dataset->name, names[0], names[1], c);
  return STATUS_OK;
}

void distillation_close(Distillation *distillation) {
  if (!distillation)
    return;
  for (int b = 0; b < distillation->banks; b++) {
    free(distillation->bank[b].row_of);
    free(distillation->bank[b].by_class);
    free(distillation->bank[b].begin);
    free(distillation->bank[b].index_data);
  }
  free(distillation->gathered);
  free(distillation);
}

Status distillation_room(Distillation *distillation, int batch, int room) {
  const KdConfig *kd = &distillation->config->method.kd;
  for (int b = 0; b < distillation->banks; b++)
    TRY(memory_take((void **)&distillation->bank[b].index_data, (size_t)room * ((size_t)kd->bank_negatives + 1),
                    sizeof(int32_t), "the candidates of the contrast"));
  return distillation->banks == 0
             ? STATUS_OK
             : memory_take((void **)&distillation->gathered, 2 * (size_t)batch * (size_t)kd->embedding, sizeof(float),
                           "the embeddings of a batch");
}

static bool takes_part(const Distillation *distillation, const Bank *bank, const BatchView *view, int r) {
  const uint8_t *keep = view->keep + (size_t)r * (size_t)distillation->config->modalities;
  return keep[distillation->student] && keep[bank->modality] && bank->row_of[view->sample[r]] >= 0;
}

static void draw_row(int32_t *to, const Bank *bank, int32_t label, int negatives, const RandomStream *stream,
                     int64_t sample) {
  int32_t begin = bank->begin[label], own = bank->begin[label + 1] - begin;
  for (int k = 0; k < negatives; k += 4) {
    uint32_t word[4];
    random_block(word, stream, (uint64_t)sample, (uint32_t)k / 4);
    for (int l = 0; l < 4 && k + l < negatives; l++) {
      int32_t at = (int32_t)((uint64_t)word[l] * (uint64_t)(bank->rows - own) >> 32);
      to[k + l] = bank->by_class[at < begin ? at : at + own];
    }
  }
}

void distillation_draw(Distillation *distillation, Graph *graph, const BatchView *view, uint64_t seed, uint32_t epoch) {
  int negatives = distillation->config->method.kd.bank_negatives;
  for (int b = 0; b < distillation->banks; b++) {
    Bank *bank = &distillation->bank[b];
    RandomStream stream = {seed, RANDOM_NEGATIVES, epoch, (uint32_t)bank->modality};
    int32_t *to = bank->index_data;
    for (int r = view ? view->first : 0; view && r < view->first + view->here; r++, to += negatives + 1) {
      int64_t sample = view->sample[r];
      to[0] = takes_part(distillation, bank, view, r) ? bank->row_of[sample] : -1;
      if (to[0] >= 0)
        draw_row(to + 1, bank, distillation->labels[sample], negatives, &stream, sample);
    }
    graph_bind(graph, bank->index, bank->index_data);
  }
}

static void move_entry(float *entry, const float *embedding, int n, double momentum) {
  double square = 0;
  for (int i = 0; i < n; i++) {
    double v = momentum * (double)entry[i] + (1 - momentum) * (double)embedding[i];
    square += v * v;
  }
  double norm = fmax(sqrt(square), 1e-8);
  for (int i = 0; i < n; i++)
    entry[i] = (float)((momentum * (double)entry[i] + (1 - momentum) * (double)embedding[i]) / norm);
}

void distillation_update(Distillation *distillation, Graph *graph, const BatchView *view, const Grid *grid,
                         const Parameters *list, float *state) {
  int n = distillation->config->method.kd.embedding;
  double momentum = distillation->config->method.kd.bank_momentum;
  for (int b = 0; b < distillation->banks; b++) {
    const Bank *bank = &distillation->bank[b];
    const float *side[2] = {graph_data(graph, bank->student), graph_data(graph, bank->teacher)};
    float *entry[2] = {state + list->item[bank->student_state].offset, state + list->item[bank->teacher_state].offset};
    int64_t floats = 2 * (int64_t)view->rows * n;
    memset(distillation->gathered, 0, (size_t)floats * sizeof(float));
    for (int r = 0; r < view->here; r++)
      for (int i = 0; i < 2 * n; i++) // -0 becomes +0, as in a sum over ranks
        distillation->gathered[(size_t)(view->first + r) * 2 * (size_t)n + (size_t)i] =
            side[i / n][(size_t)r * (size_t)n + (size_t)(i % n)] + 0.0f;
    exchange_collect(grid, distillation->gathered, floats);
    for (int r = 0; r < view->rows; r++)
      for (int s = 0; s < 2 && takes_part(distillation, bank, view, r); s++)
        move_entry(entry[s] + (size_t)bank->row_of[view->sample[r]] * (size_t)n,
                   distillation->gathered + (size_t)(2 * r + s) * (size_t)n, n, momentum);
  }
}
