#include "report/sweep.h"

#include "base/json.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_name(const void *a, const void *b) {
  return strcmp(((const SweepRun *)a)->id, ((const SweepRun *)b)->id);
}

static bool has_config(const char *runs, const char *id) {
  char *path = text_format("%s/%s/config.yaml", runs, id);
  bool has = access(path, F_OK) == 0;
  free(path);
  return has;
}

static Status list_runs(Sweep *sweep, const char *runs) {
  DIR *folder = opendir(runs);
  if (!folder)
    return status_error(EXIT_NO_INPUT, "%s: %s; a run has config.yaml, a sweep has runs/", runs, strerror(errno));
  for (const struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_name[0] == '.' || !has_config(runs, entry->d_name))
      continue;
    sweep->run = realloc(sweep->run, ((size_t)sweep->runs + 1) * sizeof *sweep->run);
    REQUIRE(sweep->run, "out of memory for %d runs", sweep->runs);
    sweep->run[sweep->runs++] = (SweepRun){.id = text_format("%s", entry->d_name), .group = -1};
  }
  closedir(folder);
  if (!sweep->runs)
    return status_error(EXIT_NO_INPUT, "%s: no run directory with a config.yaml in it", runs);
  qsort(sweep->run, (size_t)sweep->runs, sizeof *sweep->run, by_name);
  return STATUS_OK;
}

static void read_runs(Sweep *sweep, const char *runs) {
  for (int i = 0; i < sweep->runs; i++) {
    SweepRun *run = &sweep->run[i];
    char *dir = text_format("%s/%s", runs, run->id);
    run->status = run_read(&run->record, dir);
    if (!run->status.code)
      settings_read(&run->settings, run->record.config);
    free(dir);
  }
}

static const char *value_of(const SweepRun *run, const char *key) {
  const char *value = settings_find(&run->settings, key);
  return value ? value : "–";
}

static bool known_key(const Sweep *sweep, const char *key) {
  for (int k = 0; k < sweep->keys; k++)
    if (!strcmp(sweep->key[k], key))
      return true;
  return false;
}

static bool differs(const Sweep *sweep, const char *key, const char *value) {
  for (int i = 0; i < sweep->runs; i++)
    if (!sweep->run[i].status.code && strcmp(value_of(&sweep->run[i], key), value) != 0)
      return true;
  return false;
}

static bool same_so_far(const Sweep *sweep, const SweepRun *a, const SweepRun *b) {
  for (int k = 0; k < sweep->keys; k++)
    if (strcmp(value_of(a, sweep->key[k]), value_of(b, sweep->key[k])) != 0)
      return false;
  return true;
}

// Whether the key tells runs apart that the keys before it do not; else it only follows them.
static bool splits(const Sweep *sweep, const char *key) {
  for (int i = 0; i < sweep->runs; i++)
    for (int j = 0; j < i; j++)
      if (!sweep->run[i].status.code && !sweep->run[j].status.code &&
          same_so_far(sweep, &sweep->run[i], &sweep->run[j]) &&
          strcmp(value_of(&sweep->run[i], key), value_of(&sweep->run[j], key)) != 0)
        return true;
  return false;
}

static void add_follower(Sweep *sweep, const char *key) {
  for (int f = 0; f < sweep->followers; f++)
    if (!strcmp(sweep->follower[f], key))
      return;
  if (sweep->followers < SWEEP_KEYS)
    sweep->follower[sweep->followers++] = text_format("%s", key);
}

static void find_keys(Sweep *sweep) {
  for (int i = 0; i < sweep->runs; i++)
    for (int s = 0; s < sweep->run[i].settings.count; s++) {
      const Setting *setting = &sweep->run[i].settings.item[s];
      if (!settings_matters(setting->key) || known_key(sweep, setting->key) ||
          !differs(sweep, setting->key, setting->value))
        continue;
      if (!splits(sweep, setting->key))
        add_follower(sweep, setting->key);
      else if (sweep->keys < SWEEP_KEYS)
        sweep->key[sweep->keys++] = text_format("%s", setting->key);
      else
        sweep->keys_left_out++;
    }
}

