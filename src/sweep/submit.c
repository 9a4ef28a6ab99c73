// elements: runs by falling cost, dealt out like cards, so that all last about as long
// arrays:   elements [0, most), [most, 2 most), …   most = MaxArraySize - 1: the largest index that Slurm takes, so one could be one longer
#include "sweep/submit.h"

#include "base/deadline.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "sweep/plan.h"
#include "sweep/queue.h"
#include "sweep/script.h"
#include "sweep/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEP = PATH_MOST + 64, ARRAYS_MOST = 50, WORD = 24 };

typedef struct Submission {
  const Space *space;
  const SubmitOptions *options;
  char dir[PATH_MOST], folder[DEEP]; // absolute: of the sweep, of this submission
  ScriptFill fill;
  int *run, runs; // owned: those to submit, dearest first
  int packed, elements, queued, most;
  bool *taken;  // owned [space->runs]: in the queue already
  json_t *jobs; // owned: what was submitted
} Submission;

// --- what is in the queue already

void submit_elements(const char *dir, void (*each)(void *user, char *ids, const char *name), void *user) {
  char path[DEEP + 300], name[48];
  DIR *folder = text_print(path, sizeof path, "%s/jobs", dir) ? opendir(path) : NULL;
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    FILE *submitted = NULL, *elements = NULL;
    if (text_print(path, sizeof path, "%s/jobs/%s/submitted", dir, entry->d_name))
      submitted = fopen(path, "re");
    if (submitted && text_print(path, sizeof path, "%s/jobs/%s/elements", dir, entry->d_name))
      elements = fopen(path, "re");
    char job[24], *line = NULL;
    size_t room = 0;
    int first, last;
    while (elements && fscanf(submitted, "%23s %d %d", job, &first, &last) == 3)
      for (int k = first; k <= last && getline(&line, &room, elements) > 0; k++) {
        text_print(name, sizeof name, "%s_%d", job, k - first);
        each(user, line, name);
      }
    free(line);
    if (elements)
      fclose(elements);
    if (submitted)
      fclose(submitted);
  }
  if (folder)
    closedir(folder);
}

typedef struct Taking {
  Submission *submission;
  const SlurmQueue *queue;
} Taking;

static void take_element(void *user, char *ids, const char *name) {
  Taking *taking = user;
  if (!slurm_find(taking->queue, name))
    return;
  for (char *id; (id = strsep(&ids, " \n"));) {
    int run = space_find(taking->submission->space, id);
    if (run >= 0)
      taking->submission->taken[run] = true;
  }
}

static Status find_taken(Submission *submission) {
  SlurmQueue queue;
  Status status = slurm_queue(&queue);
  if (status.code == EXIT_NO_INPUT && submission->options->dry_run)
    return STATUS_OK;
  TRY(status);
  submit_elements(submission->dir, take_element, &(Taking){submission, &queue});
  slurm_queue_free(&queue);
  return STATUS_OK;
}

// --- which runs, and how they are packed

static int ranks_of(const ScriptFill *fill) {
  char *tasks = script_option(fill, "sweep.sbatch", "ntasks", 'n'),
       *nodes = script_option(fill, "sweep.sbatch", "nodes", 'N'),
       *each = script_option(fill, "sweep.sbatch", "ntasks-per-node", 0);
  int64_t n = 1, k = 0;
  if (each && text_to_int64(each, &k)) { // sbatch takes the product when there is no --ntasks of ours
    n = k;
    if (nodes && text_to_int64(nodes, &k))
      n *= k;
  } else if (tasks && text_to_int64(tasks, &k))
    n = k;
  free(tasks);
  free(nodes);
  free(each);
  return n < 1 ? 1 : n > 1000000 ? 1000000 : (int)n;
}

/// Seconds of --time, NaN when it is not said in a way that we understand. A bare number is minutes.
static double limit_of(const ScriptFill *fill) {
  char *time = script_option(fill, "sweep.sbatch", "time", 't');
  double seconds = NAN, minutes;
  if (time && !deadline_parse(&seconds, time, 0) && text_to_double(time, &minutes))
    seconds = 60 * minutes;
  free(time);
  return seconds;
}

