#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H
/// The subcommands: each parses its own words (argv[0] is the subcommand), then does its work. Only user of popt.
#include "base/status.h"
#include "comm/comm.h"

#include <popt.h>
#include <stdbool.h>

/// A subcommand in two phases, because hostile files are opened in a child process and help is given before MPI starts.
/// prepare: local, before MPI; *done set when there is nothing left to do (help was printed). run: Collective.
typedef struct Command {
  const char *name, *summary;
  Status (*prepare)(int argc, const char **argv, void **state, bool *done);
  Status (*run)(const Comm *comm, void *state);
} Command;

extern const Command command_train, command_evaluate, command_predict, command_analyze, command_data, command_plan, command_report,
    command_sweep;

/// What option tables of all commands share: --help, --quiet, -v.
typedef struct CommonOptions {
  int help, quiet, verbose;
} CommonOptions;

/// This process's number in the job before MPI has started, from the launcher's environment; 0 when started plainly.
int launcher_rank(void);
int launcher_local_rank(void);

/// First thing in main: where ranks with threads would have more threads than the node has cores, lets waiting threads sleep.
void launcher_settle(char **argv);

/// A launcher sends SIGTERM to all ranks when the first one ends with an error: the others shall still end with their own code.
void launcher_refuse_end(void);

/// Parses argv with `table` (value-returning options call `take(state, option, text)`). Positional words are returned in *words (NULL-terminated, owned
/// by the popt context that leaks deliberately until the end of the process). Prints help and sets *done on --help. `usage` is ASCII: popt
/// ends at what is not.
typedef Status (*OptionTaker)(void *state, int option, const char *text);
Status options_parse(int argc, const char **argv, const struct poptOption *table, const char *usage, const char *example,
                     CommonOptions *common, OptionTaker take, void *state, const char ***words, bool *done);

/// rebasis sweep VERB …: a verb parses its own words, as Command does; argv[0] is "sweep VERB".
typedef struct SweepVerb {
  const char *name, *summary;
  Status (*prepare)(int argc, const char **argv, void **state, bool *done);
  Status (*run)(const Comm *comm, void *state);
} SweepVerb;

extern const SweepVerb sweep_verb_plan, sweep_verb_run, sweep_verb_submit, sweep_verb_status, sweep_verb_collect;

int words_count(const char **words);

/// What --deadline says, for the whole process (train/interrupt.h); text NULL: not said, then SLURM_JOB_END_TIME counts if Slurm sets it.
/// EXIT_USAGE. Called early, since time runs from here.
Status deadline_take(const char *text);

/// What --watchdog says must be seconds. EXIT_USAGE.
Status watchdog_check(double seconds);

/// Opens the data file once in a disposable child, so that a file that crashes or hangs the library is refused. Only the node's first
/// process does it; the verdict is to be agreed upon once MPI runs.
Status data_probe(const char *file);

#endif
