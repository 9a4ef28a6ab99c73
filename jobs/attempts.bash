# What the batch scripts beside this file share: how the program is started, and what happens when it ends. To be sourced by bash.
#
#   settle                      prepares the environment; sets program, launch and deadline
#   attempt DIR COMMAND…        runs COMMAND once, passes warnings on to it, and ends the job: with 0 when it is done; by queueing the job
#                               again when COMMAND has saved and asks for more time (75) or was killed from outside; with COMMAND's
#                               code when trying again is no use.
#                               Each start leaves a line in DIR/attempts.log. `runs` names the run directories, if not DIR
#
# Set by the site or the user, all optional (jobs/README.md):
#   REBASIS_SITE      a file to source first: modules, and the settings below (default: ~/.config/rebasis/site.bash if it is there)
#   REBASIS_PROGRAM   the program, perhaps inside a container (default: rebasis)
#   REBASIS_LAUNCH    what starts the ranks (default: srun if it speaks PMIx, else mpirun)
#   REBASIS_ATTEMPTS  a job is started at most this many times (default: 100)

say() { echo "$(date +%FT%T) $*" >&2; }

# shellcheck disable=SC2034 # what is set here is for the script that sources this file
settle() {
  local site=${REBASIS_SITE:-$HOME/.config/rebasis/site.bash}
  runs=()
  # Slurm's warning (--signal) and pre-emption come to this shell; the program saves and ends with 75 on USR1.
  child='' caught=no warned=no
  trap 'caught=yes warned=yes; say "warned: saving"; if [[ -n $child ]]; then kill -USR1 "$child" 2>/dev/null || true; fi' USR1 TERM
  if [[ -n ${REBASIS_SITE:-} || -e $site ]]; then
    # shellcheck disable=SC1090
    source "$site"
  fi
  # Words, not one word: "apptainer exec rebasis.sif rebasis", "mpirun --map-by core".
  read -ra program <<<"${REBASIS_PROGRAM:-rebasis}"
  if [[ -n ${REBASIS_LAUNCH:-} ]]; then
    read -ra launch <<<"$REBASIS_LAUNCH"
  elif srun --mpi=list 2>&1 | grep -qw pmix; then
    launch=(srun --mpi=pmix --kill-on-bad-exit=1) # without the second, a rank that was killed leaves the others waiting
  else
    launch=(mpirun)
  fi
  ulimit -c 0
  unset OPENBLAS_CORETYPE                        # would choose slower kernels than the node has
  export OMPI_MCA_io=romio321                    # the other component loses data on a full disk, and hangs on Lustre
  export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}
  # An element of an array is not to be asked for by its number alone: that of one of them means the whole array.
  job=$SLURM_JOB_ID
  if [[ -n ${SLURM_ARRAY_JOB_ID:-} ]]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi
  deadline=()
  if [[ -z ${SLURM_JOB_END_TIME:-} ]]; then
    local left
    left=$(squeue --noheader --jobs="$job" --format=%L) || left=
    if [[ -n $left ]]; then deadline=(--deadline "$left"); fi
  fi
  say "job $job on ${SLURM_JOB_NODELIST:-?}, start $((${SLURM_RESTART_COUNT:-0} + 1)), time left: ${deadline[1]:-${SLURM_JOB_END_TIME:-unknown}}"
}

# How far the runs below some folders have come: another word after every checkpoint and every evaluation.
progress_of() {
  find "$@" \( -name latest -path '*/checkpoints/*' -o -name evaluation.json \) -printf '%p %l\n' 2>/dev/null | sort | cksum || true
}

# Whether all of some runs have ended: done or, in a sweep, failed. srun has been seen to end with 0 although it could not start the program
# on a node that had just come back.
finished() {
  local run
  for run in "$@"; do
    grep -qs '"state": "done"' "$run/run.json" || grep -qsE '"state": "(done|failed)"' "$run/state.json" || return 1
  done
}

attempt() {
  local dir=$1 code=75 after last=
  shift
  mkdir -p "$dir" || exit 73
  # Slurm 22.05 cannot start a step with PMIx on a node where one of the same number was cut off by the node's death: use another number.
  if [[ ${launch[0]:-} == srun ]]; then
    for ((k = 0; k < ${SLURM_RESTART_COUNT:-0}; k++)); do srun --ntasks=1 --nodes=1 --mpi=none true || true; done
  fi
  if [[ $warned == no ]]; then # else it is not worth beginning
    "$@" &
    child=$!
  fi
  while [[ -n $child ]]; do
    caught=no code=0
    wait "$child" || code=$?
    if [[ $caught == no ]]; then break; fi # else it was the trap that ended the waiting
  done
  trap '' USR1 TERM
  # The warning came before the program listened to it: nothing is lost.
  if [[ $warned == yes ]] && ((code == 128 + $(kill -l USR1))); then code=75; fi
  if ((code == 0)) && ! finished "${runs[@]:-$dir}"; then
    say "the launcher ended with 0, but the program left no word of having ended: taken for a failure of the node"
    code=75
  fi
  # Under mpirun the killed rank's code is the job's: out of memory, a node's daemon, an operator. That of a fault of ours is another.
  if ((code == 128 + $(kill -l KILL) || code == 128 + $(kill -l TERM))); then
    say "killed from outside: $code, taken for an interruption"
    code=75
  fi
  after=$(progress_of "${runs[@]:-$dir}")
  if [[ -e $dir/attempts.log ]]; then last=$(tail -n 1 "$dir/attempts.log"); fi
  echo "$(date -u +%FT%TZ) job=$job start=$((${SLURM_RESTART_COUNT:-0} + 1)) code=$code warned=$warned progress=${after%% *}" >>"$dir/attempts.log"
  decide "$dir" "$code" "$last"
}

decide() {
  local dir=$1 code=$2 last=$3 most=${REBASIS_ATTEMPTS:-100}
  if ((code != 75)); then
    say "ended with $code"
    exit "$code"
  fi
  if [[ $last == *" code=75 warned=no progress=${after%% *}" && $warned == no ]]; then
    say "stopped twice at the same place, without a checkpoint in between: not queued again; see above, and $dir/attempts.log"
    exit 75
  fi
  if ((${SLURM_RESTART_COUNT:-0} + 1 >= most)); then
    say "start $most of $most (REBASIS_ATTEMPTS): not queued again; sbatch goes on where it stands"
    exit 75
  fi
  if [[ $(squeue --noheader --jobs="$job" --format=%T) != RUNNING ]]; then
    say "Slurm ends this job: cancelled, or to be queued again by Slurm itself"
    exit 75
  fi
  say "back into the queue"
  scontrol requeue "$job" || true
  exit 75
}
