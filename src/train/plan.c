#include "train/plan.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// A process before it has any model, as measured with Open MPI 4.1 and HDF5 1.10 on Debian 12: programs and libraries that it has
// touched (21 to 24 MiB, the same pages for all ranks of a node), and what MPI, HDF5 and the C library keep; with neighbours, MPI's
// buffers for talking to them.
enum { PROCESS_ALONE = 31 << 20, PROCESS_TOGETHER = 38 << 20 };
// A rank's multiply-adds a second.
static const double PLAN_RATE = 4e10;

static size_t data_bytes(const Session *session) {
  size_t bytes = 0;
  for (int i = 0; i < session->dataset.modalities; i++)
    bytes += dataset_bytes(&session->dataset, i, NULL);
  return bytes;
}

static int64_t samples_of(const Session *session, Split split) {
  int64_t n = 0;
  for (int64_t r = 0; r < session->dataset.samples; r++)
    n += session->dataset.split[r] == split;
  return n;
}

// What every rank knows of every sample: split, label, presence; the samples and the order of training.
static size_t sample_bytes(const Session *session) {
  size_t known = 1 + sizeof(int32_t) + (size_t)session->dataset.modalities;
  return (size_t)session->dataset.samples * known + 2 * (size_t)samples_of(session, SPLIT_TRAIN) * sizeof(int64_t);
}

// What is kept while the last split is scored: samples, representations, logits, probabilities, rankings.
static size_t score_bytes(const Session *session, int rank) {
  const Config *config = &session->config;
  int64_t scored = samples_of(session, SPLIT_TEST);
  if (scored == 0)
    scored = samples_of(session, SPLIT_VALIDATION);
  if (scored == 0)
    scored = samples_of(session, SPLIT_TRAIN);
  size_t score = sizeof(float) + 3 * sizeof(double);
  int batches = (int)((scored + config->data.batch - 1) / config->data.batch);
  return (size_t)scored * (2 * sizeof(int64_t) + (size_t)session->stages.outputs * score) +
         step_encoded_bytes(config, &session->stages, &session->grid, rank, batches);
}

// Between epochs a run is scored or observed, one after the other.
static size_t between_bytes(const Session *session, int rank, PlanObserver *observer) {
  size_t score = score_bytes(session, rank), seen = observer ? observer(session, rank) : 0;
  return score > seen ? score : seen;
}

// Turned parameters and their moments on their way into a checkpoint: this rank's rows of the file of all, and one matrix in full.
static size_t turned_bytes(const Session *session, size_t moments) {
  size_t shown = 0, longest = 0;
  for (int p = 0; p < session->stages.parameters.count; p++) {
    const Parameter *it = &session->stages.parameters.item[p];
    size_t bytes = it->turned ? (size_t)it->size * sizeof(float) : 0;
    shown += (1 + moments) * bytes / (size_t)session->grid.ranks;
    longest = bytes > longest ? bytes : longest;
  }
  return shown + longest;
}

static size_t rank_bytes(const Session *session, int rank, bool window, PlanObserver *observer) {
  const Config *config = &session->config;
  const Grid *grid = &session->grid;
  const Parameters *parameters = &session->stages.parameters;
  size_t moments = config->optimizer.type == OPTIMIZER_SGD ? 1 : 2;
  return (size_t)(grid->ranks > 1 ? PROCESS_TOGETHER : PROCESS_ALONE) + data_bytes(session) + sample_bytes(session) +
         between_bytes(session, rank, observer) +
         step_bytes(config, &session->stages, &session->dataset, grid, rank, true) +
         sums_bytes(grid, parameters, session->table.stage, session->table.stages, rank, window) +
         (size_t)session->stages.state.size * sizeof(float) +
         moments * (size_t)parameters->size / (size_t)grid->ranks * sizeof(float) + turned_bytes(session, moments);
}

// Of that, what is its neighbours' as well: the data set and, in a window, the parameters and the gradients of others that it reads.
static size_t shared_bytes(const Session *session, bool window) {
  size_t flat = (size_t)session->stages.parameters.size * sizeof(float), ranks = (size_t)session->grid.ranks;
  return data_bytes(session) + (window && ranks > 1 ? flat + flat * (ranks - 1) / ranks : 0);
}

