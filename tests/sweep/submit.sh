#!/usr/bin/env bash
# What a submission asks of Slurm and makes of its answers, with stand-ins for sbatch, squeue and scontrol that write down and say what the test wants.
# timeout: 120
set -euo pipefail
rebasis=$1
# shellcheck source=tests/cli/helpers.bash
source "$2/tests/cli/helpers.bash"
unset REBASIS_SITE REBASIS_PROGRAM OPENBLAS_CORETYPE
export HOME=$scratch PATH=$scratch/bin:$PATH
mkdir bin
cat >bin/sbatch <<'SBATCH'
#!/usr/bin/env bash
n=$(($(wc -l <calls) + 1))
echo "$*" >>calls
if [[ -e refuse-$n ]]; then echo "sbatch: error: Batch job submission failed: $(<"refuse-$n")" >&2; exit 1; fi
echo "sbatch: a remark of the site" >&2
echo >>taken
echo "$((100 * $(wc -l <taken)));here"
SBATCH
cat >bin/squeue <<'SQUEUE'
#!/usr/bin/env bash
if [[ $* != *--format=%F* ]]; then exit 0; fi
if [[ -e away ]]; then echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; fi
cat queue
SQUEUE
printf '#!/bin/sh\necho "MaxArraySize            = 4"\n' >bin/scontrol
chmod +x bin/*
: >calls
: >queue

"$rebasis" data synth planted -o p.h5 --set samples=200 >/dev/null
cat >sweep.yaml <<'YAML'
name: s
base:
  data: {file: p.h5, batch: 24}
  modalities: {m0: {}, m1: {}, m2: {}}
  missingness: {evaluate: [0.5]}
  train: {epochs: 1}
repeats: 10
slurm: {time: 30, mem: 2G, exclusive: true, mail-user: null, comment: "it's two"}
YAML
dir="a b'c"
submit() { expect "$1" 0 "$2" sweep submit sweep.yaml --out "$dir" "${@:3}"; }
same() { diff <(printf '%s\n' "${@:2}") "$1" >differ || fail "$1: $(<differ)"; }

# Split at MaxArraySize, throttled over all arrays, and one job to collect.
sed -i 's/, mail-user: null//' sweep.yaml
submit 0 '10 of 10 runs submitted as 10 elements of up to 1 runs' --runs-per-element 1 --at-once 9 -- --qos=low -p cpu
jobs=$PWD/$dir/jobs
same calls "--parsable --array=0-2%2 $jobs/001/sweep.sbatch 0" "--parsable --array=0-2%2 $jobs/001/sweep.sbatch 3" \
  "--parsable --array=0-2%2 $jobs/001/sweep.sbatch 6" "--parsable --array=0-0%2 $jobs/001/sweep.sbatch 9" \
  "--parsable --dependency=afterany:100:200:300:400 $jobs/001/collect.sbatch"
same "$jobs/001/submitted" '100 0 2' '200 3 5' '300 6 8' '400 9 9'
for line in '--time=30' '--mem=2G' '--exclusive' "--comment=\"it's two\"" '--qos=low' '-p cpu' '--requeue' '--ntasks=1'; do
  grep -qxF -- "#SBATCH $line" "$jobs/001/sweep.sbatch" || fail "the script lacks $line"
done
if grep -q -- '--time=01:00:00' "$jobs/001/sweep.sbatch"; then fail "a default stands beside what overrides it"; fi
if command -v shellcheck >/dev/null; then shellcheck -x "$dir"/jobs/*/*.sbatch >out || fail "shellcheck"; fi

# Again: what is in the queue stays there, what Slurm has lost is submitted.
printf '%s\n' '100|0|RUNNING|None' '200|2|PENDING|Resources' '500|N/A|PENDING|Dependency' >queue
: >calls
submit 0 '8 of 10 runs submitted as 3 elements of up to 3 runs; 2 are queued already' --runs-per-element 3
same calls "--parsable --array=0-2 $jobs/002/sweep.sbatch 0" "--parsable --dependency=afterany:600 $jobs/002/collect.sbatch"
(($(wc -w <"$jobs/002/elements") == 8)) || fail "elements: $(<"$jobs/002/elements")"
while read -r taken; do
  if grep -q "$taken" "$jobs/002/elements"; then fail "$taken is in the queue twice"; fi
done < <(sed -n '1p;6p' "$jobs/001/elements")

# Disagreement is shown.
expect 0 0 '^Slurm: 1 elements running, 1 pending \(Resources\)' sweep status "$dir"
grep -q '^! job 100_0 runs, but none of its runs is at work' out || fail "a job without a run is not shown"
grep -q '^8 runs are neither done nor in the queue' out || fail "what is not in the queue is not counted"

# An element by hand, outside of Slurm; then its job waits for nothing.
rm queue
printf '%s\n' '100|0|PENDING|BeginTime' >queue
SLURM_JOB_ID=100 SLURM_ARRAY_JOB_ID=100 SLURM_ARRAY_TASK_ID=0 SLURM_SUBMIT_DIR=/ REBASIS_LAUNCH=env bash "$jobs/001/sweep.sbatch" 0 >out 2>err ||
  fail "the script ended with $?"
expect 0 0 '1 of 10 done' sweep status "$dir"
grep -q '^! job 100_0 waits, but nothing of it is left to do' out || fail "a job that has nothing to do is not shown"
grep -q 'code=0 warned=no' "$jobs/001/element-0/attempts.log" || fail "no word of the attempt"

# Refusals: by the controller that is away, by sbatch at once, by sbatch half way (what it took is known), by us.
touch away
submit 74 'squeue ended with 1: .*Unable to contact'
expect 0 0 '^Slurm does not answer: .*Unable to contact' sweep status "$dir"
rm away queue
: >queue
: >calls
echo 'Invalid partition name specified' >refuse-1
submit 73 'sbatch refuses: .*Invalid partition name'
[[ ! -e $jobs/003 ]] || fail "scripts that nobody took are left"
mv refuse-1 refuse-2
: >calls
submit 73 'sbatch refuses: .*Invalid partition name' --runs-per-element 1
same "$jobs/003/submitted" '800 0 2'
submit 64 'the elements are made from the runs' -- -a 0-3
submit 64 'are counts' --runs-per-element -1
sed 's/exclusive: true/array: 1-4/' sweep.yaml >wrong.yaml
expect 78 0 'wrong.yaml:8: slurm.array: the elements' sweep submit wrong.yaml --out w
exec {held}>"$jobs/lock"
flock "$held"
submit 73 'somebody else submits this sweep'
