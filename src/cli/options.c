#include "cli/command.h"

#include "base/deadline.h"
#include "base/log.h"
#include "base/text.h"
#include "data/dataset.h"
#include "train/interrupt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int words_count(const char **words) {
  int count = 0;
  while (words && words[count])
    count++;
  return count;
}

static void print_help(poptContext context, const char *usage, const char *example) {
  if (launcher_rank() != 0)
    return;
  poptSetOtherOptionHelp(context, usage);
  poptPrintHelp(context, stdout, 0);
  printf("\nExample:\n%s", example);
}

// popt names the word it stopped at; a value says little without its option.
static Status bad_option(const char *command, int argc, const char **argv, const char *word, const char *why) {
  const char *before = "";
  for (int k = 1; k + 1 < argc; k++)
    if (word[0] != '-' && argv[k][0] == '-' && !strcmp(argv[k + 1], word))
      before = argv[k];
  return status_error(EXIT_USAGE, "%s: %s%s%s: %s; see rebasis %s --help", command, before, *before ? " " : "", word,
                      why, command);
}

Status options_parse(int argc, const char **argv, const struct poptOption *table, const char *usage,
                     const char *example, CommonOptions *common, OptionTaker take, void *state, const char ***words,
                     bool *done) {
  struct poptOption shared[] = {
      {"help", 'h', POPT_ARG_NONE, &common->help, 0, "show this text", NULL},
      {"quiet", 'q', POPT_ARG_NONE, &common->quiet, 0, "say nothing but results and errors", NULL},
      {"verbose", 'v', POPT_ARG_NONE, &common->verbose, 0, "say more", NULL},
      POPT_TABLEEND};
  struct poptOption all[] = {{NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)table, 0, "Options:", NULL},
                             {NULL, 0, POPT_ARG_INCLUDE_TABLE, shared, 0, "Everywhere:", NULL},
                             POPT_TABLEEND};
  bool options = table->longName || table->shortName;
  char name[64];
  text_print(name, sizeof name, "rebasis %s", argv[0]);
  const char *command = argv[0];
  argv[0] = name; // what help calls the program
  poptContext context = poptGetContext(name, argc, argv, options ? all : all + 1, 0);
  int option;
  *done = false;
  while ((option = poptGetNextOpt(context)) > 0) {
    char *text = poptGetOptArg(context);
    Status status = take ? take(state, option, text ? text : "") : STATUS_OK;
    free(text);
    if (status.code)
      return status;
  }
  if (option < -1)
    return bad_option(command, argc, argv, poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(option));
  if (common->help) {
    print_help(context, usage, example);
    *done = true;
  }
  *words = poptGetArgs(context);
  log_init(launcher_rank(), common->quiet ? LOG_QUIET : common->verbose ? LOG_VERBOSE : LOG_NORMAL);
  return STATUS_OK;
}

Status deadline_take(const char *text) {
  char from_slurm[32];
  const char *end = getenv("SLURM_JOB_END_TIME");
  double left;
  if (!text && end && text_print(from_slurm, sizeof from_slurm, "@%s", end))
    text = from_slurm;
  if (!text || !*text)
    return STATUS_OK;
  if (!deadline_parse(&left, text, time(NULL)))
    return text == from_slurm
               ? STATUS_OK
               : status_error(EXIT_USAGE, "--deadline %s: write 30min, 2h, 1-12:00:00, 2026-01-31T18:00 or none", text);
  if (left < 0)
    log_warning("the deadline has passed; one step is done, saved, and that is all");
  interrupt_after(left);
  return STATUS_OK;
}

Status watchdog_check(double seconds) {
  return seconds >= 0 && isfinite(seconds)
             ? STATUS_OK
             : status_error(EXIT_USAGE, "--watchdog %g: write a number of seconds, or 0 for no watchdog", seconds);
}

Status data_probe(const char *file) { return launcher_local_rank() == 0 ? dataset_probe(file) : STATUS_OK; }
