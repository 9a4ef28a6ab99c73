// for every epoch:  order = permutation(seed, epoch)
//   for every batch:  gradients; sum, clip, update; save when asked to
//   validation, early stop, best; a line in metrics.jsonl; checkpoint
// then the evaluation under every missingness pattern and rate.
#include "train/run.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "comm/watchdog.h"
#include "train/dump.h"
#include "train/evaluate.h"
#include "train/interrupt.h"
#include "train/metrics_log.h"
#include "train/pace.h"
#include "train/phases.h"
#include "train/position.h"
#include "train/progress_line.h"
#include "train/run_files.h"
#include "train/run_inside.h"
#include "train/substitution.h"
#include "train/telemetry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Run {
  const Comm *comm;
  const RunOptions *options;
  const RunPart *part; // NULL: a run that is alone
  const char *dir;
  Session session;
  Optimizer optimizer;
  Position position;
  RunLock lock;
  MetricsLog log;
  ProgressLine line;
  Substitution substitution;
  int64_t *sample, *order, samples; // training samples and the epoch's order
  double began, saved;              // clock of the start and of the last checkpoint
  double epoch_began;
  int64_t epoch_samples; // seen in this process in this epoch
  double norm, rate;
  Pace pace;
  double step_began;
  bool locked, interrupted, late, dumped; // late: interrupted because of the deadline
} Run;

static bool has_split(const Session *session, Split split) { return session_count(session, split) > 0; }

static double batches_of(const Session *session, Split split) {
  return ceil((double)session_count(session, split) / session->config.data.batch);
}

static Status save(Run *run) {
  watchdog_phase("write checkpoint", run->position.step);
  TRY(comm_agree(run->comm, metrics_log_sync(&run->log)));
  run->position.metrics_bytes = run->log.bytes;
  comm_share(run->comm, &run->position.metrics_bytes, sizeof run->position.metrics_bytes, 0);
  run->saved = clock_seconds();
  TRY(position_save(&run->session, &run->optimizer, &run->position, run->dir));
  run->pace.save = pace_seen(run->pace.save, clock_seconds() - run->saved);
  return STATUS_OK;
}

// --- one epoch -------------------------------------------------------------------------------------------------------------

static void shuffle(Run *run) {
  const Config *config = &run->session.config;
  RandomStream stream = {config->run.seed, RANDOM_SHUFFLE, (uint32_t)run->position.progress.epoch, 0};
  if (config->data.shuffle)
    random_permutation(run->order, run->samples, &stream);
  for (int64_t k = 0; k < run->samples; k++)
    run->order[k] = run->sample[config->data.shuffle ? run->order[k] : k];
}

enum { RIDER_INTERRUPT, RIDER_DEADLINE, RIDER_MINUTES, RIDERS };

// Whether another step after this one might not end, with its checkpoint, before the deadline. The clock of rank 0 decides.
static bool deadline_near(const Run *run) {
  const Progress *progress = &run->position.progress;
  return comm_is_root(run->comm) && interrupt_left() < pace_need(&run->pace, progress->batch + 2 >= progress->batches);
}

static Status one_step(Run *run, double *riders) {
  Session *session = &run->session;
  Progress *progress = &run->position.progress;
  int64_t begin = progress->batch * session->config.data.batch, left = run->samples - begin;
  int rows = (int)(left < session->config.data.batch ? left : session->config.data.batch);
  MaskProtocol mask = session_train_mask(session, progress->epoch);
  watchdog_phase("step", run->position.step + 1);
  run->step_began = clock_seconds();
  batch_make(&session->batch, &session->dataset, &mask, run->order + begin, rows, false);
  step_gradients(session->step, &session->batch, progress);
  double minutes = session->config.checkpoint.every_minutes;
  riders[RIDER_INTERRUPT] = interrupt_seen();
  riders[RIDER_DEADLINE] = deadline_near(run);
  riders[RIDER_MINUTES] = comm_is_root(run->comm) && minutes > 0 && clock_seconds() - run->saved > 60 * minutes;
  run->rate = optimizer_rate(&session->config, progress);
  Status status =
      optimizer_step(&run->optimizer, session->sums, run->rate, run->position.step + 1, &run->norm, riders, RIDERS);
  if (status.code)
    return status;
  if (run->options->dump_gradients && !run->dumped) {
    TRY(dump_gradients(session, run->options->dump_gradients));
    run->dumped = true;
  }
  run->position.step++;
  progress->batch++;
  run->epoch_samples += rows;
  run->pace.step = pace_seen(run->pace.step, clock_seconds() - run->step_began);
  return STATUS_OK;
}

