// total of a unit = sum over the stages that use its parameter, in order, of the fold of their nodes (base/slices.h).
// One run of units per rank: reduce-scatter, optimiser on the own run, all-gather. On one node the "scatter" is a read of the
// neighbours' window, between nodes an all-to-all of exactly the rows that the owners need.
#include "comm/sums.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { UNIT_FLOATS = 4096, CHUNK = 1024, STAGES_MOST = GRID_MODALITIES + 1, SOURCES_MOST = 2 * SLICES_MOST };

// One node of a stage's tree and where its block stands on the rank that computes it.
typedef struct Source {
  int rank;
  int64_t block; // in floats, from the start of that rank's gradient memory
  SliceNode node;
} Source;

typedef struct StageSources {
  SumStage stage;
  int count;
  Source source[SOURCES_MOST];
  int own_nodes;
  SliceNode own_node[SLICE_NODES_MOST];
  float *own_block[SLICE_NODES_MOST];
} StageSources;

// A stage that adds to a parameter.
typedef struct Contribution {
  int stage;
  int64_t offset;
} Contribution;

struct Sums {
  const Grid *grid;
  const Parameters *parameters;
  StageSources *stage;
  int stages;
  int *contributions; // [parameters + 1] prefix into contribution
  Contribution *contribution;
  SumUnit *unit;
  int units, *owner; // owner [ranks + 1]: first unit of each rank
  bool shared;
  MPI_Win window;
  float **memory;           // [ranks] gradient memory of each rank; only ours when not shared
  float *block;             // flat parameters
  float *total;             // sums of the own units that have more than one source, in unit order
  const float **unit_total; // [own units]
  double *exchange;         // squares and riders on their way
  // messages only
  float *send, *receive;
  int *send_count, *send_at, *receive_count, *receive_at;
  int64_t *position; // [own units][ranks] of the unit's floats in what rank r sent
};

static void stage_slices(const Grid *grid, const SumStage *stage, int rank, int *first, int *end) {
  *first = *end = 0;
  if (stage->modality < 0)
    grid_fusion_slices(grid, rank, first, end);
  else if (grid->group_of[stage->modality] == rank % grid->groups)
    grid_encoder_slices(grid, rank / grid->groups, first, end);
}

// Nodes of a stage on a rank and the place of the first one's block in the rank's memory; advances *at behind the last.
static int stage_layout(const Grid *grid, const SumStage *stage, int rank, SliceNode *node, int64_t *at,
                        int64_t *begin) {
  int first, end;
  stage_slices(grid, stage, rank, &first, &end);
  int nodes = slice_nodes(node, first, end, grid->slices);
  *begin = *at;
  *at += nodes * stage->size;
  return nodes;
}

static int64_t memory_floats(const Grid *grid, const SumStage *stage, int stages, int rank) {
  SliceNode node[SLICE_NODES_MOST];
  int64_t at = 0, begin;
  for (int s = 0; s < stages; s++)
    stage_layout(grid, &stage[s], rank, node, &at, &begin);
  return at;
}

static int source_order(const void *a, const void *b) {
  const Source *x = a, *y = b;
  return x->node.first - y->node.first;
}

static void find_sources(Sums *sums, const SumStage *stage) {
  for (int s = 0; s < sums->stages; s++)
    sums->stage[s].stage = stage[s];
  for (int rank = 0; rank < sums->grid->ranks; rank++) {
    int64_t at = 0;
    for (int s = 0; s < sums->stages; s++) {
      StageSources *to = &sums->stage[s];
      SliceNode node[SLICE_NODES_MOST];
      int64_t begin;
      int nodes = stage_layout(sums->grid, &stage[s], rank, node, &at, &begin);
      REQUIRE(to->count + nodes <= SOURCES_MOST, "too many partial sums");
      for (int j = 0; j < nodes; j++)
        to->source[to->count++] = (Source){rank, begin + j * stage[s].size, node[j]};
      if (rank == sums->grid->rank) {
        to->own_nodes = nodes;
        memcpy(to->own_node, node, sizeof node);
        for (int j = 0; j < nodes; j++)
          to->own_block[j] = sums->memory[rank] + begin + j * stage[s].size;
      }
    }
  }
  for (int s = 0; s < sums->stages; s++)
    qsort(sums->stage[s].source, (size_t)sums->stage[s].count, sizeof(Source), source_order);
}

