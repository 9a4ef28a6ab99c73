// need = 2 step + 2 save [+ 2 close] + 3 s
// Stopping is asked for in the sum of a step's gradients, and asked for again one step later: until then the rest of this step and
// the next one pass, each followed by the end of its epoch if it is the last; then comes the checkpoint. What a busy file system
// does to a checkpoint is allowed for by counting it twice; the process needs a moment to end.
#include "train/pace.h"

#include <math.h>

static const double PACE_END = 3;

double pace_seen(double estimate, double seconds) { return fmax(seconds, 0.9 * estimate + 0.1 * seconds); }

double pace_need(const Pace *pace, bool closes) {
  double close = pace->close > 0 ? pace->close : pace->validation_steps * pace->step + pace->save;
  return 2 * pace->step + 2 * pace->save + (closes ? 2 * close : 0) + PACE_END;
}
