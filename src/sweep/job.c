// missing, interrupted ──lock──► running ──► done
//                                   ├──► interrupted   signal, deadline: resumed by the next job
//                                   └──► failed        final: the same failure twice at one step, or an input that will not change
#include "sweep/job.h"

#include "base/clock.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "comm/watchdog.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEATHS_MOST = 5 }; // ends without a word at one step before a run counts as failed

bool job_leads(const Job *job) { return job->team.ranks > 0 && comm_is_root(&job->team); }

void job_run_dir(char dir[PATH_MOST], const Job *job, int run) {
  text_print(dir, PATH_MOST, "%s/runs/%s", job->options->dir, job->space->run[run].id);
}

// --- words of the team's leader, whichever rank it is

static void say(const Job *job, int run, const RunState *state, double seconds) {
  char values[300], place[48] = "";
  if (job->level < LOG_NORMAL && state->kind != RUN_FAILED)
    return;
  space_describe(values, sizeof values, job->space, run);
  if (job->nodes == 1 && job->chosen == job->space->runs)
    snprintf(place, sizeof place,
             "%lld of %d: ", (long long)(atomic_load(&job->board->ended) + atomic_load(&job->board->before)),
             job->chosen);
  log_init(0, job->level);
  if (state->kind == RUN_FAILED)
    log_warning("%srun %s failed%s: %.300s (%s)", place, job->space->run[run].id, state->final ? " for good" : "",
                state->cause, values);
  else
    log_info("%s%s %s in %.1f s (%s)", place, job->space->run[run].id, run_kind_names[state->kind], seconds, values);
}

// --- the state of a run over its attempts

static void begin_state(RunState *state, const char *dir) {
  const char *array = getenv("SLURM_ARRAY_JOB_ID"), *task = getenv("SLURM_ARRAY_TASK_ID"),
             *job = getenv("SLURM_JOB_ID");
  int64_t step = run_step(dir);
  bool died = state->kind == RUN_RUNNING || (state->kind == RUN_INTERRUPTED && state->code == 0 && state->attempts > 0);
  state->stuck = step > state->step ? 0 : state->stuck + died;
  state->step = step;
  state->kind = RUN_RUNNING;
  state->attempts++;
  state->code = 0;
  gethostname(state->host, sizeof state->host - 1);
  if (array && task)
    text_print(state->job, sizeof state->job, "%s_%s", array, task);
  else
    text_print(state->job, sizeof state->job, "%s", job ? job : "");
}

/// An input that is wrong today is wrong tomorrow.
static bool hopeless(int code) { return code == EXIT_DATA || code == EXIT_CONFIG || code == EXIT_USAGE; }

static void end_state(RunState *state, const Status *status, const char *dir, double seconds) {
  int64_t step = run_step(dir);
  state->seconds += seconds;
  if (status->code == 0 || status->code == EXIT_AGAIN) {
    state->kind = status->code ? RUN_INTERRUPTED : RUN_DONE;
    state->code = status->code;
    state->cause[0] = 0;
    state->stuck = 0;
  } else {
    bool same = state->stuck > 0 && !strcmp(state->cause, status->text) && step == state->step;
    state->final = same || hopeless(status->code);
    state->kind = RUN_FAILED;
    state->code = status->code;
    state->stuck = 1;
    text_print(state->cause, sizeof state->cause, "%s", status->text);
  }
  state->step = step;
}

// --- one run

/// The leader's look at a directory that it has locked; *go is whether there is something to do.
static Status enter(Job *job, RunState *state, const char *dir, bool first, bool *go) {
  run_state_read(state, dir);
  if (state->kind == RUN_RUNNING) // by us; what was there before says state.json, whose writer is dead
    state->kind = RUN_INTERRUPTED;
  bool failed = state->code != 0 && state->code != EXIT_AGAIN;
  bool retry = job->options->retry && first;
  *go = state->kind != RUN_DONE && (retry || !state->final);
  if (!*go)
    return STATUS_OK;
  if (!failed)
    state->cause[0] = 0;
  if (retry)
    state->final = false, state->stuck = 0;
  begin_state(state, dir);
  return run_state_write(state, dir);
}

static Status train_here(Job *job, const char *dir) {
  for (int k = 0; k < job->datas; k++)
    if (job->data_status[k].code && shared_data_serves(&job->data[k], job->config))
      return job->data_status[k];
  RunOptions options = {.out = dir,
                        .resume = true,
                        .quiet = true,
                        .silent = true,
                        .locked = true,
                        .observe = job->options->observe,
                        .data = job->data,
                        .datas = job->datas};
  LogLevel quiet = job->level == LOG_VERBOSE ? LOG_VERBOSE : LOG_QUIET;
  log_init(job->team.rank, quiet);
  Status status = run_train(&job->team, job->config, &options);
  log_init(job->team.rank, job->level);
  return status;
}

/// Trains, and once more when it failed in a way that may have been chance: then it is known.
static Status train_locked(Job *job, int run, const char *dir) {
  RunState state = {0};
  bool go = true;
  for (int attempt = 0; attempt < 2 && go; attempt++) {
    TRY(comm_agree(&job->team, job_leads(job) ? enter(job, &state, dir, attempt == 0, &go) : STATUS_OK));
    comm_share(&job->team, &go, sizeof go, 0);
    comm_share(&job->team, &state.stuck, sizeof state.stuck, 0);
    if (!go) {
      if (job_leads(job))
        atomic_fetch_add(&job->board->before, 1);
      return STATUS_OK;
    }
    double began = clock_seconds();
    Status status =
        state.stuck >= DEATHS_MOST
            ? status_error(EXIT_DATA, "%s: the job ended %d times at this step without a word; out of memory?", dir,
                           state.stuck)
            : train_here(job, dir);
    double seconds = clock_seconds() - began;
    job->busy += seconds;
    job->stopped |= status.code == EXIT_AGAIN;
    if (job_leads(job)) {
      end_state(&state, &status, dir, seconds);
      go = state.kind == RUN_FAILED && !state.final;
      if (state.kind == RUN_DONE)
        job->done++, job->trained += seconds * job->team.ranks;
      if (!go || attempt)
        atomic_fetch_add(&job->board->ended, 1), say(job, run, &state, seconds);
    }
    TRY(comm_agree(&job->team, job_leads(job) ? run_state_write(&state, dir) : STATUS_OK));
    comm_share(&job->team, &go, sizeof go, 0);
  }
  return STATUS_OK;
}

Status job_train(Job *job, int run, bool *refused) {
  RunLock lock;
  char dir[PATH_MOST];
  job_run_dir(dir, job, run);
  TRY(comm_agree(&job->team, space_config(job->config, job->space, run, job->options->dir)));
  watchdog_phase("lock a run directory", run);
  Status status = rundir_lock(&job->team, dir, &lock);
  *refused = lock.refused;
  if (status.code) {
    int held = lock.refused;
    comm_share(&job->team, &held, sizeof held, 0);
    return held ? STATUS_OK : status;
  }
  status = train_locked(job, run, dir);
  rundir_unlock(&lock);
  return status;
}