static Status choose(Submission *submission) {
  const Space *space = submission->space;
  const SubmitOptions *options = submission->options;
  Config *config;
  double *seconds;
  bool *wanted;
  int *order;
  TRY(memory_take((void **)&submission->run, (size_t)space->runs, sizeof(int), "the runs to submit"));
  TRY(memory_take((void **)&submission->taken, (size_t)space->runs, sizeof(bool), "the runs in the queue"));
  TRY(find_taken(submission));
  submission->most = slurm_array_most() - 1;
  TRY(memory_take((void **)&config, 1, sizeof *config, "a configuration"));
  TRY(memory_take((void **)&seconds, (size_t)space->runs, sizeof *seconds, "predictions"));
  TRY(memory_take((void **)&wanted, (size_t)space->runs, sizeof *wanted, "the runs to submit"));
  TRY(memory_take((void **)&order, (size_t)space->runs, sizeof *order, "the order of runs"));
  for (int i = 0; i < space->runs; i++) {
    char path[DEEP + 64];
    RunState state;
    text_print(path, sizeof path, "%s/runs/%s", submission->dir, space->run[i].id);
    run_state_read(&state, path);
    bool over = state.kind == RUN_DONE || (state.kind == RUN_FAILED && state.final && !options->retry);
    submission->queued += !over && submission->taken[i];
    wanted[i] = !over && !submission->taken[i] && state.kind != RUN_RUNNING;
  }
  sweep_predict(seconds, space, wanted, 1, config);
  queue_order(order, seconds, space->runs);
  double sum = 0;
  for (int k = 0; k < space->runs; k++)
    if (wanted[order[k]]) {
      submission->run[submission->runs++] = order[k];
      sum += isfinite(seconds[order[k]]) ? seconds[order[k]] : 0;
    }
  double limit = limit_of(&submission->fill);
  double room = fmin(1800, isfinite(limit) ? limit / 2 : 1800) * ranks_of(&submission->fill);
  double mean = submission->runs ? sum / submission->runs : 0;
  double packed = options->packed ? options->packed : mean > 0 ? fmax(1, floor(room / mean)) : 1;
  packed = fmax(packed, ceil((double)submission->runs / (ARRAYS_MOST * (double)submission->most)));
  submission->elements = (int)ceil(submission->runs / packed);
  submission->packed = submission->elements ? (submission->runs + submission->elements - 1) / submission->elements : 0;
  free(config);
  free(seconds);
  free(wanted);
  free(order);
  return STATUS_OK;
}

// --- files

