#ifndef REPORT_SETTINGS_H
#define REPORT_SETTINGS_H
/// A resolved configuration as a flat list of dotted keys and values, so that runs can be compared key by key.
#include "config/config.h"

#include <stdbool.h>

typedef struct Setting {
  char *key, *value; // owned: "missingness.train.audio", "0.5"
} Setting;

typedef struct Settings {
  Setting *item; // owned, in the order of config_print
  int count;
} Settings;

/// "number of modalities", then config_print(config) flattened; lists stay one value, maps in one line become one setting an entry.
void settings_read(Settings *settings, const Config *config);
/// Value of a key, or NULL.
const char *settings_find(const Settings *settings, const char *key);
void settings_free(Settings *settings);

/// What the label of an axis says of a key: the key, and what its numbers are where that is short to say. Owned by the caller (free).
char *settings_axis(const char *key);

/// Whether a key can tell results apart: not names, places, grids and checkpoints.
bool settings_matters(const char *key);

#endif
