#ifndef BASE_TEXT_H
#define BASE_TEXT_H
/// Small string functions that libc lacks. All results are NUL-terminated and cut to their size.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Copies `from` into to[size], writing control characters (and DEL) as \xNN. UTF-8 passes through.
void text_escape(char *to, size_t size, const char *from);

/// printf into a buffer; returns false when the result was cut.
bool text_print(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/// A printf-formatted string, owned by the caller (free). Ends the program when memory is gone.
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Parses the whole of `text` as a number, independent of the locale. False when anything is left over or out of range.
bool text_to_double(const char *text, double *value);
bool text_to_int64(const char *text, int64_t *value);

/// The candidate nearest to `word` in edit distance, if that distance is at most a third of its length (at least 1
/// allowed); else NULL. For "did you mean".
const char *text_nearest(const char *word, const char *const *candidates, int count);

#endif