static Status make_folder(const char *path) {
  return mkdir(path, 0777) == 0 || errno == EEXIST
             ? STATUS_OK
             : status_error(EXIT_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
}

/// The next free number; the folder is ours alone.
static Status make_submission(Submission *submission) {
  for (int n = 1; n < 100000; n++) {
    if (!text_print(submission->folder, sizeof submission->folder, "%s/jobs/%03d", submission->dir, n))
      break;
    if (mkdir(submission->folder, 0777) == 0) {
      char log[DEEP + 8];
      text_print(log, sizeof log, "%s/log", submission->folder);
      return make_folder(log);
    }
    if (errno != EEXIST)
      break;
  }
  return status_error(EXIT_CANNOT_CREATE, "%s: cannot be created: %s", submission->folder, strerror(errno));
}

static Status write_file(const char *folder, const char *name, char *text) {
  char path[DEEP + 64];
  Status status = text_print(path, sizeof path, "%s/%s", folder, name)
                      ? file_replace(path, text)
                      : status_error(EXIT_CANNOT_CREATE, "%s: the path is too long", folder);
  free(text);
  return status;
}

static char *print_elements(const Submission *submission) {
  char *text = NULL;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  REQUIRE(to, "out of memory for the elements of an array");
  for (int e = 0; e < submission->elements; e++)
    for (int k = e; k < submission->runs; k += submission->elements)
      fprintf(to, "%s%s", submission->space->run[submission->run[k]].id,
              k + submission->elements < submission->runs ? " " : "\n");
  REQUIRE(fclose(to) == 0, "out of memory for the elements of an array");
  return text;
}

static Status write_files(Submission *submission) {
  char jobs[DEEP], elements[DEEP + 16], log[DEEP + 32];
  text_print(jobs, sizeof jobs, "%s/jobs", submission->dir);
  TRY(make_submission(submission));
  TRY(write_file(jobs, "attempts.bash", text_format("%s", script_template("attempts.bash"))));
  TRY(write_file(submission->folder, "elements", print_elements(submission)));
  text_print(elements, sizeof elements, "%s/elements", submission->folder);
  ScriptFill fill = submission->fill;
  fill.elements = elements;
  fill.log = log;
  text_print(log, sizeof log, "%s/log/%%A_%%a.out", submission->folder);
  TRY(write_file(submission->folder, "sweep.sbatch", script_fill("sweep.sbatch", &fill)));
  text_print(log, sizeof log, "%s/log/collect-%%j.out", submission->folder);
  fill.runs = false;
  return write_file(submission->folder, "collect.sbatch", script_fill("collect.sbatch", &fill));
}

// --- sbatch

/// Calls sbatch, or says what would be called; the answer of --test-only is printed.
static Status call(const Submission *submission, char id[24], const char *const *words) {
  const SubmitOptions *options = submission->options;
  const char *all[8] = {NULL};
  int count = 0;
  text_print(id, 24, "JOB");
  if (options->test_only)
    all[count++] = "--test-only";
  for (; *words; words++)
    all[count++] = *words;
  if (options->dry_run) {
    printf("sbatch");
    for (int k = 0; k < count; k++)
      printf(" %s", all[k]);
    printf("\n");
    return STATUS_OK;
  }
  char *answer;
  TRY(slurm_sbatch(id, &answer, all));
  if (options->test_only)
    printf("%s%s", answer, *answer && answer[strlen(answer) - 1] != '\n' ? "\n" : "");
  free(answer);
  return STATUS_OK;
}

static Status submit_arrays(Submission *submission, char *after, size_t room) {
  char script[DEEP + 32], record[ARRAYS_MOST * 2 * WORD] = "", array[64], offset[16], id[24];
  int most = submission->most, arrays = (submission->elements + most - 1) / most;
  int at_once = submission->options->at_once / (arrays ? arrays : 1);
  text_print(script, sizeof script, "%s/sweep.sbatch", submission->folder);
  text_print(after, room, "--dependency=afterany");
  for (int first = 0; first < submission->elements; first += most) {
    int last = first + most < submission->elements ? first + most - 1 : submission->elements - 1;
    text_print(array, sizeof array, "--array=0-%d", last - first);
    if (submission->options->at_once)
      snprintf(array + strlen(array), sizeof array - strlen(array), "%%%d", at_once > 1 ? at_once : 1);
    text_print(offset, sizeof offset, "%d", first);
    TRY(call(submission, id, (const char *const[]){array, script, offset, NULL}));
    snprintf(after + strlen(after), room - strlen(after), ":%s", id);
    snprintf(record + strlen(record), sizeof record - strlen(record), "%s %d %d\n", id, first, last);
    json_array_append_new(submission->jobs, json_string(id));
    if (!submission->options->dry_run &&
        !submission->options->test_only) // at once: what was submitted is known even if the next is refused
      TRY(write_file(submission->folder, "submitted", text_format("%s", record)));
  }
  return STATUS_OK;
}

static Status submit_all(Submission *submission, char collector[24]) {
  char script[DEEP + 32], after[ARRAYS_MOST * WORD + 32];
  TRY(submit_arrays(submission, after, sizeof after));
  text_print(script, sizeof script, "%s/collect.sbatch", submission->folder);
  if (submission->options->test_only)
    return STATUS_OK; // it depends on jobs that are not there
  return call(submission, collector, (const char *const[]){after, script, NULL});
}

// --- the whole

static void print_done(const Submission *submission, const char *collector) {
  const SubmitOptions *options = submission->options;
  int over = submission->space->runs - submission->runs - submission->queued;
  if (options->json) {
    json_t *root =
        json_pack("{s:i, s:i, s:i, s:i, s:i, s:s, s:O, s:s}", "runs", submission->space->runs, "submitted",
                  submission->runs, "queued", submission->queued, "elements", submission->elements, "runs_per_element",
                  submission->packed, "scripts", submission->folder, "jobs", submission->jobs, "collect", collector);
    REQUIRE(root, "the submission cannot be printed");
    json_dumpf(root, stdout, JSON_INDENT(1));
    printf("\n");
    json_decref(root);
    return;
  }
  printf("%d of %d runs %s as %d elements of up to %d runs; %d are queued already, %d are done, running or failed for "
         "good\n",
         submission->runs, submission->space->runs,
         options->test_only ? "would be submitted"
         : options->dry_run ? "to be submitted"
                            : "submitted",
         submission->elements, submission->packed, submission->queued, over);
  if (submission->runs && !options->test_only)
    printf("scripts in %s\n", submission->folder);
  for (size_t k = 0; k < json_array_size(submission->jobs) && !options->test_only && !options->dry_run; k++)
    printf("array %s\n", json_string_value(json_array_get(submission->jobs, k)));
  if (submission->runs && !options->test_only && !options->dry_run)
    printf("collection %s, when all have ended\n", collector);
}

static void clear_folder(const Submission *submission) {
  static const char *const names[] = {"sweep.sbatch", "collect.sbatch", "elements", "log"};
  char path[DEEP + 32];
  for (size_t k = 0; k < sizeof names / sizeof *names; k++)
    if (text_print(path, sizeof path, "%s/%s", submission->folder, names[k]))
      remove(path);
  rmdir(submission->folder);
}

static Status submit_inside(Submission *submission) {
  char collector[24] = "";
  TRY(choose(submission));
  if (submission->runs) {
    TRY(write_files(submission));
    Status status = submit_all(submission, collector);
    bool kept = json_array_size(submission->jobs) && !submission->options->test_only;
    if (!kept)
      clear_folder(submission);
    TRY(status);
  }
  print_done(submission, collector);
  return STATUS_OK;
}

static Status check_options(const SubmitOptions *options, const Space *space) {
  for (int k = 0; k < space->options; k++)
    if (!strcmp(space->option[k].key, "array") || !strcmp(space->option[k].key, "wrap"))
      return status_error(EXIT_CONFIG,
                          "%s:%d: slurm.%s: the elements are made from the runs; --runs-per-element says how many",
                          space->file, space->option[k].line, space->option[k].key);
  for (int k = 0; k < options->raws; k++)
    if (!strncmp(options->raw[k], "--array", 7) || !strncmp(options->raw[k], "-a", 2) ||
        !strncmp(options->raw[k], "--wrap", 6))
      return status_error(EXIT_USAGE, "sweep submit: %s: the elements are made from the runs; see --runs-per-element",
                          options->raw[k]);
  return STATUS_OK;
}

/// One at a time: two that look at the same queue would both submit what is missing.
static Status lock_jobs(const char *dir, int *lock) {
  char path[DEEP + 16];
  text_print(path, sizeof path, "%s/jobs", dir);
  TRY(make_folder(path));
  text_print(path, sizeof path, "%s/jobs/lock", dir);
  *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (*lock < 0)
    return status_error(EXIT_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
  if (flock(*lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(*lock);
    return status_error(EXIT_CANNOT_CREATE, "%s: somebody else submits this sweep just now", path);
  }
  return STATUS_OK;
}

Status sweep_submit(const Space *space, const SubmitOptions *options) {
  int lock = -1;
  TRY(check_options(options, space));
  TRY(sweep_directory_make(space, options->dir));
  char *absolute = realpath(options->dir, NULL);
  Submission *submission = calloc(1, sizeof *submission);
  REQUIRE(submission, "out of memory for a submission");
  *submission = (Submission){.space = space, .options = options, .jobs = json_array()};
  Status status = absolute && text_print(submission->dir, sizeof submission->dir, "%s", absolute)
                      ? lock_jobs(submission->dir, &lock)
                      : status_error(EXIT_CANNOT_CREATE, "%s: the path is too long", options->dir);
  free(absolute);
  if (!status.code) {
    submission->fill = (ScriptFill){.sweep = submission->dir,
                                    .program = options->program,
                                    .space = space,
                                    .raw = options->raw,
                                    .raws = options->raws,
                                    .runs = true};
    status = submit_inside(submission);
    close(lock);
  }
  free(submission->run);
  free(submission->taken);
  json_decref(submission->jobs);
  free(submission);
  return status;
}
