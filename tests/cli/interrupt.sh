#!/usr/bin/env bash
# Signals end a run with a checkpoint and code 75 on all ranks, and it goes on with the same bits on any number of ranks.
# timeout: 600
set -euo pipefail
rebasis=$1 job=
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"

"$rebasis" data synth planted -o p.h5 --set samples=400 >/dev/null
cat >run.yaml <<'YAML'
data: {file: p.h5, batch: 24, standardize: true}
modalities: {m0: {encoder: {dropout: 0.2}}, m1: {encoder: {norm: true}}, m2: {}}
fusion: {dropout: 0.1}
missingness: {train: 0.3, fill: learned, evaluate: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]}
train: {epochs: 16, early_stop: {metric: validation.accuracy}}
checkpoint: {every_steps: 3}
YAML
expect 0 0 'parameters_xxh64' train run.yaml --out whole
cp -r whole a

# Whether a job has come further than N lines of metrics, and whether all its ranks listen to signals.
further() { (($(wc -l <"$1/metrics.jsonl") > $2)); }
listens() {
  local rank pid mask
  for ((rank = 0; rank == 0 || rank < $1; rank++)); do
    pid=$(rank_pid "$rank") || return 1
    mask=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$pid/status")
    (((0x$mask >> 9) & 1)) || return 1 # SIGUSR1
  done
}
interrupted() { # RANKS
  wait "$job" || true
  ended 75 "$1"
  grep -qE 'interrupted at step [0-9]+, saved; run again with --resume' err || fail "no word about going on"
  [[ $(key a/run.json state) == interrupted ]] || fail "run.json does not say that the run was interrupted"
}
rm -rf a

# To all ranks, by the launcher.
launch 2 train run.yaml --out a --resume
until_true 60 further a 2
kill -USR1 "$job"
interrupted 2

# While a job has the directory, no other may.
lines=$(wc -l <a/metrics.jsonl)
launch 3 train run.yaml --out a --resume
until_true 60 further a "$lines"
holder=$(rank_pid 0)
kill -STOP "$holder"
status=0
mkdir second
"$rebasis" train run.yaml --out a --resume >second/out 2>second/err || status=$?
((status == 73)) || fail "a locked run directory: $status, not 73: $(<second/err)"
grep -q "process $holder on $(hostname) " second/err || fail "the holder's host and pid are not named: $(<second/err)"
# To one rank only, and twice.
kill -TERM "$(rank_pid 1)"
kill -TERM "$(rank_pid 1)"
kill -CONT "$holder"
interrupted 3

# Without a launcher, by the keyboard's signal.
lines=$(wc -l <a/metrics.jsonl)
launch 0 train run.yaml --out a --resume
until_true 60 further a "$lines"
kill -INT "$(rank_pid 0)"
interrupted 0

# Before the first step.
launch 2 train run.yaml --out a --resume
until_true 60 listens 2
kill -USR1 "$(rank_pid 1)"
interrupted 2
launch 0 train run.yaml --out a --resume
until_true 60 listens 0
kill -USR1 "$(rank_pid 0)"
interrupted 0

# While it is scored.
trained() { [[ $(wc -l <a/metrics.jsonl) == $(wc -l <whole/metrics.jsonl) && -e a/checkpoints/$(readlink whole/checkpoints/latest) ]]; }
launch 2 train run.yaml --out a --resume
until_true 120 trained
kill -USR1 "$(rank_pid 0)" "$(rank_pid 1)" 2>/dev/null || true
wait "$job" || true
code=$(<codes/code.0)
[[ $code == 75 || $code == 0 ]] || fail "interrupted while scoring: $code"
ended "$code" 2
if ((code == 75)); then [[ $(key a/run.json state) == interrupted && ! -e a/evaluation.json ]] || fail "an interrupted run looks done"; fi
expect 0 4 'parameters_xxh64' train run.yaml --out a --resume
same_run a whole

# A run that has ended stays as it is.
expect 0 1 'parameters_xxh64' train run.yaml --out a --resume
same_run a whole
