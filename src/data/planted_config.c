/// The settings of a planted data set, as "key=value".
#include "base/text.h"
#include "container.h"
#include "data/planted.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum SettingType {
  SETTING_INT64,
  SETTING_INT,
  SETTING_UINT64,
  SETTING_DOUBLE,
  SETTING_NUMBERS,
  SETTING_KINDS,
  SETTING_NAMES
} SettingType;

typedef struct Setting {
  const char *key;
  SettingType type;
  size_t at;
  bool whole;
  double least, most;
} Setting;

static const Setting settings[] = {
    {"samples", SETTING_INT64, offsetof(PlantedConfig, samples), true, 1, 1e9},
    {"classes", SETTING_INT, offsetof(PlantedConfig, classes), true, 2, 4096},
    {"modalities", SETTING_INT, offsetof(PlantedConfig, modalities), true, 1, DATASET_MODALITIES},
    {"width", SETTING_NUMBERS, offsetof(PlantedConfig, width), true, 1, 1 << 20},
    {"predictive", SETTING_NUMBERS, offsetof(PlantedConfig, predictive), true, 0, 4095},
    {"noise", SETTING_NUMBERS, offsetof(PlantedConfig, noise), true, 0, 1 << 20},
    {"snr", SETTING_NUMBERS, offsetof(PlantedConfig, snr), false, 0, 1e6},
    {"scale", SETTING_NUMBERS, offsetof(PlantedConfig, scale), false, 0, 1e6},
    {"entanglement", SETTING_NUMBERS, offsetof(PlantedConfig, entanglement), false, 0, 1},
    {"coupling", SETTING_DOUBLE, offsetof(PlantedConfig, coupling), false, 0, 1},
    {"shared", SETTING_DOUBLE, offsetof(PlantedConfig, shared), false, 0, 1},
    {"sigma", SETTING_DOUBLE, offsetof(PlantedConfig, sigma), false, 1e-6, 1e6},
    {"missing", SETTING_NUMBERS, offsetof(PlantedConfig, missing), false, 0, 1},
    {"kind", SETTING_KINDS, offsetof(PlantedConfig, kinds), false, 0, 0},
    {"names", SETTING_NAMES, offsetof(PlantedConfig, names), false, 0, 0},
    {"validation", SETTING_DOUBLE, offsetof(PlantedConfig, validation), false, 0, 0.99},
    {"test", SETTING_DOUBLE, offsetof(PlantedConfig, test), false, 0, 0.99},
    {"seed", SETTING_UINT64, offsetof(PlantedConfig, seed), true, 0, 9007199254740991.0},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

void planted_default(PlantedConfig *config) {
  *config = (PlantedConfig){.samples = 4000,
                            .classes = 8,
                            .modalities = 3,
                            .coupling = 0.8,
                            .sigma = 1,
                            .shared = 0.5,
                            .validation = 0.15,
                            .test = 0.25,
                            .seed = 1};
}

const char *planted_help(void) {
  return "samples=4000          number of samples\n"
         "classes=8             number of classes, balanced\n"
         "modalities=3          number of modalities\n"
         "width=32              values per modality\n"
         "predictive=4          predictive features (rank of the class means)\n"
         "noise=8               noise features\n"
         "snr=2,1,0.5           deviation between classes over that within them\n"
         "scale=2               deviation of noise features, in units of sigma\n"
         "entanglement=0.5      share of noise features tied to the next modality's predictive ones\n"
         "coupling=0.8          how strongly: a correlation\n"
         "shared=0.5            share of classes that every modality sees; each other is seen by one\n"
         "sigma=1               deviation within classes\n"
         "missing=0             rate at which the source lacks a modality\n"
         "kind=vector           vector, image, spectrogram, codes or series\n"
         "names=m0,m1,m2        names of the modalities\n"
         "validation=0.15       share of validation samples\n"
         "test=0.25             share of test samples\n"
         "seed=1                another seed, another data set\n";
}

static Status bad_value(const Setting *setting, const char *value) {
  return status_error(EXIT_CONFIG, "%s=%s: %s from %.16g to %.16g would be right", setting->key, value,
                      setting->whole ? "an integer" : "a number", setting->least, setting->most);
}

static Status parse_number(double *number, const Setting *setting, const char *value) {
  if (!text_to_double(value, number) || *number < setting->least || *number > setting->most ||
      (setting->whole && *number != floor(*number)))
    return bad_value(setting, value);
  return STATUS_OK;
}

static Status parse_kind(ModalityKind *kind, const char *value) {
  const char *names[KIND_SERIES + 1];
  for (int i = 0; i <= KIND_SERIES; i++) {
    names[i] = modality_kind_name((ModalityKind)i);
    if (!strcmp(names[i], value)) {
      *kind = (ModalityKind)i;
      return STATUS_OK;
    }
  }
  char text[128];
  suggest(text, sizeof text, value, names, KIND_SERIES + 1);
  return status_error(EXIT_CONFIG, "kind=%s: unknown; %s", value, text);
}

static Status parse_name(char name[DATASET_NAME], const char *value) {
  if (!name_is_good(value))
    return status_error(EXIT_CONFIG, "names=%s: a name has 1 to %d bytes, without '/', '.', '=' and spaces", value,
                        DATASET_NAME - 1);
  text_print(name, DATASET_NAME, "%s", value);
  return STATUS_OK;
}

static Status parse_item(PlantedConfig *config, int index, const Setting *setting, const char *value) {
  if (setting->type == SETTING_KINDS)
    return parse_kind(&config->kind[index], value);
  if (setting->type == SETTING_NAMES)
    return parse_name(config->name[index], value);
  PlantedNumbers *numbers = (PlantedNumbers *)((char *)config + setting->at);
  return parse_number(&numbers->item[index], setting, value);
}

static Status parse_list(PlantedConfig *config, const Setting *setting, char *value) {
  int count = 0;
  for (char *item = value; item;) {
    char *comma = strchr(item, ',');
    if (comma)
      *comma = 0;
    if (count == DATASET_MODALITIES)
      return status_error(EXIT_CONFIG, "%s: more than %d values", setting->key, DATASET_MODALITIES);
    TRY(parse_item(config, count++, setting, item));
    item = comma ? comma + 1 : NULL;
  }
  if (setting->type == SETTING_KINDS)
    config->kinds = count;
  else if (setting->type == SETTING_NAMES)
    config->names = count;
  else
    ((PlantedNumbers *)((char *)config + setting->at))->count = count;
  return STATUS_OK;
}

static Status parse_value(PlantedConfig *config, const Setting *setting, char *value) {
  void *field = (char *)config + setting->at;
  double number = 0;
  if (setting->type >= SETTING_NUMBERS)
    return parse_list(config, setting, value);
  TRY(parse_number(&number, setting, value));
  if (setting->type == SETTING_INT64)
    *(int64_t *)field = (int64_t)number;
  else if (setting->type == SETTING_INT)
    *(int *)field = (int)number;
  else if (setting->type == SETTING_UINT64)
    *(uint64_t *)field = (uint64_t)number;
  else
    *(double *)field = number;
  return STATUS_OK;
}

Status planted_set(PlantedConfig *config, const char *key_equals_value) {
  const char *equals = strchr(key_equals_value, '='), *keys[SETTINGS];
  if (!equals)
    return status_error(EXIT_CONFIG, "%s: KEY=VALUE would be right", key_equals_value);
  char *copy = text_format("%s", key_equals_value);
  copy[equals - key_equals_value] = 0;
  Status status = {0};
  int i = 0;
  for (; i < SETTINGS && strcmp(settings[i].key, copy); i++)
    keys[i] = settings[i].key;
  if (i < SETTINGS) {
    PlantedConfig changed = *config; // a refused setting leaves no trace
    status = parse_value(&changed, &settings[i], copy + (equals - key_equals_value) + 1);
    if (!status.code)
      *config = changed;
  } else {
    char text[STATUS_TEXT / 2];
    suggest(text, sizeof text, copy, keys, SETTINGS);
    status = status_error(EXIT_CONFIG, "%s: unknown setting; %s", copy, text);
  }
  free(copy);
  return status;
}
