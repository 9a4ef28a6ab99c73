#!/usr/bin/env bash
# The open demo of MIMIC-IV imports as an independent reading of its tables says, and trains on what has labels and nothing else.
# labels: data
# timeout: 180
set -euo pipefail
rebasis=$1 source=$2
python=/usr/bin/python3
demo=${REBASIS_TEST_DATA:-}/mimic-iv-demo
events=$demo/derived/labevents_from_meds.csv.gz

skip() {
  echo "skipped: $1"
  exit 77
}
[[ -e $demo/hosp/admissions.csv.gz && -e $events ]] || skip "REBASIS_TEST_DATA has no mimic-iv-demo with derived labevents"
$python -c 'import h5py, numpy' 2>/dev/null || skip "no python3 with h5py and numpy"

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
cd -- "$scratch"
import() { # FILE OPTION…
  local file=$1
  shift
  "$rebasis" data import mimic-iv --quiet --mimic "$demo" --labevents "$events" -o "$file" "$@"
}
oracle() { PYTHONDONTWRITEBYTECODE=1 $python "$source/tools/oracle/mimic.py" "$1" "$demo" "$events"; }

import admission.h5
oracle admission.h5
import patient.h5 --split patient --seed 7 --validation 0.15 --test 0.3
oracle patient.h5
mpirun -np 2 "$rebasis" data import mimic-iv --quiet --mimic "$demo" --labevents "$events" -o again.h5
cmp admission.h5 again.h5
"$rebasis" data inspect --verify admission.h5 >text
grep -q "^task  *mortality: binary" text || { cat text; exit 1; }
grep -q "^task  *readmission: binary" text || { cat text; exit 1; }

# The oracle itself notices one wrong label, code and z-value.
for change in 'f["tasks/mortality/labels"][7] ^= 1' 'f["modalities/medication/codes"][50] += 1' \
  'f["modalities/labs/values"][int(f["modalities/labs/present"][:].nonzero()[0][0]), 0] += 1e-3'; do
  cp admission.h5 wrong.h5
  $python -c "import h5py; f = h5py.File('wrong.h5', 'r+'); $change; f.close()"
  if oracle wrong.h5 2>text; then
    echo "unnoticed: $change"
    exit 1
  fi
  grep -q 'differ' text || { cat text; exit 1; }
done

# Unlabelled admissions have no part in anything: other inputs there change no parameter and no score. Nor do ranks.
$python - <<'PYTHON'
import shutil
import h5py
shutil.copy("admission.h5", "other.h5")
with h5py.File("other.h5", "r+") as file:
    none = file["tasks/readmission/labels"][:] < 0
    assert none.sum() > 50, none.sum()
    for name in ("labs", "demographics"):
        values = file["modalities"][name]["values"]
        values[:] = values[:] + 1000 * none[:, None]
        del values.attrs["xxh64"]
PYTHON
train() { # RANKS DATA RUN OPTION…
  local ranks=$1 data=$2 run=$3
  shift 3
  mpirun -np "$ranks" "$rebasis" train "$source/configs/mimic-iv.yaml" --quiet --set "data.file=$data" --set data.task=readmission \
    --set data.batch=32 --set train.epochs=2 --set missingness.evaluate=[0.3] --set checkpoint.keep=1 --out "$run" "$@" >"$run.txt"
  grep '^parameters_xxh64' "$run.txt"
}
ebr=(--set method.type=ebr --set missingness.fill=substitute)
one=$(train 1 admission.h5 one "${ebr[@]}")
two=$(train 2 other.h5 two "${ebr[@]}")
[[ $one == "$two" ]] || { echo "$one on one rank, $two on two with other inputs where no label is"; exit 1; }
cmp one.txt two.txt
$python - <<'PYTHON'
import json
import h5py
with h5py.File("admission.h5") as file:
    scored = int(((file["split"][:] == 2) & (file["tasks/readmission/labels"][:] >= 0)).sum())
whole = json.load(open("one/evaluation.json"))["patterns"][0]
assert whole["n"] == scored and 0 <= whole["auroc"] <= 1, (whole, scored)
PYTHON
