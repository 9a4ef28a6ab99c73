#!/usr/bin/env bash
# Training that is killed at random moments goes on from what was saved, and ends as if nobody had touched it.
# timeout: 600
set -euo pipefail
rebasis=$1
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"
export OMPI_MCA_odls_base_sigkill_timeout=1 # who was to die need not be waited for
"$2/tools/kill-test" --program "$rebasis" --kills 5 --epochs 5 --seed 11 >out 2>err || fail "kills have left a trace"
