// every team:  while the node's counter names a place:  pass on what is done, failed or locked;  lock;  train;  write state.json;  unlock
// The counter only spares looking; what decides is the lock of the run directory, so any number of jobs may share a sweep directory.
#include "sweep/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "comm/watchdog.h"
#include "sweep/job.h"
#include "sweep/plan.h"
#include "sweep/queue.h"
#include "train/interrupt.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- data sets: each once per node, for all runs

static int find_data(const Job *job, const Config *config) {
  for (int k = 0; k < job->datas; k++)
    if (shared_data_serves(&job->data[k], config))
      return k;
  return -1;
}

static Status open_data(Job *job, const Config *config) {
  job->data = realloc(job->data, ((size_t)job->datas + 1) * sizeof *job->data);
  job->data_status = realloc(job->data_status, ((size_t)job->datas + 1) * sizeof *job->data_status);
  REQUIRE(job->data && job->data_status, "out of memory for data sets");
  SharedData *data = &job->data[job->datas];
  const SweepOptions *options = job->options;
  Status status = comm_agree(job->comm, options->probe ? options->probe(options->user, config->data.file) : STATUS_OK);
  if (!status.code)
    status = shared_data_open(data, job->comm, config, NULL);
  else
    *data = (SharedData){0};
  if (status.code) { // kept with its name, so that its runs find out why
    shared_data_close(data);
    text_print(data->file, sizeof data->file, "%s", config->data.file);
    text_print(data->task, sizeof data->task, "%s", config->data.task);
    data->dataset.modalities = config->modalities;
    for (int i = 0; i < config->modalities; i++)
      text_print(data->dataset.modality[i].name, sizeof data->dataset.modality[i].name, "%s", config->modality[i].name);
  }
  job->data_status[job->datas++] = status;
  return STATUS_OK;
}

/// Every rank walks through the same runs, so all open the same data sets in the same order.
static Status open_all_data(Job *job, Config *config) {
  for (int i = 0; i < job->space->runs; i++) {
    if (!job->wanted[i])
      continue;
    TRY(space_config(config, job->space, i, job->options->dir));
    if (find_data(job, config) < 0) {
      watchdog_phase("open the data sets", job->datas);
      TRY(open_data(job, config));
    }
  }
  bool any = job->datas == 0;
  for (int k = 0; k < job->datas; k++)
    any |= job->data_status[k].code == 0;
  return any ? STATUS_OK : job->data_status[0];
}

// --- teams

/// Predicted seconds of the wanted runs on `ranks` ranks, one behind another; false when some run cannot have a team of this size.
static bool predict_wanted(double *seconds, Job *job, int ranks) {
  bool possible = true;
  int at = 0;
  sweep_predict(seconds, job->space, job->wanted, ranks, job->config);
  for (int i = 0; i < job->space->runs; i++)
    if (job->wanted[i]) {
      possible &= !isinf(seconds[i]);
      seconds[at++] = isnan(seconds[i]) ? 0 : seconds[i];
    }
  return possible;
}

/// With many runs for each rank nothing is gained by larger teams, which would have to talk.
static Status choose_team(Job *job, int nodes) {
  enum { SIZES_MOST = 8, MANY = 8 };
  int size[SIZES_MOST], sizes = 0, runs = job->space->runs;
  double *seconds;
  const double *given[SIZES_MOST];
  TRY(memory_take((void **)&seconds, SIZES_MOST * (size_t)runs, sizeof *seconds, "predictions"));
  for (int ranks = 1; ranks <= job->comm->ranks && sizes < SIZES_MOST && !job->options->team; ranks *= 2) {
    double *here = seconds + (size_t)sizes * (size_t)runs;
    bool possible = predict_wanted(here, job, ranks);
    given[sizes] = here;
    size[sizes++] = ranks;
    if (possible && job->chosen >= MANY * job->comm->ranks)
      break;
  }
  job->team_size =
      job->options->team ? job->options->team : queue_team(size, sizes, given, job->chosen, job->comm->ranks, nodes);
  free(seconds);
  if (job->team_size > job->comm->ranks)
    return status_error(EXIT_USAGE, "--ranks-per-run %d: this job has %d ranks", job->team_size, job->comm->ranks);
  sweep_predict(job->seconds, job->space, job->wanted, job->team_size, job->config);
  for (int i = 0; i < runs; i++) // what is not wanted stands behind, and is passed on
    job->seconds[i] = job->wanted[i] ? job->seconds[i] : -1;
  queue_order(job->order, job->seconds, runs);
  return STATUS_OK;
}

