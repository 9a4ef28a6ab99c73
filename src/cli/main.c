// rebasis SUBCOMMAND …: finds the subcommand, starts the ranks, ends with one line and one exit code on all of them.
#include "cli/command.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/version.h"
#include "kernels/float.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const Command *const commands[] = {&command_train, &command_evaluate, &command_predict, &command_analyze,
                                          &command_data,  &command_plan,     &command_report,  &command_sweep};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_usage(FILE *to) {
  fprintf(
      to,
      "rebasis %s: trains multimodal models that do not collapse, with bit-identical results on any number of ranks\n\n"
      "Usage: rebasis SUBCOMMAND [OPTION…] …        (or: mpirun -np N rebasis …, srun rebasis …)\n\n",
      REBASIS_VERSION);
  for (int k = 0; k < COMMANDS; k++)
    fprintf(to, "  %-10s %s\n", commands[k]->name, commands[k]->summary);
  fprintf(to, "\n  rebasis SUBCOMMAND --help describes one; rebasis --version names the libraries in use.\n\n"
              "Example:\n  rebasis data synth planted -o planted.h5\n  mpirun -np 2 rebasis train configs/planted.yaml "
              "--set data.file=planted.h5\n");
}

static Status find(const char *name, const Command **command) {
  const char *names[COMMANDS];
  for (int k = 0; k < COMMANDS; k++) {
    names[k] = commands[k]->name;
    if (!strcmp(name, names[k])) {
      *command = commands[k];
      return STATUS_OK;
    }
  }
  const char *nearest = text_nearest(name, names, COMMANDS);
  return status_error(EXIT_USAGE, "%s: no such subcommand%s%s; see rebasis --help", name,
                      nearest ? "; did you mean " : "", nearest ? nearest : "");
}

// Results that did not arrive are no results.
static Status flush_results(void) {
  return fflush(stdout) == 0 && !ferror(stdout)
             ? STATUS_OK
             : status_error(EXIT_IO, "standard output: cannot be written; is the disk full?");
}

// The launcher may end the other ranks at the first non-zero exit, so all reach this point through comm_agree first.
static int finish(const Comm *comm, Status status) {
  if (status.code == 0)
    status = comm_agree(comm, flush_results());
  if (status.code) {
    launcher_refuse_end();
    fflush(stdout);
    log_error(&status);
  }
  comm_finalize((Comm *)comm);
  return status.code;
}

// The end of a process that has only printed something, before MPI.
static int finish_early(void) {
  Status status = flush_results();
  if (status.code)
    log_error(&status);
  return status.code;
}

int main(int argc, char **argv) {
  float_flush_tiny();
  memory_return_large();
  launcher_settle(argv);
  log_init(launcher_rank(), LOG_NORMAL);
  if (argc < 2) {
    launcher_refuse_end();
    if (launcher_rank() == 0)
      print_usage(stderr);
    return EXIT_USAGE;
  }
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
    if (launcher_rank() == 0)
      print_usage(stdout);
    return finish_early();
  }
  if (!strcmp(argv[1], "--version")) {
    if (launcher_rank() == 0)
      version_print();
    return finish_early();
  }
  const Command *command = NULL;
  void *state = NULL;
  bool done = false;
  Status status = find(argv[1], &command);
  if (status.code == 0)
    status = command->prepare(argc - 1, (const char **)argv + 1, &state, &done);
  if (status.code == 0 && done)
    return finish_early();
  Comm comm;
  LogLevel level = log_level();
  comm_init(&comm, &argc, &argv);
  log_init(comm.rank, level);
  status = comm_agree(&comm, status);
  if (status.code == 0)
    status = command->run(&comm, state);
  free(state);
  return finish(&comm, status);
}