// "missingness.train" where missingness.train.a and what follows it, missingness.train.b, have the same value in every run.
static char *name_of(const Sweep *sweep, const char *key) {
  const char *last = strrchr(key, '.');
  size_t length = last ? (size_t)(last - key) : 0;
  int siblings = 0;
  for (int f = 0; f < sweep->followers && length; f++) {
    const char *other = sweep->follower[f];
    if (strncmp(other, key, length + 1) != 0 || strchr(other + length + 1, '.'))
      continue;
    siblings++;
    for (int i = 0; i < sweep->runs; i++)
      if (!sweep->run[i].status.code && strcmp(value_of(&sweep->run[i], key), value_of(&sweep->run[i], other)) != 0)
        return text_format("%s", key);
  }
  return text_format("%.*s", (int)(siblings ? length : strlen(key)), key);
}

static bool same_value(const char *a, const char *b) {
  double x, y;
  return !strcmp(a, b) || (text_to_double(a, &x) && text_to_double(b, &y) && x == y);
}

// The first group of the summary with the group's values of the keys up to `last`, as far as it has these keys; more than there are if none.
static size_t place_of(const Sweep *sweep, const SweepGroup *group, int last) {
  const json_t *groups = json_object_get(sweep->summary, "groups");
  size_t g;
  json_t *one;
  json_array_foreach(groups, g, one) {
    bool same = true;
    for (int k = 0; k <= last && same; k++) {
      const char *value = json_string_value(json_object_get(json_object_get(one, "values"), sweep->key[k]));
      same = !value || same_value(value, group->value[k]);
    }
    if (same)
      return g;
  }
  return json_array_size(groups);
}

// Numbers by size, words as the sweep has them: the colours of a page's lines follow this order everywhere on it.
static int compare_values(const Sweep *sweep, const SweepGroup *a, const SweepGroup *b, int key) {
  double x, y;
  if (text_to_double(a->value[key], &x) && text_to_double(b->value[key], &y))
    return (x > y) - (x < y);
  if (!strcmp(a->value[key], b->value[key]))
    return 0;
  size_t first = place_of(sweep, a, key), second = place_of(sweep, b, key);
  return first != second ? (first > second) - (first < second) : strcmp(a->value[key], b->value[key]);
}

static int compare_groups(const Sweep *sweep, const SweepGroup *a, const SweepGroup *b) {
  int order = 0;
  for (int k = 0; k < sweep->keys && !order; k++)
    order = compare_values(sweep, a, b, k);
  return order;
}

// "ebr", and of what is no word by itself the end of the key, too: "own.mor 2.0".
static char *value_words(const char *key, const char *value) {
  double number;
  bool plain = !text_to_double(value, &number) && strcmp(value, "true") != 0 && strcmp(value, "false") != 0;
  const char *last = strrchr(key, '.'), *from = last;
  while (from && from > key && from[-1] != '.')
    from--;
  return plain ? text_format("%s", value) : text_format("%s %s", from ? from : key, value);
}

char *sweep_label_without(const Sweep *sweep, const SweepGroup *group, int key) {
  char *label = text_format("%s", "");
  for (int k = 0; k < sweep->keys; k++) {
    if (k == key)
      continue;
    char *words = value_words(sweep->name[k], group->value[k]),
         *longer = text_format("%s%s%s", label, *label ? ", " : "", words);
    free(label);
    free(words);
    label = longer;
  }
  if (!*label) {
    free(label);
    label = text_format("all runs");
  }
  return label;
}

// Sorted insertion; then every run finds its group.
static void find_groups(Sweep *sweep) {
  sweep->group = calloc((size_t)sweep->runs, sizeof *sweep->group);
  REQUIRE(sweep->group, "out of memory for %d groups", sweep->runs);
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < sweep->runs; i++) {
      SweepRun *run = &sweep->run[i];
      if (run->status.code)
        continue;
      SweepGroup group = {.runs = 0};
      for (int k = 0; k < sweep->keys; k++)
        group.value[k] = value_of(run, sweep->key[k]);
      int g = 0;
      while (g < sweep->groups && compare_groups(sweep, &sweep->group[g], &group) < 0)
        g++;
      bool there = g < sweep->groups && compare_groups(sweep, &sweep->group[g], &group) == 0;
      if (!there) {
        memmove(&sweep->group[g + 1], &sweep->group[g], (size_t)(sweep->groups++ - g) * sizeof group);
        sweep->group[g] = group;
      } else if (pass == 1) {
        run->group = g;
        sweep->group[g].runs++;
        sweep->group[g].evaluated += run->record.has_evaluation;
      }
    }
  for (int g = 0; g < sweep->groups; g++)
    sweep->group[g].label = sweep_label_without(sweep, &sweep->group[g], -1);
}