static Status open_board(Job *job) {
  TRY(node_block_open(&job->block, job->comm, sizeof(Board)));
  job->board = job->block.memory;
  if (node_block_fills(&job->block))
    memset(job->board, 0, sizeof *job->board);
  node_block_publish(&job->block);
  comm_part(&job->team, job->comm, job->team_size);
  node_place(&job->node, &job->nodes, job->comm, job_leads(job));
  interrupt_share(&job->board->stop);
  return STATUS_OK;
}

// --- taking and training

/// Nothing is begun that would have to stop at once.
static bool out_of_time(void) {
  enum { LEAST_SECONDS = 5 };
  return interrupt_seen() || interrupt_left() < LEAST_SECONDS;
}

/// The next run that this team should try to lock, or -1. Called by the team's leader.
static int next_run(Job *job) {
  const Space *space = job->space;
  while (!out_of_time() && !job->stopped) {
    int64_t place = queue_place(atomic_fetch_add(&job->board->next, 1), space->runs, job->node, job->nodes);
    int again = place < 0 && job->passed_on > job->looked_again ? job->passed[job->looked_again++] : -1;
    if (place < 0 && again < 0)
      return -1; // those that others hold were tried once more
    int run = place < 0 ? again : job->order[place];
    if (!job->wanted[run])
      continue;
    RunState state;
    char dir[PATH_MOST];
    job_run_dir(dir, job, run);
    run_state_read(&state, dir);
    if (state.kind == RUN_DONE || (state.kind == RUN_FAILED && state.final && !job->options->retry)) {
      atomic_fetch_add(&job->board->before, 1);
      continue;
    }
    return run;
  }
  return -1;
}

static void work(Job *job) {
  for (;;) {
    int run = job_leads(job) ? next_run(job) : -1;
    comm_share(&job->team, &run, sizeof run, 0);
    if (run < 0)
      return;
    bool refused = false;
    Status status = job_train(job, run, &refused);
    if (status.code && !job->trouble.code) // the others may be luckier
      job->trouble = status;
    if (status.code && job_leads(job))
      log_warning("run %s cannot be worked on: %s", job->space->run[run].id, status.text);
    if (refused && job_leads(job) && job->passed_on < job->space->runs && !job->looked_again)
      job->passed[job->passed_on++] = run;
  }
}

static void work_together(Job *job) {
  double began = clock_seconds();
  if (job->team.ranks > 0)
    work(job);
  watchdog_phase("wait for the other ranks", 0);
  comm_meet(job->comm);
  log_init(job->comm->rank, job->level);
  job->wall = clock_seconds() - began;
  job->idle = job->wall > 0 ? 1 - job->busy / job->wall : 0;
}

// --- the end

static void name_failed(char *text, size_t size, const Job *job, const RunState *state) {
  size_t at = 0;
  int named = 0;
  *text = 0;
  for (int i = 0; i < job->space->runs && at < size; i++)
    if (job->wanted[i] && state[i].kind == RUN_FAILED && state[i].final && named++ < 5)
      at += (size_t)snprintf(text + at, size - at, "%s%s (%.90s)", named > 1 ? ", " : "", job->space->run[i].id,
                             state[i].cause);
  if (named > 5 && at < size)
    snprintf(text + at, size - at, " and %d more", named - 5);
}

static void print_summary(const Job *job, const SweepCount *count, const double *sum) {
  double ranks = job->comm->ranks, done = sum[0], core = job->wall * ranks;
  if (job->options->json) {
    json_t *root = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:i, s:i, s:f, s:f, s:f, s:f}", "runs", job->chosen,
                             "done", count->kind[RUN_DONE], "running", count->kind[RUN_RUNNING], "interrupted",
                             count->kind[RUN_INTERRUPTED] + count->retry, "missing", count->kind[RUN_MISSING], "failed",
                             count->kind[RUN_FAILED], "done_here", (json_int_t)done, "ranks", job->comm->ranks,
                             "ranks_per_run", job->team_size, "seconds", job->wall, "core_seconds", core,
                             "run_core_seconds", sum[1], "idle_share", sum[2] / ranks);
    json_dumpf(root, stdout, JSON_INDENT(1));
    printf("\n");
    json_decref(root);
    return;
  }
  printf(
      "%d runs: %d done (%.0f of them now), %d failed for good, %d to be resumed, %d running elsewhere, %d not begun\n",
      job->chosen, count->kind[RUN_DONE], done, count->kind[RUN_FAILED], count->kind[RUN_INTERRUPTED] + count->retry,
      count->kind[RUN_RUNNING], count->kind[RUN_MISSING]);
  printf("%.1f s on %.0f ranks, %d ranks a run", job->wall, ranks, job->team_size);
  if (done > 0)
    printf("; %.3g core-seconds a run, of which %.3g in runs; ranks idle %.1f %%", core / done, sum[1] / done,
           100 * sum[2] / ranks);
  printf("\n%s\n", job->options->dir);
}

