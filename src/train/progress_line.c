#include "train/progress_line.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void progress_line_begin(ProgressLine *line, bool wanted, int64_t step) {
  const char *terminal = getenv("TERM");
  *line = (ProgressLine){.began = clock_seconds(), .first = step};
  line->on = wanted && log_rank() == 0 && log_level() >= LOG_NORMAL && isatty(STDERR_FILENO) &&
             (!terminal || strcmp(terminal, "dumb") != 0);
}

void progress_line_show(ProgressLine *line, int64_t step, int64_t steps, int64_t epoch, int64_t epochs,
                        double samples_per_s) {
  enum { WIDTH = 24 };
  double now = clock_seconds();
  if (!line->on || now - line->shown < 0.2)
    return;
  line->shown = now;
  char bar[WIDTH + 1];
  int filled = steps > 0 ? (int)(WIDTH * step / steps) : 0;
  for (int i = 0; i < WIDTH; i++)
    bar[i] = i < filled ? '#' : '.';
  bar[WIDTH] = 0;
  int64_t done = step - line->first;
  double left = done > 0 ? (now - line->began) / (double)done * (double)(steps - step) : 0;
  fprintf(stderr, "\r[%s] epoch %lld/%lld  step %lld/%lld  %.0f samples/s  %02d:%02d:%02d left ", bar,
          (long long)epoch + 1, (long long)epochs, (long long)step, (long long)steps, samples_per_s, (int)(left / 3600),
          (int)(left / 60) % 60, (int)left % 60);
  fflush(stderr);
}

void progress_line_clear(ProgressLine *line) {
  if (line->on)
    fprintf(stderr, "\r%100s\r", "");
}
