#!/usr/bin/env bash
# Every measure gives the same bits on one rank and on three, with modalities missing and few samples, and numbers where closed forms are known.
# timeout: 240
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder" || exit 1
fail() {
  echo "$*"
  exit 1
}
export OPENBLAS_NUM_THREADS=1
"$1" data synth planted -o data.h5 --set samples=400 --set missing=0.0,0.3,0.2 --quiet >/dev/null || exit 1
common=(--quiet --set data.file=data.h5 --set train.epochs=2 --set data.batch=50 --set 'missingness.evaluate=[0.0]' --set fusion.strength=1.0
  --set 'modalities={m0: {encoder: {hidden: [8], out: 8}}, m1: {encoder: {hidden: [8], out: 8}}, m2: {encoder: {hidden: [8], out: 8}}}')
for case in vanilla:concat:zero vanilla:attention:mean ebr:concat:substitute; do
  IFS=: read -r method fusion fill <<<"$case"
  run=run-$method-$fusion
  "$1" train "$2/configs/planted.yaml" --out "$run" "${common[@]}" --set 'fusion.hidden=[12]' --set "method.type=$method" \
    --set "fusion.type=$fusion" --set "missingness.fill=$fill" >/dev/null || exit 1
  "$1" analyze "$run" --quiet >table 2>&1 || fail "$case: $(cat table)"
  mv "$run/analysis" one
  mpirun -np 3 "$1" analyze "$run" --quiet >table 2>&1 || fail "$case on three ranks: $(cat table)"
  for file in one/*.json; do
    name=${file#one/}
    [[ $name == rank.json ]] && continue # decomposed by another library: equal to rounding, as rank.sh checks
    cmp -s "$file" "$run/analysis/$name" || fail "$case: $name differs between one rank and three"
  done
  (($(find one -name '*.json' | wc -l) >= 9)) || fail "$case: measures are missing: $(ls one)"
  "$1" report "$run" >/dev/null || exit 1
  [[ $(head -n 1 "$run/analysis/probe.csv") == figure,series,x,value,low,high,n ]] || fail "$case: no CSV of the probes"
  rm -r one
done
# The head is linear, so the gradient of its outputs is its weight: AGOP = W'W. Three equal widths: 1 - 1/3. Nothing missing in the set of all: every
# substitute scores as the model does.
python=/usr/bin/python3
command -v "$python" >/dev/null || { echo "skipped: no $python for the closed forms" && exit 77; }
"$python" - <<'PYTHON'
import json, sys
load = lambda name: json.load(open(f"run-vanilla-concat/analysis/{name}.json"))
wrong = []
aligned = load("agop")["alignment"]["head: W'W, AGOP"]["value"]
if abs(aligned - 1) > 1e-6:
    wrong.append(f"the head's AGOP is not W'W: cosine {aligned}")
shares = [part["value"] for part in load("agop")["layers"]["fusion/0"]["shares"].values()]
if abs(sum(shares) - 1) > 1e-12:
    wrong.append(f"shares of the modalities add up to {sum(shares)}")
chance = load("collision")["probability"]
if abs(chance["bound of Lemma 1"]["value"] - 2 / 3) > 1e-12 or abs(chance["pairs drawn"]["value"] - 2 / 3) > 3e-3:
    wrong.append(f"collisions: {chance}")
ways = load("substitutability")["patterns"]
for way, patterns in ways.items():
    whole = next(p for p in patterns if len(p["present"]) == 3)
    reference = next(p for p in ways["model"] if len(p["present"]) == 3)
    if way in ("zeros",) and whole["accuracy"] != reference["accuracy"]:
        wrong.append(f"{way}: {whole}, the model itself: {reference}")
capacity = load("polysemanticity")
if not 0 < sum(capacity["capacity_spent"].values()) <= 12 + 1e-9:
    wrong.append(f"twelve neurons spend a capacity of {capacity['capacity_spent']}")
cka = load("similarity")["cka"]
if not all(0 <= pair["value"] <= 1 and pair["low"] <= pair["value"] <= pair["high"] for pair in cka.values()):
    wrong.append(f"CKA outside of its interval: {cka}")
print("\n".join(wrong))
sys.exit(bool(wrong))
PYTHON
