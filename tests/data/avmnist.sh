#!/usr/bin/env bash
# An imported avMNIST file holds what an independent reading of the same sources by numpy and scipy finds in them.
# labels: data
# timeout: 120
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
check() { # MNIST OPTION…
  local images=$1
  shift
  "$rebasis" data import avmnist --mnist "$images" --fsdd "$fsdd" -o "$scratch/data.h5" "$@" >"$scratch/log" 2>&1 ||
    { cat "$scratch/log"; exit 1; }
  PYTHONDONTWRITEBYTECODE=1 $python "$source/tools/oracle/avmnist.py" "$scratch/data.h5" "$images" "$fsdd"
}

# The first tenth of MNIST, not packed, is enough for the protocol that takes every image.
mkdir "$scratch/tenth"
$python - "$mnist" "$scratch/tenth" <<'PYTHON'
import gzip
import os
import sys
import numpy as np
for name, header, row in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
    for part, count in (("train", 6000), ("t10k", 1000)):
        path = os.path.join(sys.argv[1], f"{part}-{name}-ubyte")
        with gzip.open(path + ".gz") if os.path.exists(path + ".gz") else open(path, "rb") as file:
            data = bytearray(file.read(header + count * row))
        data[4:8] = np.array(count, ">u4").tobytes()
        with open(os.path.join(sys.argv[2], f"{part}-{name}-ubyte"), "wb") as file:
            file.write(data)
PYTHON
check "$scratch/tenth" --protocol full
check "$scratch/tenth" --protocol full --split speaker --seed 3
check "$mnist" --protocol small --pairs 10 --validation 0
check "$mnist" --protocol small --pairs 15 --validation 0.2 --seed 3

# The oracle itself notices a single wrong value.
$python - "$scratch/data.h5" <<'PYTHON'
import sys
import h5py
with h5py.File(sys.argv[1], "r+") as file:
    row = int(file["modalities/audio/present"][:700].nonzero()[0][-1])
    file["modalities/audio/values"][row, 0, 3, 1] += 1
PYTHON
if $python "$source/tools/oracle/avmnist.py" "$scratch/data.h5" "$mnist" "$fsdd" 2>"$scratch/log"; then
  echo "a wrong value passed"
  exit 1
fi
grep -q 'the MFCC differ' "$scratch/log" || { cat "$scratch/log"; exit 1; }
