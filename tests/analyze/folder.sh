#!/usr/bin/env bash
# Analyze goes through the runs of a sweep directory, and the sweep's report draws the numbers over what differs, with the runs' values as CSV.
# timeout: 120
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder" || exit 1
fail() {
  echo "$*"
  exit 1
}
export OPENBLAS_NUM_THREADS=1
"$1" data synth planted -o data.h5 --set samples=200 --set modalities=2 --quiet >/dev/null || exit 1
for strength in 1.0 2.0 4.0; do
  for seed in 1 2; do
    "$1" train "$2/configs/quickstart.yaml" --quiet --out "sweep/runs/s$strength-$seed" --set data.file=data.h5 --set train.epochs=1 \
      --set 'missingness.evaluate=[0.0]' --set 'modalities={m0: {encoder: {hidden: [6], out: 5}}, m1: {encoder: {hidden: [6], out: 5}}}' \
      --set 'fusion={hidden: [7]}' --set "fusion.strength.m1=$strength" --set "run.seed=$seed" >/dev/null || exit 1
  done
done
mkdir -p sweep/runs/unfinished
cp sweep/runs/s1.0-1/config.yaml sweep/runs/unfinished # a run that never saved anything is passed over
mpirun -np 2 "$1" analyze sweep --only similarity,agop --quiet >said 2>&1 || fail "analyze: $(cat said)"
(($(find sweep/runs -name agop.json | wc -l) == 6)) || fail "not every run was analysed: $(find sweep/runs -name '*.json')"
"$1" report sweep >/dev/null || exit 1
rows=$(grep -c ',agop,Sensitivity to each modality,m1,' sweep/report-measures.csv)
((rows == 6)) || fail "$rows values of six runs in report-measures.csv: $(head -n 3 sweep/report-measures.csv)"
grep -q 'Sensitivity to each modality: m1' sweep/report.html || fail "the measurement is not drawn"
mkdir -p empty/runs
"$1" analyze empty >said 2>&1
code=$?
((code == 66)) || fail "a sweep without runs: exit $code, $(cat said)"
