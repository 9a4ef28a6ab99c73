#ifndef ANALYZE_ANALYZE_H
#define ANALYZE_ANALYZE_H
/// The paper's measurements, on a trained run (`rebasis analyze`) and inside training (analysis.every_epochs). A measure is a row of a table:
/// it looks at a model through an AnalyzeContext (analyze/context.h) and fills one JSON object, which becomes RUN/analysis/NAME.json.
#include "comm/comm.h"
#include "train/run.h"
#include "train/session.h"

#include <jansson.h>

typedef struct AnalyzeContext AnalyzeContext;

typedef struct Measure {
  const char *name, *summary;   // of `--only` and of analysis.measure; one line for people
  /// Collective; the same Status on every rank. `result` begins with "about" (where the numbers come from); what is filled in counts on the
  /// root, and may be left out elsewhere. Changes nothing of the session that training or another measure goes on from.
  Status (*measure)(AnalyzeContext *context, json_t *result);
} Measure;

extern const Measure analyze_measures[];
extern const int analyze_measures_count;

/// What `rebasis analyze` was asked for.
typedef struct AnalyzeRequest {
  const char *only;             // names with commas between; NULL: all
  const char *targets;          // sweep directory of models trained on one set of modalities each, for substitutability; NULL: none
  const struct Targets *opened; // those, read; set by analyze_folder
  const char *data;             // another data set, or NULL
  const char *const *set;       // overrides of the run's configuration [sets]
  int sets;
  Split split;
  int64_t samples;              // at most so many of the split, evenly spaced; 0: all
  bool table, json;             // what to print
} AnalyzeRequest;

/// Whether every name in `only` is a measure: EXIT_USAGE with the nearest name, or with all of them.
Status analyze_check(const char *only);

/// Collective. Opens the run, measures, and writes RUN/analysis/NAME.json, each through a temporary file.
Status analyze_run(const Comm *comm, const char *run, const AnalyzeRequest *request);

/// Collective. The same for `dir`, or, where it is a sweep directory, for every run in it that has a checkpoint. EXIT_NO_INPUT without any.
Status analyze_folder(const Comm *comm, const char *dir, const AnalyzeRequest *request);

enum { ANALYZE_TRAINING_SAMPLES = 2048 };

/// Collective. For RunOptions.observe: the measures of the configuration on at most ANALYZE_TRAINING_SAMPLES validation samples (training
/// samples where there are none). Numbers go to metrics.jsonl as "MEASURE.ITEM.NUMBER" (split "analysis"), everything to
/// RUN/analysis/epoch-00005/NAME.json and, for the newest, RUN/analysis/NAME.json. user: not used.
Status analyze_observe(void *user, const RunMoment *moment);

/// Local. Bytes that this takes on `rank` at its peak, beside what training holds; 0 where the configuration measures nothing. Of a sketch
/// (train/session.h), for train/plan.h.
size_t analyze_bytes(const Session *sketch, int rank);

#endif
