# Address and undefined-behaviour sanitizers; run tests with ASAN_OPTIONS=detect_leaks=0.
#   cmake -C tools/presets/asan-ubsan.cmake -B build-asan-ubsan && cmake --build build-asan-ubsan && ctest --test-dir build-asan-ubsan --output-on-failure
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(REBASIS_SANITIZE ON CACHE BOOL "")