static int64_t rows_of(const Parameter *parameter) { return parameter->dimensions ? parameter->dim[0] : 1; }

static int count_units(const Parameters *parameters, SumUnit *unit) {
  int units = 0;
  for (int p = 0; p < parameters->count; p++) {
    const Parameter *it = &parameters->item[p];
    int64_t rows = rows_of(it), row = it->size / (rows ? rows : 1),
            step = row >= UNIT_FLOATS ? 1 : UNIT_FLOATS / (row ? row : 1);
    for (int64_t first = 0; first < rows; first += step, units++)
      if (unit) {
        int64_t end = first + step < rows ? first + step : rows;
        unit[units] = (SumUnit){p, first, end, it->offset + first * row, (end - first) * row};
      }
  }
  return units;
}

static Status take_tables(Sums *sums) {
  const Parameters *parameters = sums->parameters;
  int ranks = sums->grid->ranks, contributions = 0;
  sums->units = count_units(parameters, NULL);
  TRY(memory_take((void **)&sums->unit, (size_t)sums->units, sizeof *sums->unit, "the parameter units"));
  count_units(parameters, sums->unit);
  TRY(memory_take((void **)&sums->owner, (size_t)ranks + 1, sizeof(int), "the owners of units"));
  for (int r = 0, u = 0; r <= ranks; r++) {
    while (u < sums->units && sums->unit[u].offset < parameters->size * r / ranks)
      u++;
    sums->owner[r] = r == ranks ? sums->units : u;
  }
  TRY(memory_take((void **)&sums->exchange, (size_t)sums->units + 64, sizeof(double), "the norms of units"));
  for (int s = 0; s < sums->stages; s++)
    contributions += sums->stage[s].stage.parameters;
  TRY(memory_take((void **)&sums->contribution, (size_t)contributions, sizeof *sums->contribution,
                  "the contributions"));
  TRY(memory_take((void **)&sums->contributions, (size_t)parameters->count + 1, sizeof(int), "the contributions"));
  int at = 0;
  for (int p = 0; p < parameters->count; p++) {
    sums->contributions[p] = at;
    for (int s = 0; s < sums->stages; s++)
      for (int k = 0; k < sums->stage[s].stage.parameters; k++)
        if (sums->stage[s].stage.parameter[k] == p)
          sums->contribution[at++] = (Contribution){s, sums->stage[s].stage.offset[k]};
    REQUIRE(at > sums->contributions[p], "no stage uses the parameter %s", parameters->item[p].path);
  }
  sums->contributions[parameters->count] = at;
  return STATUS_OK;
}

// Sources of a unit: how many in all, over the stages that use its parameter.
static int unit_sources(const Sums *sums, int unit) {
  int p = sums->unit[unit].parameter, count = 0;
  for (int c = sums->contributions[p]; c < sums->contributions[p + 1]; c++)
    count += sums->stage[sums->contribution[c].stage].count;
  return count;
}

static Status take_totals(Sums *sums) {
  int first = sums->owner[sums->grid->rank], end = sums->owner[sums->grid->rank + 1];
  int64_t floats = 0;
  for (int u = first; u < end; u++)
    floats += unit_sources(sums, u) > 1 ? sums->unit[u].size : 0;
  TRY(memory_take((void **)&sums->total, (size_t)floats, sizeof(float), "the summed gradients"));
  TRY(memory_take((void **)&sums->unit_total, (size_t)(end - first), sizeof(float *), "the summed gradients"));
  float *at = sums->total;
  for (int u = first; u < end; u++)
    if (unit_sources(sums, u) > 1) {
      sums->unit_total[u - first] = at;
      at += sums->unit[u].size;
    }
  return STATUS_OK;
}

// Calls of the same walk on sender and receiver: floats of unit `unit` that `rank` contributes.
static int64_t floats_from(const Sums *sums, int unit, int rank) {
  int p = sums->unit[unit].parameter;
  int64_t floats = 0;
  for (int c = sums->contributions[p]; c < sums->contributions[p + 1]; c++) {
    const StageSources *stage = &sums->stage[sums->contribution[c].stage];
    for (int k = 0; k < stage->count; k++)
      floats += stage->source[k].rank == rank ? sums->unit[unit].size : 0;
  }
  return floats;
}