static size_t sent_bytes(const Session *session, int rank) {
  const Grid *grid = &session->grid;
  if (grid->ranks == 1)
    return 0;
  int first, end;
  grid_encoder_slices(grid, rank / grid->groups, &first, &end);
  double rows = (double)session->config.data.batch * (end - first) / grid->slices, bytes = 0;
  for (int i = 0; i < session->config.modalities && grid->groups > 1; i++)
    if (grid->group_of[i] == rank % grid->groups)
      bytes += 2 * rows * session->stages.width[i] * sizeof(float) * (grid->groups - 1) / grid->groups;
  double gradients = (double)session->table.stage[session->table.stages - 1].size;
  for (int i = 0; i < session->config.modalities; i++)
    if (grid->group_of[i] == rank % grid->groups)
      gradients += (double)session->table.stage[i].size;
  return (size_t)(bytes + (gradients + (double)session->stages.parameters.size) * sizeof(float) * (grid->ranks - 1) /
                              grid->ranks);
}

static void fill_row(PlanRow *row, const Session *session, PlanObserver *observer) {
  const Grid *grid = &session->grid;
  bool window = strcmp(session->config.grid.window, "off") != 0;
  double work = session->stages.fusion_cost;
  *row = (PlanRow){.ranks = grid->ranks, .groups = grid->groups, .shards = grid->shards};
  for (int i = 0; i < session->config.modalities; i++)
    work += session->stages.cost[i];
  row->share = grid_share(grid, session->stages.cost, session->stages.fusion_cost);
  size_t flat = (size_t)session->stages.parameters.size * sizeof(float);
  row->bytes_node = data_bytes(session) + (window && grid->ranks > 1 ? flat : 0);
  for (int rank = 0; rank < grid->ranks; rank++) {
    size_t bytes = rank_bytes(session, rank, window, observer), sent = sent_bytes(session, rank);
    row->bytes_node += bytes - shared_bytes(session, window);
    row->bytes_rank = bytes > row->bytes_rank ? bytes : row->bytes_rank;
    row->bytes_sent = sent > row->bytes_sent ? sent : row->bytes_sent;
  }
  row->step_seconds = 3 * work * session->config.data.batch * row->share / PLAN_RATE + (double)row->bytes_sent / 4e9;
}

Status plan_row(PlanRow *row, const Config *config, int ranks, PlanObserver *observer) {
  Session session;
  Status status = session_sketch(&session, config, ranks);
  if (status.code == 0)
    fill_row(row, &session, observer);
  session_sketch_close(&session);
  return status;
}

// Measured: what a step costs beside its multiply-adds, and an epoch beside its steps (validation, a checkpoint).
static const double STEP_SECONDS = 2.5e-4, EPOCH_SECONDS = 1.5e-2;

// A run of kd trains every modality alone, then all together and a probe unless the student is named, then the student once a teacher.
static double kd_runs(const Config *config) {
  const KdConfig *kd = &config->method.kd;
  int named = 0, teachers = 0;
  for (int i = 0; i < config->modalities; i++) {
    named += kd->student[i];
    teachers += kd->teachers[i];
  }
  bool once = !strcmp(kd->order, "simultaneous") || !strcmp(kd->order, "strongest");
  return 2 + (named ? 0 : 1.5) + (once ? 1 : teachers ? teachers : config->modalities - 1);
}

static void fill_run(PlanRun *run, const Session *session) {
  const Config *config = &session->config;
  PlanRow row;
  int64_t samples = session_count(session, SPLIT_TRAIN);
  fill_row(&row, session, NULL);
  double runs = config->method.type == METHOD_KD && config->method.kd.stage == KD_ALL ? kd_runs(config) : 1;
  // Ranks meet several times in a step; each meeting takes longer the more they are.
  double step = row.step_seconds + STEP_SECONDS * (1 + 0.5 * log2(session->grid.ranks));
  int64_t steps = (samples + config->data.batch - 1) / config->data.batch * config->train.epochs;
  *run =
      (PlanRun){(int64_t)(runs * (double)steps), runs * ((double)steps * step + config->train.epochs * EPOCH_SECONDS)};
}

Status plan_run(PlanRun *run, const Config *config, int ranks) {
  Session session;
  Status status = session_sketch(&session, config, ranks);
  if (status.code == 0)
    fill_run(run, &session);
  session_sketch_close(&session);
  return status;
}

