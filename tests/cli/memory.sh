#!/usr/bin/env bash
# The peak memory of a rank is within a tenth of what `rebasis plan` says, on 1, 2 and 4 ranks, with measurements inside training too.
# timeout: 600
set -euo pipefail
rebasis=$1 python=/usr/bin/python3
# shellcheck disable=SC1091
source "$2/tests/cli/helpers.bash"
skip() {
  echo "skipped: $1"
  exit 77
}
$python -c 'import resource' 2>/dev/null || skip "no python3 that measures"
if ldd "$rebasis" | grep -qE 'asan|ubsan'; then skip "a sanitizer needs memory of its own"; fi

cat >measure.py <<'PYTHON'
import os, resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
with open("peak." + os.environ.get("OMPI_COMM_WORLD_RANK", "0"), "w") as file:
    print(kib * 1024, file=file)
sys.exit(code)
PYTHON
"$rebasis" data synth planted -o wide.h5 --set samples=6000 --set modalities=2 --set width=784,400 --set names=a,b >/dev/null
"$rebasis" data synth planted -o image.h5 --set samples=1500 --set modalities=2 --set width=784,400 --set kind=image --set names=a,b >/dev/null
"$rebasis" data synth planted -o bags.h5 --set samples=3000 --set modalities=3 --set width=2000 --set kind=codes --set names=a,b,c >/dev/null
cat >wide.yaml <<'YAML'
data: {file: wide.h5, batch: 128}
modalities: {a: {encoder: {hidden: [1024, 1024], out: 256}}, b: {encoder: {hidden: [1024], out: 256}}}
YAML
cat >image.yaml <<'YAML'
data: {file: image.h5, batch: 64}
modalities: {a: {encoder: {type: cnn, channels: [16, 32], out: 64}}, b: {encoder: {type: snet, out: auto}}}
YAML
cat >bags.yaml <<'YAML'
data: {file: bags.h5, batch: 256}
modalities: {a: {encoder: {hidden: [512, 256], out: 128}}, b: {encoder: {hidden: [512, 256], out: 128}}, c: {encoder: {hidden: [512], out: 128}}}
method: {type: ebr, factor: [256], latent: 128, inverse: [256], discriminator: [64]}
YAML
"$rebasis" data synth planted -o narrow.h5 --set samples=3000 --set modalities=2 --set width=64,48 --set names=a,b >/dev/null
cat >seen.yaml <<'YAML'
data: {file: narrow.h5, batch: 128}
modalities: {a: {encoder: {hidden: [64], out: 480}}, b: {encoder: {hidden: [64], out: 320}}}
fusion: {hidden: [640, 256]}
analysis:
  every_epochs: 1
  measure: [rank, similarity, agop, polysemanticity, classifier, collision, probe, subspaces, substitutability, vif]
YAML

for model in wide image bags seen; do
  for ranks in 1 2 4; do
    rm -rf run peak.*
    start=()
    if ((ranks > 1)); then start=(mpirun -np "$ranks"); fi
    "${start[@]}" $python measure.py "$rebasis" train $model.yaml --out run --quiet --set train.epochs=1 \
      --set missingness.evaluate=[0.5] >out 2>err </dev/null || fail "$model on $ranks ranks"
    measured=$(cat peak.* | sort -n | tail -n 1)
    "$rebasis" plan $model.yaml --ranks "$ranks" --json >plan.json
    planned=$(key plan.json bytes_per_rank)
    ((10 * planned >= 9 * measured && 10 * planned <= 11 * measured)) || fail "$model on $ranks ranks: $measured bytes, but $planned were planned"
  done
done
