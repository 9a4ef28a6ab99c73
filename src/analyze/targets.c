// target(P) = score, with nothing withheld, of the run whose modalities are P. A. Chaudhuri et al., ICML 2025, Table 6: the upper reference.
#include "analyze/targets.h"

#include "analyze/folder.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// --- reading --------------------------------------------------------------------------------------------------------------

static Status load(json_t **root, const char *run, const char *file) {
  json_error_t error;
  char *path = text_format("%s/%s", run, file);
  *root = json_load_file(path, 0, &error);
  Status status = *root
                      ? STATUS_OK
                      : status_error(EXIT_DATA, "%s:%d: cannot be read as JSON: %.200s", path, error.line, error.text);
  free(path);
  return status;
}

static Status read_config(Target *target) {
  Config *config;
  TRY(memory_take((void **)&config, 1, sizeof *config, "a configuration"));
  char *path = text_format("%s/config.yaml", target->run);
  Status status = config_read(config, path, NULL, 0);
  free(path);
  if (status.code == 0)
    status = memory_take((void **)&target->name, (size_t)config->modalities, sizeof *target->name, "names");
  for (int i = 0; status.code == 0 && i < config->modalities; i++)
    memcpy(target->name[i], config->modality[i].name, NAME_MOST);
  target->modalities = status.code ? 0 : config->modalities;
  target->seed = config->run.seed;
  free(config);
  return status;
}

static Status read_record(Target *target) {
  json_t *root;
  TRY(load(&root, target->run, "run.json"));
  target->data = strtoull(json_member_text(root, "data_xxh64"), NULL, 16);
  json_decref(root);
  return STATUS_OK;
}

static Status read_scores(Target *target) {
  json_t *root;
  TRY(load(&root, target->run, "evaluation.json"));
  const json_t *whole = json_array_get(json_object_get(root, "patterns"), 0),
               *present = json_object_get(whole, "present");
  Status status = STATUS_OK;
  if ((int)json_array_size(present) != target->modalities)
    status = status_error(EXIT_DATA, "%s/evaluation.json: the first of its patterns does not show all modalities",
                          target->run);
  text_print(target->task, sizeof target->task, "%s", json_member_text(root, "task"));
  text_print(target->split, sizeof target->split, "%s", json_member_text(root, "split"));
  target->score = (Scores){.n = (int64_t)json_integer_value(json_object_get(whole, "n")),
                           .accuracy = json_member_number(whole, "accuracy"),
                           .loss = json_member_number(whole, "loss"),
                           .auroc = json_member_number(whole, "auroc")};
  json_decref(root);
  return status;
}

static bool has_ended(const char *dir, const char *name) {
  return folder_has(dir, name, "config.yaml") && folder_has(dir, name, "run.json") &&
         folder_has(dir, name, "evaluation.json");
}

static Status read_all(Targets *targets) {
  char(*names)[RUN_NAME];
  int count;
  folder_runs(&names, &count, targets->dir, has_ended);
  Status status = count ? memory_take((void **)&targets->item, (size_t)count, sizeof *targets->item, "targets")
                        : status_error(EXIT_NO_INPUT,
                                       "%s: no run in runs/ has ended (run.json and evaluation.json); --targets wants "
                                       "a sweep directory",
                                       targets->dir);
  for (int k = 0; k < count && status.code == 0; k++) {
    Target *target = &targets->item[targets->count++];
    target->run = text_format("%s/runs/%s", targets->dir, names[k]);
    status = read_config(target);
    if (status.code == 0)
      status = read_record(target);
    if (status.code == 0)
      status = read_scores(target);
  }
  free(names);
  return status;
}

Status targets_open(Targets *targets, const Comm *comm, const char *dir) {
  *targets = (Targets){.dir = dir};
  return comm_agree(comm, comm_is_root(comm) ? read_all(targets) : STATUS_OK);
}

void targets_close(Targets *targets) {
  for (int k = 0; k < targets->count; k++) {
    free(targets->item[k].run);
    free(targets->item[k].name);
  }
  free(targets->item);
}

// --- which one fits -------------------------------------------------------------------------------------------------------