static bool due_by_steps(const Run *run) {
  int every = run->session.config.checkpoint.every_steps;
  return every > 0 && run->position.step % every == 0;
}

static Status after_step(Run *run, const double *riders) {
  Progress *progress = &run->position.progress;
  bool last = progress->batch == progress->batches;
  if (riders[RIDER_INTERRUPT] > 0 || riders[RIDER_DEADLINE] > 0) {
    run->interrupted = true;
    run->late = !(riders[RIDER_INTERRUPT] > 0);
    return last ? STATUS_OK : save(run); // at the end of an epoch the epoch is closed first
  }
  if ((due_by_steps(run) || riders[RIDER_MINUTES] > 0) && !last)
    TRY(save(run));
  progress_line_show(&run->line, run->position.step, progress->batches * progress->epochs, progress->epoch,
                     progress->epochs, (double)run->epoch_samples / fmax(1e-9, clock_seconds() - run->epoch_began));
  return STATUS_OK;
}

static Status train_epoch(Run *run) {
  Progress *progress = &run->position.progress;
  shuffle(run);
  run->epoch_began = clock_seconds();
  run->epoch_samples = 0;
  while (progress->batch < progress->batches && !run->interrupted) {
    double riders[RIDERS];
    TRY(one_step(run, riders));
    TRY(after_step(run, riders));
  }
  return STATUS_OK;
}

// --- the end of an epoch ---------------------------------------------------------------------------------------------------

static void log_training(Run *run) {
  Step *step = run->session.step;
  int accumulators = step_accumulators(step), slices = run->session.config.grid.slices;
  double *all = malloc((size_t)(accumulators * slices) * sizeof *all), total = 0,
         seconds = clock_seconds() - run->epoch_began;
  REQUIRE(all, "out of memory for loss sums");
  memcpy(all, step_accumulated(step), (size_t)(accumulators * slices) * sizeof *all);
  comm_gather_sums(run->comm, all, accumulators * slices);
  metrics_log_begin(&run->log, run->position.step, run->position.progress.epoch, "train");
  for (int k = 0; k < accumulators; k++) {
    double sum = 0;
    for (int s = 0; s < slices; s++)
      sum += all[k * slices + s];
    double mean = sum / step_counted(step)[k];
    char key[96];
    bool correct = k + 1 == accumulators;
    snprintf(key, sizeof key, correct ? "accuracy" : "loss.%s", step_accumulator_name(step, k));
    if (correct)
      metrics_log_number(&run->log, "loss.total", total);
    metrics_log_number(&run->log, key, mean);
    total += isfinite(mean) ? step_accumulator_weight(step, k) * mean : 0;
  }
  metrics_log_number(&run->log, "learning_rate", run->rate);
  metrics_log_number(&run->log, "gradient_norm", run->norm);
  if (run->session.config.analysis.telemetry)
    telemetry_log_shares(&run->session, &run->optimizer, &run->log);
  metrics_log_number(&run->log, "wall_s", clock_seconds() - run->began);
  metrics_log_number(&run->log, "samples_per_s", (double)run->epoch_samples / fmax(1e-9, seconds));
  metrics_log_end(&run->log);
  log_info("epoch %lld/%lld  step %lld  train loss %.4f  %.0f samples/s", (long long)run->position.progress.epoch + 1,
           (long long)run->position.progress.epochs, (long long)run->position.step, total,
           (double)run->epoch_samples / fmax(1e-9, seconds));
  free(all);
  step_reset(step);
}

static double chosen_metric(const char *metric, const Scores *scores) {
  if (strstr(metric, "loss"))
    return -scores->loss;
  if (strstr(metric, "auroc"))
    return scores->auroc;
  if (strstr(metric, "auprc"))
    return scores->auprc;
  return scores->accuracy;
}

// The stop rule of EBR: without a better validation score for `patience` epochs the adversarial phase ends for good.
static void judge_adversary(Run *run, double score) {
  const Config *config = &run->session.config;
  Position *position = &run->position;
  if (config->method.type != METHOD_EBR || config->method.ebr.patience <= 0 || position->progress.stopped)
    return;
  if (isnan(position->adversary_best) || score > position->adversary_best) {
    position->adversary_best = score;
    position->adversary_left = config->method.ebr.patience;
  } else if (--position->adversary_left <= 0) {
    position->progress.stopped = true;
    log_info("epoch %lld: the adversarial phase ends (no better validation score for %d epochs)",
             (long long)position->progress.epoch, config->method.ebr.patience);
  }
}

