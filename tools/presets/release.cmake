# What users run.
#   cmake -C tools/presets/release.cmake -B build-release && cmake --build build-release && ctest --test-dir build-release --output-on-failure
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
