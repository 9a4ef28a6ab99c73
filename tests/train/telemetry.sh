#!/usr/bin/env bash
# Telemetry shows a planted modality collapse and its cure, shares add up to 1, and no parameter changes by looking.
# timeout: 120
set -euo pipefail
rebasis=$1 config=$2/configs/collapse.yaml
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
cd -- "$scratch"
fail() {
  echo "$1" >&2
  exit 1
}
"$rebasis" data synth planted -q -o c.h5 --set modalities=2 --set snr=2,0.7 --set entanglement=1 --set coupling=0.9 --set noise=12 --set shared=1
run() { # OUT OPTION…
  local out=$1
  shift
  "$rebasis" train "$config" --quiet --out "$out" --set data.file=c.h5 --set missingness.evaluate='[0.0]' "$@" >"$out.out"
}
last() { grep -o "\"$2\":[0-9.e+-]*" "$1/metrics.jsonl" | tail -n 1 | cut -d: -f2; } # RUN KEY
above() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'; }

run vanilla
run blind --set analysis.telemetry=false
run alone --set 'modalities={m1: {encoder: {hidden: [64], out: 4}}}'
run ebr --set method.type=ebr --set missingness.fill=substitute
cmp -s vanilla.out blind.out || fail "looking changes the run: $(<vanilla.out) and $(<blind.out)"
cmp -s <(grep -v xxh64 vanilla/evaluation.json) <(grep -v xxh64 blind/evaluation.json) || fail "looking changes the scores"
if grep -qE 'probe|gradient_share' blind/metrics.jsonl; then fail "telemetry is told though switched off"; fi
v=$(last vanilla probe.m1) a=$(last alone probe.m1) e=$(last ebr probe.m1)
above "$a" "$(awk -v v="$v" 'BEGIN { print v + 0.1 }')" || fail "no collapse: the probe of m1 is $v beside m0 and $a alone"
above "$e" "$(awk -v v="$v" 'BEGIN { print v + 0.1 }')" || fail "no cure: the probe of m1 is $v with vanilla and $e with ebr"
above "$(last ebr discriminator.m0)" 0.5 || fail "psi does no better than chance: $(last ebr discriminator.m0)"
[[ $(last ebr discriminator_chance) == 0.5 && $(last vanilla similarity.m0) == 1 ]] || fail "chance or similarity"
awk -v x="$(last vanilla gradient_share.m0)" -v y="$(last vanilla gradient_share.m1)" \
  'BEGIN { exit !(x > y && y > 0 && x + y > 1 - 1e-6 && x + y < 1 + 1e-6) }' || fail "shares: $(tail -n 2 vanilla/metrics.jsonl)"
