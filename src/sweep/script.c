// A template is filled in line by line: "#SBATCH --KEY=VALUE" gives way to the sweep's own options, "sweep=" and "elements=" to the paths.
// Everything else stays as people read it in jobs/.
#include "sweep/script.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *script_template(const char *name) {
  for (int k = 0; k < batch_scripts_count; k++)
    if (!strcmp(batch_scripts[k].name, name))
      return batch_scripts[k].text;
  REQUIRE(false, "no template of this name");
}

static bool starts(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

// What stands around a word in a line of comment that others read: Slurm, shellcheck.
static const char *quote(const char *text) { return strpbrk(text, " \t'") ? "\"" : ""; }

// In the words of a shell.
static void put_quoted(FILE *to, const char *text) {
  fputc('\'', to);
  for (; *text; text++)
    if (*text == '\'')
      fputs("'\\''", to);
    else
      fputc(*text, to);
  fputc('\'', to);
}

// --- options

/// The value in "--KEY=VALUE" or "--KEY VALUE" or "-L VALUE", "-LVALUE" at raw[k]; NULL: another option.
static const char *raw_value(const char *const *raw, int raws, int k, const char *key, char letter) {
  const char *word = raw[k], *next = k + 1 < raws ? raw[k + 1] : "";
  size_t length = strlen(key);
  if (starts(word, "--") && !strncmp(word + 2, key, length))
    return word[2 + length] == '=' ? word + 3 + length : word[2 + length] ? NULL : next;
  if (letter && word[0] == '-' && word[1] == letter)
    return word[2] ? word + 2 : next;
  return NULL;
}

static const char *own_value(const ScriptFill *fill, const char *key, char letter) {
  for (int k = fill->raws - 1; k >= 0; k--) {
    const char *value = raw_value(fill->raw, fill->raws, k, key, letter);
    if (value)
      return value;
  }
  for (int k = fill->space->options - 1; k >= 0; k--)
    if (!strcmp(fill->space->option[k].key, key))
      return fill->space->option[k].value ? fill->space->option[k].value : "";
  return NULL;
}

char *script_option(const ScriptFill *fill, const char *name, const char *key, char letter) {
  const char *own = own_value(fill, key, letter);
  if (own)
    return text_format("%s", own);
  char *mark = text_format("\n#SBATCH --%s=", key);
  const char *found = strstr(script_template(name), mark);
  char *value = found ? text_format("%.*s", (int)strcspn(found + strlen(mark), "\n"), found + strlen(mark)) : NULL;
  free(mark);
  return value;
}

// What a job that only collects has no use for.
static bool is_size(const char *key) {
  static const char *const sizes[] = {
      "time",    "time-min",    "ntasks",   "nodes",     "ntasks-per-node", "cpus-per-task",
      "mem",     "mem-per-cpu", "signal",   "exclusive", "ntasks-per-core", "sockets-per-node",
      "requeue", "open-mode",   "job-name", "output",    "error",           "dependency",
      "begin"};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
    if (!strcmp(key, sizes[k]))
      return true;
  return false;
}

static void put_options(FILE *to, const ScriptFill *fill) {
  for (int k = 0; k < fill->space->options; k++) {
    const SpaceOption *option = &fill->space->option[k];
    if (!fill->runs && is_size(option->key))
      continue;
    fprintf(to, "#SBATCH --%s", option->key);
    if (option->value)
      fprintf(to, "=%s%s%s", quote(option->value), option->value, quote(option->value));
    fputc('\n', to);
  }
  for (int k = 0; k < fill->raws && fill->runs; k++) {
    bool begins = fill->raw[k][0] == '-' || k == 0;
    fprintf(to, begins ? "%s#SBATCH %s" : "%s %s", begins && k ? "\n" : "", fill->raw[k]);
    if (k + 1 == fill->raws)
      fputc('\n', to);
  }
}

// A default of the template; those that are overridden go.
static void put_default(FILE *to, const ScriptFill *fill, const char *line, size_t length) {
  char key[64];
  const char *at = line + strlen("#SBATCH --");
  text_print(key, sizeof key, "%.*s", (int)strcspn(at, "=\n"), at);
  if (!strcmp(key, "output") && !own_value(fill, "output", 'o'))
    fprintf(to, "#SBATCH --output=%s%s%s\n", quote(fill->log), fill->log, quote(fill->log));
  else if (!own_value(fill, key, 0) || (!fill->runs && is_size(key)))
    fprintf(to, "%.*s\n", (int)length, line);
}

// --- the whole

static void put_places(FILE *to, const ScriptFill *fill) {
  fprintf(to, "# Filled in by `rebasis sweep submit`.\n: \"${REBASIS_PROGRAM:=");
  for (const char *at = fill->program; *at; at++) // inside double quotes, in braces
    fprintf(to, strchr("\"\\$`}", *at) ? "\\%c" : "%c", *at);
  fprintf(to, "}\"\nREBASIS_JOBS=");
  char *jobs = text_format("%s/jobs", fill->sweep);
  put_quoted(to, jobs);
  fprintf(to, "\nsweep=(");
  put_quoted(to, fill->sweep);
  fprintf(to, ")\n");
  free(jobs);
}

char *script_fill(const char *name, const ScriptFill *fill) {
  char *text = NULL;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  REQUIRE(to, "out of memory for a batch script");
  bool options = false;
  for (const char *line = script_template(name); *line;) {
    size_t length = strcspn(line, "\n");
    if (starts(line, "#SBATCH --"))
      put_default(to, fill, line, length);
    else {
      if (!options && !starts(line, "#")) {
        put_options(to, fill);
        options = true;
      }
      if (starts(line, "sweep="))
        put_places(to, fill);
      else if (starts(line, "elements=") && fill->elements) {
        fprintf(to, "elements=");
        put_quoted(to, fill->elements);
        fputc('\n', to);
      } else if (starts(line, "# shellcheck source="))
        fprintf(to, "# shellcheck source=%s%s/jobs/attempts.bash%s\n", quote(fill->sweep), fill->sweep,
                quote(fill->sweep));
      else
        fprintf(to, "%.*s\n", (int)length, line);
    }
    line += length + (line[length] == '\n');
  }
  REQUIRE(fclose(to) == 0, "out of memory for a batch script");
  return text;
}
