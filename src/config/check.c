// Values that are right one by one and wrong together. A check is silent when one of its keys has drawn a complaint
// already.
#include "config/read.h"

#include "base/text.h"

#include <string.h>

static bool sound(const Reader *reader, const char *path) { return !reader->wrong[key_index(key_find(path))]; }

static const Node *at(const Reader *reader, const char *path) { return node_toward(reader->root, path); }

static void check_run_name(Reader *reader) {
  const char *name = reader->config->run.name;
  if (strspn(name, run_name_letters) != strlen(name) || *name == '.' || *name == '-')
    tree_complain(
        reader->tree, at(reader, "run.name"),
        "run.name is \"%.60s\"; letters, digits, '.', '_' and '-' are wanted, with a letter, digit or '_' in front",
        name);
}

static void check_fusion(Reader *reader) {
  const Config *config = reader->config;
  bool attention = config->fusion.type == FUSION_ATTENTION;
  if (config->fusion.type != FUSION_SUM && !attention)
    return;
  if (!sound(reader, "fusion.type") || !sound(reader, "modalities.*.encoder.type") ||
      !sound(reader, "modalities.*.encoder.out"))
    return;
  const ModalityConfig *first = NULL; // whose width is written; that of `auto` depends on the data
  for (int i = 0; i < config->modalities; i++) {
    const ModalityConfig *other = &config->modality[i];
    if (!other->encoder.out)
      continue;
    if (first && other->encoder.out != first->encoder.out) {
      tree_complain(
          reader->tree, at(reader, "fusion.type"),
          "fusion.type %s needs vectors of one width, but %s has %d and %s has %d; give all the same encoder.out",
          attention ? "attention" : "sum", first->name, first->encoder.out, other->name, other->encoder.out);
      return;
    }
    first = other;
  }
  if (attention && first && sound(reader, "fusion.heads") && first->encoder.out % config->fusion.heads)
    tree_complain(reader->tree, at(reader, "fusion.heads"),
                  "fusion.heads is %d, which does not divide the width %d of the vectors; change one of them",
                  config->fusion.heads, first->encoder.out);
}

static void check_distillation(Reader *reader) {
  const Config *config = reader->config;
  const KdConfig *kd = &config->method.kd;
  int students = 0, teachers = 0;
  if (!sound(reader, "method.distillation.student") || !sound(reader, "method.distillation.teachers"))
    return;
  for (int i = 0; i < config->modalities; i++) {
    students += kd->student[i];
    teachers += kd->teachers[i];
    if (kd->student[i] && kd->teachers[i])
      tree_complain(reader->tree, at(reader, "method.distillation.teachers"),
                    "%s is student and teacher at once; take it out of method.distillation.student or teachers",
                    config->modality[i].name);
  }
  if (students > 1)
    tree_complain(reader->tree, at(reader, "method.distillation.student"),
                  "method.distillation.student names %d modalities; there is one student, or none to have it found",
                  students);
  if (kd->stage == KD_DISTIL && sound(reader, "method.distillation.stage") && (students == 0 || teachers == 0))
    tree_complain(reader->tree, at(reader, "method.distillation.stage"),
                  "method.distillation.stage distil needs a student and teachers; name them, or write stage: all");
}

static void check_reallocation(Reader *reader) {
  const Config *config = reader->config;
  int named = 0;
  if (!sound(reader, "method.modalities") || !sound(reader, "missingness.fill"))
    return;
  for (int i = 0; i < config->modalities; i++)
    named += config->method.ebr.reallocated[i];
  if (named > 0 && named < config->modalities && config->missingness.fill == FILL_SUBSTITUTE)
    tree_complain(reader->tree, at(reader, "method.modalities"),
                  "missingness.fill substitute needs a latent of every modality; leave method.modalities out");
}

static void check_method(Reader *reader) {
  const Config *config = reader->config;
  const KdConfig *kd = &config->method.kd;
  if (!sound(reader, "method.type") || config->method.type == METHOD_VANILLA)
    return;
  const char *name = config->method.type == METHOD_KD ? "kd" : "ebr";
  if (reader->modalities_known && config->modalities < 2)
    tree_complain(reader->tree, at(reader, "method.type"),
                  "method.type %s works between modalities, and there is one; declare another, or write vanilla", name);
  if (config->method.type == METHOD_KD && reader->modalities_known)
    check_distillation(reader);
  if (config->method.type == METHOD_EBR && reader->modalities_known)
    check_reallocation(reader);
  bool weights = sound(reader, "method.distillation.crd") && sound(reader, "method.distillation.logit") &&
                 sound(reader, "method.distillation.feature");
  if (config->method.type == METHOD_KD && weights && kd->crd == 0 && kd->logit == 0 && kd->feature == 0)
    tree_complain(reader->tree, at(reader, "method.distillation.crd"),
                  "method.type kd with crd, logit and feature all 0 distils nothing; give one of them a weight");
}

static void check_missingness(Reader *reader) {
  const Config *config = reader->config;
  if (!sound(reader, "missingness.protocol") || !sound(reader, "missingness.withheld") || !reader->modalities_known)
    return;
  int withheld = 0;
  for (int i = 0; i < config->modalities; i++)
    withheld += config->missingness.withheld[i];
  bool pattern = config->missingness.protocol == PROTOCOL_PATTERN;
  if (!pattern && withheld)
    tree_complain(reader->tree, at(reader, "missingness.withheld"),
                  "missingness.withheld is read by protocol pattern only; write protocol: pattern, or remove it");
  else if (pattern && !withheld)
    tree_complain(reader->tree, at(reader, "missingness.protocol"),
                  "missingness.protocol pattern withholds nothing; write withheld: [...] beside it");
  else if (pattern && withheld == config->modalities)
    tree_complain(reader->tree, at(reader, "missingness.withheld"),
                  "missingness.withheld names every modality; leave one to train on");
}

static void check_noise(Reader *reader) {
  const Config *config = reader->config;
  if (!sound(reader, "noise.rate") || !sound(reader, "noise.kind") || strcmp(config->noise.kind, "entries") != 0)
    return;
  for (int i = 0; i < config->modalities; i++)
    if (config->noise.rate.item[i] > 1) {
      tree_complain(reader->tree, at(reader, "noise.rate"),
                    "noise.rate is %g for %s; with kind entries it is a share, from 0 to 1", config->noise.rate.item[i],
                    config->modality[i].name);
      return;
    }
}

static void check_grid(Reader *reader) {
  const Config *config = reader->config;
  if (sound(reader, "grid.modality_groups") && reader->modalities_known &&
      config->grid.modality_groups > config->modalities)
    tree_complain(reader->tree, at(reader, "grid.modality_groups"),
                  "grid.modality_groups is %d for %d modalities; at most one group each, or auto",
                  config->grid.modality_groups, config->modalities);
  if (sound(reader, "grid.data_shards") && sound(reader, "grid.slices") &&
      config->grid.data_shards > config->grid.slices)
    tree_complain(reader->tree, at(reader, "grid.data_shards"),
                  "grid.data_shards is %d for %d slices; at most one shard per slice: fewer shards, or more slices",
                  config->grid.data_shards, config->grid.slices);
}

void check_contradictions(Reader *reader) {
  check_run_name(reader);
  check_fusion(reader);
  check_method(reader);
  check_missingness(reader);
  check_noise(reader);
  check_grid(reader);
}
