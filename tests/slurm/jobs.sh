#!/usr/bin/env bash
# The batch scripts of jobs/ on a real Slurm: warned, out of time, cancelled, failing, without progress, on other nodes and rank counts; the bits stay.
# timeout: 300
# labels: slurm
# lock: slurm
set -euo pipefail
rebasis=$1 source=$2
# shellcheck source=tests/slurm/cluster.bash
source "$source/tests/slurm/cluster.bash"
cluster_need
# shellcheck source=tests/cli/helpers.bash
source "$source/tests/cli/helpers.bash"
unset OMPI_MCA_odls_base_sigkill_timeout
trap 'cluster_stop; helpers_end' EXIT
cluster_start "$scratch/cluster" 3 2
PATH=$(dirname "$rebasis"):$PATH
unset OPENBLAS_CORETYPE REBASIS_SITE
export HOME=$scratch REBASIS_JOBS=$source/jobs

"$rebasis" data synth planted -o p.h5 --set samples=600 >/dev/null
cat >run.yaml <<'YAML'
data: {file: p.h5, batch: 24}
modalities: {m0: {}, m1: {}, m2: {}}
missingness: {train: 0.3, evaluate: [0.5]}
train: {epochs: 300}
checkpoint: {every_steps: 0, every_epochs: 100}
run: {out: by-name}
YAML
"$rebasis" train run.yaml --out whole -q >out 2>err || fail "the undisturbed run ended with $?"

# submit NAME [OPTION OF SBATCH…] -- SCRIPT ARGUMENT…: $job is its number, $log what it says
submit() {
  local name=$1 options=()
  shift
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  job=$(sbatch --parsable --job-name="$name" --output=%x.log "${options[@]}" "$source/jobs/$2" "${@:3}")
  log=$name.log
  ln -sf "$log" out # what a failure shows
}
state_is() { [[ $(squeue -h --states=all -j "$job" -o %T) == "$1" ]]; }
said() { grep -q -- "$1" "$log"; }
attempts() { awk -v ORS=' ' '{ print $4 }' "$1/attempts.log"; }

# Warned as --signal does it, by srun and by mpirun, on one node and over two; each time queued again, and on other ranks by hand.
submit warned --ntasks=2 -- train.sbatch run.yaml
until_true 60 said 'epoch 5/'
scancel --batch --signal=USR1 "$job"
until_true 60 said '^resumed at step'
scancel --batch --signal=USR1 "$job"
until_true 60 state_is COMPLETED
same_run by-name whole
[[ $(attempts by-name) == "code=75 code=75 code=0 " ]] || fail "attempts: $(<by-name/attempts.log)"

nodes=1
if ((cluster_spans)); then nodes=2; fi
REBASIS_LAUNCH=mpirun REBASIS_ATTEMPTS=1 submit limited --ntasks=$((2 * nodes)) --nodes=$nodes -- train.sbatch run.yaml --out a
until_true 60 said 'epoch 2/'
scancel --batch --signal=USR1 "$job"
until_true 90 state_is FAILED
said 'start 1 of 1 (REBASIS_ATTEMPTS): not queued again' || fail "the limit of attempts was not kept: $(<"$log")"
submit elastic --ntasks=1 -- resume.sbatch a
until_true 60 state_is COMPLETED
said '^resumed at step' || fail "did not go on where it stood: $(<"$log")"
same_run a whole

# A rank killed from outside, under a launcher that ends with that signal's code.
REBASIS_LAUNCH=mpirun submit killed --ntasks=2 -- train.sbatch run.yaml --out k
until_true 60 said 'epoch 2/'
kill -9 "$(pgrep -f "^$rebasis train run.yaml --out k |^rebasis train run.yaml --out k " | tail -n 1)"
until_true 90 state_is COMPLETED
said 'killed from outside: 137' || fail "a killed rank: $(<"$log")"
[[ $(attempts k) == "code=75 code=0 " ]] || fail "attempts: $(<k/attempts.log)"
same_run k whole

# Cancelled is cancelled.
submit cancelled --ntasks=2 -- train.sbatch run.yaml --out b
until_true 60 said 'epoch 2/'
scancel "$job"
until_true 60 state_is CANCELLED
sleep 1
state_is CANCELLED || fail "a job that was cancelled came back"

# A failure is not tried again; nor is a run that has no time for a single checkpoint more.
sed 's/batch: 24/btach: 24/' run.yaml >wrong.yaml
submit wrong --ntasks=2 -- train.sbatch wrong.yaml --out c
until_true 60 state_is FAILED
[[ $(squeue -h --states=all -j "$job" -o %r) == NonZeroExitCode ]] || fail "a wrong configuration: $(scontrol show job "$job")"
cp -r whole d
rm d/evaluation.json
REBASIS_PROGRAM="$PWD/always-late" submit stuck --ntasks=1 -- resume.sbatch d
cat >always-late <<LATE
#!/bin/sh
exec $rebasis "\$@" --deadline 1s
LATE
chmod +x always-late
until_true 60 said 'stopped twice at the same place'
until_true 30 state_is FAILED
[[ $(attempts d) == "code=75 code=75 " ]] || fail "attempts: $(<d/attempts.log)"
