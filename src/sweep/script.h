#ifndef SWEEP_SCRIPT_H
#define SWEEP_SCRIPT_H
/// Batch scripts made out of the templates in jobs/, which are part of the program.
#include "base/status.h"
#include "sweep/space.h"

typedef struct BatchScript {
  const char *name, *text;
} BatchScript;

extern const BatchScript batch_scripts[];
extern const int batch_scripts_count;

/// Text of jobs/NAME; the programmer knows the names.
const char *script_template(const char *name);

/// What is filled in. All paths absolute.
typedef struct ScriptFill {
  const char *sweep;         // sweep directory
  const char *elements;      // file with the runs of every element, or NULL
  const char *log;           // pattern of the job's output
  const char *program;       // taken unless the environment names another
  const Space *space;        // its options of sbatch
  const char *const *raw;    // [raws] more of them, as on a command line: "--qos=low", "-p", "cpu"
  int raws;
  bool runs;                 // of a job that trains: all options apply. Else those on size and time do not
} ScriptFill;

/// The template with everything filled in; owned.
char *script_fill(const char *name, const ScriptFill *fill);

/// Value of an option of sbatch among the raw ones or those of the sweep, the former first, else what the template says, else NULL.
/// Owned. `letter`: its short form, or 0.
char *script_option(const ScriptFill *fill, const char *name, const char *key, char letter);

#endif
