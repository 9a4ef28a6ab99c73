// Slurm runs an element, but no run of it is at work          starting, between two runs, or hung
// a job holds the lock of a run, but Slurm has no such job    its node is cut off, or a process outlived its job
// an element waits, but nothing of it is left to do           other jobs have done it
#include "sweep/view.h"

#include "base/memory.h"
#include "base/text.h"
#include "sweep/submit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MOST = 20 };

typedef struct Viewing {
  SlurmView *view;
  const Space *space;
  const RunState *state;
  const SlurmQueue *queue;
  bool *queued; // owned [runs]
} Viewing;

static void add_line(SlurmView *view, char *line) {
  if (view->lines == LINES_MOST) {
    free(line);
    return;
  }
  view->line = realloc(view->line, ((size_t)view->lines + 1) * sizeof *view->line);
  REQUIRE(view->line, "out of memory for the view of Slurm");
  view->line[view->lines++] = line;
}

static bool over(const RunState *state) {
  return state->kind == RUN_DONE || (state->kind == RUN_FAILED && state->final);
}

static void view_element(void *user, char *ids, const char *name) {
  Viewing *viewing = user;
  SlurmView *view = viewing->view;
  view->asked = true;
  const SlurmJob *job = slurm_find(viewing->queue, name);
  if (!job)
    return;
  int left = 0, at_work = 0;
  for (char *id; (id = strsep(&ids, " \n"));) {
    int run = space_find(viewing->space, id);
    if (run < 0)
      continue;
    viewing->queued[run] = true;
    left += !over(&viewing->state[run]);
    at_work += viewing->state[run].kind == RUN_RUNNING;
  }
  bool runs = !strcmp(job->state, "RUNNING"), waits = !strcmp(job->state, "PENDING");
  view->running += runs;
  view->pending += waits;
  if (waits)
    text_print(view->reason, sizeof view->reason, "%s", job->reason);
  if (runs && left && !at_work)
    add_line(view, text_format("job %s runs, but none of its runs is at work: starting, or hung", name));
  if (waits && !left)
    add_line(view, text_format("job %s waits, but nothing of it is left to do", name));
}

void slurm_view(SlurmView *view, const Space *space, const char *dir, const RunState *state) {
  SlurmQueue queue;
  *view = (SlurmView){0};
  for (int i = 0; i < space->runs; i++)
    view->asked |= state[i].kind == RUN_RUNNING && *state[i].job;
  submit_elements(dir, view_element,
                  &(Viewing){view, space, state, &(SlurmQueue){0}, NULL}); // only whether there are any
  if (!view->asked || !slurm_here("squeue")) {
    view->asked = false;
    return;
  }
  view->failure = slurm_queue(&queue);
  if (view->failure.code)
    return;
  Viewing viewing = {view, space, state, &queue, calloc((size_t)space->runs + 1, sizeof(bool))};
  REQUIRE(viewing.queued, "out of memory for the view of Slurm");
  submit_elements(dir, view_element, &viewing);
  for (int i = 0; i < space->runs; i++) {
    if (state[i].kind == RUN_RUNNING && *state[i].job && !slurm_find(&queue, state[i].job))
      add_line(view, text_format("run %s is held by job %s on %s, of which Slurm knows nothing", space->run[i].id,
                                 state[i].job, state[i].host));
    view->unqueued += !over(&state[i]) && state[i].kind != RUN_RUNNING && !viewing.queued[i];
  }
  free(viewing.queued);
  slurm_queue_free(&queue);
}

void slurm_view_free(SlurmView *view) {
  for (int k = 0; k < view->lines; k++)
    free(view->line[k]);
  free(view->line);
  *view = (SlurmView){0};
}
