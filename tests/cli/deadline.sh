#!/usr/bin/env bash
# A run that has not enough time saves, ends with 75 before its deadline, and goes on to the same bits: from --deadline or from Slurm's word.
# timeout: 300
set -euo pipefail
rebasis=$1
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"

"$rebasis" data synth planted -o p.h5 --set samples=300 >/dev/null
cat >run.yaml <<'YAML'
data: {file: p.h5, batch: 24}
modalities: {m0: {}, m1: {}, m2: {}}
missingness: {train: 0.3, evaluate: [0.5]}
train: {epochs: 3, early_stop: {metric: validation.accuracy}}
YAML
expect 0 0 'parameters_xxh64' train run.yaml --out whole
epochs=$(key whole/run.json epoch)
wc -l <whole/metrics.jsonl >lines

# So little time that every start does one step: progress all the same, on other ranks each time, and while scoring, too.
ranks=(0 2 3 1 4)
for ((start = 0; ; start++)); do
  count=${ranks[start % 5]}
  program "$count" train run.yaml --out a --resume --deadline 1s
  if [[ $(<codes/code.0) == 0 ]] || ((start == 12)); then break; fi
  ended 75 "$count"
  grep -qE 'stopped before the deadline at step [0-9]+, saved; run again with --resume|interrupted while scoring' err || fail "no word about the deadline"
  [[ $(key a/run.json state) == interrupted ]] || fail "run.json does not say that the run was interrupted"
  step=$(key a/run.json step)
  ((step == start + 1)) || fail "start $start ended at step $step"
done
((start == 12)) || fail "the run was over after $start starts"
SLURM_JOB_END_TIME=$(($(date +%s) + 1)) program 2 train run.yaml --out a --resume
ended 75 2
SLURM_JOB_END_TIME=$(($(date +%s) + 1)) expect 0 3 'parameters_xxh64' train run.yaml --out a --resume --deadline none
same_run a whole
((epochs == 3)) || fail "the undisturbed run went through $epochs epochs"

# A run with its epochs behind it that has no time to be scored stays to be scored.
cp -r whole b
rm b/evaluation.json
expect 75 2 'interrupted while scoring' train run.yaml --out b --resume --deadline 1s
[[ ! -e b/evaluation.json ]] || fail "scored although there was no time"
expect 0 2 'parameters_xxh64' train run.yaml --out b --resume --deadline 10min
same_run b whole

expect 75 0 'the deadline has passed' train run.yaml --out c --deadline 2020-01-01T00:00Z
for wrong in 30 tomorrow 30m; do expect 64 0 "deadline $wrong: write 30min" train run.yaml --out d --deadline "$wrong"; done