static Status take_messages(Sums *sums) {
  int ranks = sums->grid->ranks, me = sums->grid->rank, own = sums->owner[me + 1] - sums->owner[me];
  int **table[4] = {&sums->send_count, &sums->send_at, &sums->receive_count, &sums->receive_at};
  for (int i = 0; i < 4; i++)
    TRY(memory_take((void **)table[i], (size_t)ranks, sizeof(int), "the message table"));
  TRY(memory_take((void **)&sums->position, (size_t)own * (size_t)ranks, sizeof(int64_t), "the message table"));
  int64_t out = 0, in = 0;
  for (int r = 0; r < ranks; r++) {
    sums->send_at[r] = (int)out;
    for (int u = sums->owner[r]; u < sums->owner[r + 1]; u++)
      out += floats_from(sums, u, me);
    sums->send_count[r] = (int)(out - sums->send_at[r]);
    sums->receive_at[r] = (int)in;
    for (int u = 0; u < own; u++) {
      sums->position[(size_t)u * (size_t)ranks + (size_t)r] = in;
      in += floats_from(sums, sums->owner[me] + u, r);
    }
    sums->receive_count[r] = (int)(in - sums->receive_at[r]);
  }
  REQUIRE(out < INT32_MAX && in < INT32_MAX, "a gradient message is too long");
  TRY(memory_take((void **)&sums->send, (size_t)out, sizeof(float), "gradients to send"));
  return memory_take((void **)&sums->receive, (size_t)in, sizeof(float), "gradients to receive");
}

static bool one_node(const Comm *comm) {
  MPI_Comm node;
  int size;
  MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_size(node, &size);
  MPI_Comm_free(&node);
  return size == comm->ranks;
}

static Status take_memory(Sums *sums, const SumStage *stage) {
  const Grid *grid = sums->grid;
  int64_t floats = memory_floats(grid, stage, sums->stages, grid->rank);
  TRY(memory_take((void **)&sums->memory, (size_t)grid->ranks, sizeof(float *), "the gradient table"));
  if (!sums->shared) {
    TRY(memory_take((void **)&sums->memory[grid->rank], (size_t)floats, sizeof(float), "the gradients"));
    return memory_take((void **)&sums->block, (size_t)sums->parameters->size, sizeof(float), "the parameters");
  }
  int64_t flat = grid->rank == 0 ? sums->parameters->size : 0;
  MPI_Info info;
  MPI_Info_create(&info);
  MPI_Info_set(info, "alloc_shared_noncontig", "true");
  float *base;
  MPI_Win_allocate_shared((MPI_Aint)((size_t)(floats + flat + 32) * sizeof(float)), 1, info, grid->comm->world, &base,
                          &sums->window);
  MPI_Info_free(&info);
  memory_advise(base, (size_t)(floats + flat + 32) * sizeof(float));
  MPI_Win_lock_all(MPI_MODE_NOCHECK, sums->window);
  for (int r = 0; r < grid->ranks; r++) {
    MPI_Aint size;
    int unit;
    MPI_Win_shared_query(sums->window, r, &size, &unit, &base);
    float *aligned = (float *)(((uintptr_t)base + 63) / 64 * 64);
    if (r == 0)
      sums->block = aligned;
    sums->memory[r] = aligned + (r == 0 ? sums->parameters->size : 0);
  }
  return STATUS_OK;
}

Status sums_open(Sums **result, const Grid *grid, const Parameters *parameters, const SumStage *stage, int stages,
                 const char *window) {
  Sums *sums;
  *result = NULL;
  REQUIRE(stages <= STAGES_MOST, "%d stages", stages);
  TRY(comm_agree(grid->comm, memory_take((void **)&sums, 1, sizeof *sums, "the sums")));
  *result = sums;
  sums->grid = grid;
  sums->parameters = parameters;
  sums->stages = stages;
  bool node = one_node(grid->comm);
  if (!strcmp(window, "on") && !node)
    return status_error(EXIT_CONFIG, "grid.window: on needs all ranks on one node; write auto");
  sums->shared = grid->ranks == 1 || (node && strcmp(window, "off") != 0); // nobody sends messages to himself
  TRY(comm_agree(grid->comm, memory_take((void **)&sums->stage, (size_t)stages, sizeof *sums->stage, "the stages")));
  TRY(comm_agree(grid->comm, take_memory(sums, stage)));
  find_sources(sums, stage);
  TRY(comm_agree(grid->comm, take_tables(sums)));
  TRY(comm_agree(grid->comm, take_totals(sums)));
  return comm_agree(grid->comm, sums->shared ? STATUS_OK : take_messages(sums));
}

