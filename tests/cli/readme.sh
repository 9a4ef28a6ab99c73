#!/usr/bin/env bash
# What the README files name is there: subcommands, their options, and the targets of links.
set -euo pipefail
program=$1 tree=$2
failed=0
fail() {
  echo "$1"
  failed=1
}

cd -- "$tree"
commands=$("$program" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
for command in $commands; do
  help=$("$program" "$command" --help)
  grep -q '^Example:' <<<"$help" || fail "rebasis $command --help has no example"
done

# One invocation a line, as written in code: "train CONFIG.yaml --set key=value".
check() { # FILE WORDS
  local words option help
  read -ra words <<<"$2"
  if ! grep -qx -- "${words[0]}" <<<"$commands"; then
    fail "$1: rebasis $2: there is no such subcommand"
    return
  fi
  local -a verb=("${words[0]}")
  if [[ ${words[0]} =~ ^(data|sweep)$ && ${words[1]-} =~ ^[a-z]+$ ]]; then
    verb+=("${words[1]}")
    if [[ ${words[2]-} =~ ^[a-z][a-z-]*$ ]]; then verb+=("${words[2]}"); fi
  fi
  if ! help=$("$program" "${verb[@]}" --help 2>&1); then
    fail "$1: rebasis ${verb[*]} --help fails"
    return
  fi
  for option in $(grep -oE -- '(^| )--[a-z][a-z-]*' <<<"$2" || true); do
    grep -qE -- "$option\b" <<<"$help" || fail "$1: rebasis ${verb[*]} has no $option"
  done
}

for file in README.md ./*/README.md; do
  while IFS= read -r words; do check "$file" "$words"; done < <(
    # in a block of code, or between back-ticks, from "rebasis" on
    awk '/^```/ { block = !block; next } block { print; next } { n = split($0, part, "`"); for (i = 2; i <= n; i += 2) print part[i] }' "$file" |
      sed -n 's/#.*//; s/^\(mpirun .* \|srun .* \)\{0,1\}rebasis \([a-z].*\)/\2/p'
  )
  while IFS= read -r target; do
    target=${target%%#*}
    if [[ -n $target && $target != http* && ! -e $(dirname -- "$file")/$target ]]; then fail "$file: the link to $target leads nowhere"; fi
  done < <(grep -oE '\]\([^)]*\)' "$file" | sed 's/^](//; s/)$//')
done
exit "$failed"
