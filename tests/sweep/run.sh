#!/usr/bin/env bash
# A sweep in one job gives each run the bits that it has alone, on any ranks, through signals, beside seven other jobs and failing neighbours.
# timeout: 300
set -euo pipefail
rebasis=$1 job=
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"

"$rebasis" data synth planted -o p.h5 --set samples=240 >/dev/null
cat >base.yaml <<'YAML'
data: {file: p.h5, batch: 24, standardize: true}
modalities: {m0: {encoder: {hidden: [8], out: 6}}, m1: {encoder: {hidden: [8], out: 6}}, m2: {encoder: {hidden: [8], out: 6}}}
fusion: {hidden: [8], dropout: 0.1}
method: {factor: [8], latent: 6, inverse: [8], discriminator: [6], distillation: {negatives: 16, embedding: 8}}
missingness: {evaluate: [0.0, 0.5]}
train: {epochs: 3}
YAML
cat >s.yaml <<'YAML'
base: base.yaml
sweep: {method.type: [vanilla, kd, ebr], missingness.train: [0.0, 0.5]}
repeats: 2
YAML

# Every run of a sweep directory is done, and has the hash of the same run in `whole`.
all_like_whole() { # DIR
  local run count=0
  for run in "$1"/runs/*; do
    [[ $(key "$run/run.json" state) == "done" ]] || fail "$run is $(key "$run/run.json" state)"
    [[ $(key "$run/run.json" parameters_xxh64) == $(key "whole/runs/${run##*/}/run.json" parameters_xxh64) ]] ||
      fail "$run has other parameters than alone"
    diff "$run/evaluation.json" "whole/runs/${run##*/}/evaluation.json" >differ || fail "$run has other scores: $(<differ)"
    count=$((count + 1))
  done
  ((count == 12)) || fail "$1 has $count runs, not 12"
}

# One after another on one rank; a few of them against plain training, also on two ranks.
expect 0 0 '12 runs: 12 done \(12 of them now\)' sweep run s.yaml --out whole
ranks=0
for run in whole/runs/*; do
  ranks=$(((ranks + 1) % 3))
  if ((ranks == 2)); then continue; fi
  expect 0 "$ranks" 'parameters_xxh64' train "$run/config.yaml" --out "alone/${run##*/}"
  same_run "$run" "alone/${run##*/}"
done

# Side by side on three ranks, one of them in teams of two; a second time there is nothing to do.
expect 0 3 '12 runs: 12 done \(12 of them now\)' sweep run s.yaml --out three
all_like_whole three
expect 0 2 '12 done \(0 of them now\)' sweep run three
expect 0 3 '2 ranks a run' sweep run s.yaml --out teams --ranks-per-run 2
all_like_whole teams

# Signals: all save, end with 75, and go on with other ranks. A kill leaves as little behind.
running() { grep -q '"state": "running"' "$1"/runs/*/state.json; }
launch 2 sweep run s.yaml --out cut
until_true 60 running cut
kill -USR1 "$job"
wait "$job" || true
ended 75 2
grep -q 'runs are not done, interrupted; run the same command again' err || fail "no word about going on"
launch 3 sweep run cut
until_true 60 running cut
kill -9 "$job"
wait "$job" 2>/dev/null || true
for rank in 0 1 2; do until_true 30 gone "$(<"codes/shell.$rank")"; done
expect 0 2 '12 runs: 12 done' sweep run s.yaml --out cut
all_like_whole cut

# A signal to one rank is one to all.
launch 2 sweep run s.yaml --out one
until_true 60 running one
kill -TERM "$(rank_pid 1)"
wait "$job" || true
ended 75 2
if running one; then fail "a run still counts as running"; fi

# A rank that stands still ends the job, although the others only wait for it.
OMPI_MCA_odls_base_sigkill_timeout=3 launch 2 sweep run s.yaml --out still --watchdog 3 # mpirun waits twice as long for who stands still
until_true 60 running still
still=$(rank_pid 1)
kill -STOP "$still"
wait "$job" || true
kill -9 "$still" 2>/dev/null || true
[[ $(<codes/code.0) == 75 ]] || fail "beside a rank that stands still rank 0 ended with $(<codes/code.0)"
grep -q 'nothing moves: .*rank 1 is furthest behind' err || fail "who stands still is not named"

# Eight jobs at once: nothing is trained twice, and all end well.
pids=()
for ((k = 0; k < 8; k++)); do
  "$rebasis" sweep run s.yaml --out eight >"eight.$k" 2>&1 </dev/null &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "one of eight jobs ended with $?: $(cat eight.*)"; done
all_like_whole eight
for run in eight/runs/*; do
  [[ $(key "$run/state.json" attempts) == 1 ]] || fail "$run was begun $(key "$run/state.json" attempts) times"
  [[ $(grep -c '"split":"train"' "$run/metrics.jsonl") == 3 ]] || fail "$run was trained more than once"
done
(($(cat eight.[0-7] | grep -c ' done in ') == 12)) || fail "eight jobs did not train twelve runs"
[[ -z $(find eight -name '*.tmp') ]] || fail "leftovers: $(find eight -name '*.tmp')"

# What fails is named, with its cause, and its neighbours do not mind; it is not tried again until asked to.
cat >bad.yaml <<'YAML'
base: base.yaml
zip:
  - {data.file: [p.h5, none.h5, p.h5], optimizer.type: [sgd, sgd, sgd], optimizer.learning_rate: [1.0e-3, 1.0e-3, 1000.0], optimizer.clip_norm: [1.0, 1.0, 0.0]}
YAML
expect 70 2 'rebasis: 2 of 3 runs failed: ' sweep run bad.yaml --out bad
(($(grep -l '"state": "done"' bad/runs/*/state.json | wc -l) == 1)) || fail "the good run is not done"
grep -q 'none.h5: cannot be opened\|none.h5: ' bad/runs/*/state.json || fail "no cause is recorded"
expect 70 2 '0 of them now' sweep run bad.yaml --out bad
cp p.h5 none.h5
expect 70 2 '1 of them now' sweep run bad.yaml --out bad --retry
grep -q 'rebasis: 1 of 3 runs failed' err || fail "the cured run still fails"

# A job that died without a word at one step again and again, in a run, does not try for ever.
"$rebasis" sweep plan bad.yaml --dry-run --json >plan.json
id=$(key plan.json id)
rm -r "bad/runs/$id"
mkdir -p "bad/runs/$id"
echo '{"state": "running", "attempts": 4, "stuck": 4, "step": 0}' >"bad/runs/$id/state.json"
expect 70 1 'the job ended 5 times at this step without a word' sweep run bad.yaml --out bad --only "$id"

# A directory that cannot be used is told, and the others are trained; time that is up is not begun.
mkdir -p odd/runs
id=$("$rebasis" sweep plan s.yaml --dry-run | tail -n 1 | cut -d' ' -f1)
echo >"odd/runs/$id"
expect 73 2 '12 runs: 11 done' sweep run s.yaml --out odd
expect 75 2 '12 of 12 runs are not done' sweep run s.yaml --out late --deadline 1s

# Mistakes.
expect 64 0 'no run of this ID' sweep run s.yaml --only 0123
expect 64 2 'this job has 2 ranks' sweep run s.yaml --out x --ranks-per-run 3
expect 66 0 'holds no sweep.yaml' sweep run whole/runs
sed s/repeats/repeat/ s.yaml >t.yaml
expect 78 2 "did you mean repeats" sweep run t.yaml