void sums_close(Sums *sums) {
  if (!sums)
    return;
  if (sums->shared) {
    MPI_Win_unlock_all(sums->window);
    MPI_Win_free(&sums->window);
  } else if (sums->memory) {
    free(sums->memory[sums->grid->rank]);
    free(sums->block);
  }
  void *owned[] = {sums->memory,   sums->stage,         sums->contributions, sums->contribution,
                   sums->unit,     sums->owner,         sums->total,         sums->unit_total,
                   sums->exchange, sums->send,          sums->receive,       sums->send_count,
                   sums->send_at,  sums->receive_count, sums->receive_at,    sums->position};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
    free(owned[i]);
  free(sums);
}

float *sums_parameters(Sums *sums) { return sums->block; }

int sums_nodes(const Sums *sums, int stage, const SliceNode **node) {
  *node = sums->stage[stage].own_node;
  return sums->stage[stage].own_nodes;
}

float *const *sums_gradients(const Sums *sums, int stage) { return sums->stage[stage].own_block; }

const SumUnit *sums_units(const Sums *sums, int *units, int *first, int *end) {
  *units = sums->units;
  *first = sums->owner[sums->grid->rank];
  *end = sums->owner[sums->grid->rank + 1];
  return sums->unit;
}

const float *sums_total(const Sums *sums, int unit) { return sums->unit_total[unit - sums->owner[sums->grid->rank]]; }

__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void add(float *to, const float *a,
                                                                                              const float *b, int n) {
#pragma GCC ivdep
  for (int i = 0; i < n; i++) // to may be a or b
    to[i] = a[i] + b[i];
}

// Sixteen chains side by side, then added in order: the same bits at every vector width.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static double square_sum(const float *x,
                                                                                                       int64_t n) {
  double lane[16] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++)
      lane[j] += (double)x[i + j] * (double)x[i + j];
  for (int j = 0; i + j < n; j++)
    lane[j] += (double)x[i + j] * (double)x[i + j];
  for (int j = 0; j < 16; j++)
    sum += lane[j];
  return sum;
}

// The fold of `count` nodes, chunk by chunk so that partial sums stay in the first-level cache.
static void fold(float *to, const float *const *from, const Source *source, int count, int64_t size) {
  float buffer[16][CHUNK];
  for (int64_t at = 0; at < size; at += CHUNK) {
    int n = (int)(size - at < CHUNK ? size - at : CHUNK), top = 0;
    const float *stack[16];
    for (int k = 0; k < count; k++) {
      SliceNode node = source[k].node;
      int length = node.end - node.first, whole = (length & (length - 1)) == 0;
      stack[top++] = from[k] + at;
      int folds = k + 1 == count || !whole ? top - 1 : slice_folds(node.end, length);
      for (; folds > 0; folds--, top--) {
        add(buffer[top - 2], stack[top - 2], stack[top - 1], n);
        stack[top - 2] = buffer[top - 2];
      }
    }
    memcpy(to + at, stack[0], (size_t)n * sizeof(float));
  }
}

static void reduce_unit(Sums *sums, int unit) {
  const Grid *grid = sums->grid;
  int own = unit - sums->owner[grid->rank], p = sums->unit[unit].parameter;
  int64_t size = sums->unit[unit].size, inside = sums->unit[unit].offset - sums->parameters->item[p].offset;
  int64_t cursor[GRID_MODALITIES * SLICES_MOST];
  if (!sums->shared)
    for (int r = 0; r < grid->ranks; r++)
      cursor[r] = sums->position[(size_t)own * (size_t)grid->ranks + (size_t)r];
  float *total = (float *)sums->unit_total[own], part[UNIT_FLOATS];
  bool alone = unit_sources(sums, unit) == 1;
  for (int c = sums->contributions[p], begin = c; c < sums->contributions[p + 1]; c++) {
    const StageSources *stage = &sums->stage[sums->contribution[c].stage];
    const float *from[SOURCES_MOST];
    for (int k = 0; k < stage->count; k++) {
      const Source *source = &stage->source[k];
      if (sums->shared)
        from[k] = sums->memory[source->rank] + source->block + sums->contribution[c].offset + inside;
      else {
        from[k] = sums->receive + cursor[source->rank];
        cursor[source->rank] += size;
      }
    }
    if (alone)
      sums->unit_total[own] = from[0];
    else if (c == begin)
      fold(total, from, stage->source, stage->count, size);
    else // a unit is at most UNIT_FLOATS long unless one row is longer: then it is added piece by piece
      for (int64_t at = 0; at < size; at += UNIT_FLOATS) {
        int64_t n = size - at < UNIT_FLOATS ? size - at : UNIT_FLOATS;
        const float *piece[SOURCES_MOST];
        for (int k = 0; k < stage->count; k++)
          piece[k] = from[k] + at;
        fold(part, piece, stage->source, stage->count, n);
        add(total + at, total + at, part, (int)n);
      }
  }
}

