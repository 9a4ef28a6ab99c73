#!/usr/bin/env bash
# PyTorch agrees with losses, gradients, parameters and running statistics of a step, for a sample of all kinds of models.
# timeout: 300
set -uo pipefail
table=$(mktemp)
trap 'rm -f -- "$table"' EXIT
/usr/bin/python3 "$2/tools/oracle/run" --program "$1" --every 13 >"$table" 2>&1
ended=$?
if ((ended != 0)); then cat -- "$table"; fi
exit "$ended"
