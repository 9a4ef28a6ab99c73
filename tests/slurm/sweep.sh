#!/usr/bin/env bash
# A sweep on a real Slurm: split into arrays, warned, its node killed, its controller restarted: every run ends as if nobody had touched it.
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
unset OMPI_MCA_odls_base_sigkill_timeout OPENBLAS_CORETYPE REBASIS_SITE REBASIS_PROGRAM
export HOME=$scratch
trap 'cluster_stop; helpers_end' EXIT
cluster_start "$scratch/cluster" 3 2 MaxArraySize=4 SlurmdTimeout=5

"$rebasis" data synth planted -o p.h5 --set samples=400 >/dev/null
cat >sweep.yaml <<'YAML'
name: s
base:
  data: {file: p.h5, batch: 24}
  modalities: {m0: {}, m1: {}, m2: {}}
  missingness: {evaluate: [0.5]}
  train: {epochs: 80}
  checkpoint: {every_epochs: 20}
sweep: {missingness.train: [0.0, 0.2, 0.4, 0.6]}
repeats: 2
slurm: {time: "00:10:00", comment: "two words"}
YAML
expect 0 0 '8 done' sweep run sweep.yaml --out whole
submit() { expect 0 0 "$1" sweep submit sweep.yaml "${@:2}"; }
shape() { grep -oE '[0-9]+ elements of up to [0-9]+ runs' out; }
queue_is_empty() { [[ -z $(squeue --noheader) ]]; }
begun() { (($(cat sweeps/s/runs/*/state.json | grep -c '"state": "running"') >= $1)); }

# Nothing is submitted: only asked, only written.
submit '8 of 8 runs would be submitted as 4 elements' --test-only --runs-per-element 2
[[ $(grep -c 'to start at' out) == 2 ]] || fail "Slurm's answer is not shown for both arrays"
submit '^sbatch --array=0-2%1 .*/001/sweep.sbatch 0$' --dry-run --runs-per-element 2 --at-once 2 -- --nodes=1 -J mine
grep -q '^sbatch --array=0-0%1 .*/001/sweep.sbatch 3$' out || fail "the second array is not as it should be"
for line in '--time=00:10:00' '--comment="two words"' '--nodes=1' '-J mine' '--signal=B:USR1@120' '--requeue'; do
  grep -qxF "#SBATCH $line" sweeps/s/jobs/001/sweep.sbatch || fail "the script lacks $line"
done
if command -v shellcheck >/dev/null; then shellcheck -x sweeps/s/jobs/*/*.sbatch >out || fail "shellcheck"; fi
queue_is_empty || fail "a dry run has submitted something"
expect 73 0 'sbatch refuses: .*Invalid partition' sweep submit sweep.yaml -- --partition=nowhere
[[ ! -e sweeps/s/jobs/002 ]] || fail "scripts of what was refused were left"
expect 64 0 'the elements are made from the runs' sweep submit sweep.yaml -- --array=0-3

# In earnest: what is in the queue is not submitted again.
submit '8 of 8 runs submitted as 4 elements of up to 2 runs' --runs-per-element 2
mapfile -t arrays < <(awk '{ print $1 }' sweeps/s/jobs/002/submitted)
[[ $(cat sweeps/s/jobs/002/submitted) == "${arrays[0]} 0 2"$'\n'"${arrays[1]} 3 3" ]] || fail "arrays: $(<sweeps/s/jobs/002/submitted)"
submit '0 of 8 runs submitted' --runs-per-element 2

# Both sides are shown.
expect 0 0 '^Slurm: [0-9] elements running, [0-9] pending' sweep status sweep.yaml

# One element is warned, the node of another dies, and the controller is away for a while.
until_true 60 begun 2
scancel --batch --signal=USR1 "${arrays[0]}_0"
node=$(squeue --noheader --states=RUNNING --array --format='%F_%K %N' | awk -v not="${arrays[0]}_0" '$1 != not && $2 ~ /^n/ { print substr($2, 2); exit }')
if [[ -n $node ]]; then node_stop "$node"; fi
controller_stop
sleep 1
controller_start
# What ran on the node is alone now. A real node would be gone with it.
if [[ -n $node ]]; then
  for pid in $(cluster_left "n$node"); do kill -KILL "$pid" 2>/dev/null || true; done
  scontrol update nodename="n$node" state=down reason=killed
  sleep 1
  node_start "$node"
fi
until_true 150 queue_is_empty

expect 0 0 '8 of 8 done' sweep status sweep.yaml
grep -q '^Slurm: 0 elements running, 0 pending' out || fail "the queue is not described: $(<out)"
for run in whole/runs/*; do same_run "sweeps/s/runs/${run##*/}" "$run"; done
[[ -s sweeps/s/results.csv && -s sweeps/s/report.html ]] || fail "nothing was collected: $(cat sweeps/s/jobs/002/log/collect*)"
submit '0 of 8 runs submitted'