static void send_gradients(Sums *sums) {
  int me = sums->grid->rank;
  float *to = sums->send;
  for (int u = 0; u < sums->units; u++) {
    int p = sums->unit[u].parameter;
    int64_t size = sums->unit[u].size, inside = sums->unit[u].offset - sums->parameters->item[p].offset;
    for (int c = sums->contributions[p]; c < sums->contributions[p + 1]; c++) {
      const StageSources *stage = &sums->stage[sums->contribution[c].stage];
      for (int k = 0; k < stage->count; k++)
        if (stage->source[k].rank == me) {
          memcpy(to, sums->memory[me] + stage->source[k].block + sums->contribution[c].offset + inside,
                 (size_t)size * sizeof(float));
          to += size;
        }
    }
  }
  MPI_Alltoallv(sums->send, sums->send_count, sums->send_at, MPI_FLOAT, sums->receive, sums->receive_count,
                sums->receive_at, MPI_FLOAT, sums->grid->comm->world);
}

static void window_barrier(Sums *sums) {
  if (sums->grid->ranks == 1)
    return;
  MPI_Win_sync(sums->window);
  MPI_Barrier(sums->grid->comm->world);
  MPI_Win_sync(sums->window);
}

void sums_reduce(Sums *sums, double *squares, double *riders, int n, int threads, void (*each)(void *user, int unit),
                 void *user) {
  REQUIRE(n <= 64, "%d riders", n);
  int first = sums->owner[sums->grid->rank], end = sums->owner[sums->grid->rank + 1];
  if (sums->shared)
    window_barrier(sums);
  else
    send_gradients(sums);
  memset(sums->exchange, 0, (size_t)sums->units * sizeof(double));
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int u = first; u < end; u++) {
    reduce_unit(sums, u);
    sums->exchange[u] = square_sum(sums->unit_total[u - first], sums->unit[u].size);
    if (each)
      each(user, u);
  }
  for (int j = 0; j < n; j++)
    sums->exchange[sums->units + j] = riders[j];
  comm_gather_sums(sums->grid->comm, sums->exchange, sums->units + n);
  memcpy(squares, sums->exchange, (size_t)sums->units * sizeof(double));
  for (int j = 0; j < n; j++)
    riders[j] = sums->exchange[sums->units + j];
}

void sums_publish(Sums *sums) {
  if (sums->shared) {
    window_barrier(sums);
    return;
  }
  int ranks = sums->grid->ranks;
  int counts[GRID_MODALITIES * SLICES_MOST], begins[GRID_MODALITIES * SLICES_MOST];
  for (int r = 0; r < ranks; r++) {
    int64_t begin = sums->owner[r] < sums->units ? sums->unit[sums->owner[r]].offset : sums->parameters->size;
    int64_t end = sums->owner[r + 1] < sums->units ? sums->unit[sums->owner[r + 1]].offset : sums->parameters->size;
    begins[r] = (int)begin;
    counts[r] = (int)(end - begin);
  }
  MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_FLOAT, sums->block, counts, begins, MPI_FLOAT, sums->grid->comm->world);
}

size_t sums_bytes(const Grid *grid, const Parameters *parameters, const SumStage *stage, int stages, int rank,
                  bool window) {
  int64_t gradients = memory_floats(grid, stage, stages, rank), flat = parameters->size;
  // Own totals when more than one partial sum meets; messages carry the gradients twice.
  int64_t totals = grid->ranks > 1 ? flat / grid->ranks : 0;
  int64_t messages = window || grid->ranks == 1 ? 0 : 2 * gradients;
  // In a window, what a rank reads of its neighbours counts as its own: their gradients of its units, and all parameters.
  int64_t touched = window ? flat * (grid->ranks - 1) / grid->ranks : 0;
  return (size_t)(gradients + totals + messages + touched + flat) * sizeof(float);
}