// Scores with nothing withheld, and what telemetry finds in the same encodings.
static Status score_validation(Run *run, Scores *scores, Telemetry *telemetry, bool look) {
  const Config *config = &run->session.config;
  MaskProtocol mask = {.kind = MASK_NONE, .seed = config->run.seed, .epoch = RANDOM_EVALUATION};
  Evaluator evaluator;
  Status status = evaluator_open_split(&evaluator, &run->session, SPLIT_VALIDATION, look);
  if (status.code == 0)
    status = evaluator_scores(&evaluator, &mask, scores);
  if (status.code == 0 && look)
    status = telemetry_measure(telemetry, &evaluator);
  evaluator_close(&evaluator);
  return status;
}

static Status validate(Run *run, bool *improved, bool *stop) {
  const Config *config = &run->session.config;
  Position *position = &run->position;
  Scores scores;
  Telemetry telemetry;
  watchdog_phase("validation", position->step);
  bool look = telemetry_due(&run->session, &position->progress, run->samples);
  TRY(score_validation(run, &scores, &telemetry, look));
  metrics_log_begin(&run->log, position->step, position->progress.epoch, "validation");
  metrics_log_number(&run->log, "loss.total", scores.loss);
  metrics_log_number(&run->log, "accuracy", scores.accuracy);
  metrics_log_number(&run->log, "auroc", scores.auroc);
  metrics_log_number(&run->log, "auprc", scores.auprc);
  if (look)
    telemetry_log(&telemetry, config, &run->log);
  metrics_log_number(&run->log, "wall_s", clock_seconds() - run->began);
  metrics_log_end(&run->log);
  log_info("epoch %lld/%lld  validation loss %.4f  accuracy %.2f %%", (long long)position->progress.epoch + 1,
           (long long)position->progress.epochs, scores.loss, 100 * scores.accuracy);
  double score = chosen_metric(config->train.metric, &scores);
  judge_adversary(run, score);
  if (!strcmp(config->train.metric, "none"))
    return STATUS_OK;
  *improved = isnan(position->best) || score > position->best;
  if (*improved) {
    position->best = score;
    position->best_epoch = position->progress.epoch;
    position->patience_left = config->train.patience;
  } else if (config->train.patience > 0 && --position->patience_left <= 0)
    *stop = true;
  return STATUS_OK;
}

// Which modality stands in for which, as the latents are now.
static Status rank_modalities(Run *run) {
  if (!substitution_wanted(&run->session.config))
    return STATUS_OK;
  watchdog_phase("similarity ranking", run->position.step);
  TRY(substitution_measure(&run->session, &run->substitution));
  step_substitute(run->session.step, &run->substitution.substitutes);
  return STATUS_OK;
}

// Measurements of the model as it is now; in a chain of runs only those of the last, which is the model.
static Status observe(Run *run) {
  const RunOptions *options = run->options;
  int every = run->session.config.analysis.every_epochs;
  bool due = every > 0 && (run->position.progress.epoch + 1) % every == 0 && (!run->part || run->part->last);
  RunMoment moment = {&run->session, run->dir, run->position.step, run->position.progress.epoch, &run->log};
  watchdog_phase("analysis", run->position.step);
  return due && options->observe ? options->observe(options->observer, &moment) : STATUS_OK;
}

static Status close_epoch(Run *run, bool *stop) {
  const Config *config = &run->session.config;
  Progress *progress = &run->position.progress;
  bool improved = false;
  double began = clock_seconds();
  log_training(run);
  TRY(rank_modalities(run));
  if (has_split(&run->session, SPLIT_VALIDATION))
    TRY(validate(run, &improved, stop));
  TRY(observe(run));
  progress->epoch++;
  progress->batch = 0;
  bool due = config->checkpoint.every_epochs > 0 && progress->epoch % config->checkpoint.every_epochs == 0;
  if (due || due_by_steps(run) || improved || *stop || run->interrupted || progress->epoch == progress->epochs)
    TRY(save(run));
  if (improved)
    TRY(checkpoint_mark_best(run->comm, run->dir, run->position.step));
  run->pace.close = pace_seen(run->pace.close, clock_seconds() - began);
  return STATUS_OK;
}

static Status train(Run *run) {
  Progress *progress = &run->position.progress;
  // Patience that has run out stays so after a resume: the run has stopped, not paused.
  const Config *config = &run->session.config;
  bool stop = config->train.patience > 0 && strcmp(config->train.metric, "none") && !isnan(run->position.best) &&
              run->position.patience_left <= 0;
  while (progress->epoch < progress->epochs && !stop && !run->interrupted) {
    TRY(train_epoch(run));
    if (progress->batch == progress->batches)
      TRY(close_epoch(run, &stop));
  }
  progress_line_clear(&run->line);
  return STATUS_OK;
}