static json_t *row_json(const PlanRow *row) {
  return json_pack("{s:i, s:i, s:i, s:f, s:I, s:I, s:I, s:f}", "ranks", row->ranks, "modality_groups", row->groups,
                   "data_shards", row->shards, "busiest_share", row->share, "bytes_per_rank",
                   (json_int_t)row->bytes_rank, "bytes_per_node", (json_int_t)row->bytes_node, "bytes_sent_per_step",
                   (json_int_t)row->bytes_sent, "step_seconds", row->step_seconds);
}

static double mib(size_t bytes) { return (double)bytes / (1 << 20); }

static void print_map(const Session *session) {
  const Grid *grid = &session->grid;
  printf("%-5s %-6s %-6s %-12s %-12s %s\n", "rank", "group", "shard", "slices", "fuses", "encoders");
  for (int rank = 0; rank < grid->ranks; rank++) {
    int first, end, fusion_first, fusion_end;
    char slices[32], fuses[32];
    grid_encoder_slices(grid, rank / grid->groups, &first, &end);
    grid_fusion_slices(grid, rank, &fusion_first, &fusion_end);
    snprintf(slices, sizeof slices, "%d..%d", first, end - 1);
    snprintf(fuses, sizeof fuses, fusion_first < fusion_end ? "%d..%d" : "none", fusion_first, fusion_end - 1);
    printf("%-5d %-6d %-6d %-12s %-12s", rank, rank % grid->groups, rank / grid->groups, slices, fuses);
    for (int i = 0; i < grid->modalities; i++)
      if (grid->group_of[i] == rank % grid->groups)
        printf(" %s", session->config.modality[i].name);
    printf("\n");
  }
}

static Status print_sketch(const Config *config, int ranks, PlanObserver *observer, bool json) {
  Session session;
  Status status = session_sketch(&session, config, ranks);
  if (status.code == 0) {
    PlanRow row;
    fill_row(&row, &session, observer);
    if (json) {
      json_t *object = row_json(&row);
      json_object_set_new(object, "parameters", json_integer(parameters_number(&session.stages.parameters)));
      json_dumpf(object, stdout, JSON_INDENT(1));
      printf("\n");
      json_decref(object);
    } else {
      print_map(&session);
      for (int p = 0; p < session.stages.parameters.count; p++) {
        const Parameter *it = &session.stages.parameters.item[p];
        printf("%-48s %12lld\n", it->path, (long long)it->size);
      }
      printf("%-48s %12lld\n", "parameters", (long long)parameters_number(&session.stages.parameters));
      printf("memory per rank %.1f MiB, of all ranks on one node %.1f MiB, sent per rank and step %.2f MiB\n",
             mib(row.bytes_rank), mib(row.bytes_node), mib(row.bytes_sent));
    }
  }
  session_sketch_close(&session);
  return status;
}

Status plan_print(const Comm *comm, const Config *config, int ranks, PlanObserver *observer, bool json) {
  return comm_agree(comm, comm_is_root(comm) ? print_sketch(config, ranks, observer, json) : STATUS_OK);
}

static Status print_table(const Config *config, const int *ranks, int count, PlanObserver *observer, bool json) {
  json_t *rows = json_array();
  Status status = STATUS_OK;
  if (!json)
    printf("%-6s %-8s %-14s %-16s %-16s %-18s %s\n", "ranks", "grid", "busiest share", "MiB per rank", "MiB per node",
           "MiB sent per step", "seconds per step");
  for (int k = 0; k < count && status.code == 0; k++) {
    PlanRow row;
    status = plan_row(&row, config, ranks[k], observer);
    if (status.code)
      break;
    if (json)
      json_array_append_new(rows, row_json(&row));
    else
      printf("%-6d %dx%-6d %-14.3f %-16.1f %-16.1f %-18.2f %.2g\n", row.ranks, row.groups, row.shards, row.share,
             mib(row.bytes_rank), mib(row.bytes_node), mib(row.bytes_sent), row.step_seconds);
  }
  if (json && status.code == 0) {
    json_dumpf(rows, stdout, JSON_INDENT(1));
    printf("\n");
  }
  json_decref(rows);
  return status;
}

Status plan_table(const Comm *comm, const Config *config, const int *ranks, int count, PlanObserver *observer,
                  bool json) {
  return comm_agree(comm, comm_is_root(comm) ? print_table(config, ranks, count, observer, json) : STATUS_OK);
}
