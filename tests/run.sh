#!/usr/bin/env bash
# Sets up, builds and runs the whole test suite; the last line is "N passed, N failed" (test cases).
set -euo pipefail
cd "$(dirname "$0")/.."

bash third_party/setup.sh
mkdir -p build
cmake --preset release -DLANGZOO_BUILD_TESTS=ON >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
echo "building (log: build/build.log)"
cmake --build --preset release >build/build.log 2>&1 || { tail -n 60 build/build.log; exit 1; }
ctest --preset release && status=0 || status=$?

# Catch2 prints its counts per process; every other CTest entry counts as one case.
awk '
  /^[0-9]+\/[0-9]+ Testing: /        { catch2 = 0 }
  /^All tests passed \(/             { for (i = 1; i < NF; i++) if ($(i + 1) == "test") passed += $i; catch2 = 1 }
  /^test cases: /                    { for (i = 2; i < NF; i++) { if ($(i + 1) == "passed") passed += $i; if ($(i + 1) == "failed") failed += $i }; catch2 = 1 }
  /^Test Passed\./ && !catch2        { passed++ }
  /^Test Failed\.|^Test (Timeout|time-?out)/ && !catch2 { failed++ }
  END { printf "%d passed, %d failed\n", passed, failed }
' build/release/Testing/Temporary/LastTest.log
exit "$status"
