#!/usr/bin/env bash
# What predict writes is what evaluate scores, and what was asked for by name is what the run's own evaluation says; the same on any ranks.
# timeout: 120
set -euo pipefail
rebasis=$1 python=/usr/bin/python3
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"
$python -c 'import h5py' 2>/dev/null || { echo "skipped: no h5py to read a container without us"; exit 77; }

good() { # RANKS ARGUMENT…
  program "$@"
  ended 0 "$1"
}
"$rebasis" data synth planted -o p.h5 --set samples=300 --set modalities=2 --set names=image,audio --set missing=0.3 >/dev/null
cat >run.yaml <<'YAML'
data: {file: p.h5, batch: 40}
modalities: {image: {encoder: {hidden: [8], out: 6}}, audio: {encoder: {hidden: [8], out: 6}}}
missingness: {evaluate: [0.5]}
train: {epochs: 8}
YAML
expect 0 2 parameters_xxh64 train run.yaml --out run
good 0 predict run -o one.csv
good 3 predict run --data p.h5 -o three.csv
expect 0 2 '^sample,id,prediction,probability_0' predict run
cmp one.csv three.csv
cmp one.csv out
expect 0 0 'audio withheld ' evaluate run --drop audio
expect 0 0 'image withheld at 0.50 ' evaluate run --missing image=0.5
good 3 evaluate run --drop audio --json
mv out drop.json
good 2 evaluate run --missing image=0.5 -o missing.json
good 0 evaluate run --missing image=0.5 --missing audio=0.5 -o both.json
good 2 evaluate run --json -o again.json
cmp out again.json || fail "two ways to the same JSON"
good 0 evaluate run -o -
cmp out again.json || fail "a third way to the same JSON"
ln -s elsewhere.json link
: >elsewhere.json
good 0 evaluate run -o link
cmp elsewhere.json again.json || fail "a link was not followed"
mkfifo pipe
cat pipe >poured &
good 2 evaluate run --json -o pipe
wait $!
cmp poured again.json || fail "not what went through a pipe"
[[ -p pipe ]] || fail "a pipe was replaced"
expect 73 0 'pipe: ' evaluate run -o pipe # nobody reads

$python - <<'PY' || fail "see above"
import csv, json, h5py, math, sys

def same(what, a, b, tolerance=0.0):
    if not abs(a - b) <= tolerance:
        sys.exit(f"{what}: {a}, not {b}")

def scores_of(report, **wanted):
    for entry in report["patterns"] + report["rates"]:
        if all(entry.get(key) == value for key, value in wanted.items()):
            return {key: value for key, value in entry.items() if key not in wanted}
    sys.exit(f"no scores of {wanted}")

run, again, drop, missing, both = (json.load(open(name)) for name in
                                   ("run/evaluation.json", "again.json", "drop.json", "missing.json", "both.json"))
for key in ("patterns", "rates", "parameters_xxh64", "split"):
    assert run[key] == again[key], key
assert drop["withheld"] == {"audio": 1.0} and drop["scores"] == scores_of(run, present=["image"]), drop
assert missing["withheld"] == {"image": 0.5} and missing["scores"] == scores_of(run, rate=0.5, modality="image"), missing
assert both["scores"] == scores_of(run, rate=0.5, modality="all"), both

data = h5py.File("p.h5", "r")
task = next(iter(data["tasks"]))
labels, split = data[f"tasks/{task}/labels"][:], data["split"][:]
shown = [max(pair) for pair in zip(data["modalities/image/present"][:], data["modalities/audio/present"][:])]
right = loss = n = 0
for row, line in enumerate(csv.DictReader(open("one.csv"))):
    probability = [line[f"probability_{c}"] for c in range(run["classes"])]
    assert int(line["sample"]) == row and (line["prediction"] != "") == bool(shown[row]), line
    if not shown[row]:
        assert not any(probability), line
        continue
    probability = [float(p) for p in probability]
    same("the sum of a row", sum(probability), 1, 1e-6)
    assert probability[int(line["prediction"])] == max(probability), line
    if split[row] == 2:
        n += 1
        right += int(line["prediction"]) == labels[row]
        loss -= math.log(probability[labels[row]])
assert row + 1 == len(labels)
whole = scores_of(run, present=["image", "audio"])
same("n", n, whole["n"])
same("accuracy", right / n, whole["accuracy"], 1e-8)
same("loss", loss / n, whole["loss"], 1e-6)
PY
