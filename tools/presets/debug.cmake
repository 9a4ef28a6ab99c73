# For the debugger; warnings are errors.
#   cmake -C tools/presets/debug.cmake -B build-debug && cmake --build build-debug && ctest --test-dir build-debug --output-on-failure
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(REBASIS_WERROR ON CACHE BOOL "")
