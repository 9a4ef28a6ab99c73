#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
/// Seconds of the monotonic clock: for durations only; nothing that is computed depends on it.
double clock_seconds(void);
#endif
