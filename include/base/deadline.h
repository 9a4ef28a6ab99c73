#ifndef BASE_DEADLINE_H
#define BASE_DEADLINE_H
/// When a job has to be over, as people and Slurm write it.
#include <stdbool.h>
#include <time.h>

/// Seconds from `now` (seconds since 1970) to the moment that `text` names, in *left; INFINITY when it names none. Understood are
///   90s  30min  2h  1.5d                                  a span of time
///   29:35  2:29:35  1-02:29:35                            minutes and seconds, … : as `squeue -o %L` shows what a job has left
///   2026-01-31T18:00[:00][Z]                              a moment of local time, with Z of UTC
///   @1769882400                                           seconds since 1970
///   none  UNLIMITED  NOT_SET  INVALID                     no deadline
/// False, *left untouched, when it is none of these: a bare number is not, since it could be seconds or minutes.
bool deadline_parse(double *left, const char *text, time_t now);

#endif