// --- the beginning and the end of a run --------------------------------------------------------------------------------------

// What is asked of an early stop and will not happen; of a chain of runs, only the last one says so.
static void warn_early_stop(const Run *run) {
  const Config *config = &run->session.config;
  bool chooses = strcmp(config->train.metric, "none") != 0;
  if (run->part && !run->part->last)
    return;
  if (chooses && !has_split(&run->session, SPLIT_VALIDATION))
    log_warning("%s: has no validation sample to measure %s on: no best.h5, no early stop", config->data.file,
                config->train.metric);
  if (!chooses && config->train.patience > 0)
    log_warning("train.early_stop.patience: %d stops nothing while train.early_stop.metric is none",
                config->train.patience);
}

static Status begin(Run *run) {
  Session *session = &run->session;
  const Config *config = &session->config;
  Position *position = &run->position;
  bool found = false;
  TRY(comm_agree(run->comm, session_samples(session, SPLIT_TRAIN, &run->sample, &run->samples)));
  if (run->samples == 0)
    return status_error(
        EXIT_DATA, "%s: no training sample has a label and one of the modalities; a split of 0 marks training samples",
        config->data.file);
  warn_early_stop(run);
  TRY(comm_agree(run->comm,
                 memory_take((void **)&run->order, (size_t)run->samples, sizeof(int64_t), "the order of samples")));
  TRY(comm_agree(run->comm, optimizer_open(&run->optimizer, config, session->sums)));
  run->optimizer.parameters = &session->stages.parameters;
  *position = (Position){.best = NAN,
                         .patience_left = config->train.patience,
                         .adversary_best = NAN,
                         .adversary_left = config->method.ebr.patience};
  position->progress.batches = (run->samples + config->data.batch - 1) / config->data.batch;
  position->progress.epochs = config->train.epochs;
  run->pace.validation_steps = batches_of(session, SPLIT_VALIDATION);
  bool held = run->part ? run->part->last : run->options->locked;
  if (!held) {
    TRY(rundir_lock(run->comm, run->dir, &run->lock));
    run->locked = true;
  }
  TRY(run_files_begin(run->comm, config, run->dir, run->options->resume));
  watchdog_phase("read checkpoint", 0);
  if (run->options->resume)
    TRY(position_load(session, &run->optimizer, position, run->dir, &found));
  for (int k = 0; !found && run->part && k < run->part->starts; k++)
    TRY(position_load_encoders(session, run->part->start[k].file, run->part->start[k].modality,
                               run->part->start[k].heads));
  if (substitution_wanted(config)) { // as the checkpoint has it; at the very beginning all are equally near
    substitution_recall(session, &run->substitution);
    step_substitute(session->step, &run->substitution.substitutes);
  }
  run->log.file = -1;
  TRY(comm_agree(run->comm,
                 comm_is_root(run->comm) ? metrics_log_open(&run->log, run->dir, position->metrics_bytes) : STATUS_OK));
  if (found && position->progress.epoch == position->progress.epochs)
    log_info("resumed at step %lld, behind the last epoch", (long long)position->step);
  else if (found)
    log_info("resumed at step %lld, epoch %lld of %lld", (long long)position->step,
             (long long)position->progress.epoch + 1, (long long)position->progress.epochs);
  if (!found)
    return save(run);
  // A kill between the checkpoint of the best epoch so far and its marking is made good here.
  bool best =
      !isnan(position->best) && position->progress.batch == 0 && position->progress.epoch == position->best_epoch + 1;
  return best ? checkpoint_mark_best(run->comm, run->dir, position->step) : STATUS_OK;
}

static Status fill_outcome(Run *run, const char *model, uint64_t hash) {
  Session *session = &run->session;
  RunOutcome *outcome = run->part->outcome;
  int64_t *order = NULL, n;
  Split split = has_split(session, SPLIT_VALIDATION) ? SPLIT_VALIDATION : SPLIT_TRAIN;
  *outcome = (RunOutcome){.step = run->position.step, .parameters_hash = hash};
  text_print(outcome->model, sizeof outcome->model, "%s/%s", run->dir, model);
  Status status = comm_agree(run->comm, session_samples(session, split, &order, &n));
  if (status.code == 0)
    status = evaluate_alone(session, order, n, outcome->alone);
  free(order);
  return status;
}

