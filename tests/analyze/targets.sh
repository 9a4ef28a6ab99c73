#!/usr/bin/env bash
# Each set of modalities gets the score of the model that was trained on it alone, on any number of ranks, and what does not fit is refused by name.
# timeout: 120
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder" || exit 1
fail() {
  echo "$*"
  exit 1
}
export OPENBLAS_NUM_THREADS=1
python=/usr/bin/python3
command -v "$python" >/dev/null || { echo "skipped: no $python to read JSON" && exit 77; }
"$1" data synth planted -o data.h5 --set samples=300 --set missing=0.0,0.3,0.2 --quiet >/dev/null || exit 1
cat >base.yaml <<'YAML'
data: {file: data.h5, batch: 50}
modalities: {m0: {encoder: {hidden: [6], out: 5}}, m1: {encoder: {hidden: [6], out: 5}}, m2: {encoder: {hidden: [6], out: 5}}}
fusion: {hidden: [7]}
train: {epochs: 2}
missingness: {evaluate: [0.0]}
YAML
cat >targets.yaml <<'YAML'
base: base.yaml
subsets: # in another order than the run's
  modalities: {m2: {encoder: {hidden: [6], out: 5}}, m0: {encoder: {hidden: [6], out: 5}}, m1: {encoder: {hidden: [6], out: 5}}}
repeats: 2
YAML
"$1" sweep run targets.yaml --quiet >/dev/null || exit 1
"$1" sweep collect sweeps/targets >said || fail "$(cat said)"
grep -q nan said && fail "collect compares what is not there: $(cat said)"
"$python" - <<'PYTHON' || exit 1
import json
summary = json.load(open("sweeps/targets/summary.json"))
own = [group["complete"]["n"] for group in summary["groups"]] # each with all that the run itself has
assert own == [2] * 7, own
assert len(summary["tests"]) == 2 * 7 * 6 // 2, len(summary["tests"])
PYTHON
"$1" train base.yaml --out run --quiet --set run.seed=2 >/dev/null || exit 1
ask() { "$1" analyze "$2" --only substitutability --quiet "${@:3}" >said 2>&1; }
refused() {
  local code=$1 says=$2
  shift 2
  ask "$@"
  local was=$?
  ((was == code)) || fail "exit $was, not $code: $(cat said)"
  grep -q -- "$says" said || fail "says not \"$says\": $(cat said)"
}
ask "$1" run --targets sweeps/targets || fail "$(cat said)"
cp run/analysis/substitutability.json one.json
mpirun -np 3 "$1" analyze run --only substitutability --targets sweeps/targets --quiet >said 2>&1 || fail "$(cat said)"
cmp -s one.json run/analysis/substitutability.json || fail "one rank and three differ"
"$python" - <<'PYTHON' || exit 1
import glob, json, re, sys
own = {}
for path in glob.glob("sweeps/targets/runs/*/evaluation.json"):
    text = open(path.replace("evaluation.json", "config.yaml")).read()
    if re.search(r"seed: 2\b", text):
        first = json.load(open(path))["patterns"][0]
        own[frozenset(first["present"])] = first
result = json.load(open("one.json"))
rows = result["patterns"]["target"]
assert len(own) == 7 and len(rows) == 7, (len(own), len(rows))
for row in rows:
    wanted = own[frozenset(row["present"])]
    for key in ("n", "accuracy", "loss", "auroc"):
        assert row[key] == wanted[key], (row, wanted)
mean = sum(row["accuracy"] for row in own.values()) / 7
assert abs(result["accuracy"]["target"]["value"] - mean) < 1e-12, result["accuracy"]["target"]
assert result["targets"]["found"] == 7 and result["targets"]["sets"] == 7, result["targets"]
names = [bar["name"] for bar in result["figures"][0]["bars"]]
assert names[-1] == "target", names
PYTHON
"$1" report run >/dev/null || exit 1
grep -q '^Substitutes for missing modalities,target,' run/analysis/substitutability.csv || fail "no target in the CSV: $(cat run/analysis/substitutability.csv)"
mkdir -p several/runs
cp -r run several/runs/a
ask "$1" several --targets sweeps/targets || fail "$(cat said)"
"$1" report several >/dev/null || exit 1
grep -q '[^a-z]target: 0\.[0-9]*<' several/report.html || fail "the report of several runs draws no target"
ask "$1" run || fail "$(cat said)"
grep -q '"target"' run/analysis/substitutability.json && fail "targets that nobody named"

"$1" train base.yaml --out other --quiet --set run.seed=9 >/dev/null || exit 1
refused 65 "its seed is another" "$1" other --targets sweeps/targets
refused 65 "another split" "$1" run --targets sweeps/targets --split validation
refused 65 "other samples" "$1" run --targets sweeps/targets --samples 20
"$1" data synth planted -o again.h5 --set samples=300 --set missing=0.0,0.3,0.2 --set seed=5 --quiet >/dev/null || exit 1
refused 65 "data_xxh64" "$1" run --targets sweeps/targets --data again.h5
mkdir -p twice/runs none/runs
cp -r sweeps/targets/runs/* twice/runs
cp -r run twice/runs/again
refused 65 "both targets for one set" "$1" run --targets twice
refused 66 "has ended" "$1" run --targets none
refused 64 "leaves that out" "$1" run --targets none --only rank
rm -r "$(grep -l 'seed: 2' sweeps/targets/runs/*/config.yaml | head -n 1 | xargs dirname)"
"$1" analyze run --only substitutability --targets sweeps/targets >said 2>&1 || fail "$(cat said)"
grep -q "targets for 6 of 7 sets" said || fail "nothing is said of a set without a target: $(cat said)"
exit 0