// What must agree, in the order in which it is asked.
typedef enum Agreement { OTHER_SET, OTHER_SEED, OTHER_SPLIT, OTHER_TASK, OTHER_DATA, OTHER_SAMPLES, FITS } Agreement;

static bool same_set(const Target *target, const Config *config, uint32_t set) {
  for (int i = 0; i < target->modalities; i++) {
    int k = config_modality(config, target->name[i]);
    if (k < 0 || !(set >> k & 1))
      return false;
    set &= ~((uint32_t)1 << k);
  }
  return set == 0;
}

// The identity of this data set as a run with the target's modalities sees it.
static uint64_t identity_for(const Dataset *dataset, const Target *target) {
  Dataset *part = malloc(sizeof *part);
  REQUIRE(part, "out of memory for a data set's identity");
  *part = *dataset;
  part->modalities = target->modalities;
  for (int i = 0; i < target->modalities; i++)
    part->modality[i] = dataset->modality[dataset_modality(dataset, target->name[i])];
  uint64_t identity = dataset_identity(part);
  free(part);
  return identity;
}

static int64_t samples_shown(const AnalyzeContext *context, uint32_t set) {
  const Dataset *dataset = &context->session->dataset;
  int64_t n = 0;
  for (int64_t k = 0; k < context->n; k++) {
    bool shows = false;
    for (int i = 0; i < dataset->modalities; i++)
      shows |= (set >> i & 1) && dataset->modality[i].present[context->order[k]];
    n += shows;
  }
  return n;
}

static Agreement agreement(const Target *target, const AnalyzeContext *context, uint32_t set) {
  const Session *session = context->session;
  if (!same_set(target, &session->config, set))
    return OTHER_SET;
  if (target->seed != session->config.run.seed)
    return OTHER_SEED;
  if (strcmp(target->split, split_name(context->split)) != 0)
    return OTHER_SPLIT;
  if (strcmp(target->task, session->dataset.task[0].name) != 0)
    return OTHER_TASK;
  if (target->data != identity_for(&session->dataset, target))
    return OTHER_DATA;
  return target->score.n == samples_shown(context, set) ? FITS : OTHER_SAMPLES;
}

static Status none_fits(const AnalyzeContext *context, const Target *nearest, Agreement why) {
  const Targets *targets = context->targets;
  const char *because[] = {"it has other modalities", "its seed is another",          "it was scored on another split",
                           "its task is another",     "its data (data_xxh64) differ", "it was scored on other samples"};
  return status_error(EXIT_DATA,
                      "%s: none of %d runs is a target for %s (seed %lld, split %s); the nearest is %s, but %s",
                      targets->dir, targets->count, context->run, (long long)context->session->config.run.seed,
                      split_name(context->split), nearest->run, because[why]);
}

static Status find_all(const Target **found, const AnalyzeContext *context, const uint32_t *set, int sets) {
  const Targets *targets = context->targets;
  const Target *nearest = &targets->item[0];
  Agreement best = OTHER_SET;
  for (int p = 0; p < sets; p++)
    for (int k = 0; k < targets->count; k++) {
      const Target *target = &targets->item[k];
      Agreement agrees = agreement(target, context, set[p]);
      if (agrees > best) {
        best = agrees;
        nearest = target;
      }
      if (agrees == FITS && found[p])
        return status_error(EXIT_DATA,
                            "%s and %s are both targets for one set of modalities and seed; name a sweep "
                            "over modalities and seeds alone",
                            found[p]->run, target->run);
      if (agrees == FITS)
        found[p] = target;
    }
  return best == FITS ? STATUS_OK : none_fits(context, nearest, best);
}

Status targets_scores(Scores *score, const Target **found, AnalyzeContext *context, const uint32_t *set, int sets) {
  for (int p = 0; p < sets; p++)
    found[p] = NULL;
  TRY(comm_agree(context->comm, comm_is_root(context->comm) ? find_all(found, context, set, sets) : STATUS_OK));
  for (int p = 0; p < sets; p++)
    score[p] = found[p] ? found[p]->score : (Scores){.n = 0, .accuracy = NAN, .loss = NAN, .auroc = NAN};
  comm_share(context->comm, score, (size_t)sets * sizeof *score, 0);
  return STATUS_OK;
}