static void find_patterns(Sweep *sweep) {
  int most = 0;
  for (int i = 0; i < sweep->runs; i++)
    for (int p = 0; p < sweep->run[i].record.patterns; p++)
      most = sweep->run[i].record.pattern[p].present > most ? sweep->run[i].record.pattern[p].present : most;
  for (int present = most; present >= 0; present--)
    for (int i = 0; i < sweep->runs; i++)
      for (int p = 0; p < sweep->run[i].record.patterns; p++) {
        const Evaluated *row = &sweep->run[i].record.pattern[p];
        bool known = row->present != present;
        for (int k = 0; k < sweep->patterns && !known; k++)
          known = !strcmp(sweep->pattern[k], row->name);
        if (known)
          continue;
        sweep->pattern = realloc(sweep->pattern, ((size_t)sweep->patterns + 1) * sizeof *sweep->pattern);
        REQUIRE(sweep->pattern, "out of memory for %d patterns", sweep->patterns);
        sweep->pattern[sweep->patterns++] = text_format("%s", row->name);
      }
}

Status sweep_read(Sweep *sweep, const char *dir) {
  *sweep = (Sweep){0};
  char *runs = text_format("%s/runs", dir);
  Status status = list_runs(sweep, runs);
  if (!status.code)
    read_runs(sweep, runs);
  free(runs);
  TRY(status);
  char *path = text_format("%s/summary.json", dir);
  sweep->summary = json_load_file(path, 0, NULL); // not collected yet: by letters
  free(path);
  find_keys(sweep);
  for (int k = 0; k < sweep->keys; k++)
    sweep->name[k] = name_of(sweep, sweep->key[k]);
  find_groups(sweep);
  find_patterns(sweep);
  return STATUS_OK;
}

typedef struct Wanted {
  const char *name;
  double rate; // NaN: patterns
  int score;
} Wanted;

static double score_in(const RunRecord *record, const Wanted *wanted) {
  bool rates = !isnan(wanted->rate);
  const Evaluated *list = rates ? record->rate : record->pattern;
  for (int i = 0; i < (rates ? record->rates : record->patterns); i++)
    if (!strcmp(list[i].name, wanted->name) && (!rates || list[i].rate == wanted->rate))
      return list[i].value[wanted->score];
  return NAN;
}

Summary sweep_over_seeds(const Sweep *sweep, int group, const double *of_run) {
  double *value = calloc((size_t)sweep->runs, sizeof *value);
  REQUIRE(value, "out of memory for %d numbers", sweep->runs);
  int n = 0;
  for (int i = 0; i < sweep->runs; i++)
    if (sweep->run[i].group == group && !isnan(of_run[i]))
      value[n++] = of_run[i];
  Summary summary = summary_of(value, n, 0.95);
  if (n < 2)
    summary.interval = (Interval){NAN, NAN};
  free(value);
  return summary;
}

static Summary over_seeds(const Sweep *sweep, int group, const Wanted *wanted) {
  double *value = calloc((size_t)sweep->runs, sizeof *value);
  REQUIRE(value, "out of memory for %d scores", sweep->runs);
  for (int i = 0; i < sweep->runs; i++)
    value[i] = score_in(&sweep->run[i].record, wanted);
  Summary summary = sweep_over_seeds(sweep, group, value);
  if (summary.n > 1 && wanted->score != SCORE_LOSS) // a share: what lies outside of [0, 1] is impossible
    summary.interval = (Interval){fmax(summary.interval.low, 0), fmin(summary.interval.high, 1)};
  free(value);
  return summary;
}

Summary sweep_pattern(const Sweep *sweep, int group, const char *pattern, int score) {
  return over_seeds(sweep, group, &(Wanted){pattern, NAN, score});
}

Summary sweep_rate(const Sweep *sweep, int group, const char *withheld, double rate, int score) {
  return over_seeds(sweep, group, &(Wanted){withheld, rate, score});
}

void sweep_free(Sweep *sweep) {
  for (int i = 0; i < sweep->runs; i++) {
    free(sweep->run[i].id);
    run_free(&sweep->run[i].record);
    settings_free(&sweep->run[i].settings);
  }
  for (int g = 0; g < sweep->groups; g++)
    free(sweep->group[g].label);
  for (int k = 0; k < sweep->keys; k++) {
    free(sweep->key[k]);
    free(sweep->name[k]);
  }
  for (int f = 0; f < sweep->followers; f++)
    free(sweep->follower[f]);
  for (int p = 0; p < sweep->patterns; p++)
    free(sweep->pattern[p]);
  json_decref(sweep->summary);
  free(sweep->run);
  free(sweep->group);
  free(sweep->pattern);
  *sweep = (Sweep){0};
}
