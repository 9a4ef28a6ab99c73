#ifndef TRAIN_PROGRESS_LINE_H
#define TRAIN_PROGRESS_LINE_H
/// How far a run is, for people: a bar with rate and time left on a terminal, nothing elsewhere (one plain line an epoch comes from
/// the run itself). Only rank 0 shows it.
#include <stdbool.h>
#include <stdint.h>

typedef struct ProgressLine {
  bool on;
  double began, shown;
  int64_t first;
} ProgressLine;

void progress_line_begin(ProgressLine *line, bool wanted, int64_t step);
void progress_line_show(ProgressLine *line, int64_t step, int64_t steps, int64_t epoch, int64_t epochs, double samples_per_s);
void progress_line_clear(ProgressLine *line);

#endif
