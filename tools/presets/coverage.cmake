# Line coverage by gcov.
#   cmake -C tools/presets/coverage.cmake -B build-coverage && cmake --build build-coverage && ctest --test-dir build-coverage --output-on-failure
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(REBASIS_COVERAGE ON CACHE BOOL "")
