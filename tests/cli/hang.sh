#!/usr/bin/env bash
# A rank that stands still ends the job with 75 after a time, and it says who; the run then goes on with the same bits.
# timeout: 300
set -euo pipefail
rebasis=$1 job=
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"
export OMPI_MCA_odls_base_sigkill_timeout=3 # who stands still will not listen
"$rebasis" data synth planted -o p.h5 --set samples=300 >/dev/null
cat >run.yaml <<'YAML'
data: {file: p.h5, batch: 24}
modalities: {m0: {}, m1: {}, m2: {}}
missingness: {train: 0.3, evaluate: [0.5]}
train: {epochs: 10}
checkpoint: {every_steps: 1}
YAML
expect 0 0 'parameters_xxh64' train run.yaml --out whole
begun() { (($(wc -l <a/metrics.jsonl) > $1)); } 2>/dev/null

for stopped in 1 0; do
  lines=$(wc -l <a/metrics.jsonl 2>/dev/null || echo 0)
  launch 3 train run.yaml --out a --resume --watchdog 3
  until_true 100 begun "$lines"
  kill -STOP "$(rank_pid $stopped)"
  wait "$job" || true
  for rank in 0 1 2; do
    if ((rank == stopped)); then continue; fi # it cannot speak, and is killed
    [[ $(cat codes/code.$rank) == 75 ]] || fail "rank $rank ended with $(cat codes/code.$rank), not 75, after rank $stopped was stopped"
  done
  [[ $(grep -c '^rebasis: nothing moves' err) == 1 ]] || fail "not one line about the hang"
  grep -q "rank $stopped is furthest behind" err || fail "rank $stopped is not named"
done

# One that stands still for less is waited for.
launch 2 train run.yaml --out a --resume --watchdog 20
until_true 100 begun "$(wc -l <a/metrics.jsonl)"
late=$(rank_pid 1)
kill -STOP "$late"
sleep 1
kill -CONT "$late"
wait "$job" || fail "a rank that was late ended the job"
ended 0 2
same_run a whole
