#!/usr/bin/env bash
# Distillation gives the same bits on every grid and after a kill in any phase, finds its student, and takes teachers in every order.
# timeout: 240
set -euo pipefail
rebasis=$1
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
cd -- "$scratch"
fail() {
  echo "$1" >&2
  exit 1
}
"$rebasis" data synth planted -o p.h5 --set samples=160 --set classes=4 --set modalities=3 --set width=8,5,6 --set noise=1 \
  --set missing=0.2 --set validation=0.2 --set test=0.2 >/dev/null
cat >run.yaml <<'YAML'
data: {file: p.h5, batch: 40}
modalities:
  m0: {encoder: {hidden: [8], out: 6, norm: true, dropout: 0.2}}
  m1: {encoder: {hidden: [8], out: 5}}
  m2: {encoder: {type: linear, out: 6}}
fusion: {hidden: [8]}
method: {type: kd, distillation: {crd: 0.8, logit: 0.5, feature: 0.1, negatives: 20, embedding: 16}}
missingness: {train: {m1: 0.2}, evaluate: [0.5]}
train: {epochs: 2, early_stop: {metric: validation.accuracy}}
optimizer: {learning_rate: 0.01, weight_decay: 1.0e-3, clip_norm: 5.0}
grid: {slices: 8}
checkpoint: {every_steps: 2, keep: all}
YAML

run() { # RANKS GROUPS SHARDS OUT …
  local ranks=$1 groups=$2 shards=$3 out=$4
  shift 4
  mpirun --oversubscribe -np "$ranks" "$rebasis" train run.yaml --quiet --out "$out" --set grid.modality_groups="$groups" \
    --set grid.data_shards="$shards" "$@" >"$out.out" 2>"$out.err" || fail "$out: exit $?: $(<"$out.err")"
}
same() {
  local name
  for name in evaluation.json phases.json; do cmp -s "whole/$name" "$1/$name" || fail "$1/$name is another"; done
  cmp -s whole.out "$1.out" || fail "$1: $(<"$1.out"), not $(<whole.out)"
}

run 1 1 1 whole
[[ -e whole/phases/probe/best.h5 ]] && fail "a probe chose an epoch"
grid=0
for shape in "2 2 1" "3 1 3" "4 2 2"; do
  # shellcheck disable=SC2086
  run $shape "grid$((++grid))"
  same "grid$grid"
done

# What a kill behind step 2 of a phase leaves: nothing of later phases, nor of later steps. Another grid goes on.
mapfile -t phases < <(grep -o '"name": "[^"]*"' whole/phases.json | cut -d'"' -f4)
((${#phases[@]} == 5)) || fail "${#phases[@]} phases: ${phases[*]}"
for at in 2 4 5; do
  cp -r whole "cut$at"
  part=cut$at
  if ((at < 5)); then
    part=cut$at/phases/${phases[at]}
    rm -rf "cut$at"/{checkpoints,best.h5,evaluation.json,metrics.jsonl,run.json}
    for ((later = at + 1; later < 5; later++)); do rm -r "cut$at/phases/${phases[later]}"; done
  fi
  for file in "$part"/checkpoints/step-*.h5; do [[ $file > $part/checkpoints/step-00000002.h5 ]] && rm "$file"; done
  ln -sfn step-00000002.h5 "$part/checkpoints/latest"
  # shellcheck disable=SC2046
  run $( ((at % 2)) && echo "3 1 3" || echo "2 2 1") "cut$at" --resume
  same "cut$at"
done

# Every order; a student and teachers by name; a modality that training never shows takes no part.
teachers() { grep -A9 '"teachers"' "$1/phases.json" | sed '/]/q' | grep -o 'm[0-9]' | tr '\n' ' '; }
short=(--set method.distillation.student='[m0]' --set train.epochs=1 --set checkpoint.every_steps=0)
run 1 1 1 up "${short[@]}"
run 1 1 1 down "${short[@]}" --set method.distillation.order=strongest_to_weakest
run 1 1 1 one "${short[@]}" --set method.distillation.order=strongest
run 1 1 1 random "${short[@]}" --set method.distillation.order=random
run 2 2 1 together "${short[@]}" --set method.distillation.order=simultaneous
run 1 1 1 named "${short[@]}" --set method.distillation.teachers='[m2]'
run 1 1 1 unseen "${short[@]}" --set missingness.protocol=pattern --set missingness.withheld='[m1]'
read -r first second <<<"$(teachers up)"
[[ $(teachers down) == "$second $first " && $(teachers one) == "$second " && $(teachers named) == "m2 " && $(teachers unseen) == "m2 " ]] ||
  fail "orders: $(teachers up), $(teachers down), $(teachers one), $(teachers named), $(teachers unseen)"
[[ -d together/phases/distil-1 && ! -d together/phases/distil-2 && ! -d up/phases/joint ]] || fail "phases: $(ls together/phases up/phases)"
[[ $(teachers random) == *m1* && $(teachers random) == *m2* ]] || fail "random order: $(teachers random)"
if "$rebasis" train run.yaml --quiet --out up "${short[@]}" >/dev/null 2>err; then fail "a second run into one directory"; fi
grep -q 'holds a run already' err || fail "$(<err)"
"$rebasis" evaluate up --json >/dev/null || fail "the run cannot be evaluated"
"$rebasis" evaluate "up/phases/distil-1-$first" --json >/dev/null || fail "a phase cannot be evaluated"
