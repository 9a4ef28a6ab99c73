# Shared by the tests of the whole program: a scratch folder, runs under mpirun that note the exit code of every rank, and checks of
# what was said. To be sourced with $rebasis set to the program's path.
rebasis=${rebasis:?the path of the program}
# Memory where there is enough of it: many small files are flushed to disk, and a busy disk takes its time.
if [[ -w /dev/shm ]] && (($(df --output=avail -m /dev/shm | tail -n 1) > 500)); then export TMPDIR=/dev/shm; fi
scratch=$(mktemp -d)
trap 'helpers_end' EXIT
cd -- "$scratch" || exit 1
export OMPI_MCA_odls_base_sigkill_timeout=30 # a busy machine needs more than the launcher's one second

# Ends what is still running, by its number, and cleans up.
helpers_end() {
  local job shell
  for shell in codes/shell.*; do
    if [[ -e $shell && ! -e ${shell/shell/code} ]]; then pkill -9 -P "$(<"$shell")" || true; fi
  done
  for job in $(jobs -pr); do kill -9 "$job" 2>/dev/null || true; done
  rm -rf -- "$scratch"
}

# Stands between launcher and program: notes the program's pid and exit code, and outlives the signals that are meant for it.
cat >rank <<'RANK'
#!/usr/bin/env bash
trap : TERM INT USR1
rank=${OMPI_COMM_WORLD_RANK:-0}
echo $$ >"$CODES/shell.$rank"
"$@"
echo $? >"$CODES/code.$rank"
RANK
chmod +x rank

fail() {
  echo "${FUNCNAME[1]}: $1"
  for text in out err; do
    echo "--- $text"
    head -c 4000 "$text" 2>/dev/null || true
  done
  exit 1
}

# program RANKS ARGUMENT…: runs the program to its end, on RANKS ranks (0: without a launcher); output in out and err, codes in codes/.
program() {
  local ranks=$1
  shift
  rm -rf codes
  mkdir codes
  if ((ranks == 0)); then
    CODES=$PWD/codes timeout 240 ./rank "$rebasis" "$@" >out 2>err </dev/null || true
  else
    CODES=$PWD/codes timeout 240 mpirun -np "$ranks" ./rank "$rebasis" "$@" >out 2>err </dev/null || true
  fi
}

# ended CODE RANKS: every rank has ended with CODE, and an error was said once.
ended() {
  local code=$1 ranks=$2 rank said
  for ((rank = 0; rank == 0 || rank < ranks; rank++)); do
    [[ -e codes/code.$rank ]] || fail "rank $rank of $ranks did not end by itself; wanted $code"
    [[ $(<"codes/code.$rank") =~ ^$code$ ]] || fail "rank $rank of $ranks ended with $(<"codes/code.$rank"), not $code"
  done
  said=$(grep '^rebasis: ' err | grep -vc '^rebasis: warning: ' || true)
  if [[ $code == 0 ]]; then
    ((said == 0)) || fail "an error was said"
  else
    ((said == 1)) || fail "an error was said $said times"
  fi
}

# expect CODE RANKS PATTERN ARGUMENT…: program RANKS ARGUMENT… ends with CODE on every rank and says PATTERN (extended regular expression).
expect() {
  local code=$1 ranks=$2 pattern=$3
  shift 3
  program "$ranks" "$@"
  ended "$code" "$ranks"
  grep -qE -- "$pattern" out err || fail "$*: nothing like '$pattern' was said"
}

# The pid of the program on a rank of the job that runs now.
rank_pid() { pgrep -P "$(<"codes/shell.$1")"; }

# launch RANKS ARGUMENT…: starts the program in the background; its launcher (or itself) is $job.
launch() {
  local ranks=$1
  shift
  rm -rf codes
  mkdir codes
  if ((ranks == 0)); then
    CODES=$PWD/codes ./rank "$rebasis" "$@" >out 2>err </dev/null &
  else
    CODES=$PWD/codes mpirun -np "$ranks" ./rank "$rebasis" "$@" >out 2>err </dev/null &
  fi
  job=$!
}

# until_true SECONDS COMMAND…: waits for a command to succeed.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" 2>/dev/null; do
    if ((SECONDS > end)); then fail "this never came true: $*"; fi
    sleep 0.02
  done
}

gone() { ! kill -0 "$1"; }

# key FILE KEY: the text or number behind "KEY": in a JSON file.
key() { sed -nE "s/.*\"$2\": *\"?([^\",}]*)\"?.*/\1/p" "$1" | head -n 1; }

# metrics.jsonl without times.
course() { sed -E 's/,"(wall_s|samples_per_s)":[^,}]*//g' "$1/metrics.jsonl"; }

# same_run DIR REFERENCE: both runs have ended alike, to the last bit.
same_run() {
  [[ $(key "$1/run.json" state) == "done" ]] || fail "$1 is not done"
  [[ $(key "$1/run.json" parameters_xxh64) == $(key "$2/run.json" parameters_xxh64) ]] || fail "$1 has other parameters than $2"
  diff <(course "$1") <(course "$2") >differ || fail "$1 has other metrics than $2: $(<differ)"
  diff "$1/evaluation.json" "$2/evaluation.json" >differ || fail "$1 has other scores than $2: $(<differ)"
}
