#ifndef DATA_INSPECT_H
#define DATA_INSPECT_H
/// What `rebasis data inspect` prints.
#include "base/status.h"

#include <stdbool.h>

/// *text (owned) describes the container: name, samples, identity, splits, tasks with the balance of classes in each split, modalities
/// with kind, shape, bytes and rate of presence in each split, and the most frequent patterns of presence.
/// json: one JSON object with sorted keys:
///   {file, name, samples, identity, provenance, splits: {train, validation, test},
///    tasks: [{name, kind, classes, unlabelled, labels: {train: [count of each class], …}}],
///    modalities: [{name, kind, shape, vocabulary, entries, bytes, present: {train: rate, …}}],
///    patterns: [{present: [name, …], samples}], truth: bool, verified: null | {arrays, checksums}}
/// verify: all checksums are recomputed and all contents checked, which reads the whole file.
/// Errors of dataset_open, and with `verify` those of dataset_load and dataset_verify; *text is then NULL.
Status dataset_describe(char **text, const char *path, bool json, bool verify);

#endif
