// A run that follows its pace has saved before the deadline, and has not stopped much earlier than it had to.
#include "train/pace.h"

#include "check.h"

#include <math.h>

// A run of epochs of `batches` steps on a clock of ours. What it does half a step before the end of a step is what run.c does there.
static double ends_at(double step, double save, double close, int batches, double deadline, double *need) {
  Pace pace = {.save = save, .validation_steps = close / step};
  double now = 0;
  for (int batch = 0;; batch = (batch + 1) % batches) {
    bool last = batch + 1 == batches;
    *need = pace_need(&pace, batch + 2 >= batches);
    bool stop = deadline - (now + step / 2) < *need;
    now += step;
    pace.step = pace_seen(pace.step, step);
    if (last) {
      now += close + save;
      pace.close = pace_seen(pace.close, close + save);
    } else if (stop)
      now += save;
    if (stop)
      return now;
  }
}

int main(void) {
  for (double step = 0.001; step < 100; step *= 10)
    for (double save = 0.01; save < 50; save *= 5)
      for (double close = 0; close < 100; close = 3 * close + 0.5)
        for (int batches = 1; batches < 50; batches = 3 * batches + 1) {
          double need, begin = 4 * step + 3 * save + 3 * close + 4, end;
          for (double deadline = begin; deadline < begin + 100 * step; deadline += 3.7 * step) {
            end = ends_at(step, save, close, batches, deadline, &need);
            CHECK(end < deadline, "step %g save %g close %g batches %d: ends %g s late", step, save, close, batches,
                  end - deadline);
            CHECK(deadline - end <= need + 2 * step, "step %g save %g close %g batches %d: ends %g s early, needs %g",
                  step, save, close, batches, deadline - end, need);
          }
        }
  CHECK(pace_seen(1, 5) == 5, "a slow step is not believed");
  CHECK(pace_seen(5, 1) < 5 && pace_seen(5, 1) > 4, "one quick step makes a slow one forgotten");
  double estimate = 100;
  for (int k = 0; k < 100; k++)
    estimate = pace_seen(estimate, 1);
  CHECK(fabs(estimate - 1) < 0.01, "a single hiccup is remembered for ever");
  return 0;
}
