#!/usr/bin/env bash
# An imported avMNIST file holds what an independent reading of the same sources by numpy and scipy finds in them.
# labels: data
# timeout: 180
set -euo pipefail
rebasis=$1 source=$2
python=/usr/bin/python3
mnist=${REBASIS_TEST_DATA:-}/mnist fsdd=${REBASIS_TEST_DATA:-}/fsdd

skip() {
  echo "skipped: $1"
  exit 77
}
[[ -d $mnist && -d $fsdd ]] || skip "REBASIS_TEST_DATA names no directory with mnist and fsdd in it"
$python -c 'import h5py, numpy, scipy' 2>/dev/null || skip "no python3 with h5py, numpy and scipy"
"$rebasis" data import avmnist --help >/dev/null 2>&1 || skip "this program cannot import avmnist"

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
check() {
  "$rebasis" data import avmnist --mnist "$mnist" --fsdd "$fsdd" -o "$scratch/data.h5" "$@" >"$scratch/log" 2>&1 ||
    { cat "$scratch/log"; exit 1; }
  PYTHONDONTWRITEBYTECODE=1 $python "$source/tools/oracle/avmnist.py" "$scratch/data.h5" "$mnist" "$fsdd"
}
check
check --protocol small --pairs 15 --validation 0.2 --seed 3
check --protocol small --pairs 10 --validation 0
check --protocol full --split speaker

# The oracle itself notices a single wrong value.
check --protocol small
$python - "$scratch/data.h5" <<'PYTHON'
import sys
import h5py
with h5py.File(sys.argv[1], "r+") as file:
    file["modalities/audio/values"][700, 0, 3, 1] *= 1.01
PYTHON
if $python "$source/tools/oracle/avmnist.py" "$scratch/data.h5" "$mnist" "$fsdd" 2>"$scratch/log"; then
  echo "a wrong value passed"
  exit 1
fi
grep -q 'row 700' "$scratch/log" || { cat "$scratch/log"; exit 1; }
