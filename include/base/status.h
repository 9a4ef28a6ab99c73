#ifndef BASE_STATUS_H
#define BASE_STATUS_H
/// The outcome of an operation that the outside world can spoil: a file, a format, a configuration, memory, a number.
/// Programmer errors never become a Status: they end the program through REQUIRE.

/// Exit codes are those of sysexits.h; a Status carries the code that the process will end with.
enum {
  EXIT_DONE = 0,
  EXIT_USAGE = 64,        // the command line was wrong
  EXIT_DATA = 65,         // input data malformed
  EXIT_NO_INPUT = 66,     // input missing
  EXIT_INTERNAL = 70,     // numerical failure, or a fault of ours
  EXIT_CANNOT_CREATE = 73,// output cannot be created, or is locked
  EXIT_IO = 74,           // reading or writing failed
  EXIT_AGAIN = 75,        // run me again: stopped early with a checkpoint saved
  EXIT_CONFIG = 78        // bad configuration
};

enum { STATUS_TEXT = 496 };

/// code 0: all is well and text is empty. Otherwise text is one line without a line break, control characters escaped:
/// "FILE:LINE: what is wrong; what would be right", where FILE:LINE is that of the input at fault.
typedef struct Status {
  int code;
  char text[STATUS_TEXT];
} Status;

#define STATUS_OK ((Status){0})

/// Returns a failure with a printf-formatted text. Control characters in the result are written as \xNN.
Status status_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Returns from the calling function with the Status of `expression` unless it is success.
/// Inside a Collective function only another Collective call may stand here (see comm/agree.h).
#define TRY(expression)                     \
  do {                                      \
    Status try_status_ = (expression);      \
    if (try_status_.code != 0)              \
      return try_status_;                   \
  } while (0)

/// Ends the program with rank, file and line when the programmer was wrong. Always compiled in.
#define REQUIRE(condition, ...)                                         \
  do {                                                                  \
    if (!(condition))                                                   \
      require_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);      \
  } while (0)

_Noreturn void require_failed(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
