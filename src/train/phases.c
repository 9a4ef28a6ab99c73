// strength_i = accuracy of modality i trained alone;  left_i = that of a probe on the encoder that the fusion has trained
// student s = argmax_i strength_i - left_i;  teachers = the others, ordered by strength
// Chaudhuri et al., ICML 2025, sections 3.3 and C.3; the choice of s by probing is ours (src/method/README.md).
#include "train/phases.h"

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "method/method.h"
#include "train/run_files.h"
#include "train/run_inside.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PHASES_MOST = MODALITIES_MOST + 3 };

typedef struct Phases {
  const Comm *comm;
  const Config *config;
  const RunOptions *options;
  const char *dir;
  int count;
  char name[PHASES_MOST][NAME_MOST + 16];
  RunOutcome outcome[PHASES_MOST];
  bool measured[PHASES_MOST][MODALITIES_MOST];
  int student, teachers, teacher[MODALITIES_MOST]; // in the order of teaching; -1: not known yet
} Phases;

// --- phases.json ----------------------------------------------------------------------------------------------------------

static json_t *phase_json(const Phases *phases, int k) {
  char hash[17];
  json_t *accuracy = json_object();
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)phases->outcome[k].parameters_hash);
  for (int i = 0; i < phases->config->modalities; i++)
    if (phases->measured[k][i])
      json_object_set_new(accuracy, phases->config->modality[i].name, json_real(phases->outcome[k].alone[i]));
  return json_pack("{s:s, s:I, s:s, s:o}", "name", phases->name[k], "step", (json_int_t)phases->outcome[k].step,
                   "parameters_xxh64", hash, "accuracy", accuracy);
}

static Status write_json(const Phases *phases) {
  json_t *teachers = json_array(), *list = json_array();
  for (int k = 0; k < phases->teachers; k++)
    json_array_append_new(teachers, json_string(phases->config->modality[phases->teacher[k]].name));
  for (int k = 0; k < phases->count; k++)
    json_array_append_new(list, phase_json(phases, k));
  json_t *root = json_pack("{s:s?, s:s, s:o, s:o}", "student",
                           phases->student < 0 ? NULL : phases->config->modality[phases->student].name, "order",
                           phases->config->method.kd.order, "teachers", teachers, "phases", list);
  REQUIRE(root, "phases.json cannot be made");
  char *text = json_dumps(root, JSON_INDENT(1));
  json_decref(root);
  Status status = run_files_write(phases->dir, "phases.json", text);
  free(text);
  return status;
}

// --- one phase --------------------------------------------------------------------------------------------------------------

// The user's configuration as this phase has it; students and teachers are named by those that have them.
static Config phase_config(const Phases *phases, MethodType type, KdStage stage) {
  Config config = *phases->config;
  config.method.type = type;
  config.method.kd.stage = stage;
  memset(config.method.kd.student, 0, sizeof config.method.kd.student);
  memset(config.method.kd.teachers, 0, sizeof config.method.kd.teachers);
  return config;
}

static Status run_phase(Phases *phases, Config *config, const RunStart *start, int starts) {
  RunOptions options = *phases->options;
  int k = phases->count;
  if (!text_print(config->run.out, sizeof config->run.out, "%s/phases/%s", phases->dir, phases->name[k]))
    return status_error(EXIT_USAGE, "%s: the path of the run directory is too long", phases->dir);
  options.out = config->run.out;
  options.dump_gradients = NULL;
  log_info("phase %s", phases->name[k]);
  RunPart part = {start, starts, false, &phases->outcome[k]};
  TRY(run_inside(phases->comm, config, &options, &part));
  phases->count++;
  return comm_agree(phases->comm, comm_is_root(phases->comm) ? write_json(phases) : STATUS_OK);
}

static RunStart start_from(const RunOutcome *outcome, bool heads) {
  RunStart start = {.heads = heads};
  text_print(start.file, sizeof start.file, "%s", outcome->model);
  return start;
}

static void name_phase(Phases *phases, const char *name, bool measures) {
  text_print(phases->name[phases->count], sizeof phases->name[0], "%s", name);
  for (int i = 0; i < phases->config->modalities; i++)
    phases->measured[phases->count][i] = measures && kd_trains(phases->config, i);
}

// --- who learns, and from whom ------------------------------------------------------------------------------------------

static Status find_student(Phases *phases, const double *strength) {
  name_phase(phases, "joint", true);
  Config joint = phase_config(phases, METHOD_VANILLA, KD_ALL), probe = phase_config(phases, METHOD_KD, KD_PROBE);
  TRY(run_phase(phases, &joint, NULL, 0));
  RunStart start = start_from(&phases->outcome[phases->count - 1], false);
  for (int i = 0; i < phases->config->modalities; i++)
    start.modality[i] = kd_trains(phases->config, i);
  text_print(probe.train.metric, sizeof probe.train.metric, "none");
  name_phase(phases, "probe", true);
  TRY(run_phase(phases, &probe, &start, 1));
  const double *left = phases->outcome[phases->count - 1].alone;
  for (int i = 0; i < phases->config->modalities; i++) {
    int s = phases->student;
    if (start.modality[i] && (s < 0 || strength[i] - left[i] > strength[s] - left[s]))
      phases->student = i;
  }
  log_info("%s has lost most to the fusion: accuracy %.4f alone, %.4f by a probe",
           phases->config->modality[phases->student].name, strength[phases->student], left[phases->student]);
  return STATUS_OK;
}