// Scores of the best parameters where the run chose by a metric, else of the last ones.
static Status score(Run *run, uint64_t hash) {
  Session *session = &run->session;
  bool phase = run->part && !run->part->last;
  bool best = strcmp(session->config.train.metric, "none") && !isnan(run->position.best);
  if (best) {
    char file[PATH_MOST + 16];
    snprintf(file, sizeof file, "%s/best.h5", run->dir);
    TRY(position_load_model(session, file));
  }
  if (phase && run->part->outcome)
    TRY(fill_outcome(run, best ? "best.h5" : "checkpoints/latest", hash));
  if (substitution_wanted(&session->config)) {
    substitution_recall(session, &run->substitution);
    step_substitute(session->step, &run->substitution.substitutes);
  }
  char report[PATH_MOST + 32];
  snprintf(report, sizeof report, "%s/evaluation.json", run->dir);
  watchdog_phase("evaluation", run->position.step);
  EvaluationPlan plan = {.split = has_split(session, SPLIT_TEST)         ? SPLIT_TEST
                                  : has_split(session, SPLIT_VALIDATION) ? SPLIT_VALIDATION
                                                                         : SPLIT_TRAIN,
                         .patterns = !phase,
                         .extra = phase,
                         .mask = {.kind = MASK_NONE, .seed = session->config.run.seed, .epoch = RANDOM_EVALUATION},
                         .rates = session->config.missingness.evaluate};
  plan.seconds = batches_of(session, plan.split) * run->pace.step;
  return evaluate_run(session, &plan, report,
                      !phase && !run->options->json && !run->options->quiet && !run->options->silent, false);
}

static Status finish(Run *run, double trained) {
  Session *session = &run->session;
  uint64_t hash = parameters_hash(sums_parameters(session->sums), &session->stages.parameters);
  TRY(comm_agree(run->comm, metrics_log_status(&run->log)));
  Status status = STATUS_OK;
  if (run->interrupted)
    status = status_error(EXIT_AGAIN, "%s: %s at step %lld, saved; run again with --resume to go on", run->dir,
                          run->late ? "stopped before the deadline" : "interrupted", (long long)run->position.step);
  else
    status = score(run, hash);
  if (status.code && status.code != EXIT_AGAIN)
    return status;
  TRY(run_files_end(run->comm, &run->session, run->dir,
                    &(RunSummary){status.code ? "interrupted" : "done", run->position.step,
                                  run->position.progress.epoch, hash, trained},
                    run->options->json, run->options->silent || (run->part && !run->part->last && !status.code)));
  return status;
}

static Status open_session(Run *run, const Config *config) {
  for (int k = 0; k < run->options->datas; k++)
    if (shared_data_serves(&run->options->data[k], config))
      return session_open_shared(&run->session, run->comm, config, &run->options->data[k], true);
  return session_open(&run->session, run->comm, config, NULL, true);
}

static Status train_inside(Run *run, const Config *config) {
  TRY(open_session(run, config));
  TRY(begin(run));
  const Grid *grid = &run->session.grid;
  log_info("%lld parameters, %lld training samples, %d ranks as %d modality groups x %d data shards, %d slices",
           (long long)parameters_number(&run->session.stages.parameters), (long long)run->samples, run->comm->ranks,
           grid->groups, grid->shards, grid->slices);
  run->saved = run->began = clock_seconds();
  progress_line_begin(&run->line, !run->options->quiet, run->position.step);
  TRY(train(run));
  return finish(run, clock_seconds() - run->began);
}

Status run_inside(const Comm *comm, const Config *config, const RunOptions *options, const RunPart *part) {
  Run run = {.comm = comm,
             .options = options,
             .part = part,
             .dir = options->out ? options->out : config->run.out,
             .log = {.file = -1}};
  if (options->dump_gradients && comm->ranks > 1)
    return status_error(EXIT_USAGE, "--dump-gradients works on one rank; start the program without mpirun");
  watchdog_start(comm, options->watchdog);
  watchdog_phase("open the data set", 0);
  Status status = train_inside(&run, config);
  metrics_log_close(&run.log);
  optimizer_close(&run.optimizer);
  session_close(&run.session);
  free(run.sample);
  free(run.order);
  if (run.locked)
    rundir_unlock(&run.lock);
  if (options->watchdog > 0)
    watchdog_stop();
  return status;
}

Status run_train(const Comm *comm, const Config *config, const RunOptions *options) {
  bool phases = config->method.type == METHOD_KD && config->method.kd.stage == KD_ALL;
  return phases ? phases_train(comm, config, options) : run_inside(comm, config, options, NULL);
}
