#!/usr/bin/env bash
# PyTorch's autograd gives the same average gradient outer products, for vanilla and EBR and every fusion, with modalities missing.
# timeout: 180
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder" || exit 1
"$1" data synth planted -o data.h5 --set samples=600 --set missing=0.0,0.3,0.2 --quiet >/dev/null || exit 1
common=(--quiet --set data.file=data.h5 --set train.epochs=2 --set 'fusion.hidden=[12]' --set 'missingness.evaluate=[0.0]' --set fusion.strength=1.0
  --set 'modalities={m0: {encoder: {hidden: [8], out: 8}}, m1: {encoder: {hidden: [8], out: 8}}, m2: {encoder: {hidden: [8], out: 8}}}')
ended=0
for case in vanilla:concat vanilla:sum vanilla:gated vanilla:attention ebr:concat; do
  method=${case%:*} fusion=${case#*:} fill=zero
  "$1" train "$2/configs/planted.yaml" --out "run-$method-$fusion" "${common[@]}" --set "method.type=$method" --set "fusion.type=$fusion" \
    --set "missingness.fill=$fill" >/dev/null || exit 1
  "$1" analyze "run-$method-$fusion" --only agop --quiet >/dev/null || exit 1
  /usr/bin/python3 "$2/tools/oracle/agop.py" "run-$method-$fusion" >table 2>&1
  code=$?
  if ((code == 77)); then cat table; exit 77; fi
  if ((code != 0)); then echo "$case:"; cat table; ended=1; fi
done
exit "$ended"