static Status judge(const Job *job, const SweepCount *count, const RunState *state) {
  char failed[400];
  int waiting = count->kind[RUN_INTERRUPTED] + count->kind[RUN_MISSING] + count->retry;
  if (waiting)
    return status_error(EXIT_AGAIN, "%s: %d of %d runs are not done%s; run the same command again to go on",
                        job->options->dir, waiting, job->chosen, interrupt_seen() ? ", interrupted" : "");
  if (!count->kind[RUN_FAILED])
    return STATUS_OK;
  name_failed(failed, sizeof failed, job, state);
  return status_error(EXIT_INTERNAL, "%d of %d runs failed: %s", count->kind[RUN_FAILED], job->chosen, failed);
}

/// What the directories say now; by one rank, for all.
static Status report(Job *job, const double *sum) {
  RunState *state;
  SweepCount count = {0};
  TRY(memory_take((void **)&state, (size_t)job->space->runs, sizeof *state, "the states of runs"));
  for (int i = 0; i < job->space->runs; i++) {
    char dir[PATH_MOST];
    if (!job->wanted[i])
      continue;
    job_run_dir(dir, job, i);
    run_state_read(&state[i], dir);
    if (state[i].kind == RUN_FAILED && !state[i].final)
      count.retry++;
    else
      count.kind[state[i].kind]++;
  }
  print_summary(job, &count, sum);
  Status status = judge(job, &count, state);
  free(state);
  return status;
}

// --- the whole

static Status mark_wanted(Job *job) {
  const SweepOptions *options = job->options;
  for (int i = 0; i < job->space->runs; i++)
    job->wanted[i] = !options->chosen;
  for (int k = 0; k < options->chosen; k++) {
    int run = space_find(job->space, options->only[k]);
    if (run < 0)
      return status_error(EXIT_USAGE, "%.40s: %s has no run of this ID; see rebasis sweep plan --dry-run",
                          options->only[k], job->space->file);
    job->wanted[run] = true;
  }
  for (int i = 0; i < job->space->runs; i++)
    job->chosen += job->wanted[i];
  return STATUS_OK;
}

static Status take(Job *job) {
  size_t runs = (size_t)job->space->runs;
  TRY(memory_take((void **)&job->wanted, runs, sizeof *job->wanted, "the list of runs"));
  TRY(memory_take((void **)&job->seconds, runs, sizeof *job->seconds, "the list of runs"));
  TRY(memory_take((void **)&job->order, runs, sizeof *job->order, "the list of runs"));
  TRY(memory_take((void **)&job->passed, runs, sizeof *job->passed, "the list of runs"));
  TRY(memory_take((void **)&job->config, 1, sizeof *job->config, "a configuration"));
  TRY(mark_wanted(job));
  return STATUS_OK;
}

static Status run_job(Job *job) {
  const Comm *comm = job->comm;
  TRY(comm_agree(comm, take(job)));
  TRY(comm_agree(comm, comm_is_root(comm) ? sweep_directory_make(job->space, job->options->dir) : STATUS_OK));
  TRY(open_all_data(job, job->config));
  node_place(&job->node, &job->nodes, comm, true);
  TRY(comm_agree(comm, choose_team(job, job->nodes)));
  TRY(open_board(job));
  space_warn(job->space);
  log_info("%s: %d runs on %d ranks, %d ranks a run", job->options->dir, job->chosen, comm->ranks, job->team_size);
  work_together(job);
  double sum[3] = {job_leads(job) ? job->done : 0, job_leads(job) ? job->trained : 0, job->idle};
  comm_gather_sums(comm, sum, 3);
  watchdog_phase("read the states", 0);
  Status trouble = comm_agree(comm, job->trouble),
         status = comm_agree(comm, comm_is_root(comm) ? report(job, sum) : STATUS_OK);
  return trouble.code && !interrupt_seen() ? trouble : status;
}

Status sweep_run(const Comm *comm, const Space *space, const SweepOptions *options) {
  Job job = {.comm = comm, .space = space, .options = options, .level = log_level()};
  watchdog_start(comm, options->watchdog);
  watchdog_phase("begin the sweep", 0);
  Status status = run_job(&job);
  interrupt_share(NULL);
  comm_part_close(&job.team);
  if (job.board)
    node_block_close(&job.block);
  for (int k = 0; k < job.datas; k++)
    shared_data_close(&job.data[k]);
  free(job.data);
  free(job.data_status);
  free(job.wanted);
  free(job.seconds);
  free(job.order);
  free(job.passed);
  free(job.config);
  if (options->watchdog > 0)
    watchdog_stop();
  return status;
}
