#!/usr/bin/env bash
# Ranks are what numpy makes of the checkpoint, on every grid, after training as inside it; measuring leaves no trace in the parameters.
# timeout: 240
set -euo pipefail
rebasis=$1 job=
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"

"$rebasis" data synth planted -o p.h5 --set samples=400 --set classes=5 --set modalities=3 --set width=12,9,7 --set noise=1 --set missing=0.15 \
  --set validation=0.3 --set test=0.3 >/dev/null
cat >run.yaml <<'YAML'
data: {file: p.h5, batch: 32, standardize: false}
modalities: {m0: {encoder: {hidden: [16], out: 10}}, m1: {encoder: {hidden: [16], out: 6}}, m2: {encoder: {hidden: [8], out: 5}}}
fusion: {hidden: [24, 14], dropout: 0.1}
missingness: {train: 0.2, evaluate: [0.5]}
train: {epochs: 6, early_stop: {metric: none}}
grid: {slices: 8}
checkpoint: {every_epochs: 1, every_steps: 2, keep: 2}
YAML

expect 0 2 'parameters_xxh64' train run.yaml --out plain
expect 0 1 'parameters_xxh64' train run.yaml --out whole --set analysis.every_epochs=2 --set 'analysis.measure=[rank]'
[[ $(key plain/run.json parameters_xxh64) == $(key whole/run.json parameters_xxh64) ]] || fail "measuring has changed the parameters"
(($(grep -c '"split":"analysis"' whole/metrics.jsonl) == 3 * $(grep -c '^ "[a-z].*/.*": {' whole/analysis/rank.json))) ||
  fail "not a line per matrix and measured epoch"
for epoch in 2 4 6; do [[ -s whole/analysis/epoch-0000$epoch/rank.json ]] || fail "nothing of epoch $epoch"; done
cmp whole/analysis/rank.json whole/analysis/epoch-00006/rank.json || fail "rank.json is not the newest"

# Interrupted after the first measurement and resumed on other ranks: each measurement stands there once, with the same numbers.
launch 3 train run.yaml --out again --set analysis.every_epochs=2 --set 'analysis.measure=[rank]' --set train.epochs=6
until_true 60 test -s again/analysis/epoch-00002/rank.json
kill -USR1 "$job" 2>/dev/null || true # mpirun waits long for its own end after SIGTERM
wait "$job" || true
program 2 train run.yaml --out again --resume --set analysis.every_epochs=2 --set 'analysis.measure=[rank]'
rounded() { course "$1" | sed -E 's/([0-9]\.[0-9]{5})[0-9]*/\1/g'; } # sums over ranks are those of any order
diff <(rounded whole) <(rounded again) >differ || fail "other metrics after an interruption: $(<differ)"

# On a trained run, by any number of ranks, from any split.
for ranks in 0 4; do
  expect 0 "$ranks" 'rank +representation/fusion +numerical_rank' analyze plain --only rank
  code=0
  /usr/bin/python3 "$2/tools/oracle/rank.py" plain plain/checkpoints/latest p.h5 >oracle 2>&1 || code=$?
  ((code != 77)) || exit 77
  ((code == 0)) || fail "$(<oracle)"
done
expect 0 3 '"split": "train"' analyze plain --only rank --split train --json
/usr/bin/python3 "$2/tools/oracle/rank.py" plain plain/checkpoints/latest p.h5 >oracle 2>&1 || fail "train: $(<oracle)"
expect 0 5 '"n": 7$' analyze plain --only rank --samples 7 --json

for variant in fusion.type=gated fusion.type=attention method.type=ebr missingness.fill=mean fusion.hidden=[]; do
  expect 0 2 parameters_xxh64 train run.yaml --out "v-$variant" --set train.epochs=1 --set "$variant" --set modalities.m1.encoder.out=10 \
    --set modalities.m2.encoder.out=10 --set fusion.heads=2 --set method.latent=10
  expect 0 3 'gradient/head/weight +numerical_rank' analyze "v-$variant" --only rank
done

expect 64 0 'no measure "rnk"; did you mean rank' analyze plain --only rnk
expect 64 2 'no measure "zzzzzzz"; write some of rank' analyze plain --only rank,zzzzzzz
expect 64 0 'split foo' analyze plain --split foo
expect 64 0 'name one run directory' analyze
expect 66 2 'config.yaml' analyze nowhere
"$rebasis" data synth planted -o all.h5 --set samples=100 --set classes=5 --set modalities=3 --set width=12,9,7 --set noise=1 --set validation=0 --set test=0.3 >/dev/null
expect 65 2 'validation split has no labelled sample' analyze plain --data all.h5 --split validation