static void order_teachers(Phases *phases, const double *strength) {
  const Config *config = phases->config;
  const KdConfig *kd = &config->method.kd;
  bool named = false, falling = strcmp(kd->order, "weakest_to_strongest") && strcmp(kd->order, "random");
  int64_t place[MODALITIES_MOST];
  RandomStream stream = {config->run.seed, RANDOM_TEACHERS, 0, 0};
  for (int i = 0; i < config->modalities; i++)
    named |= kd->teachers[i];
  random_permutation(place, config->modalities, &stream);
  for (int n = 0; n < config->modalities; n++) {
    int i = strcmp(kd->order, "random") ? n : (int)place[n];
    if (i != phases->student && kd_trains(config, i) && (!named || kd->teachers[i]))
      phases->teacher[phases->teachers++] = i;
  }
  for (int a = 1; strcmp(kd->order, "random") && a < phases->teachers; a++) // insertion sort; equals stay in order
    for (int b = a; b > 0; b--) {
      int *pair = phases->teacher + b - 1;
      double step = strength[pair[1]] - strength[pair[0]];
      if (falling ? step <= 0 : step >= 0)
        break;
      int other = pair[0];
      pair[0] = pair[1];
      pair[1] = other;
    }
  if (!strcmp(kd->order, "strongest") && phases->teachers > 1)
    phases->teachers = 1;
}

// --- distillation ---------------------------------------------------------------------------------------------------------

// Teachers [first, end) teach at once; the student goes on from the phase before, if there is one.
static Status distil(Phases *phases, int first, int end, const RunOutcome *before) {
  Config config = phase_config(phases, METHOD_KD, KD_DISTIL);
  RunStart start[2] = {start_from(&phases->outcome[0], true)};
  char name[NAME_MOST + 16];
  bool all = first == 0 && end == phases->teachers && end > 1;
  text_print(name, sizeof name, all ? "distil-%d" : "distil-%d-%s", first + 1,
             phases->config->modality[phases->teacher[first]].name);
  name_phase(phases, name, false);
  phases->measured[phases->count][phases->student] = true;
  config.method.kd.student[phases->student] = true;
  for (int k = first; k < end; k++)
    start[0].modality[phases->teacher[k]] = config.method.kd.teachers[phases->teacher[k]] = true;
  if (before) {
    start[1] = start_from(before, true);
    start[1].modality[phases->student] = true;
  }
  return run_phase(phases, &config, start, before ? 2 : 1);
}

static Status distil_all(Phases *phases) {
  if (!strcmp(phases->config->method.kd.order, "simultaneous"))
    return distil(phases, 0, phases->teachers, NULL);
  for (int k = 0; k < phases->teachers; k++)
    TRY(distil(phases, k, k + 1, k ? &phases->outcome[phases->count - 1] : NULL));
  return STATUS_OK;
}

static Status train_phases(Phases *phases) {
  const Config *config = phases->config;
  Config alone = phase_config(phases, METHOD_KD, KD_ALONE);
  name_phase(phases, "alone", true);
  TRY(run_phase(phases, &alone, NULL, 0));
  const double *strength = phases->outcome[0].alone;
  for (int i = 0; i < config->modalities; i++)
    if (config->method.kd.student[i])
      phases->student = i;
  if (phases->student < 0)
    TRY(find_student(phases, strength));
  order_teachers(phases, strength);
  if (!kd_trains(config, phases->student) || phases->teachers == 0)
    return status_error(EXIT_CONFIG,
                        "method.distillation: training never shows %s; name others, or let missingness show it",
                        phases->teachers ? "the student" : "a teacher");
  TRY(distil_all(phases));
  RunStart start = start_from(&phases->outcome[phases->count - 1], false);
  start.modality[phases->student] = true;
  RunOptions options = *phases->options;
  options.out = phases->dir;
  RunPart part = {&start, 1, true, NULL};
  Config fusion = *config;
  fusion.method.kd.frozen[phases->student] = config->method.kd.freeze;
  return run_inside(phases->comm, &fusion, &options, &part);
}

Status phases_train(const Comm *comm, const Config *config, const RunOptions *options) {
  if (options->dump_gradients && comm->ranks > 1) // said now, not by the last phase
    return status_error(EXIT_USAGE, "--dump-gradients works on one rank; start the program without mpirun");
  Phases *phases = calloc(1, sizeof *phases);
  REQUIRE(phases, "out of memory for the phases");
  *phases = (Phases){.comm = comm,
                     .config = config,
                     .options = options,
                     .dir = options->out ? options->out : config->run.out,
                     .student = -1};
  RunLock lock = {.file = -1, .directory = -1};
  Status status = options->locked ? STATUS_OK : rundir_lock(comm, phases->dir, &lock);
  if (status.code == 0) {
    if (!options->resume)
      status = run_files_begin(comm, config, phases->dir, false);
    if (status.code == 0)
      status = train_phases(phases);
    rundir_unlock(&lock);
  }
  free(phases);
  return status;
}
