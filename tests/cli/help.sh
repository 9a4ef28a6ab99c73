#!/usr/bin/env bash
# Every subcommand says how it is used, with an example, on standard output, whatever the locale, and without starting ranks.
set -euo pipefail
rebasis=$1
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"

helps() { # WORD…: --help of a subcommand
  local wanted="Usage: rebasis $*"
  for locale in C C.UTF-8; do
    LC_ALL=$locale "$rebasis" "$@" --help >out 2>err || fail "$* --help ended with $?"
    [[ ! -s err ]] || fail "$* --help on standard error: $(<err)"
    [[ $(head -n 1 out) == "$wanted"* && -z $(sed -n 2p out) ]] || fail "$* --help begins: $(head -n 2 out)"
    grep -A 1 '^Example:' out | grep -qE '^  (rebasis|mpirun)' || fail "$* --help has no example"
    grep -qE '^  -h, --help' out || fail "$* --help does not name --help"
    awk '/^[A-Z][a-z]*:$/ { if (heading) exit 1; heading = NR } NF && NR > heading { heading = 0 }' out || fail "$* --help has an empty part"
  done
}
for command in train evaluate predict analyze plan report; do helps $command; done
for verb in 'import avmnist' 'import mimic-iv' 'import views' 'import npy' inspect 'synth planted'; do
  # shellcheck disable=SC2086
  helps data $verb
done
for verb in plan run submit status collect; do helps sweep $verb; done

# Lists of what there is; asked for in any of these ways.
for words in --help -h help 'data --help' 'data import --help' 'data synth -h' 'sweep --help' 'sweep -h'; do
  # shellcheck disable=SC2086
  "$rebasis" $words >out 2>err || fail "$words ended with $?"
  grep -q '^Usage: rebasis ' out || fail "$words: $(<out)"
  grep -A 1 '^Example:' out | grep -q '^  rebasis' || fail "$words has no example"
  [[ ! -s err ]] || fail "$words on standard error: $(<err)"
done

# Every library that results depend on has a name and a version.
"$rebasis" --version >out
for library in compiler MPI BLAS HDF5 ScaLAPACK; do grep -qE "^$library +.*[A-Za-z0-9].*[0-9]\.[0-9]" out || fail "$library: $(<out)"; done
