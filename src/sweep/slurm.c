#include "sweep/slurm.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ARRAY_MOST = 1001, WORDS_MOST = 16 }; // MaxArraySize as Slurm comes

bool slurm_here(const char *command) {
  const char *path = getenv("PATH");
  char file[4200];
  for (const char *at = path ? path : ""; *at;) {
    size_t length = strcspn(at, ":");
    if (text_print(file, sizeof file, "%.*s/%s", (int)length, at, command) && access(file, X_OK) == 0)
      return true;
    at += length + (at[length] == ':');
  }
  return false;
}

// --- a command and what it says

static char *read_all(int from) {
  char *text = NULL, buffer[4096];
  size_t size;
  FILE *to = open_memstream(&text, &size);
  REQUIRE(to, "out of memory for the output of a command");
  for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR);)
    fwrite(buffer, 1, n > 0 ? (size_t)n : 0, to);
  REQUIRE(fclose(to) == 0, "out of memory for the output of a command");
  return text;
}

/// Runs word[0] and returns what it writes to both its outputs (owned); *code is its exit code, 127 when it cannot be started.
static char *command_output(const char *const *word, int *code) {
  int ends[2];
  pid_t child;
  *code = 127;
  if (pipe2(ends, O_CLOEXEC) != 0)
    return strdup("");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  int failure = posix_spawnp(&child, word[0], &actions, NULL, (char *const *)word, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  char *text = read_all(ends[0]);
  close(ends[0]);
  int result = 0;
  if (!failure && waitpid(child, &result, 0) == child && WIFEXITED(result))
    *code = WEXITSTATUS(result);
  return text;
}

/// The last line that says something; cuts `text`.
static char *last_line(char *text) {
  size_t length = strlen(text);
  while (length && (text[length - 1] == '\n' || text[length - 1] == ' '))
    text[--length] = 0;
  char *line = strrchr(text, '\n');
  return line ? line + 1 : text;
}

// --- the queue

static int by_name(const void *a, const void *b) {
  return strcmp(((const SlurmJob *)a)->name, ((const SlurmJob *)b)->name);
}

// "4711|3|PENDING|Resources"; the element of what is no array is N/A.
static void add_job(SlurmQueue *queue, char *line) {
  char *field[4] = {line};
  for (int k = 1; k < 4; k++) {
    field[k] = strchr(field[k - 1], '|');
    if (!field[k])
      return; // a warning
    *field[k]++ = 0;
  }
  queue->job = realloc(queue->job, ((size_t)queue->jobs + 1) * sizeof *queue->job);
  REQUIRE(queue->job, "out of memory for the queue");
  SlurmJob *job = &queue->job[queue->jobs++];
  bool array = field[1][0] >= '0' && field[1][0] <= '9';
  text_print(job->name, sizeof job->name, array ? "%s_%s" : "%s", field[0], field[1]);
  text_print(job->state, sizeof job->state, "%s", field[2]);
  text_print(job->reason, sizeof job->reason, "%s", field[3]);
}

Status slurm_queue(SlurmQueue *queue) {
  static const char *const word[] = {"squeue", "--noheader", "--me", "--array", "--format=%F|%K|%T|%r", NULL};
  *queue = (SlurmQueue){0};
  if (!slurm_here("squeue"))
    return status_error(EXIT_NO_INPUT, "squeue: there is no Slurm here");
  int code;
  char *text = command_output(word, &code), *rest = text;
  Status status = code ? status_error(EXIT_IO, "squeue ended with %d: %.300s", code, last_line(text)) : STATUS_OK;
  for (char *line; !code && (line = strsep(&rest, "\n"));)
    add_job(queue, line);
  free(text);
  if (queue->jobs)
    qsort(queue->job, (size_t)queue->jobs, sizeof *queue->job, by_name);
  return status;
}

void slurm_queue_free(SlurmQueue *queue) {
  free(queue->job);
  *queue = (SlurmQueue){0};
}

const SlurmJob *slurm_find(const SlurmQueue *queue, const char *name) {
  SlurmJob key;
  if (!queue->jobs || !text_print(key.name, sizeof key.name, "%s", name))
    return NULL;
  return bsearch(&key, queue->job, (size_t)queue->jobs, sizeof *queue->job, by_name);
}

// --- submission

int slurm_array_most(void) {
  static const char *const word[] = {"scontrol", "show", "config", NULL};
  int code, most = ARRAY_MOST;
  char *text = command_output(word, &code), *line = strstr(text, "MaxArraySize");
  if (code || !line || sscanf(line, "MaxArraySize = %d", &most) != 1 || most < 2)
    most = ARRAY_MOST;
  free(text);
  return most;
}

Status slurm_sbatch(char id[24], char **answer, const char *const *words) {
  const char *word[WORDS_MOST] = {"sbatch", "--parsable"};
  int count = 2, code;
  for (; *words; words++) {
    REQUIRE(count < WORDS_MOST - 1, "too many words for sbatch");
    word[count++] = *words;
  }
  if (!slurm_here("sbatch"))
    return status_error(EXIT_CANNOT_CREATE,
                        "sbatch: there is no Slurm here; --dry-run writes the scripts for use elsewhere");
  char *text = command_output(word, &code);
  if (code) {
    Status status = status_error(EXIT_CANNOT_CREATE, "sbatch refuses: %.400s", last_line(text));
    free(text);
    return status;
  }
  text_print(id, 24, "%.*s", (int)strspn(last_line(text), "0123456789"), last_line(text)); // "4711", or "4711;CLUSTER"
  if (answer)
    *answer = text;
  else
    free(text);
  return STATUS_OK;
}
