#!/usr/bin/env bash
# The house rules find every planted violation, and nothing in a clean tree.
set -euo pipefail
tree=$2
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
mkdir -p "$scratch/include/report" "$scratch/src/report" "$scratch/src/model" "$scratch/tests/report" "$scratch/tools"
printf '#ifndef REPORT_PAGE_H\n#define REPORT_PAGE_H\nint page_count(void);\n#endif\n' >"$scratch/include/report/page.h"
printf '#ifndef MODEL_INNER_H\n#define MODEL_INNER_H\n#endif\n' >"$scratch/src/model/inner.h"

lint() { "$tree/tools/lint" "$scratch" >"$scratch.out" 2>&1 && echo 0 || echo $?; }
trap 'rm -rf -- "$scratch" "$scratch.out"' EXIT

clean=$(lint)
if [[ $clean != 0 && $clean != 77 ]]; then
  echo "a clean tree is blamed:"
  cat "$scratch.out"
  exit 1
fi

planted() { # FILE TEXT WANTED-IN-THE-FINDING
  printf '%b\n' "$2" >"$scratch/$1"
  if [[ $(lint) != 1 ]] || ! grep -qF -- "$1:" "$scratch.out" || ! grep -qF -- "$3" "$scratch.out"; then
    echo "not found: $1: $2 (wanted: $3)"
    cat "$scratch.out"
    exit 1
  fi
  rm "$scratch/$1"
}

c=src/report/bad.c
planted $c '#include "train/run.h"' 'report may not include train'
planted $c '#include "model/inner.h"' 'no contract of model'
planted $c '#include <mpi.h>' 'report may not include <mpi.h>'
planted $c '#include <curl/curl.h>' 'a foreign header that tools/rooms does not know'
planted $c 'void f(int x) { assert(x); }' 'assert'
planted $c 'void f(char *a, char *b) { strcpy(a, b); }' 'string function'
planted $c 'int f(char *a) { return atoi(a); }' 'string function'
planted $c 'int f(void) { return rand(); }' 'base/random.h'
planted $c 'void f(void) { system("x"); }' 'shell'
planted $c 'void f(void) { exit(1); }' 'exit'
planted $c 'int f(int rank) { return rank == 0; }' 'rank 0'
planted $c 'int f(const Comm *comm) { return !comm->rank; }' 'rank 0'
planted $c 'void f(void) { MPI_Barrier(comm); }' 'MPI is seen'
planted $c 'static int counter;' 'mutable global'
planted $c 'int counter = 3;' 'mutable global'
planted $c '#define TWICE(x) ((x) + (x))' 'macro TWICE'
planted $c 'const char *f(void) { return "/var/lib"; }' 'path of the system'
planted $c 'const char *f(void) { return "/home/me"; }' 'path of one machine' # lint: allow the planted one
planted $c 'int x;\t' 'tab'
planted $c '// text ' 'blank at the end'
planted $c "$(printf '//\\n%.0s' {1..601})" 'longer than 600'
planted include/report/bad.h '#ifndef BAD_H\n#define BAD_H\n#endif' 'should be REPORT_BAD_H'
planted include/report/bad.h '#pragma once' '#pragma once'
planted include/report/bad.h 'int f(void);' 'guard missing'
planted tests/report/bad.c 'int main(void) { return 0; }' 'begins with one sentence'
planted tests/report/bad.c '// One.\nvoid f(char *a) { gets(a); }' 'string function'
planted notes.txt 'x' 'top level'
planted src/report/comm.c 'int f(const Run *run) { return run->comm->rank != 0; }' 'rank 0'
# shellcheck disable=SC2016
if command -v shellcheck >/dev/null; then planted tools/bad '#!/bin/bash\nrm $1/x' 'Double quote'; fi

# What only looks like a violation is left alone.
printf '%s\n' '// assert(x), strcpy(a, b) and rank == 0 in a comment' \
  '// A property of the process.' 'static int abandoned;' '' \
  'int g(const Block *block, int rank) { return block->window.rank == 0 && rank > 0; }' \
  'const char *f(int ranks) { return ranks > 0 ? "system(rank == 0)" : ""; }' >"$scratch/$c"
if [[ $(lint) != "$clean" ]]; then
  echo "an innocent line is blamed:"
  cat "$scratch.out"
  exit 1
fi
